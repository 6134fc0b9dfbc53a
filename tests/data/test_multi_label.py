import hashlib
import os
import time
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from PIL import Image

from tfapp.data import MultiLabelImages, MultiLabelSet, open_classification, open_multi_label
from tfapp.data.multi_label import images_in_files
from tfapp.errors import InputError

TARGETS = np.array([[1, -1, 0], [-1, 1, 1], [1, 1, -1], [-1, -1, 1]], np.int8)
PIXELS = np.random.default_rng(0).random((4, 5, 6, 1), np.float32)
NAMES = ("a", "b", "c", "d")


def array_part(names=NAMES, targets=TARGETS, pixels=PIXELS):
    return MultiLabelImages(names, targets, pixels.__getitem__, pixels)


def multi_label_set(train=None, class_names=("x", "y", "z")):
    return MultiLabelSet("own", class_names, train or array_part(), array_part().select([0, 2]))


def test_grey_image_has_three_equal_channels():
    image = array_part().read(1)
    assert image.shape == (5, 6, 3) and image.dtype == np.float32
    np.testing.assert_array_equal(image, np.repeat(PIXELS[1], 3, -1))


def test_colour_image_stays_as_it_is():
    pixels = np.random.default_rng(1).random((1, 5, 6, 3), np.float32)
    np.testing.assert_array_equal(array_part(pixels=pixels).read(0), pixels[0])


def test_part_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        array_part().names = ()


@pytest.mark.parametrize("indices", [[3, 1], (3, 1), np.array([3, 1])])
def test_selection_keeps_images_with_their_names_and_targets(indices):
    chosen = array_part().select(indices)
    assert chosen.names == ("d", "b") and len(chosen) == 2
    np.testing.assert_array_equal(chosen.targets, TARGETS[[3, 1]])
    np.testing.assert_array_equal(chosen.read(1), array_part().read(1))


def test_selection_of_a_selection_reads_the_right_image():
    np.testing.assert_array_equal(array_part().select([3, 1, 0]).select([2, 1]).read(1), array_part().read(1))


def test_selection_has_the_fingerprint_of_a_part_of_these_images():
    selected, made = hashlib.sha256(), hashlib.sha256()
    array_part().select([2, 0]).update(selected)
    array_part(("c", "a"), TARGETS[[2, 0]], PIXELS[[2, 0]]).update(made)
    assert selected.hexdigest() == made.hexdigest()


def test_counts_are_by_part_and_target():
    np.testing.assert_array_equal(multi_label_set().class_counts(), [[2, 2, 2], [2, 1, 0]])
    np.testing.assert_array_equal(multi_label_set().class_counts(0), [[0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize(
    ("row", "one"), [([-1, -1, 1], True), ([-1, 1, 1], False), ([-1, -1, -1], False), ([0, -1, 1], False)]
)
def test_one_label_is_exactly_one_class_of_which_all_count(row, one):
    targets = np.array([[1, -1, -1], row], np.int8)
    part = array_part(NAMES[:2], targets, PIXELS[:2])
    assert MultiLabelSet("own", ("x", "y", "z"), part.select([0]), part).one_label is one


def test_fingerprint_depends_on_classes_names_targets_and_pixels_and_not_on_the_place():
    before = multi_label_set().fingerprint()
    assert before == MultiLabelSet("else", ("x", "y", "z"), *multi_label_set().splits).fingerprint()
    others = [
        multi_label_set(class_names=("x", "y", "w")),
        multi_label_set(array_part(names=("a", "b", "c", "e"))),
        multi_label_set(array_part(targets=-TARGETS)),
        multi_label_set(array_part(pixels=np.where(np.arange(6)[:, None] == 2, 0, PIXELS))),
    ]
    assert len({before, *(other.fingerprint() for other in others)}) == 5


def test_fingerprint_of_files_depends_on_names_and_bytes(tmp_path):
    def fingerprint(name, content):
        (tmp_path / name).write_bytes(content)
        part = images_in_files(["a"], [[1, -1]], [tmp_path / name])
        return MultiLabelSet("files", ("x", "y"), part, part).fingerprint()

    assert fingerprint("1.png", b"1") == fingerprint("1.png", b"1")
    assert len({fingerprint("1.png", b"1"), fingerprint("1.png", b"2"), fingerprint("2.png", b"1")}) == 3


def test_files_are_unchanged_since_a_moment_after_they_were_written(tmp_path):
    (tmp_path / "1.png").write_bytes(b"1")
    part, written = images_in_files(["a"], [[1, -1]], [tmp_path / "1.png"]), time.time()
    assert part.unchanged_since(written + 10) and not part.unchanged_since(written - 10)
    # An older time of writing, as archives set it, does not hide that the file came later.
    os.utime(tmp_path / "1.png", (0, 0))
    assert not part.unchanged_since(written - 10)
    assert array_part().unchanged_since(0)


def test_files_are_opened_when_they_are_wanted(tmp_path):
    Image.fromarray(np.full((4, 5), 51, np.uint8)).save(tmp_path / "0.png")
    (tmp_path / "1.png").write_bytes(b"spoilt")
    part = images_in_files(["0", "1"], [[1, -1], [-1, 1]], [tmp_path / "0.png", tmp_path / "1.png"])
    np.testing.assert_allclose(part.read(0), np.full((4, 5, 3), 0.2), atol=1e-7)
    with pytest.raises(InputError, match="1.png is empty or not an image"):
        part.read(1)


def test_images_with_one_label_show_that_class_and_no_other():
    data, labelled = open_multi_label("digits:40"), open_classification("digits:40")
    assert data.one_label and data.class_names == labelled.class_names and data.spec == labelled.spec
    for part, other in zip(data.splits, labelled.splits, strict=True):
        np.testing.assert_array_equal(part.targets, np.where(np.eye(10)[other.labels], 1, -1))
        np.testing.assert_array_equal(part.read(3), np.repeat(other.read(3), 3, -1))
    assert len({*data.train.names, *data.test.names}) == 40


def test_files_with_one_label_are_named_with_their_folder(tmp_path):
    for part in ("train", "val"):
        for number, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (4, 4), 51 * number).save(tmp_path / part / name / "1.png")
    data = open_multi_label(f"imagenet:{tmp_path}")
    assert data.train.names == ("cat/1.png", "dog/1.png")
    np.testing.assert_allclose(data.test.read(1), np.full((4, 4, 3), 0.2), atol=1e-7)
