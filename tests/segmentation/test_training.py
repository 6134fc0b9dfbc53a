import csv
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import load_trajectory
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import latest_checkpoint, read_history
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

SPEC = "cells:20:32"
SMALLEST = {"base_width": 2, "depth": 1, "head": "softmax", "steps_per_epoch": 2, "batch_size": 2}
TRAIN_AND_SLEEP = """
import sys, time, keras
from tests.segmentation.conftest import TINY, SPEC
from tfapp.segmentation.training import train

class Sleep(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1 and batch == 1:
            print("in the middle", flush=True)
            time.sleep(60)
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

train(SPEC, sys.argv[1], TINY, callbacks=[Sleep()])
"""


def losses(run):
    return [(row["loss"], row["val_loss"], row["tv_weight"]) for row in read_history(run.path)]


@pytest.fixture
def extended(trained, copy_of, tiny):
    """The tiny run of three epochs, trained for a fourth, from a folder in which a kill left half a checkpoint."""
    run = copy_of(trained["tv-softmax"], "extended")
    (run.path / "checkpoints" / ".epoch-00004.1234.part.keras").write_bytes(b"half")
    return train(SPEC, run.path, tiny(epochs=4))


@pytest.fixture(scope="module")
def reached(train_once):
    """A run that stopped after its first epoch of three, as it had reached its loss."""
    return train_once("cells-reached", until_loss=100.0)


@pytest.mark.slow
def test_loss_falls(tmp_path, tiny):
    run = train(SPEC, tmp_path / "run", tiny(epochs=6, learning_rate=1e-2))
    history = [row["loss"] for row in read_history(run.path)]
    assert history[-1] < 0.8 * history[0]


def test_run_folder_holds_what_later_commands_read(trained):
    path = trained["tv-softmax"].path
    record = json.loads((path / "run.json").read_text())
    assert record["format"] == 1 and record["config"]["head"] == "tv-softmax"
    assert set(record["versions"]) == {"tfapp", "tensorflow", "keras", "numpy", "python"}
    split = record["data"]["split"]
    assert [len(split[part]) for part in ("train", "validation", "test")] == [10, 4, 6]
    with (path / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    assert sorted(p.name for p in (path / "checkpoints").iterdir()) == [
        "epoch-00002.keras",
        "epoch-00003.keras",
    ]
    assert not list(path.rglob("*.part*"))


@pytest.mark.slow
def test_two_trainings_of_one_seed_agree(tmp_path, trained, tiny):
    again = train(SPEC, tmp_path / "again", tiny())
    np.testing.assert_allclose(losses(again), losses(trained["tv-softmax"]), rtol=1e-4)


@pytest.mark.slow
def test_training_killed_in_mid_epoch_goes_on_to_the_same_history(tmp_path, trained, tiny):
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN_AND_SLEEP, tmp_path / "run"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    with process:
        assert process.stdout.readline() == b"in the middle\n"
        process.send_signal(signal.SIGKILL)
    assert latest_checkpoint(tmp_path / "run")[1] == 1
    resumed = train(SPEC, tmp_path / "run", tiny())
    np.testing.assert_allclose(losses(resumed), losses(trained["tv-softmax"]), rtol=1e-4)


@pytest.mark.slow
def test_more_epochs_extend_a_finished_run(trained, extended):
    first = trained["tv-softmax"].load_model().get_weights()
    assert [row["epoch"] for row in read_history(extended.path)] == [1, 2, 3, 4]
    weights = extended.load_model().get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(first, weights, strict=True))
    assert not list((extended.path / "checkpoints").glob(".*"))
    run = Run.open(extended.path)
    assert run.config["epochs"] == 4
    assert "--epochs 4" in run.record["command"]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_record_says_the_epochs_of_the_model_until_more_of_them_have_ended(trained, copy_of, tiny):
    run = copy_of(trained["tv-softmax"])
    with pytest.raises(KeyboardInterrupt):
        train(SPEC, run.path, tiny(epochs=5), callbacks=[Interrupt()])
    between = Run.open(run.path)
    assert between.config["epochs"] == 3 and between.weights == trained["tv-softmax"].weights
    longer = train(SPEC, run.path, tiny(epochs=5))
    assert longer.config["epochs"] == 5 and Run.open(run.path).weights != between.weights


def test_finished_run_is_left_as_it_is(trained, tiny):
    path = trained["tv-softmax"].path
    before = (path / "model.keras").stat().st_mtime_ns
    train(SPEC, path, tiny())
    assert (path / "model.keras").stat().st_mtime_ns == before


@pytest.mark.slow
def test_training_stops_after_the_first_epoch_that_is_low_enough(tmp_path, trained, tiny):
    free = read_history(trained["tv-softmax"].path)
    target = (free[0]["loss"] + free[1]["loss"]) / 2
    assert free[0]["loss"] > free[1]["loss"]
    stopped = read_history(train(SPEC, tmp_path / "stopped", tiny(until_loss=target)).path)
    np.testing.assert_allclose([r["loss"] for r in stopped], [r["loss"] for r in free[:2]], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("keep", "column"), [("training-loss", "loss"), ("validation-loss", "val_loss")])
def test_run_ends_with_the_model_of_its_best_epoch(tmp_path, tiny, keep, column):
    run = train(SPEC, tmp_path / "run", tiny(epochs=3, keep=keep, learning_rate=0.3))
    rows = read_history(run.path)
    best = min(rows, key=lambda row: row[column])["epoch"]
    [kept] = (run.path / "checkpoints").glob("best-*.keras")
    assert kept.name == f"best-{best:05d}.keras"
    of_file, of_run = keras.models.load_model(kept), run.load_model()
    for one, other in zip(of_file.get_weights(), of_run.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_best_validation_loss_needs_images_for_validation(tmp_path, tiny):
    with pytest.raises(InputError, match="`keep` validation-loss needs images for validation"):
        train(SPEC, tmp_path / "run", tiny(keep="validation-loss", validation_share=0.0))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_that_reached_its_loss_is_left_as_it_is(reached, tiny):
    before = (reached.path / "model.keras").stat().st_mtime_ns
    train(SPEC, reached.path, tiny(until_loss=100.0))
    assert (reached.path / "model.keras").stat().st_mtime_ns == before
    assert len(read_history(reached.path)) == 1


@pytest.mark.slow
def test_lower_loss_to_reach_extends_a_run(reached, copy_of, tiny):
    run = train(SPEC, copy_of(reached).path, tiny(epochs=3, until_loss=None))
    assert [row["epoch"] for row in read_history(run.path)] == [1, 2, 3]
    assert run.config["until_loss"] is None


@pytest.mark.parametrize(("resize", "expected"), [((32, 32), "dihedral"), ((16, 32), "flips")])
def test_augmentation_by_default_suits_the_shape_of_the_frames(begin, resize, expected):
    assert begin(resize=resize).config["augment"] == expected


@pytest.mark.slow
def test_cosine_schedule_ends_at_zero_and_cannot_be_given_more_epochs(tmp_path, tiny):
    model = train(SPEC, tmp_path / "run", tiny(schedule="cosine", head="softmax", epochs=1)).load_model()
    with pytest.raises(InputError, match="run of 1 epochs, not 2, and its learning rate ends with them"):
        train(SPEC, tmp_path / "run", tiny(schedule="cosine", head="softmax", epochs=2))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_diverging_loss_stops_and_keeps_the_last_good_checkpoint(trained, copy_of, tiny):
    path = copy_of(trained["softmax"]).path

    class Poison(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            kernel = self.model.get_layer("scores").kernel
            kernel.assign(kernel * np.nan)

    with pytest.raises(
        TrainingDiverged, match="last good checkpoint is .*epoch-00003.keras.* smaller `learning_rate`"
    ):
        train(SPEC, path, tiny(head="softmax", epochs=4), callbacks=[Poison()])
    assert latest_checkpoint(path)[1] == 3
    restored = keras.models.load_model(latest_checkpoint(path)[0])
    assert all(np.isfinite(w).all() for w in restored.get_weights())


@pytest.mark.slow
def test_pixels_without_a_label_do_not_train(tmp_path, make_folder, tiny):
    # One set has the class "rim" under the ignored value: its loss must not see those pixels.
    root = make_folder(size=(32, 32), values=(0, 1, 255), classes=["0 plasma", "1 body", "255 ignore"])
    run = train(f"folder:{root}", tmp_path / "run", tiny(batch_size=2, epochs=1, head="softmax"))
    images, labels, weights = run.frames("train").arrays([0, 1])
    model = run.load_model()
    before = model.evaluate(images, labels, sample_weight=weights, verbose=0)
    after = model.evaluate(images, np.where(weights == 0, 1, labels), sample_weight=weights, verbose=0)
    assert (weights == 0).any()
    assert after == before


def test_balanced_weights_are_larger_for_rarer_classes(begin):
    background, cytoplasm, nucleus = begin(class_weighting="balanced").config["class_weights"]
    assert background < min(cytoplasm, nucleus)
    assert np.mean([background, cytoplasm, nucleus]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "vnet"}, "Unknown model 'vnet'; choose one of: unet"),
        ({"head": "argmax"}, "Unknown head 'argmax'"),
        ({"optimizer": "magic"}, "Unknown optimizer 'magic'"),
        ({"augment": "mixup"}, "Unknown augment 'mixup'"),
        ({"batch_size": 100}, "batch size is 100 but there are only 10"),
        ({"epochs": 0}, "`epochs` must be above 0"),
        ({"learning_rate": -1.0}, "`learning_rate` must be above 0"),
        ({"depth": 6}, "smaller than the network's stride of 64"),
        ({"test_share": 1.0}, "`test_share`"),
        ({"dropout": 1.0}, "`dropout`"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(tmp_path, tiny, options, message):
    with pytest.raises(InputError, match=message):
        train(SPEC, tmp_path / "run", tiny(**options))
    assert not (tmp_path / "run").exists()


def test_another_configuration_in_the_same_folder_is_refused(trained, tiny):
    with pytest.raises(
        InputError, match=r"another learning rate \(0.003, not 0.1\); use another `out`, or `overwrite`"
    ):
        train(SPEC, trained["softmax"].path, tiny(head="softmax", learning_rate=0.1))


def test_other_data_in_the_same_folder_is_refused(trained, tiny):
    with pytest.raises(InputError, match="another dataset"):
        train("cells:21:32", trained["softmax"].path, tiny(head="softmax"))


def test_changed_data_are_noticed(begin, make_folder, tiny):
    root, options = make_folder(size=(32, 32)), {"batch_size": 2, "head": "softmax"}
    run = begin(spec=f"folder:{root}", **options)
    image = root / "images" / "cell 0.png"
    image.write_bytes((root / "images" / "cell 1.png").read_bytes())
    with pytest.raises(InputError, match="changed since"):
        train(f"folder:{root}", run.path, tiny(**options))


def test_damaged_image_is_told_before_anything_is_written(tmp_path, make_folder, tiny):
    root = make_folder(size=(32, 32))
    for path in (root / "images").iterdir():
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged or truncated"):
        train(f"folder:{root}", tmp_path / "run", tiny(batch_size=2))
    assert not (tmp_path / "run").exists()


def test_folder_of_something_else_is_not_overwritten(tmp_path, tiny):
    (tmp_path / "thesis.txt").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="is not empty and not a run"):
            train(SPEC, tmp_path, tiny(), overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.slow
def test_overwrite_starts_again(trained, copy_of, tiny):
    path = copy_of(trained["softmax"]).path
    run = train(SPEC, path, tiny(head="softmax", epochs=1, learning_rate=1e-2), overwrite=True)
    assert run.config["learning_rate"] == 1e-2
    assert len(read_history(path)) == 1


def test_run_of_a_newer_format_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="written by a newer tfapp .* update tfapp"):
        Run.open(tmp_path)


def test_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        Run.open(tmp_path)


def test_damaged_record_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"format": ')
    with pytest.raises(InputError, match="is damaged"):
        Run.open(tmp_path)


def test_unfinished_run_says_how_to_finish(tmp_path, trained):
    record = (trained["softmax"].path / "run.json").read_text()
    (tmp_path / "run.json").write_text(record)
    with pytest.raises(InputError, match="run the same `tfapp train` again"):
        Run.open(tmp_path).load_model()


@pytest.fixture(scope="module")
def recorded(train_once):
    """A run of three epochs whose weights were recorded after every second one."""
    return train_once("cells-recorded", **SMALLEST, trajectory=2)


def files(folder):
    return {file.name: file.read_bytes() for file in (folder / "trajectory").iterdir()}


@pytest.mark.slow
def test_weights_are_recorded_every_so_many_epochs_in_the_run(recorded):
    assert load_trajectory(recorded.path / "trajectory").epochs.tolist() == [0, 2, 3]
    assert "--trajectory 2" in recorded.record["command"]


@pytest.mark.slow
@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_run_leaves_the_trajectory_of_an_unbroken_one(
    recorded, tmp_path, tiny, monkeypatch, killed_in
):
    class Killed(keras.callbacks.Callback):
        def __init__(self, *arguments):
            super().__init__()

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == killed_in:
                raise KeyboardInterrupt

    config = tiny(**SMALLEST, trajectory=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tfapp.segmentation.training.ReportProgress", Killed)
        train(SPEC, tmp_path / "broken", config)
    train(SPEC, tmp_path / "broken", config)
    assert files(recorded.path) == files(tmp_path / "broken")


def test_without_the_option_no_trajectory_is_recorded(trained):
    assert not (trained["softmax"].path / "trajectory").exists()


def test_no_epochs_between_two_records_are_refused(tmp_path, tiny):
    with pytest.raises(InputError, match="`trajectory` must be at least 1; got 0"):
        train(SPEC, tmp_path / "run", tiny(trajectory=0))
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_runs_with_and_without_a_trajectory_were_trained_alike(begin, recorded):
    assert begin(**SMALLEST).settings == recorded.settings
