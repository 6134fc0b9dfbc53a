import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from tfapp.data import ClassificationSet, ImageArray, ImageFiles, batches
from tfapp.data.labelled import has_fingerprint
from tfapp.data.multi_label import one_class_each


def array_part(count=6, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 4, 5, 3), dtype=np.uint8)
    return ImageArray(images, np.arange(count, dtype=np.int32) % 3)


def dataset(train=None, names=("a", "b", "c")):
    return ClassificationSet("own", names, train or array_part(), array_part(3, seed=1))


def test_image_is_float_in_zero_to_one():
    part = array_part()
    image = part.read(2)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, part.images[2] / 255, atol=1e-7)


def test_mean_image_is_the_mean_of_all():
    part = array_part()
    expected = np.mean([part.read(index) for index in range(6)], axis=0)
    np.testing.assert_allclose(part.mean_image(), expected, atol=1e-6)


def test_selection_keeps_images_with_their_labels():
    part = array_part()
    chosen = part.select([4, 1])
    assert chosen.labels.tolist() == [1, 1] and len(chosen) == 2
    np.testing.assert_array_equal(chosen.images, part.images[[4, 1]])


def test_selection_of_files_keeps_their_labels(tmp_path):
    files = tuple(tmp_path / f"{index}.png" for index in range(4))
    chosen = ImageFiles(files, np.arange(4, dtype=np.int32)).select(np.array([3, 0]))
    assert [file.name for file in chosen.files] == ["3.png", "0.png"]
    assert chosen.labels.tolist() == [3, 0]


@pytest.fixture(params=["memory", "files"])
def labelled(request, tmp_path):
    """Four images of one colour each, wherever they are kept."""
    images = np.repeat(np.arange(4, dtype=np.uint8) * 50, 4 * 5 * 3).reshape(4, 4, 5, 3)
    labels = np.array([0, 1, 0, 1], np.int32)
    if request.param == "memory":
        return ImageArray(images, labels)
    files = tuple(tmp_path / str(label) / f"{index}.png" for index, label in enumerate(labels))
    for file, pixels in zip(files, images, strict=True):
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(file)
    return ImageFiles(files, labels)


def test_images_in_memory_and_in_files_are_read_alike(labelled):
    chosen = labelled.select(np.array([3, 0]))
    assert (len(labelled), len(chosen), len(chosen.contents)) == (4, 2, 2)
    assert chosen.labels.tolist() == [1, 0] and chosen.image_shape[-1] == 3
    np.testing.assert_allclose(chosen.read(0), np.full((4, 5, 3), 150 / 255), atol=1e-7)
    assert len({*labelled.image_names("train")}) == 4


def test_images_in_memory_and_in_files_come_in_the_same_batches(labelled):
    (images, labels), (more, _) = batches(labelled, 3, size=4)
    assert labels.numpy().tolist() == [0, 1, 0]
    np.testing.assert_allclose(images[2], np.full((4, 4, 3), 100 / 255), atol=1e-6)
    np.testing.assert_allclose(more[0], np.full((4, 4, 3), 150 / 255), atol=1e-6)


def test_counts_of_the_classes_are_those_of_both_parts():
    np.testing.assert_array_equal(
        dataset(names=("a", "b", "c", "d")).class_counts(), [[2, 2, 2, 0], [1, 1, 1, 0]]
    )


def test_fingerprint_depends_on_pixels_labels_and_names_and_not_on_the_place():
    before, part = dataset().fingerprint(), array_part()
    assert (
        before
        == ClassificationSet("elsewhere", ("a", "b", "c"), array_part(), array_part(3, 1)).fingerprint()
    )
    brighter = ImageArray(
        np.where(np.arange(6)[:, None, None, None] == 2, 0, part.images).astype(np.uint8), part.labels
    )
    relabelled = ImageArray(part.images, part.labels[::-1])
    others = [dataset(brighter), dataset(relabelled), dataset(names=("a", "b", "d"))]
    assert len({before, *(other.fingerprint() for other in others)}) == 4


def set_of_file(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    part = ImageFiles((path,), np.zeros(1, np.int32))
    return ClassificationSet("files", ("a", "b"), part, part)


def test_fingerprint_of_files_depends_on_names_and_bytes(tmp_path):
    file, other = tmp_path / "image.png", tmp_path / "other.png"
    found = [set_of_file(*one).fingerprint() for one in ((file, b"1"), (file, b"2"), (other, b"1"))]
    assert len({*found}) == 3
    assert set_of_file(file, b"1").fingerprint() == found[0]


def test_fingerprint_of_version_0_1_is_still_known(tmp_path):
    data = set_of_file(tmp_path / "cats" / "image.png", b"content")
    # Folder and name, size in bytes, and label, of both splits.
    stored = hashlib.sha256(b"a\nb" + 2 * b"cats/image.png 7 0\n").hexdigest()
    assert has_fingerprint(data, stored) and has_fingerprint(data, data.fingerprint())
    assert not has_fingerprint(set_of_file(tmp_path / "cats" / "image.png", b"contents"), stored)


def test_file_that_changed_in_place_has_another_fingerprint_than_was_stored(tmp_path):
    stored = set_of_file(tmp_path / "image.png", b"1").fingerprint()
    assert not has_fingerprint(set_of_file(tmp_path / "image.png", b"2"), stored)


def test_fingerprint_takes_names_in_any_encoding(tmp_path):
    file = tmp_path / os.fsdecode(b"b\xfcrste.png")
    data = set_of_file(file, b"1")
    assert data.fingerprint() == set_of_file(file, b"1").fingerprint()
    assert one_class_each(data).fingerprint() != one_class_each(set_of_file(file, b"2")).fingerprint()
