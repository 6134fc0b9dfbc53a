"""Archives in the place of folders and images: written by Python's own modules, or with the published first bytes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.data.images import read_image
from tfapp.data.own_images import find_images
from tfapp.errors import InputError
from tfapp.landscape.directions.trajectory import open_or_none
from tfapp.packed import is_packed
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.mesh_files import read_mesh
from tfapp.runs.record import read_run_record

FORMS = ("zip", "tar", "gztar", "bztar", "xztar")


def packed(tmp_path, form="zip"):
    """Return an archive of a folder with an image."""
    (tmp_path / "data").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "data" / "a.png")
    return Path(shutil.make_archive(str(tmp_path / "packed"), form, tmp_path / "data"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["plain", "a.png", None])
def test_archives_are_known_by_their_first_bytes_whatever_their_names(tmp_path, form, name):
    file = packed(tmp_path, form)
    assert is_packed(file.rename(tmp_path / name) if name else file)


@pytest.mark.parametrize(
    "head", [b"7z\xbc\xaf\x27\x1c\x00\x04", b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"]
)
def test_archives_that_python_does_not_write_are_known_by_their_published_first_bytes(tmp_path, head):
    (tmp_path / "a").write_bytes(head + bytes(300))
    assert is_packed(tmp_path / "a")


@pytest.mark.parametrize("name", ["a.zip", "A.TAR", "a.tar.gz", "a.7z", "a.rar", "a.tgz"])
def test_file_of_unknown_bytes_is_an_archive_by_its_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"cut short")
    assert is_packed(tmp_path / name)


def test_no_other_files_are_archives(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3))
    np.save(tmp_path / "a.npy", np.arange(300))
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    packed(tmp_path).rename(tmp_path / "model.keras")
    (tmp_path / "folder.zip").mkdir()
    names = ("a.npz", "a.npy", "a.png", "model.keras", "folder.zip", "not there.zip")
    assert not any(is_packed(tmp_path / name) for name in names)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "opens",
    [
        lambda file: open_dataset(f"folder:{file}"),
        lambda file: open_dataset(str(file)),
        lambda file: find_images([file]),
        lambda file: read_image(file),
        lambda file: SceneFolder(file),
        lambda file: read_mesh(file),
        lambda file: read_run_record(file, "segmentation", 9),
        lambda file: open_or_none(file, None),
    ],
    ids=["folder", "dataset", "images", "image", "scenes", "mesh", "run", "trajectory"],
)
def test_archive_for_something_else_is_refused_with_what_to_do(tmp_path, form, opens):
    with pytest.raises(InputError, match="packed.* is an archive; unpack it and give the "):
        opens(packed(tmp_path, form))


def test_archive_by_the_name_of_an_image_is_refused_as_one(tmp_path):
    file = packed(tmp_path).rename(tmp_path / "a.png")
    with pytest.raises(InputError, match="a.png is an archive; unpack it and give the image, or the folder"):
        read_image(file)


@pytest.mark.parametrize("spec", ["folder", "wbc", "camvid"])
def test_archive_that_nobody_unpacked_is_told_where_a_dataset_folder_lacks_something(tmp_path, spec):
    packed(tmp_path).rename(tmp_path / "data" / "images.zip")
    with pytest.raises(InputError, match=r"images\.zip is an archive: unpack it there\.$"):
        open_dataset(f"{spec}:{tmp_path / 'data'}")


@pytest.mark.parametrize("archive", ["images.zip", "images.tar.gz", "my.images.zip"])
def test_archive_that_was_unpacked_is_not_told(tmp_path, archive):
    packed(tmp_path).rename(tmp_path / "data" / archive)
    for name in ("images", "my.images"):
        (tmp_path / "data" / name).mkdir()
    with pytest.raises(InputError) as caught:
        open_dataset(f"folder:{tmp_path / 'data'}")
    assert "unpack it there" not in str(caught.value)
