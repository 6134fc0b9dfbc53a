import numpy as np
import pytest

from tfapp.layers import CropLike, PadToStride


@pytest.mark.parametrize(("height", "width"), [(16, 32), (17, 31), (9, 40), (8, 8), (5, 1), (1, 2)])
def test_padding_equals_numpy_symmetric_and_cropping_undoes_it(height, width):
    images = np.random.default_rng(0).random((2, height, width, 3), dtype=np.float32)
    padded = PadToStride(16)(images)
    missing = [(-height) % 16, (-width) % 16]
    widths = [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)]
    np.testing.assert_array_equal(padded, np.pad(images, widths, mode="symmetric"))
    np.testing.assert_array_equal(CropLike()([padded, images]), images)


@pytest.mark.parametrize("stride", [0, -2, 1.5])
def test_bad_stride_is_named(stride):
    with pytest.raises(ValueError, match="`stride` must be a positive integer. Received: stride="):
        PadToStride(stride)
