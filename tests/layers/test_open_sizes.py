import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers.open_sizes import open_sizes, take_open_sizes

layers = keras.layers
INTERPOLATIONS = ["bilinear", "bicubic", "lanczos3", "lanczos5"]


def images(height=6, width=9, channels=3):
    return np.random.default_rng(0).uniform(size=(2, height, width, channels)).astype(np.float32)


def enlarging(interpolation="bilinear", size=(2, 3), **options):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, layers.UpSampling2D(size, interpolation=interpolation, **options)(inputs))


def in_a_graph(model, given):
    """Return the answer of a model that was traced for images of any size."""
    shape = (None, None, None, given.shape[-1])
    call = tf.function(model, [tf.TensorSpec(shape, given.dtype)], autograph=False)
    return call(given).numpy()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_graph_of_open_sizes_answers_as_keras_does_of_the_very_size(interpolation):
    expected = enlarging(interpolation)(images())
    model = enlarging(interpolation)
    take_open_sizes(model)
    np.testing.assert_allclose(in_a_graph(model, images()), expected, atol=1e-6)


def test_half_precision_stays():
    model = enlarging(dtype="mixed_float16")
    expected = model(images())
    take_open_sizes(model)
    answer = in_a_graph(model, images())
    assert answer.dtype == np.float16
    np.testing.assert_array_equal(answer, expected)


def test_whole_numbers_stay_and_are_rounded():
    given = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3), np.uint8)
    layer = layers.UpSampling2D(2, interpolation="bicubic", dtype="uint8")
    expected = layer(given)
    take_open_sizes(layer)
    np.testing.assert_array_equal(in_a_graph(layer, given), expected)


def test_channels_that_come_first_are_enlarged_as_keras_does():
    given = np.moveaxis(images(), -1, 1)
    layer = layers.UpSampling2D((2, 3), "channels_first", "bilinear")
    expected = layer(given)
    take_open_sizes(layer)
    call = tf.function(layer, [tf.TensorSpec((None, 3, None, None), tf.float32)], autograph=False)
    np.testing.assert_allclose(call(given), expected, atol=1e-6)


class Composite(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inside = layers.UpSampling2D(interpolation="bilinear")

    def call(self, x):
        return self.inside(x)


def nested():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, enlarging(size=2)(inputs))


@pytest.mark.parametrize("make", [nested, Composite])
def test_layers_are_found_inside_others(make):
    model = make()
    expected = model(images())
    take_open_sizes(model)
    np.testing.assert_allclose(in_a_graph(model, images()), expected, atol=1e-6)


def test_what_is_saved_is_the_layer_of_keras(tmp_path):
    model = enlarging()
    take_open_sizes(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[-1]) is layers.UpSampling2D
    np.testing.assert_array_equal(loaded(images()), model(images()))


def test_nearest_neighbours_are_left_to_keras():
    assert take_open_sizes(enlarging("nearest")) == []


def test_model_is_left_as_it_was():
    model = enlarging()
    with open_sizes(model):
        in_a_graph(model, images())
    assert "call" not in vars(model.layers[-1])


def test_model_that_was_made_ready_before_stays_so():
    model = enlarging()
    take_open_sizes(model)
    with open_sizes(model):
        pass
    assert "call" in vars(model.layers[-1])
