"""Decoded images that are kept on disk."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfapp.data import Frames, Framing, noisy_set, open_dataset
from tfapp.errors import InputError


@pytest.fixture
def dataset(make_folder):
    """Six images of 64x96 pixels."""
    return open_dataset(f"folder:{make_folder(size=(64, 96))}")


def unreadable(dataset):
    """Return the dataset with items that may not be decoded any more."""

    def fail():
        raise AssertionError("decoded a second time")

    return replace(
        dataset, items=tuple(replace(one, read_pixels=fail, read_labels=fail) for one in dataset.items)
    )


PATCHES = Framing(patch=16)


def frames_of(dataset, cache, framing=PATCHES, **options):
    return Frames(dataset, dataset.items, framing, cache=cache, **options)


def assert_alike(found, expected):
    assert len(found) == len(expected)
    for index in range(0, len(expected), 5):
        for one, other in zip(found[index], expected[index], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


@pytest.mark.parametrize("framing", [Framing(), Framing(patch=16), Framing(resize=(32, 48))])
def test_frames_are_those_that_are_decoded_and_none_is_decoded_again(dataset, tmp_path, framing):
    expected = Frames(dataset, dataset.items, framing)
    assert_alike(frames_of(dataset, tmp_path / "kept", framing), expected)
    assert_alike(frames_of(unreadable(dataset), tmp_path / "kept", framing), expected)


def test_pairs_of_images_are_kept_too(make_pairs, tmp_path):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    expected = Frames(dataset, dataset.items, Framing())
    for _ in range(2):
        assert_alike(frames_of(dataset, tmp_path / "kept", Framing()), expected)


def test_copy_of_a_dataset_elsewhere_is_not_decoded_again(dataset, tmp_path):
    frames_of(dataset, tmp_path / "kept").read_all()
    copied = shutil.copytree(dataset.items[0].files[0].parents[1], tmp_path / "elsewhere" / "own")
    copy = open_dataset(f"folder:{copied}")
    expected = Frames(dataset, dataset.items, PATCHES)
    assert_alike(frames_of(unreadable(copy), tmp_path / "kept"), expected)


def test_image_that_changed_is_decoded_anew(dataset, tmp_path):
    frames_of(dataset, tmp_path / "kept").read_all()
    first, second = (item.files[0] for item in dataset.items[:2])
    first.write_bytes(second.read_bytes())
    changed = open_dataset(dataset.spec)
    assert_alike(frames_of(changed, tmp_path / "kept"), Frames(changed, changed.items, PATCHES))


def test_masks_are_decoded_anew_for_other_classes(dataset, tmp_path):
    frames_of(dataset, tmp_path / "kept").read_all()
    folder = dataset.items[0].files[0].parents[1]
    (folder / "classes.txt").write_text("2 a\n1 b\n0 c\n")
    other = open_dataset(dataset.spec)
    assert_alike(frames_of(other, tmp_path / "kept"), Frames(other, other.items, PATCHES))


def test_file_that_is_cut_short_is_written_anew(dataset, tmp_path):
    frames_of(dataset, tmp_path / "kept").read_all()
    for file in (tmp_path / "kept").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    assert_alike(frames_of(dataset, tmp_path / "kept"), Frames(dataset, dataset.items, PATCHES))
    assert_alike(frames_of(unreadable(dataset), tmp_path / "kept"), Frames(dataset, dataset.items, PATCHES))


def zero(contents):
    return contents[:128] + bytes(len(contents) - 128)


def other_shape(contents):
    file = io.BytesIO()
    np.save(file, np.zeros((3, 5), np.uint8))
    return file.getvalue() + contents[-12:]


@pytest.mark.parametrize(
    "damage", [zero, other_shape, lambda contents: contents + b"more", lambda contents: b""]
)
def test_file_whose_bytes_are_others_is_written_anew(dataset, tmp_path, damage):
    frames_of(dataset, tmp_path / "kept").read_all()
    for file in (tmp_path / "kept").rglob("*.npy"):
        file.write_bytes(damage(file.read_bytes()))
    expected = Frames(dataset, dataset.items, PATCHES)
    assert_alike(frames_of(dataset, tmp_path / "kept"), expected)
    assert_alike(frames_of(unreadable(dataset), tmp_path / "kept"), expected)


def test_folder_of_the_images_is_refused(dataset):
    folder = dataset.items[0].files[0].parent
    with pytest.raises(InputError, match="images has files of the dataset; choose another `cache`."):
        frames_of(dataset, folder)


def test_noisy_images_are_made_and_not_kept(dataset, tmp_path):
    noisy = noisy_set([item.name for item in dataset.items], "gaussian=0.1", 1.0, 0)
    expected = Frames(dataset, dataset.items, Framing(), noisy_set=noisy)
    assert_alike(frames_of(dataset, tmp_path / "kept", Framing(), noisy_set=noisy), expected)
    assert not (tmp_path / "kept").exists()


def test_mask_of_a_published_layout_is_looked_at_once_by_each_process(dataset, tmp_path):
    """The palettes of such masks are compared as they are read; of those at hand none may be left out."""
    log = []

    def logged(item):
        return lambda: (log.append(item.name), item.read_labels())[1]

    items = tuple(replace(item, read_labels=logged(item)) for item in dataset.items)
    published = replace(dataset, items=items, mask_coding=None, ignore_value=None)
    for _ in range(2):
        log.clear()
        frames = frames_of(published, tmp_path / "kept", memory=1)
        frames.read_all()
        frames.arrays(range(len(frames)))
        assert sorted(log) == [item.name for item in dataset.items]


def test_images_that_are_all_on_disk_are_all_shuffled_together(dataset, tmp_path):
    without, kept = (frames_of(dataset, cache, memory=1) for cache in (None, tmp_path / "kept"))
    assert without.images_together(10**9) == 1 and kept.images_together(10**9) is None


def test_cache_that_is_a_file_is_refused(dataset, tmp_path):
    (tmp_path / "kept").write_text("")
    with pytest.raises(InputError, match="kept is a file; `cache` must name a folder."):
        frames_of(dataset, tmp_path / "kept")
