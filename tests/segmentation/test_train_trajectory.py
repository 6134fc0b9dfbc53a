import keras
import pytest

from tfapp.errors import InputError
from tfapp.landscape import load_trajectory
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.training import train

SPEC = "cells:12:32"
OPTIONS = {"base_width": 2, "depth": 1, "head": "softmax", "steps_per_epoch": 2, "batch_size": 2}


def config(**options):
    return TrainConfig(**OPTIONS, trajectory=2, **options)


def files(folder):
    return {file.name: file.read_bytes() for file in (folder / "trajectory").iterdir()}


def test_weights_are_recorded_every_so_many_epochs_in_the_run(tmp_path):
    run = train(SPEC, tmp_path / "run", config(epochs=3))
    assert load_trajectory(run.path / "trajectory").epochs.tolist() == [0, 2, 3]
    assert "--trajectory 2" in run.record["command"]


@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_run_leaves_the_trajectory_of_an_unbroken_one(tmp_path, monkeypatch, killed_in):
    train(SPEC, tmp_path / "whole", config(epochs=4))

    class Killed(keras.callbacks.Callback):
        def __init__(self, *arguments):
            super().__init__()

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == killed_in:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tfapp.segmentation.training.ReportProgress", Killed)
        train(SPEC, tmp_path / "broken", config(epochs=4))
    train(SPEC, tmp_path / "broken", config(epochs=4))
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


def test_without_the_option_nothing_is_recorded(tmp_path):
    run = train(SPEC, tmp_path / "run", TrainConfig(**OPTIONS, epochs=1))
    assert not (run.path / "trajectory").exists()


def test_no_epochs_between_two_records_are_refused(tmp_path):
    with pytest.raises(InputError, match="`trajectory` must be at least 1; got 0"):
        train(SPEC, tmp_path / "run", TrainConfig(**OPTIONS, trajectory=0))
    assert not any(tmp_path.iterdir())


def test_runs_with_and_without_a_trajectory_were_trained_alike(tmp_path):
    run = train(SPEC, tmp_path / "run", TrainConfig(**OPTIONS, epochs=1))
    recorded = train(SPEC, tmp_path / "recorded", config(epochs=1))
    assert run.settings == recorded.settings
