import random
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard_events import summaries

from tfapp.errors import InputError
from tfapp.landscape import LandscapeTensorBoard, TrajectoryRecorder, landscape

pytestmark = pytest.mark.slow

L = keras.layers
RNG = np.random.default_rng(1)
X, Y = RNG.random((10, 4), np.float32), RNG.random((10, 1), np.float32)
OPTIONS = {"n": 3, "range": 0.5, "batch_size": 5}


def net():
    keras.utils.set_random_seed(0)
    layers = [L.Dense(3), L.BatchNormalization(), L.Dropout(0.5), L.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.Adam(0.05), loss="mse", metrics=["mae"])
    return model


def train(model, *callbacks, epochs=3):
    return model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize(
    ("every", "steps"), [(None, [3]), (1, [1, 2, 3]), (2, [2, 3])], ids=["end", "every", "second"]
)
def test_pictures_and_scalars_come_every_so_many_epochs_and_at_the_end(tmp_path, every, steps):
    train(net(), LandscapeTensorBoard(tmp_path, X, Y, every=every, **OPTIONS))
    found = summaries(tmp_path)
    for name in ("surface", "contour", "loss_at_solution", "highest_loss", "points_measured"):
        assert list(found[f"landscape/{name}"]) == steps


def test_the_scalars_are_those_of_the_surface_at_the_end(tmp_path):
    model = net()
    train(model, LandscapeTensorBoard(tmp_path, X, Y, **OPTIONS))
    found, surface = summaries(tmp_path), landscape(model, X, Y, **OPTIONS)
    assert found["landscape/loss_at_solution"][3] == pytest.approx(surface.centre)
    assert found["landscape/highest_loss"][3] == pytest.approx(surface.loss.max())


def test_the_picture_of_a_plane_is_not_empty(tmp_path):
    train(net(), LandscapeTensorBoard(tmp_path, X, Y, **OPTIONS), epochs=1)
    *_, picture = summaries(tmp_path)["landscape/contour"][1]
    pixels = tf.io.decode_png(picture).numpy()
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_a_line_gives_a_curve(tmp_path):
    train(net(), LandscapeTensorBoard(tmp_path, X, Y, line=True, **OPTIONS), epochs=1)
    found = summaries(tmp_path)
    assert "landscape/curve" in found and "landscape/surface" not in found


def trained_and_drawn(*callbacks):
    """Return what a training leaves: history, weights, optimizer, and the next random numbers of everybody."""
    model = net()
    history = train(model, *callbacks).history
    numbers = [random.random(), np.random.random(3), tf.random.uniform((3,)).numpy()]
    return history, [v.numpy() for v in (*model.weights, *model.optimizer.variables)], numbers


def test_the_training_and_all_random_numbers_are_the_same_to_the_last_bit(tmp_path):
    plain = trained_and_drawn()
    watched = trained_and_drawn(LandscapeTensorBoard(tmp_path, X, Y, every=1, **OPTIONS))
    assert plain[0] == watched[0]
    for a, b in zip(plain[1] + plain[2], watched[1] + watched[2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_surface_that_cannot_be_measured_does_not_end_the_training(tmp_path):
    model = net()
    with pytest.warns(UserWarning, match="No landscape after epoch 1: Expected a finite loss"):
        train(model, LandscapeTensorBoard(tmp_path, np.full_like(X, np.nan), Y, **OPTIONS), epochs=1)
    assert int(model.optimizer.iterations) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "`every` must be an integer >= 1, or None. Received: every=0"),
        ({"every": True}, "every=True"),
        ({"points": 3}, "Received: points"),
        ({"path": "surface.npz"}, "Received: path"),
    ],
)
def test_bad_arguments_are_refused_before_the_training(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        LandscapeTensorBoard(tmp_path / "log", X, Y, **options)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: LandscapeTensorBoard(folder, X, Y),
        lambda folder: TrajectoryRecorder(folder, log_dir=folder),
    ],
    ids=["landscape", "trajectory"],
)
def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch, make):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r'pip install "tfapp\[tensorboard\]"'):
        make(tmp_path)
