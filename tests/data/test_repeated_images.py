"""Images that are there more than once are told: in both splits, and with different labels."""

import os
import shutil
from dataclasses import replace

import pytest

from tests.data.test_imagenet import write_picture
from tfapp.data import open_classification, open_multi_label
from tfapp.data import repeated_images as module
from tfapp.data.image_facts import image_notices
from tfapp.data.repeated_images import repeated_notices


@pytest.fixture
def root(tmp_path):
    """Eight different images of each class."""
    for number, name in enumerate(("cat", "dog")):
        for image in range(8):
            write_picture(tmp_path / "own" / name / f"{image}.png", 10 * image + 100 * number)
    return tmp_path / "own"


def copy_into(root, source, target):
    shutil.copy(root / source, root / target)


def test_different_images_are_not_told(root):
    assert repeated_notices(open_classification(f"folders:{root}")) == []


def test_image_of_two_classes_is_told_with_both_files(root):
    copy_into(root, "cat/3.png", "dog/copy.png")
    notices = repeated_notices(open_multi_label(f"folders:{root}"))
    [notice] = [one for one in notices if "with different labels; one of them is wrong" in one]
    assert notice.startswith("1 image(s) of folders:") and "cat/3.png" in notice and "dog/copy.png" in notice


def test_image_of_both_splits_is_told(root):
    data = open_classification(f"folders:{root}")
    (trained, *_), (tested, *_) = (split.files for split in data.splits)
    shutil.copy(trained, tested)
    notices = repeated_notices(open_classification(f"folders:{root}"))
    assert "both for training and for testing; its test measures what was learned by heart" in notices[0]


def test_files_are_read_as_a_whole_only_where_sizes_and_ends_agree(root, monkeypatch):
    read = []
    monkeypatch.setattr(module, "content_hash", lambda file: read.append(file.name) or file.read_bytes())
    for name, content in (("a", b"x" * 9000), ("b", b"y" + b"x" * 8999), ("c", b"x" * 8999 + b"y")):
        (root / "cat" / f"{name}.png").write_bytes(content)
    repeated_notices(open_classification(f"folders:{root}"))
    assert {"a.png", "b.png"} <= set(read) and "c.png" not in read


def test_official_lists_are_not_looked_at(root):
    copy_into(root, "cat/3.png", "dog/copy.png")
    data = open_classification(f"folders:{root}")
    assert repeated_notices(replace(data, spec=f"imagenet:{root}")) == [] != repeated_notices(data)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_pipes_and_empty_files_are_not_waited_for(root):
    for name in ("cat", "dog"):
        os.mkfifo(root / name / "pipe.png")
        (root / name / "empty.png").touch()
    assert repeated_notices(open_classification(f"folders:{root}")) == []


def test_files_that_folders_of_classes_leave_out_are_told(root):
    copy_into(root, "cat/1.png", "beside.png")
    (root / "cat" / "within").mkdir()
    os.rename(root / "cat/1.png", root / "cat/within/1.png")
    (root / "dog" / "notes.txt").touch()
    told = " ".join(image_notices(open_classification(f"folders:{root}")))
    assert (
        "1 .txt" in told and "within/1.png" in told and "beside.png; what counts stands in the folder" in told
    )
