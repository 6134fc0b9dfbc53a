"""What is known of an exported folder without its model."""

import json
import shutil

import pytest

from tfapp.export import ExportError, describe
from tfapp.export.kinds import KINDS, kind_of


@pytest.fixture
def edited(exported, tmp_path):
    """Function that returns a copy of the exported segmenter with another manifest."""

    def edit(change):
        folder = tmp_path / "1"
        shutil.copytree(exported.folder, folder)
        manifest = json.loads(json.dumps(exported.manifest))
        change(manifest)
        (folder / "assets.extra" / "export.json").write_text(json.dumps(manifest))
        return folder

    return edit


def test_segmenter_says_so(exported):
    assert exported.manifest["kind"] == "segmenter"
    assert describe(exported.folder)["summary"] == [
        "Images: RGB, float32 in [0, 1] or uint8.",
        "Labels: 0 background, 1 cell, 2 nucleus",
    ]


def test_folder_from_before_there_were_kinds_holds_a_segmenter(edited, exported):
    def as_format_1(manifest):
        del manifest["kind"]
        manifest["format"] = 1

    assert describe(edited(as_format_1))["summary"] == describe(exported.folder)["summary"]


def test_kind_of_a_newer_version_is_refused(edited):
    with pytest.raises(ExportError, match="by a newer tfapp, as a 'classifier'; update tfapp"):
        describe(edited(lambda manifest: manifest.update(kind="classifier")))


def test_every_kind_is_found_by_its_name():
    assert all(kind_of({"kind": name}) is kind for name, kind in KINDS.items())
