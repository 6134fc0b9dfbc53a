import numpy as np
import pytest
from small_segmenter import build_segmenter


@pytest.fixture
def segmenter():
    return build_segmenter()


@pytest.fixture
def data():
    """Ten samples: two batches of four and a remainder of two."""
    rng = np.random.default_rng(5)
    x = rng.random((10, 8, 8, 2), np.float32)
    y = rng.integers(0, 3, (10, 8, 8)).astype(np.int32)
    return x, y, rng.random((10, 8, 8), np.float32)
