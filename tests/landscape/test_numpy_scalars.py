"""Settings that are scalars of NumPy, as they come out of arrays, and counts that are no integers."""

import json

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import Surface, landscape, sharpness, summarise_curvature


@pytest.fixture(scope="module")
def fitted():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")


def numbers_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_sharpness_keeps_what_scalars_of_numpy_ask_for(fitted, tmp_path):
    given = {"subspace": 3, "repeats": 1, "iterations": 2, "batch_size": 8}
    sharpness(*fitted, eps=[1e-3], path=tmp_path / "plain.json", **given)
    scalars = {name: np.int64(value) for name, value in given.items()}
    sharpness(*fitted, eps=[np.float32(1e-3)], path=tmp_path / "numpy.json", **scalars)
    assert numbers_of(tmp_path / "numpy.json").keys() == numbers_of(tmp_path / "plain.json").keys()


def test_curvature_takes_scalars_of_numpy(fitted, tmp_path):
    counts = {name: np.int64(2) for name in ("k", "trace_probes", "steps", "density_probes")}
    summarise_curvature(*fitted, batch_size=np.int64(8), path=tmp_path / "curvature.json", **counts)
    assert numbers_of(tmp_path / "curvature.json")


def test_a_surface_takes_scalars_of_numpy(fitted, tmp_path):
    flags = {name: np.bool_(True) for name in ("exact", "biases")}
    landscape(*fitted, n=np.int64(3), batch_size=np.int64(8), path=tmp_path / "surface.npz", **flags)
    assert Surface.load(tmp_path / "surface.npz").num_measured == 9


def test_counts_that_are_no_integers_are_refused(fitted):
    with pytest.raises(InputError, match="`repeats` must be a positive integer. Received: repeats=2.5"):
        sharpness(*fitted, repeats=2.5)
    with pytest.raises(
        InputError, match="`batch_size` must be a positive integer. Received: batch_size=16.0"
    ):
        landscape(*fitted, n=3, batch_size=16.0)
