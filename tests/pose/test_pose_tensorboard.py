"""What a pose training writes for TensorBoard."""

import numpy as np
import pytest
import tensorflow as tf

from tests.landscape.tensorboard_events import summaries
from tfapp.errors import InputError
from tfapp.pose.tensorboard import PoseTensorBoard
from tfapp.runs.checkpoints import read_history

SCALARS = ("loss", "chamfer_mm", "learning_rate", "model_learning_rate", "points_seen")


@pytest.fixture(scope="module")
def watched(squares_training):
    """Return a run and what its training wrote, in a process without TensorBoard."""
    return squares_training.run, summaries(squares_training.log)


def test_every_epoch_has_its_scalars(watched):
    _, found = watched
    for name in SCALARS:
        assert list(found[f"pose/{name}"]) == [1, 2, 3]


def test_scalars_are_those_of_the_history(watched):
    run, found = watched
    history = read_history(run.path)
    for name, column in (("loss", "loss"), ("chamfer_mm", "distance_mm")):
        shown = [float(value) for value in found[f"pose/{name}"].values()]
        assert shown == pytest.approx([row[column] for row in history], rel=1e-6)


def test_both_learning_rates_fall(watched):
    _, found = watched
    for name, first in (("learning_rate", 0.001), ("model_learning_rate", 0.003)):
        shown = [float(value) for value in found[f"pose/{name}"].values()]
        assert shown == pytest.approx([first * 0.31**epoch for epoch in (1, 2, 3)], rel=1e-6)


def test_pictures_of_the_model_come_every_so_many_epochs_and_at_the_end(watched):
    _, found = watched
    assert list(found["pose/model"]) == [2, 3]
    for width, height, png in found["pose/model"].values():
        pixels = tf.io.decode_png(png).numpy()
        assert pixels.shape[:2] == (int(height), int(width))
        assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 100


def test_tensorboard_itself_reads_the_scalars_and_the_pictures(squares_training):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    events = EventMultiplexer().AddRun(str(squares_training.log), "log").Reload()
    tabs = {plugin: set(events.PluginRunToTagToContent(plugin)["log"]) for plugin in ("scalars", "images")}
    assert tabs == {"scalars": {f"pose/{name}" for name in SCALARS}, "images": {"pose/model"}}


def test_model_without_a_seen_point_is_a_warning_and_no_end(squares_run, tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.pose.predictions.LEAST_SEEN", 2.0)
    log = PoseTensorBoard(tmp_path / "log")
    log.set_model(squares_run.load_model())
    log.on_epoch_end(0, {"loss": 0.5, "distance_mm": 9.0})
    with pytest.warns(UserWarning, match="No picture of the object model after epoch 1: Expected `visible`"):
        log.on_train_end()
    found = summaries(tmp_path / "log")
    assert list(found["pose/loss"]) == [1] and "pose/model" not in found


def test_picture_that_the_last_epoch_has_is_not_drawn_again(squares_run, tmp_path, monkeypatch):
    drawn = []
    draw = PoseTensorBoard._draw
    monkeypatch.setattr(PoseTensorBoard, "_draw", lambda self: drawn.append(self._epoch) or draw(self))
    log = PoseTensorBoard(tmp_path / "log", every=1)
    log.set_model(squares_run.load_model())
    log.on_epoch_end(4, {"loss": 0.5, "distance_mm": 9.0})
    log.on_train_end()
    assert drawn == [5] and list(summaries(tmp_path / "log")["pose/model"]) == [5]


def test_training_without_an_epoch_writes_nothing(tmp_path):
    PoseTensorBoard(tmp_path / "log").on_train_end()
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_that_counts_nothing_is_refused(tmp_path, every):
    with pytest.raises(InputError, match=f"`every` must be an integer >= 1. Received: every={every}"):
        PoseTensorBoard(tmp_path / "log", every)
