import dataclasses
import shutil

import pytest

from tfapp.data import Split, open_dataset
from tfapp.data.copies import copies_sentences, image_hashes


@pytest.fixture
def hashes(make_folder):
    """Hashes of six images of which `cell 4` is a copy of `cell 0`, with a mask of its own."""
    root = make_folder()
    shutil.copyfile(root / "images" / "cell 0.png", root / "images" / "cell 4.png")
    return image_hashes(open_dataset(f"folder:{root}").items)


def split(train, validation, test):
    return Split(*(tuple(f"cell {number}" for number in part) for part in (train, validation, test)))


def test_copies_have_one_hash_and_other_images_another(hashes):
    assert hashes["cell 0"] == hashes["cell 4"] and len(set(hashes.values())) == 5


def test_test_image_that_is_a_copy_of_a_training_image_is_said_with_both(hashes):
    (sentence,) = copies_sentences(split([0, 1], [2], [3, 4, 5]), hashes)
    assert sentence.startswith("1 of 3 test image(s) are copies of training images")
    assert "cell 4 = cell 0." in sentence


def test_validation_image_that_is_a_copy_of_a_training_image_is_said(hashes):
    (sentence,) = copies_sentences(split([0, 1], [4], [2, 3]), hashes)
    assert sentence.startswith("1 of 1 validation image(s) are copies of training images")


@pytest.mark.parametrize("parts", [([0, 4, 1], [2], [3]), ([1], [2], [0, 4])])
def test_copies_on_one_side_of_the_split_are_not_said(hashes, parts):
    assert copies_sentences(split(*parts), hashes) == []


def test_several_images_of_one_file_are_no_copies(make_folder):
    item = open_dataset(f"folder:{make_folder()}").items[0]
    found = image_hashes([item, dataclasses.replace(item, name="second page")])
    assert len(set(found.values())) == 2


def test_generated_images_have_no_hash():
    assert image_hashes(open_dataset("cells:3:32").items) == {}
