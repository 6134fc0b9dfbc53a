import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.landscape.directions.loss_directions import data_gradient
from tfapp.landscape.flatness.derivatives import make_gradient, prepare
from tfapp.landscape.flatness.hessian import Hessian
from tfapp.landscape.flatness.sharpness import sharpness
from tfapp.landscape.flatness.slopes import warn_of_gradient
from tfapp.landscape.samples import Batches
from tfapp.layers import TVSoftmax

WORD = "is not the gradient of its loss"


class OwnGradient(keras.layers.Layer):
    """The identity, with `factor` times its gradient."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        @tf.custom_gradient
        def identity(x):
            return tf.identity(x), lambda gradient: self.factor * gradient

        return identity(inputs)


class StraightThrough(keras.layers.Layer):
    def call(self, inputs):
        return inputs + tf.stop_gradient(tf.round(8 * inputs) / 8 - inputs)


def two_dense(middle, activation="tanh", dtype="float32"):
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Dense(8, activation, dtype=dtype),
        middle,
        keras.layers.Dense(1, "sigmoid", dtype=dtype),
    ]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile(loss="binary_crossentropy")
    x = np.random.default_rng(0).standard_normal((32, 5)).astype("f4")
    return model, x, (x[:, :1] > 0).astype("f4")


def tv_head(gradient):
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    logits = keras.layers.Conv2D(2, 3, padding="same")(image)
    model = keras.Model(image, TVSoftmax(tv_weight=0.5, gradient=gradient, learn_tv_weight=False)(logits))
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((2, 8, 8, 1)).astype("f4"), rng.integers(0, 2, (2, 8, 8))


def word_of(model, x, y):
    batches = Batches(x, y, None, 8)
    prepare(model, batches)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_gradient(model, make_gradient(model, batches), "The Hessian")
    return any(WORD in str(warning.message) for warning in caught)


@pytest.mark.parametrize("factor", [-1.0, 0.5, 0.0])
def test_a_layer_with_another_gradient_than_its_own_is_told(factor):
    assert word_of(*two_dense(OwnGradient(factor)))


def test_a_straight_through_gradient_is_told():
    assert word_of(*two_dense(StraightThrough()))


def test_variables_that_the_loss_does_not_feel_are_not_doubted():
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(1, name="unused")(inputs) * 0.0 + keras.layers.Dense(1)(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(loss="mse")
    assert not word_of(model, np.ones((4, 3), "f4"), np.zeros((4, 1), "f4"))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_right_gradients_are_not_doubted(activation, dtype):
    assert not word_of(*two_dense(OwnGradient(1.0), activation, dtype))


@pytest.mark.parametrize("gradient", ["unrolled", "implicit", "jacobian-free"])
def test_tv_heads_are_measured_by_right_gradients_whatever_they_are_trained_by(gradient):
    assert not word_of(*tv_head(gradient))


def test_what_a_tv_head_is_trained_by_stays():
    model, x, y = tv_head("jacobian-free")
    before = model.layers[-1].get_config()
    word_of(model, x, y)
    assert model.layers[-1].get_config() == before


def test_the_gradient_of_a_jacobian_free_tv_head_is_a_difference_of_its_loss():
    model, x, y = tv_head("jacobian-free")
    batches = Batches(x, y, None, 8)
    n = prepare(model, batches)
    value_and_gradient = make_gradient(model, batches)
    gradient = value_and_gradient(np.zeros(n))[1].numpy()
    step = 1e-2 * gradient / np.linalg.norm(gradient)
    ahead, behind = (float(value_and_gradient(sign * step)[0]) for sign in (1, -1))
    assert (ahead - behind) / 2e-2 == pytest.approx(np.linalg.norm(gradient), rel=0.1)


@pytest.mark.parametrize(
    "measure",
    [
        Hessian,
        lambda model, x, y: sharpness(model, x, y, repeats=1, iterations=1),
        lambda model, x, y: data_gradient(model, Batches(x, y, None, 8)),
    ],
    ids=["Hessian", "sharpness", "gradient direction"],
)
def test_all_that_is_measured_by_gradients_says_when_they_are_not_of_the_loss(measure):
    with pytest.warns(UserWarning, match=WORD):
        measure(*two_dense(OwnGradient(-1.0)))
