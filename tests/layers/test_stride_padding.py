import keras
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


def test_symbolic_shapes_are_known_when_the_size_is():
    images = keras.Input((17, 31, 3))
    padded = PadToStride(16)(images)
    assert padded.shape == (None, 32, 32, 3)
    assert CropLike()([padded, images]).shape == (None, 17, 31, 3)


def test_layers_are_serialisable(tmp_path):
    images = keras.Input((None, None, 1))
    model = keras.Model(images, CropLike()([PadToStride(4)(images), images]))
    model.save(tmp_path / "model.keras")
    picture = np.random.default_rng(0).random((1, 7, 9, 1), dtype=np.float32)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(picture), picture)


@pytest.mark.parametrize("stride", [0, -2, 1.5])
def test_bad_stride_is_named(stride):
    with pytest.raises(ValueError, match="`stride` must be a positive integer. Received: stride="):
        PadToStride(stride)
