from dataclasses import replace

import pytest

from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.training import train

TINY = TrainConfig(
    base_width=4,
    depth=2,
    epochs=3,
    steps_per_epoch=4,
    batch_size=4,
    learning_rate=3e-3,
    test_share=0.3,
    validation_share=0.2,
)
SPEC = "cells:20:32"


@pytest.fixture
def tiny():
    """Return a function that gives a tiny configuration with some options replaced."""
    return lambda **options: replace(TINY, **options)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """One tiny run of each head, by head name."""
    folder = tmp_path_factory.mktemp("runs")
    return {head: train(SPEC, folder / head, replace(TINY, head=head)) for head in ("softmax", "tv-softmax")}
