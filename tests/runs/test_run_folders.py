"""What runs of every kind have in common, on folders that were written by hand."""

import json

import pytest

from tests.runs.written_records import POSE, SEGMENTER
from tests.transfer.made_up_run import begun_run
from tfapp.cli.sources import open_run, page_writer
from tfapp.errors import InputError
from tfapp.pose.run import PoseRun
from tfapp.runs.record import keep_settings, other_settings
from tfapp.segmentation.run import Run
from tfapp.transfer.run import TransferRun

RECORDS = {Run: SEGMENTER, PoseRun: POSE}


def write(folder, record):
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("kind", RECORDS)
def test_run_of_any_kind_is_opened_as_its_class(tmp_path, kind):
    assert type(open_run(write(tmp_path / "run", RECORDS[kind]))) is kind


def test_transfer_run_is_opened_as_its_class(tmp_path):
    assert type(open_run(begun_run(tmp_path / "run").path)) is TransferRun


@pytest.mark.parametrize(("kind", "named"), [(Run, None), (PoseRun, "pose"), (TransferRun, "transfer")])
def test_new_record_names_its_kind_but_for_a_segmenter(tmp_path, kind, named):
    kind.create(tmp_path / "run", "tfapp train", config={"epochs": 1})
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record.get("kind") == named and record["config"] == {"epochs": 1}
    assert list(record)[-1] == "versions"


def test_new_run_takes_the_place_of_a_damaged_one(tmp_path):
    folder = write(tmp_path / "run", RECORDS[PoseRun])
    (folder / "run.json").write_text("{")
    (folder / "history.csv").touch()
    PoseRun.create(folder, "tfapp pose train")
    assert [file.name for file in folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_run_of_another_kind_is_never_resumed_nor_removed(tmp_path, overwrite):
    folder = write(tmp_path / "run", RECORDS[PoseRun])
    with pytest.raises(
        InputError, match="is a run of `tfapp pose train`; expected the `out` of `tfapp train`"
    ):
        Run.begun(folder, overwrite)
    with pytest.raises(InputError, match="is a run of `tfapp pose train`"):
        Run.create(folder, "tfapp train")


@pytest.mark.parametrize(
    ("kind", "command"),
    [(Run, "tfapp train"), (PoseRun, "tfapp pose train"), (TransferRun, "tfapp transfer train")],
)
def test_model_that_is_missing_or_damaged_is_one_sentence(tmp_path, kind, command):
    run = kind(tmp_path, {})
    with pytest.raises(InputError, match=f"its training has not ended; run the same `{command}` again"):
        run.load_model()
    (tmp_path / run.model_file).write_bytes(b"PK")
    with pytest.raises(
        InputError, match=f"{run.model_file} cannot be loaded .*; train again with `overwrite`"
    ):
        run.load_model()


def test_kind_without_a_landscape_says_so(tmp_path):
    with pytest.raises(InputError, match="holds a transfer network, of which no landscape can be drawn"):
        begun_run(tmp_path / "run").solution()


def test_kind_without_a_page_is_refused_as_no_run_of_a_segmenter(tmp_path):
    run = write(tmp_path / "run", RECORDS[PoseRun])
    with pytest.raises(
        InputError, match="is a run of `tfapp pose train`; expected the --out of `tfapp train`"
    ):
        page_writer(run)([run], tmp_path / "page.html")


def test_tuple_is_the_list_that_it_was_stored_as():
    assert other_settings({"size": (2, 3), "seed": 0}, {"size": [2, 3]}) == ["seed"]


def test_what_is_no_record_has_only_other_settings():
    assert other_settings({"size": 2, "seed": 0}, []) == ["size", "seed"]


@pytest.mark.slow
def test_folder_keeps_the_settings_that_it_was_begun_with(tmp_path):
    file = tmp_path / "job.json"
    keep_settings(file, {"size": (2, 3)}, "Other settings.")
    keep_settings(file, {"size": (2, 3)}, "Other settings.")
    with pytest.raises(InputError, match="Other settings."):
        keep_settings(file, {"size": (2, 4)}, "Other settings.")
    assert json.loads(file.read_text()) == {"size": [2, 3]}
