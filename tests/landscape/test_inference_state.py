"""Models that draw at random in inference, or remember: derivatives of their loss are told to be of one draw."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.landscape.flatness.hessian import Hessian
from tfapp.landscape.flatness.sharpness import sharpness


def compiled(*layers):
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(loss="mse")
    return model


def samples(*shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, *shape)).astype(np.float32), rng.normal(size=(4, 1)).astype(np.float32)


class Sampled(keras.layers.Layer):
    """A layer that adds noise, drawn with the seed of the layer or with that of all of Keras."""

    def __init__(self, own_seed):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0) if own_seed else None

    def call(self, x):
        return x + keras.random.normal((4,), seed=self.seed)


@keras.saving.register_keras_serializable("tests")
class Noise(keras.layers.Layer):
    def call(self, x):
        return x + tf.random.normal(tf.shape(x))


# TensorFlow's own draws are new at every point, so that the slopes of such a loss are noise.
@pytest.mark.filterwarnings("ignore:The Hessian is measured by gradients")
@pytest.mark.parametrize("layer", [lambda: Sampled(True), lambda: Sampled(False), Noise])
def test_derivatives_of_a_loss_that_is_drawn_at_random_are_told_to_be_of_one_draw(layer):
    model = compiled(keras.Input((4,)), layer())
    with pytest.warns(UserWarning, match="draws at random in inference"):
        Hessian(model, *samples(4), batch_size=4)


def test_sharpness_tells_it_too_and_no_state_is_moved():
    model = compiled(keras.Input((4,)), Sampled(True))
    before = [variable.numpy() for variable in model.variables]
    with pytest.warns(UserWarning, match="draws at random in inference"):
        sharpness(model, *samples(4), repeats=1, iterations=1, batch_size=4)
    for one, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(one, variable.numpy())


def test_layers_that_remember_are_named():
    model = compiled(keras.Input(batch_shape=(1, 3, 2)), keras.layers.GRU(2, stateful=True))
    with pytest.warns(UserWarning, match="changes the state of gru.* in inference"):
        Hessian(model, *samples(3, 2), batch_size=1)


def test_dropout_and_batch_normalisation_draw_and_remember_nothing_in_inference():
    layers = keras.layers.Dropout(0.5), keras.layers.GaussianNoise(1.0), keras.layers.BatchNormalization()
    model = compiled(keras.Input((4,)), *layers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Hessian(model, *samples(4), batch_size=4)
