"""`tfapp pose train`."""

import json

import pytest

from tests.landscape.tensorboard_events import summaries
from tests.pose.own_scenes import write_own_scenes
from tests.pose.pose_commands import TINY, check_refused, files_of, tfapp
from tfapp.runs.callbacks import RunRecorder
from tfapp.runs.checkpoints import read_history


def test_command_writes_a_run_and_says_how_to_go_on(bolt_run, bolt_scenes):
    assert files_of(bolt_run) == [
        "checkpoints/epoch-00001.keras",
        "checkpoints/epoch-00002.keras",
        "history.csv",
        "model.keras",
        "run.json",
    ]
    again = tfapp("pose", "train", bolt_scenes, "--out", bolt_run, *TINY)
    assert again.exit_code == 0 and "trained already" in again.output
    assert f"next: tfapp pose evaluate {bolt_run}\n" in again.output


def test_run_is_found_again_from_another_folder(bolt_run, bolt_scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(bolt_scenes.parent)
    result = tfapp("pose", "train", bolt_scenes.name, "--out", bolt_run, *TINY)
    assert result.exit_code == 0, result.output
    assert json.loads((bolt_run / "run.json").read_text())["data"]["path"] == str(bolt_scenes.resolve())


@pytest.mark.slow
def test_killed_command_goes_on_with_run_and_tensorboard(bolt_scenes, tmp_path, monkeypatch):
    command = (
        "pose",
        "train",
        bolt_scenes,
        "--out",
        tmp_path / "run",
        "--tensorboard",
        tmp_path / "log",
        *TINY,
        "--hypotheses",
        1,
    )
    on_epoch_begin = RunRecorder.on_epoch_begin

    def kill(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        on_epoch_begin(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_epoch_begin", kill)
        killed = tfapp(*command)
    assert killed.exit_code == 130 and "the same command resumes where it stood" in killed.output
    assert not (tmp_path / "run" / "model.keras").exists()
    finished = tfapp(*command)
    assert finished.exit_code == 0, finished.output
    assert [row["epoch"] for row in read_history(tmp_path / "run")] == [1, 2]
    found = summaries(tmp_path / "log")
    assert list(found["pose/loss"]) == [1, 2] and list(found["pose/model"]) == [2]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--instances 0", "--instances must be at least 1; got 0"),
        ("--instances 3", "has 2 parts in every scene, not --instances 3; leave it out"),
        ("--observed 5000", "points of parts, too few for 5000; take fewer points"),
        ("--foreground parts", "Unknown foreground 'parts'; choose one of mask, plane, all"),
        ("--points 4", "--points must be at least 5; got 4"),
        ("--hypotheses 0", "--hypotheses must be at least 1; got 0"),
        ("--size 8", "--size must be at least 16; got 8"),
        ("--backbone vgg", "'vgg'; choose one of: "),
        ("--translation near", "'near'; choose one of: "),
        ("--visibility all", "Unknown --visibility 'all'; choose one of: "),
        ("--combination max", "Unknown --combination 'max'; choose one of: "),
        ("--exponent 11", "--exponent must be a number from 0 to 10; got 11"),
        ("--rotation euler", "Unknown --rotation 'euler'; choose one of: quaternion, ortho6d, axis-angle"),
        ("--network-input mask", "Unknown --network-input 'mask'; choose one of: points, depth"),
        ("--no-base-poses --translation centroid", "leave it out without --base-poses"),
        ("--rho 0", "--rho must be a positive number; got 0"),
        ("--rho 1 --side 0.1", "--side and --rho are the same length"),
        ("--gamma-end 10", "--gamma-end is for --combination softmin"),
        ("--training-scenes 5000", "scenes to learn from, fewer than --training-scenes 5000"),
        ("--training-scenes 0", "--training-scenes must be at least 1; got 0"),
        ("--seed -1", "--seed must be a number from 0 to 4,294,967,295; got -1"),
        ("--side inf", "--side must be a number from 0 to 1,000; got inf"),
        ("--held-out 0.99", "leaves none to train on"),
        ("--tensorboard {tmp}/file", "file is a file; --tensorboard must name a folder"),
        ("--out {tmp}/file", "file is a file; --out must name a folder"),
    ],
)
def test_bad_option_is_one_sentence_and_nothing_is_written(bolt_scenes, tmp_path, options, sentence):
    (tmp_path / "file").touch()
    options = options.format(tmp=tmp_path).split()
    check_refused(tfapp("pose", "train", bolt_scenes, "--out", tmp_path / "run", *TINY, *options), sentence)
    assert files_of(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("", "does not say how many parts each scene has; give --instances N"),
        ("--instances 1 --foreground mask", "has no folder mask/; choose the foreground plane or all"),
    ],
)
def test_own_scenes_lack_what_nobody_said(tmp_path, options, sentence):
    own = write_own_scenes(tmp_path / "own")
    check_refused(tfapp("pose", "train", own, "--out", tmp_path / "run", *TINY, *options.split()), sentence)
    assert not (tmp_path / "run").exists()


def test_folder_that_does_not_exist_is_one_sentence(tmp_path):
    result = tfapp("pose", "train", tmp_path / "none", "--out", tmp_path / "run", *TINY)
    check_refused(result, "none does not exist; expected a folder of scenes")


def test_run_of_a_segmenter_is_not_trained_on(bolt_scenes, tmp_path):
    (tmp_path / "run.json").write_text('{"format": 1, "config": {}}')
    for overwrite in ((), ("--overwrite",)):
        result = tfapp("pose", "train", bolt_scenes, "--out", tmp_path, *TINY, *overwrite)
        check_refused(result, "is a run of `tfapp train`; expected the --out of `tfapp pose train`")
    assert files_of(tmp_path) == ["run.json"]
