"""What a stored surface recognises beside names: code and constants of loss, metrics and layers."""

import functools
import random
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import Surface, landscape, sharpness
from tfapp.landscape.code_fingerprint import _of_every_layer
from tfapp.landscape.fingerprint import BATCHES, LOSS_CODE, METRICS, MODEL_CODE, code_hashes

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
SCALE = 2.0


def power(exponent):
    def loss(y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred) ** exponent, -1)

    return loss


def of_a_table(table):
    return lambda y_true, y_pred: tf.reduce_mean(tf.abs(y_true - y_pred) * table, -1)


def with_default(y_true, y_pred, factor=1.0):
    return factor * tf.reduce_mean(tf.abs(y_true - y_pred), -1)


def of_a_global(y_true, y_pred):
    return SCALE * tf.reduce_mean(tf.abs(y_true - y_pred), -1)


class Weighted(keras.losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * tf.abs(y_true - y_pred)


class Scaled(L.Layer):
    def __init__(self, factor=2.0):
        super().__init__()
        self.factor, self.inner = factor, L.Dense(2)

    def call(self, inputs):
        return self.factor * self.inner(inputs)


class Squared(Scaled):
    def call(self, inputs):
        return self.factor * self.inner(inputs) ** 2


def model_of(loss="mse", metrics=None, layer=None, activation=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layer or Scaled(), L.Dense(1, activation)])
    model.compile("sgd", loss, metrics=metrics)
    return model


def changed(first, second):
    """Return the names of the hashes that differ."""
    first, second = code_hashes(first), code_hashes(second)
    return [name for name in first if first[name] != second[name]]


ALIKE = {
    "closure": lambda: power(2.0),
    "object": lambda: Weighted(1.0),
    "lambda": lambda: lambda y_true, y_pred: tf.abs(y_true - y_pred)[:, 0],
    "partial": lambda: functools.partial(with_default, factor=2.0),
    "array in a closure": lambda: of_a_table(np.arange(3.0)),
    "keras": lambda: keras.losses.Huber(0.5),
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_loss_made_again_is_the_same(name):
    assert changed(model_of(ALIKE[name]()), model_of(ALIKE[name]())) == []


def test_lines_comments_and_docstrings_are_no_change():
    namespaces = [{"tf": tf}, {"tf": tf}]
    body = "def loss(a, b):\n    {}\n    return tf.abs(a - b)[:, 0]\n"
    for namespace, line in zip(namespaces, ("'one'", "'two'\n\n    # three"), strict=True):
        exec(compile(body.format(line), f"{line[1:4]}.py", "exec"), namespace)
    first, second = (model_of(namespace["loss"]) for namespace in namespaces)
    assert changed(first, second) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (power(2.0), power(3.0)),
        (Weighted(1.0), Weighted(2.0)),
        (functools.partial(with_default, factor=1.0), functools.partial(with_default, factor=2.0)),
        (of_a_table(np.arange(3.0)), of_a_table(np.arange(3.0) + 1e-9)),
        (of_a_table(tf.constant([1.0])), of_a_table(tf.constant([2.0]))),
        (lambda a, b: tf.abs(a - b)[:, 0], lambda a, b: tf.abs(a + b)[:, 0]),
        (Weighted(1.0).call, Weighted(2.0).call),
        (tf.function(power(2.0)), tf.function(power(3.0))),
    ],
)
def test_a_loss_of_other_constants_or_code_is_named(first, second):
    assert changed(model_of(first), model_of(second)) == [LOSS_CODE]


def test_a_global_constant_that_a_loss_reads_is_part_of_it(monkeypatch):
    before = code_hashes(model_of(of_a_global))
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert code_hashes(model_of(of_a_global))[LOSS_CODE] != before[LOSS_CODE]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"metrics": ["mae"]}, METRICS),
        ({"metrics": [power(1.0)]}, METRICS),
        ({"layer": Squared()}, MODEL_CODE),
        ({"layer": Scaled(3.0)}, MODEL_CODE),
        ({"activation": lambda x: 2.0 * x}, MODEL_CODE),
    ],
)
def test_metrics_and_code_of_layers_are_told_apart(options, name):
    assert changed(model_of(), model_of(**options)) == [name]


@pytest.mark.slow
def test_what_is_evaluated_and_trained_hashes_as_before():
    model = model_of(Weighted(1.0), [keras.metrics.AUC(), "mae"])
    before = code_hashes(model)
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    assert code_hashes(model) == before


def test_hashing_draws_no_random_number():
    model = model_of(Weighted(1.0))
    _of_every_layer.cache_clear()
    before = random.getstate()
    code_hashes(model)
    assert random.getstate() == before


def test_what_cannot_be_hashed_is_warned_of():
    lock = threading.Lock()

    def loss(y_true, y_pred):
        with lock:
            return tf.abs(y_true - y_pred)[:, 0]

    with pytest.warns(UserWarning, match="A change of the loss that is in a value of type 'lock'"):
        code_hashes(model_of(loss))


@pytest.mark.slow
def test_hashes_are_those_of_other_processes():
    script = (
        "import test_code_fingerprint as t; m = t.model_of(t.Weighted(2.0), [t.power(1.0), 'mae'], t.Squared());"
        "print(t.code_hashes(m))"
    )
    command = [sys.executable, "-c", script]
    options = {"capture_output": True, "text": True, "check": True, "cwd": __file__.rpartition("/")[0]}
    found = {subprocess.run(command, **options).stdout.splitlines()[-1] for _ in range(2)}
    here = code_hashes(model_of(Weighted(2.0), [power(1.0), "mae"], Squared()))
    assert found == {str(here)}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A surface and a sharpness file of one model."""
    folder = tmp_path_factory.mktemp("stored")
    landscape(model_of(power(2.0)), X, Y, path=folder / "surface.npz", **OPTIONS)
    sharpness(model_of(power(2.0)), X, Y, path=folder / "sharpness.json", repeats=1, eps=[0.1])
    return folder


OPTIONS = {"n": 3, "exact": True, "batch_size": 8}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "name"),
    [
        (lambda: model_of(power(3.0)), LOSS_CODE),
        (lambda: model_of(power(2.0), ["mae"]), METRICS),
        (lambda: model_of(power(2.0), layer=Scaled(3.0)), MODEL_CODE),
    ],
)
def test_a_finished_surface_of_another_computation_is_refused_by_name(stored, model, name):
    with pytest.raises(InputError, match=f"another setting; changed: .*{name}[.]"):
        landscape(model(), X, Y, path=stored / "surface.npz", **OPTIONS)
    assert landscape(model_of(power(2.0)), X, Y, path=stored / "surface.npz", **OPTIONS).complete


@pytest.mark.slow
def test_sharpness_of_another_computation_is_refused_by_name(stored):
    with pytest.raises(InputError, match=f"another solution; changed: {LOSS_CODE}[.]"):
        sharpness(model_of(power(3.0)), X, Y, path=stored / "sharpness.json", repeats=1, eps=[0.1])


@pytest.mark.slow
def test_a_surface_that_does_not_tell_its_code_is_checked_by_its_centre(stored, tmp_path):
    surface = Surface.load(stored / "surface.npz")
    for name in (LOSS_CODE, METRICS, MODEL_CODE, BATCHES):
        del surface.metadata["key"][name]
    surface.save(tmp_path / "old.npz")
    again = landscape(model_of(power(2.0)), X, Y, path=tmp_path / "old.npz", **OPTIONS)
    np.testing.assert_array_equal(again.loss, surface.loss)
    with pytest.raises(InputError, match="its loss at the solution is .*, and `model.evaluate` says"):
        landscape(model_of(power(3.0)), X, Y, path=tmp_path / "old.npz", **OPTIONS)
