"""Losses of parts of a prediction count what Keras attached to the whole: its mask and its logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.landscape import landscape
from tfapp.landscape.attached import has_attached, with_attached
from tfapp.landscape.fingerprint import METHOD
from tfapp.landscape.precision import in_float32

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8)).astype("float32")
CLASSES = RNG.integers(0, 3, 12)
# Twelve sentences of one to six words; the targets of the padding would spoil every loss in which they count.
WORDS = np.where(np.arange(6) <= np.arange(12)[:, None] % 6, RNG.integers(1, 5, (12, 6)), 0)
NUMBERS = np.where(WORDS[..., None], RNG.normal(size=(12, 6, 1)), 20.0).astype("float32")


def certain(units, activation=None):
    """A layer with logits so large that float32 probabilities are 0 and 1."""
    return L.Dense(units, activation, kernel_initializer=keras.initializers.RandomNormal(stddev=20.0, seed=0))


class Softmax(L.Layer):
    """A softmax that attaches no logits: Keras finds them in the graph."""

    def call(self, inputs):
        return tf.nn.softmax(inputs)


class Reader(keras.Model):
    """A subclassed model, which does not tell which layers are its last."""

    def __init__(self):
        super().__init__()
        self.inner = [L.Embedding(5, 3, mask_zero=True), L.LSTM(3, return_sequences=True), L.Dense(1)]

    def call(self, inputs):
        for layer in self.inner:
            inputs = layer(inputs)
        return inputs


def stacked(*layers, shape=(8,)):
    return keras.Sequential([keras.Input(shape), *layers])


def two_headed():
    inputs = keras.Input((8,))
    return keras.Model(inputs, {"a": certain(3, "softmax")(inputs), "b": certain(1, "sigmoid")(inputs)})


def masked():
    return stacked(
        L.Embedding(5, 3, mask_zero=True), L.LSTM(3, return_sequences=True), L.Dense(1), shape=(6,)
    )


BINARY = (CLASSES[:, None] > 0).astype("float32")
SPARSE, BINARY_LOSS = "sparse_categorical_crossentropy", "binary_crossentropy"
CASES = {
    "softmax": (lambda: stacked(certain(3, "softmax")), X, CLASSES, SPARSE),
    "softmax of the graph": (lambda: stacked(certain(3), Softmax()), X, CLASSES, SPARSE),
    "sigmoid": (lambda: stacked(certain(1, "sigmoid")), X, BINARY, BINARY_LOSS),
    "two outputs": (two_headed, X, {"a": CLASSES, "b": BINARY}, {"a": SPARSE, "b": BINARY_LOSS}),
    "mask": (masked, WORDS, NUMBERS, "mse"),
    "mask of a subclassed model": (Reader, WORDS, NUMBERS, "mse"),
}


def compiled(name):
    keras.utils.set_random_seed(0)
    make, x, y, loss = CASES[name]
    model = make()
    model(x)
    model.compile("sgd", loss)
    return model, x, y


def surface_of(model, x, y, **options):
    return landscape(model, x, y, n=3, range=0.1, exact=True, batch_size=4, **options)


def alone(model, x, y):
    """The losses of the samples, each evaluated by Keras as a batch of its own."""
    samples = [keras.tree.map_structure(lambda array, k=k: array[k : k + 1], (x, y)) for k in range(12)]
    return np.array([model.evaluate(*sample, verbose=0, return_dict=True)["loss"] for sample in samples])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_standard_error_is_that_of_the_samples_evaluated_one_by_one(name):
    model, x, y = compiled(name)
    surface = surface_of(model, x, y, sample_errors=True)
    expected = alone(model, x, y).std(ddof=1) / 12**0.5
    assert surface.standard_error[1, 1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_masked_prediction_in_bfloat16_keeps_its_mask():
    model, x, y = compiled("mask of a subclassed model")
    exact = surface_of(model, x, y)
    np.testing.assert_allclose(surface_of(model, x, y, compute_dtype="bfloat16").loss, exact.loss, rtol=0.01)


@pytest.mark.slow
def test_standard_errors_of_before_are_warned_of_where_something_is_attached(tmp_path):
    model, x, y = compiled("mask")
    surface = surface_of(model, x, y, sample_errors=True, path=tmp_path / "surface.npz")
    del surface.metadata["key"][METHOD]
    surface.save(tmp_path / "surface.npz")
    with pytest.warns(UserWarning, match="standard errors .* without the masks and the logits"):
        surface_of(model, x, y, sample_errors=True, path=tmp_path / "surface.npz")


def test_a_part_of_a_tensor_takes_its_mask_and_its_logits_along():
    tensor, mask = tf.constant([[0.25], [0.5]]), tf.constant([[True], [False]])
    tensor._keras_mask, tensor._keras_logits = mask, tf.constant([[-1.0], [0.0]])
    part = with_attached(lambda whole: whole[1:], tensor)
    assert (part.numpy(), part._keras_mask.numpy(), part._keras_logits.numpy()) == (0.5, False, 0.0)
    assert has_attached(part) and not has_attached(tf.constant(0.0))


def test_a_cast_keeps_the_mask():
    tensor = tf.cast([[0.25], [0.5]], tf.bfloat16)
    tensor._keras_mask = tf.constant([[True], [False]])
    cast = in_float32({"a": tensor})["a"]
    assert cast.dtype == tf.float32 and cast._keras_mask is tensor._keras_mask
