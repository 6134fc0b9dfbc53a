"""Regularised variables that do not move count in the loss with their own values; the reference is `evaluate`."""

import keras
import numpy as np
import pytest

from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.flatness.derivatives import loss_at_solution, prepare
from tfapp.landscape.point_loss import make_point_loss
from tfapp.landscape.samples import Batches

L = keras.layers
L2 = keras.regularizers.L2(0.5)
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X[:, :1] + 2.0


def compiled(*layers, kind=keras.Sequential):
    keras.utils.set_random_seed(0)
    model = kind([keras.Input((4,)), *layers])
    model.set_weights([array + 0.5 for array in model.get_weights()])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def evaluated(model):
    # What `evaluate` says of one batch, without its data pipeline.
    return model.test_on_batch(X, Y, return_dict=True)["loss"]


class OwnStep(keras.Sequential):
    def test_step(self, data):
        x, y = data[:2]
        loss = self.compute_loss(x, y, self(x, training=False))
        self.metrics[0].update_state(loss)
        return {"loss": self.metrics[0].result()}


def with_bias(kind=keras.Sequential):
    return compiled(L.Dense(2, bias_regularizer=L2), L.Dense(1), kind=kind)


CASES = {
    "a bias": (with_bias, None),
    "gamma": (lambda: compiled(L.Dense(2), L.BatchNormalization(gamma_regularizer=L2), L.Dense(1)), None),
    "a layer that is left out": (
        lambda: compiled(L.Dense(2, kernel_regularizer=L2), L.Dense(1, name="last")),
        ["last"],
    ),
    "a bias, with a `test_step` of its own": (lambda: with_bias(OwnStep), None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_centre_is_that_of_evaluate(case):
    make, layers = CASES[case]
    model = make()
    expected = evaluated(model)
    plane = random_directions(model, layers=layers)
    point_loss = make_point_loss(model, Batches(X, Y, None, 8), plane.u, plane.v, eager=True)
    assert float(point_loss(0.0, 0.0)["loss"]) == pytest.approx(expected, rel=1e-6)


def test_errors_of_samples_leave_the_regularisation_out():
    model = with_bias()
    evaluated(model)
    plane = random_directions(model)
    options = {"eager": True, "sample_errors": True}
    figures = make_point_loss(model, Batches(X, Y, None, 8), plane.u, plane.v, **options)(0.0, 0.0)
    losses = np.square(model(X).numpy() - Y).ravel()
    assert float(figures["standard_error"]) == pytest.approx(losses.std(ddof=1) / np.sqrt(8), rel=1e-5)


def test_the_loss_that_is_differentiated_is_that_of_evaluate():
    model = with_bias(OwnStep)
    batches = Batches(X, Y, None, 8)
    prepare(model, batches)
    expected = evaluated(model)
    assert loss_at_solution(model, batches, regularisation=True) == pytest.approx(expected, rel=1e-6)
