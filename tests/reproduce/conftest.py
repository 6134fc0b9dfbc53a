from tests.cli.conftest import place
from tests.segmentation.conftest import copy_of, train_once, trained

__all__ = ["copy_of", "place", "train_once", "trained"]
