import os
import re
from collections import Counter

import numpy as np
import pytest

from tests.data.voc_tree import TEST, TRAINVAL, annotation, write_class_lists, write_list, write_voc
from tfapp.data import open_multi_label
from tfapp.data.readers.voc import CLASS_NAMES, annotated_targets, voc2007, voc_part
from tfapp.errors import InputError


@pytest.fixture
def root(tmp_path):
    return write_voc(tmp_path)


def counts(part, target):
    return {
        name: int(count)
        for name, count in zip(CLASS_NAMES, (part.targets == target).sum(0), strict=True)
        if count
    }


def test_miniature_has_the_official_counts(root):
    data = voc2007(root, "voc2007:mini")
    assert (len(data.train), len(data.test)) == (5, 3)
    assert counts(data.train, 1) == {"bicycle": 1, "car": 1, "chair": 1, "horse": 1, "person": 2}
    assert counts(data.train, 0) == {"car": 1, "person": 1}
    assert counts(data.test, 1) == {"chair": 1, "dog": 1, "person": 1, "train": 1}
    assert counts(data.test, 0) == {"sofa": 1}


def test_class_lists_and_annotations_give_the_same_targets(root, tmp_path):
    listed = voc2007(root, "lists")
    annotated = voc2007(write_voc(tmp_path / "xml", class_lists=False), "annotations")
    for part, other in zip(listed.splits, annotated.splits, strict=True):
        assert part.names == other.names
        np.testing.assert_array_equal(part.targets, other.targets)


def test_class_lists_in_another_order_belong_to_the_same_images(root):
    before = voc_part(root, "test").targets
    write_class_lists(root, "test", dict(reversed(TEST.items())))
    np.testing.assert_array_equal(voc_part(root, "test").targets, before)


def test_images_are_those_of_the_names(root):
    part = voc_part(root, "trainval")
    assert part.names == tuple(TRAINVAL)
    assert [part.read(index).shape for index in range(5)] == [(8 + int(name), 12, 3) for name in TRAINVAL]


def test_classes_are_in_the_order_of_voc():
    assert len(CLASS_NAMES) == 20 and list(CLASS_NAMES) == sorted(CLASS_NAMES)
    assert CLASS_NAMES[0] == "aeroplane" and CLASS_NAMES[14] == "person" and CLASS_NAMES[19] == "tvmonitor"


@pytest.mark.parametrize("above", [0, 1, 2])
def test_folder_above_is_as_good(root, above):
    path = [root, *root.parents][above]
    write_voc(root.parents[1] / "other", year="VOC2012")
    assert voc2007(path, "").train.names == tuple(TRAINVAL)


def test_other_years_below_are_named(tmp_path):
    for year in ("VOC2010", "VOC2012"):
        write_voc(tmp_path, year=year)
    with pytest.raises(
        InputError, match=r"nor has VOC2007 in it .*name one of these: .*VOC2010, .*VOC2012\."
    ):
        voc2007(tmp_path, "")


def test_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no ImageSets/Main.* JPEGImages and Annotations\."):
        voc2007(tmp_path, "")


def test_missing_lists_are_replaced_by_train_and_val(root):
    (root / "ImageSets" / "Main" / "test.txt").unlink()
    write_list(root, "train", ["000005", "000012"])
    write_list(root, "val", ["000007"])
    data = voc2007(root, "")
    assert (data.train.names, data.test.names) == (("000005", "000012"), ("000007",))


def test_list_that_is_not_there_is_named(root):
    with pytest.raises(
        InputError, match="own.txt does not exist; restore it, or name a list that is in .*Main"
    ):
        voc2007(root, "", train="own")
    (root / "ImageSets" / "Main" / "test.txt").unlink()
    with pytest.raises(InputError, match="Main has no test.txt or val.txt; restore it, or name other lists"):
        voc2007(root, "")


@pytest.mark.parametrize(("train", "test", "shared"), [("test", "test", 3), ("trainval", "own", 2)])
def test_lists_with_common_images_are_refused(root, train, test, shared):
    write_list(root, "own", ["000001", "000007", "000016"])
    with pytest.raises(
        InputError, match=rf"{train} and {test} of .* share {shared} image\(s\), the first is"
    ):
        voc2007(root, "", train=train, test=test)


def test_class_list_of_one_class_that_is_missing_is_named(root):
    (root / "ImageSets" / "Main" / "cow_test.txt").unlink()
    with pytest.raises(InputError, match="cow_test.txt does not exist; restore it"):
        voc2007(root, "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("000002", "has '000002' in line 2; expected an image and 1, 0 or -1"),
        ("000002 2", "has '000002 2' in line 2; expected an image and 1, 0 or -1"),
        ("000002 yes", "expected an image and 1, 0 or -1"),
        ("000002 1 1", "expected an image and 1, 0 or -1"),
        ("000004 -1", "names 000004 in line 2, but the list of the images does not name it"),
        ("000001 -1", "names 000001 in line 2, but names it twice"),
        ("", "does not name 000002, which the list of the images names"),
    ],
)
def test_malformed_class_list_is_named_with_its_line(root, line, message):
    (root / "ImageSets" / "Main" / "dog_test.txt").write_text(f"000001  1\n{line}\n000003 -1\n")
    with pytest.raises(InputError, match=f"dog_test.txt .*{message}"):
        voc2007(root, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"000001\n000002 1\n", "test.txt has '000002 1' in line 2; expected the name of one image"),
        (b"../000001\n", "expected the name of one image"),
        (b"000001\n\n000001\n", "test.txt names 000001 twice, in lines 1 and 3"),
        (b"\n", "test.txt names no image"),
        (b"\xff\xd8\xff", "test.txt is not text"),
    ],
)
def test_malformed_list_of_images_is_named_with_its_line(root, content, message):
    (root / "ImageSets" / "Main" / "test.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        voc2007(root, "")


def test_missing_image_is_named_with_the_line_of_its_list(root):
    (root / "JPEGImages" / "000002.jpg").unlink()
    with pytest.raises(InputError, match="000002.jpg is missing, though line 2 of .*test.txt names it"):
        voc2007(root, "")


def test_damaged_image_is_refused_when_it_is_read_and_not_before(root):
    (root / "JPEGImages" / "000002.jpg").write_bytes(b"spoilt")
    part = voc2007(root, "").test
    assert part.read(0).shape == (9, 12, 3)
    with pytest.raises(InputError, match="000002.jpg is empty or not an image"):
        part.read(1)


def objects_by_pattern(file):
    """Return the name and the difficulty of each object, by searching the text of the file."""
    for text in re.findall(r"<object>(.*?)</object>", file.read_text(), re.DOTALL):
        yield re.search(r"<name>\s*(\w+)", text)[1], "<difficult>1</difficult>" in text


def test_real_subset_has_the_counts_of_its_annotations(real_data):
    root = real_data("voc_subset") / "VOCdevkit" / "VOC2012"
    part, objects = voc_part(root, "subset100"), {}
    for name in part.names:
        objects[name] = list(objects_by_pattern(root / "Annotations" / f"{name}.xml"))
    # The numbers of the documentation of the subset: 273 objects, of which 91 person, 38 difficult.
    listed = [pair for pairs in objects.values() for pair in pairs]
    assert (len(part), len(listed), sum(difficult for _, difficult in listed)) == (100, 273, 38)
    assert sum(name == "person" for name, _ in listed) == 91
    clear = Counter(name for pairs in objects.values() for name in {name for name, hard in pairs if not hard})
    shown = Counter(name for pairs in objects.values() for name in {name for name, _ in pairs})
    assert counts(part, 1) == clear and len(clear) == 20
    assert counts(part, 0) == shown - clear


def test_real_images_of_2007_are_read_from_the_folder_above(real_data):
    data = voc2007(real_data("voc_subset"), "")
    # By eye in the six annotations: dog with person, train; car, person with dog, train, bus with cars.
    assert data.train.names == ("000001", "000002") and len(data.test) == 4
    assert counts(data.train, 1) == {"dog": 1, "person": 1, "train": 1}
    assert set(counts(data.train, 1)) | set(counts(data.test, 1)) == {"dog", "person", "train", "car", "bus"}
    assert data.test.read(0).shape[-1] == 3


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "000001.xml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def test_class_counts_if_one_of_its_objects_is_not_difficult(write):
    objects = [("person", 1), ("person", 0), ("dog", 1), ("dog", 1), ("car", 0), ("car", 1)]
    targets = dict(zip(CLASS_NAMES, annotated_targets(write(annotation(objects))).tolist(), strict=True))
    assert (targets.pop("person"), targets.pop("dog"), targets.pop("car")) == (1, 0, 1)
    assert set(targets.values()) == {-1}


def test_image_without_objects_shows_nothing(write):
    np.testing.assert_array_equal(annotated_targets(write("<annotation/>")), np.full(20, -1))


@pytest.mark.parametrize("difficult", ["", "<difficult/>", "<difficult> 0\n</difficult>"])
def test_object_without_a_word_on_difficulty_is_not_difficult(write, difficult):
    file = write(f"<annotation><object><name> cow\n</name>{difficult}</object></annotation>")
    assert annotated_targets(file)[CLASS_NAMES.index("cow")] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            annotation([("dog", 0), ("unicorn", 0)]),
            "Object 2 of .*000001.xml is of the class 'unicorn'; .*aeroplane",
        ),
        ("<annotation><object/></annotation>", "Object 1 of .*000001.xml has no name"),
        (annotation([("dog", 2)]), "Object 1 of .*000001.xml has difficult = '2'; expected 0 or 1"),
        ("<annotation>\n<object>", "000001.xml is damaged .*line 2"),
        ("", r"000001.xml is damaged \(no element found"),
        (b"\xff\xd8\xff", "000001.xml is damaged"),
        ('<?xml version="1.0" encoding="none"?><annotation/>', "000001.xml is damaged"),
        ("<html/>", "000001.xml holds <html>; expected an <annotation>"),
    ],
)
def test_bad_annotation_is_named(write, text, message):
    with pytest.raises(InputError, match=message):
        annotated_targets(write(text))


def test_missing_annotation_is_named(tmp_path):
    with pytest.raises(
        InputError, match="000001.xml does not exist, and its list of images has no class lists"
    ):
        annotated_targets(tmp_path / "000001.xml")


def test_pipe_is_no_list_and_no_annotation(tmp_path):
    root = write_voc(tmp_path, class_lists=False)
    for name, expected in (
        ("Annotations/000001.xml", "an annotation"),
        ("ImageSets/Main/test.txt", "a list of images"),
    ):
        (root / name).unlink()
        os.mkfifo(root / name)
        with pytest.raises(InputError, match=f"is a named pipe; expected {expected}"):
            voc_part(root, "test")


def test_of_one_list_without_those_for_testing_a_quarter_is_tested(tmp_path):
    root = write_voc(tmp_path)
    for file in (root / "ImageSets" / "Main").glob("*test.txt"):
        file.unlink()
    data = open_multi_label(f"voc2007:{tmp_path}?train=trainval")
    assert (len(data.train), len(data.test)) == (4, 1)
    assert sorted((*data.train.names, *data.test.names)) == sorted(TRAINVAL)
