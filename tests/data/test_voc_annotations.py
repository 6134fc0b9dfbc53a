import numpy as np
import pytest

from tests.data.voc_tree import annotation
from tfapp.data.readers.voc import CLASS_NAMES, annotated_targets
from tfapp.errors import InputError


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
        ("<annotation><object/></annotation>", "Object 1 of .*000001.xml is of the class ''"),
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
