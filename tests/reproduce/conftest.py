from functools import partial

import pytest

from tests.cli.conftest import place
from tests.segmentation.conftest import copy_of, train_once, trained
from tfapp.reproduce.tv import gains, pairs

__all__ = ["copy_of", "place", "train_once", "trained"]


@pytest.fixture(scope="module")
def two_weights():
    """Have the studies choose of two weights of the total variation, where they choose of six."""
    choose = partial(pairs.choose_weight, weights=(0.5, 2.0))
    with pytest.MonkeyPatch.context() as patch:
        for module in (pairs, gains):
            patch.setattr(module, "choose_weight", choose)
        yield
