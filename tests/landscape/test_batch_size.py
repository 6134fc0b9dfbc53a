"""Losses that depend on a batch size that nobody said are told by everything that measures them."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import (
    Hessian,
    landscape,
    make_directions,
    sharpness,
    summarise_curvature,
    top_eigenvectors,
)
from tfapp.landscape.batch_size import warn_of_batch_size
from tfapp.landscape.flatness.derivatives import prepare
from tfapp.landscape.samples import as_batches

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = RNG.normal(size=(24, 1)).astype("float32")
SUM = keras.losses.MeanSquaredError(reduction="sum")

MEASURES = {
    "landscape": lambda *data, **o: landscape(*data, n=3, exact=True, **o),
    "landscape along eigenvectors": lambda *data, **o: landscape(
        *data, n=3, exact=True, directions="hessian", **o
    ),
    "Hessian": Hessian,
    "top_eigenvectors": top_eigenvectors,
    "sharpness": lambda *data, **o: sharpness(*data, eps=[1e-3], repeats=1, iterations=1, **o),
    "summarise_curvature": lambda *data, **o: summarise_curvature(
        *data, k=1, trace_probes=2, steps=2, density_probes=1, **o
    ),
    "gradient": lambda model, *data, **o: make_directions(model, "gradient", batches=as_batches(*data, **o)),
}


def linear(loss=SUM, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False, **options)])
    model.compile("sgd", loss, jit_compile=False)
    return model


def words(model, data, *, regularisation=False, batch_size=None):
    """Return the warnings as one text."""
    batches = as_batches(*data, batch_size=batch_size)
    prepare(model, batches)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_batch_size(model, batches, regularisation=regularisation)
    return "".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_tells_once_that_a_sum_depends_on_the_batches(measure):
    model = linear()
    # A sum over 8 of 24 samples, and over all 24.
    total = float(np.sum((X @ model.get_weights()[0] - Y) ** 2))
    sentence = (
        f"it is {total / 3:.4g}.* at `batch_size=8` and {total:.4g}.* at 32, which `model.evaluate` takes"
    )
    with pytest.warns(UserWarning, match=sentence) as caught:
        MEASURES[measure](model, X, Y)
    assert len(caught) == 1


@pytest.mark.parametrize("measure", ["landscape", "Hessian", "gradient"])
def test_a_batch_size_that_was_said_is_not_told(measure):
    MEASURES[measure](linear(), X, Y, batch_size=8)


def test_batches_of_ones_own_and_few_samples_are_not_told():
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    assert words(linear(), (dataset,)) == words(linear(), (X[:8], Y[:8])) == ""


def test_a_mean_is_not_told():
    assert words(linear("mse"), (X, Y)) == ""


def test_mean_over_the_weights_of_a_batch_is_told():
    weights = RNG.uniform(0, 2, 24)
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert "The loss depends on the batches" in words(linear(loss), (X, Y, weights))


def test_a_loss_that_is_zero_at_the_solution_is_looked_at_near_it():
    model = linear()
    assert "it is, near the solution, " in words(model, (X, X @ model.get_weights()[0]))


def test_statistics_estimated_anew_tell_that_they_depend_on_a_batch_size_that_nobody_said():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("sgd", "mse")
    options = {"n": 3, "exact": True, "reestimate": True}
    with pytest.warns(UserWarning, match="With `reestimate` the loss depends on the batches"):
        landscape(model, X, Y, **options)
    landscape(model, X, Y, batch_size=8, **options)


class Adding(keras.layers.Layer):
    """Adds the sum of its inputs' squares to the loss, whatever the batch."""

    def call(self, inputs):
        self.add_loss(tf.reduce_sum(inputs**2))
        return inputs


def test_losses_of_layers_are_told_where_they_count():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1), Adding()])
    model.compile("sgd", "mse")
    assert words(model, (X, Y)) == ""
    assert "The loss depends on the batches" in words(model, (X, Y), regularisation=True)


def test_many_batches_go_through_a_graph_and_are_told_the_same():
    x, y = np.tile(X, (25, 1)), np.tile(Y, (25, 1))
    model = linear()
    squares = ((x @ model.get_weights()[0] - y) ** 2)[:, 0]
    parts = {size: np.split(squares, range(size, 600, size)) for size in (8, 32)}
    expected = [sum(len(part) * part.sum() for part in parts[size]) / 600 for size in (8, 32)]
    found = re.search(r"it is (\S+) at `batch_size=8` and (\S+) at 32", words(model, (x, y)))
    assert [float(number) for number in found.groups()] == pytest.approx(expected, rel=1e-5)


def test_a_loss_of_one_number_per_sample_is_refused_in_a_sentence():
    with pytest.raises(
        InputError, match=r"whose loss has the shape \(1,\) for one sample; compile it with a `reduc"
    ):
        Hessian(linear(keras.losses.MeanSquaredError(reduction=None)), X, Y)
