"""`run.json` and `history.csv` that are damaged or foreign: the file, the entry, what was expected and what came."""

import copy
import json
import os

import pytest

from tests.runs.written_records import POSE, SEGMENTER, TRANSFER
from tfapp.cli.sources import open_run
from tfapp.errors import InputError
from tfapp.pose.run import PoseRun
from tfapp.runs.checkpoints import Checkpoints, LastModel, read_history, write_history
from tfapp.runs.record import run_kind
from tfapp.segmentation.run import Run
from tfapp.transfer.run import TransferRun

KINDS = {"segmentation": (Run, SEGMENTER), "pose": (PoseRun, POSE), "transfer": (TransferRun, TRANSFER)}


def written(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def changed(record, place, value):
    record = copy.deepcopy(record)
    *way, last = place.split(".")
    inner = record
    for name in way:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return record


@pytest.mark.parametrize("kind", KINDS)
def test_record_with_no_more_than_it_must_have_is_opened(tmp_path, kind):
    run_class, record = KINDS[kind]
    assert type(open_run(written(tmp_path / "run", record))) is run_class


INFINITE, DEEP = float("inf"), json.loads("[" * 70 + "]" * 70)
DAMAGED = [
    ("segmentation", "format", INFINITE, '"format" is inf, expected a whole number of at least 1'),
    ("segmentation", "format", ..., '"format" is missing'),
    ("segmentation", "format", "1", "\"format\" is '1', expected a whole number"),
    ("segmentation", "kind", ["pose"], "\"kind\" is .'pose'., expected a text"),
    ("segmentation", "config", ..., '"config" is missing'),
    ("segmentation", "config", 3, '"config" is 3, expected entries'),
    ("segmentation", "config", DEEP, "it is nested too deeply"),
    ("segmentation", "data", ..., '"data" is missing'),
    ("segmentation", "data.split", ..., '"data.split" is missing'),
    ("segmentation", "data.split.test", "0002", "\"data.split.test\" is '0002', expected a list"),
    ("segmentation", "data.split.test", [2], '"data.split.test.0." is 2, expected a text'),
    ("segmentation", "data.class_names", 7, '"data.class_names" is 7, expected a list'),
    ("segmentation", "data.channels", 4, '"data.channels" is 4, expected one of 1, 3'),
    ("segmentation", "config.resize", 0, '"config.resize" is 0, expected a list of 2 or null'),
    ("segmentation", "config.resize", [0, 0], "`resize` must be two sides from 1 to 16,384 pixels; got 0x0"),
    ("segmentation", "config.patch", -4, "`patch` must be from 1"),
    ("segmentation", "config.seed", -1, "`seed` must be from 0"),
    ("segmentation", "config.depth", 10**400, '"config.depth" is 1000'),
    ("segmentation", "config.tv_weight", INFINITE, '"config.tv_weight" is inf, expected a finite number'),
    ("segmentation", "config.class_weights", [1.0], "it has 1 class weights for 3 classes"),
    ("segmentation", "config.head", None, '"config.head" is None, expected a text'),
    ("pose", "camera.width", INFINITE, '"camera.width" is inf, expected a whole number'),
    ("pose", "instances", "2", "\"instances\" is '2', expected a whole number of at least 1"),
    ("pose", "data.parts", {"training": [2]}, "it has the number of a scene that is none of its 2"),
    ("pose", "data.foreground", "red", "\"data.foreground\" is 'red', expected one of mask, plane, all"),
    ("pose", "frame.centre", [0, 0], '"frame.centre" is .0, 0., expected a list of 3'),
    ("pose", "config.learning_rate", 0, "`learning_rate` must be a positive number; got 0"),
    ("transfer", "data", ..., '"data" is missing'),
    ("transfer", "created", "yesterday", "\"created\" is 'yesterday', expected a date and time"),
    ("transfer", "backbone", ..., '"backbone" is missing'),
    ("transfer", "config.degrade", "blur", "\"config.degrade\" is 'blur', expected a list"),
    ("transfer", "config.other", 1, '"config.other" is 1, expected no entry of this name'),
    ("transfer", "config.clusters", 1, "`clusters` must be at least 2; got 1"),
]


@pytest.mark.parametrize(
    ("kind", "place", "value", "found"), DAMAGED, ids=[f"{d[0]} {d[1]}" for d in DAMAGED]
)
def test_damage_is_named_with_the_file_and_the_way_out(tmp_path, kind, place, value, found):
    folder = written(tmp_path / "run", changed(KINDS[kind][1], place, value))
    with pytest.raises(
        InputError, match=f"run.json is damaged.*{found}.*; restore it, or train again with `overwrite`"
    ):
        KINDS[kind][0].open(folder)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"kind": ' * 5000, "\ufeff", "[]", "7", '{"kind": ["pose"]}']
)
def test_no_command_stumbles_over_what_is_no_record(tmp_path, content):
    folder = written(tmp_path / "run", content)
    assert run_kind(folder) in (None, "segmentation")
    with pytest.raises(InputError, match="run.json is damaged"):
        open_run(folder)


def test_record_of_a_newer_format_is_told_before_what_it_holds(tmp_path):
    with pytest.raises(InputError, match="run format 99, this version reads up to"):
        Run.open(written(tmp_path / "run", {"format": 99, "config": "elsewhere"}))


def test_foreign_kind_is_named(tmp_path):
    with pytest.raises(InputError, match="is a run of `tracking`; expected the `out` of `tfapp train`"):
        open_run(written(tmp_path / "run", SEGMENTER | {"kind": "tracking"}))


def test_record_with_a_byte_order_mark_is_opened(tmp_path):
    folder = written(tmp_path / "run", SEGMENTER)
    (folder / "run.json").write_text(json.dumps(SEGMENTER), encoding="utf-8-sig")
    assert open_run(folder).channels == 3


@pytest.mark.parametrize("unit", ["epoch", "iteration"])
def test_history_counts_in_whole_numbers_however_they_were_written(tmp_path, unit):
    (tmp_path / "history.csv").write_text(f"{unit},loss\n1.0,2.0\n2.0,1\n")
    rows = read_history(tmp_path)
    assert [type(row[unit]) for row in rows] == [int, int] and rows[1] == {unit: 2, "loss": 1}
    write_history(tmp_path, rows)
    assert (tmp_path / "history.csv").read_text().splitlines() == [f"{unit},loss", "1,2.0", "2,1"]


def test_training_resumes_with_whole_epochs(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss\n1.0,2.0\n2.0,1.5\n")
    assert LastModel(tmp_path).done() == 2
    assert Checkpoints(tmp_path).resume() == (None, 0, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("loss,accuracy\n2.0,0.5\n", "its first line is 'loss,accuracy', expected epoch or iteration"),
        ("", "its first line is '', expected"),
        ("epoch,loss,loss\n1,2,3\n", "its first line is 'epoch,loss,loss'"),
        ("epoch,loss\n1,2.0\n1,1.0\n", "epoch 1 follows 1, expected rising whole numbers"),
        ("epoch,loss\n1.5,2.0\n", "epoch 1.5 follows 0"),
        ("epoch,loss\n-1,2.0\n", "epoch -1.0 follows 0"),
        ("epoch,loss\ninf,2.0\n", "epoch inf follows 0"),
        ("epoch,loss\nnan,2.0\n", "epoch nan follows 0"),
    ],
)
def test_history_that_does_not_count_is_told(tmp_path, text, found):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=f"history.csv is damaged .{found}"):
        read_history(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"epoch,loss\n\xb2,2.0\n", "epoch,loss\n²,2.0\n".encode(), b"epoch,loss\n1\n", b"epoch,loss\n\x00,1\n"],
)
def test_history_of_no_numbers_is_one_sentence(tmp_path, content):
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(InputError, match="history.csv is damaged"):
        read_history(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_history_that_is_no_file_is_not_taken_for_none(tmp_path, make):
    make(tmp_path / "history.csv")
    with pytest.raises(InputError, match="history.csv is damaged"):
        read_history(tmp_path)


def test_trained_run_without_its_centroids_is_told(tmp_path):
    run = TransferRun(tmp_path, copy.deepcopy(TRANSFER))
    with pytest.raises(
        InputError, match="clusters.npz is missing; run the same `tfapp transfer train` again"
    ):
        run.found_centroids()


@pytest.mark.parametrize(
    ("kept", "name"), [(Checkpoints, "checkpoints/epoch-00001.keras"), (LastModel, "last.keras")]
)
def test_checkpoint_that_is_damaged_is_told_when_a_training_resumes(tmp_path, kept, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for content in (b"", b"PK", b"no model"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=".keras cannot be loaded .*; train again with `overwrite`"):
            kept(tmp_path).resume()


def test_checkpoint_that_is_a_link_to_nothing_is_told(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "epoch-00001.keras").symlink_to("nowhere")
    with pytest.raises(InputError, match="epoch-00001.keras does not exist|cannot be loaded"):
        Checkpoints(tmp_path).resume()
