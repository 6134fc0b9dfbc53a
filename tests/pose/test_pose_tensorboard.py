"""What a pose training writes for TensorBoard."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.landscape.tensorboard_events import summaries
from tests.pose.posed_scenes import write_scenes
from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig
from tfapp.pose.tensorboard import PoseTensorBoard
from tfapp.pose.training import train
from tfapp.runs.history import read_history

CONFIG = PoseConfig(instances=2, points=24, observed=30, size=32, epochs=3, batch_size=4, decay_epochs=1)
SCALARS = ("loss", "chamfer_mm", "learning_rate", "model_learning_rate", "points_seen")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes") / "squares")


@pytest.fixture(scope="module")
def watched(scenes, tmp_path_factory):
    """Return a run and what its training wrote, in a process without TensorBoard."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorboard", None)
        run = train(scenes, root / "run", CONFIG, callbacks=[PoseTensorBoard(root / "log", every=2)])
    return run, summaries(root / "log")


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


def test_tensorboard_itself_reads_the_scalars_and_the_pictures(watched):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    run, _ = watched
    events = EventMultiplexer().AddRun(str(run.path.parent / "log"), "log").Reload()
    tabs = {plugin: set(events.PluginRunToTagToContent(plugin)["log"]) for plugin in ("scalars", "images")}
    assert tabs == {"scalars": {f"pose/{name}" for name in SCALARS}, "images": {"pose/model"}}


def test_training_that_goes_on_goes_on_with_the_steps(scenes, tmp_path):
    for epochs in (1, 3):
        config = replace(CONFIG, epochs=epochs)
        train(scenes, tmp_path / "run", config, callbacks=[PoseTensorBoard(tmp_path / "log")])
    found = summaries(tmp_path / "log")
    assert list(found["pose/loss"]) == [1, 2, 3] and list(found["pose/model"]) == [1, 3]


def test_model_without_a_seen_point_is_a_warning_and_no_end(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.pose.predictions.LEAST_SEEN", 2.0)
    log = PoseTensorBoard(tmp_path / "log")
    with pytest.warns(UserWarning, match="No picture of the object model after epoch 1: Expected `visible`"):
        run = train(scenes, tmp_path / "run", replace(CONFIG, epochs=1), callbacks=[log])
    assert (run.path / "model.keras").is_file()


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_that_counts_nothing_is_refused(tmp_path, every):
    with pytest.raises(InputError, match=f"`every` must be an integer >= 1. Received: every={every}"):
        PoseTensorBoard(tmp_path / "log", every)
