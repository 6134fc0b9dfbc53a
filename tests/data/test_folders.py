"""Images in one folder for each class."""

import shutil

import pytest

from tests.data.test_imagenet import write_picture
from tfapp.data import open_classification, open_multi_label
from tfapp.errors import InputError


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(("dog", "cat")):
        for image in range(8 + number):
            write_picture(tmp_path / "own" / name / f"{image}.png", 20 * image)
    return tmp_path / "own"


def test_folders_are_the_classes_and_a_quarter_of_each_is_tested(root):
    data = open_classification(f"folders:{root}")
    assert data.class_names == ("cat", "dog")
    assert [sorted(split.labels.tolist()) for split in data.splits] == [[0] * 7 + [1] * 6, [0] * 2 + [1] * 2]


def test_same_images_are_tested_wherever_the_folder_lies(root, tmp_path):
    shutil.copytree(root, tmp_path / "elsewhere")
    names = [
        sorted(
            f"{file.parent.name}/{file.name}"
            for file in open_classification(f"folders:{place}").test.contents
        )
        for place in (root, tmp_path / "elsewhere")
    ]
    assert names[0] == names[1]


def test_folders_of_splits_say_which_images_are_tested(root, tmp_path):
    shutil.copytree(root, tmp_path / "split" / "train")
    shutil.copytree(root, tmp_path / "split" / "test")
    data = open_classification(f"folders:{tmp_path / 'split'}")
    assert [len(split.labels) for split in data.splits] == [17, 17]


def test_each_image_has_its_class_alone_where_several_are_expected(root):
    assert ((open_multi_label(f"folders:{root}").train.targets == 1).sum(1) == 1).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda root: shutil.rmtree(root / "cat"), r"has 1 folder\(s\); expected one folder of images"),
        (lambda root: [file.unlink() for file in (root / "cat").iterdir()], r"cat has 0 image\(s\)"),
    ],
)
def test_folder_without_classes_or_images_is_refused(root, change, sentence):
    change(root)
    with pytest.raises(InputError, match=sentence):
        open_classification(f"folders:{root}")
