"""Files of a run's own data that changed after its training."""

import shutil
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_folder
from tfapp.data import open_dataset, split_items
from tfapp.data.copies import image_hashes, truth_hashes
from tfapp.segmentation.changed_data import changed_since_test, hash_of_tested, on_changed_files
from tfapp.segmentation.run import Run


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "own", count=8, size=(16, 16))


@pytest.fixture
def begun(root, tmp_path):
    """Return a function that gives a run as it is opened after its training, some entries of its record replaced."""
    dataset = open_dataset(f"folder:{root}")
    split = split_items(dataset, 0, 0.25, 0.25)
    record = {
        "spec": dataset.spec,
        "fingerprint": "f",
        "content": dataset.content_fingerprint(),
        "images": image_hashes(dataset.items),
        "truths": truth_hashes(dataset.items),
        "coding": dataset.coding,
        "class_names": list(dataset.class_names),
        "split": split.to_json(),
    }

    def run(**changes):
        kept = {name: value for name, value in (record | changes).items() if value is not None}
        return Run(tmp_path / "run", {"data": kept})

    return run


def flip(file):
    with Image.open(file) as picture:
        Image.fromarray(np.array(picture)[::-1]).save(file)


@contextmanager
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize(
    ("split", "words"), [("train", "training"), ("validation", "validation"), ("test", "test")]
)
def test_changed_files_of_a_split_are_counted_where_it_is_opened(root, begun, kind, split, words):
    run = begun()
    name = getattr(run.split, split)[1]
    flip(root / kind / f"{name}.png")
    sentence = rf"1 of the \d {words} image\(s\) of .*run changed since its training, .* the first is {name}:"
    with pytest.warns(UserWarning, match=sentence):
        run.items(split)


def test_changed_files_are_told_once(root, begun):
    run = begun()
    flip(root / "masks" / f"{run.split.test[0]}.png")
    with pytest.warns(UserWarning, match="changed since"):
        run.items("test")
    with no_warning():
        run.items("test")


def test_of_unchanged_files_and_of_those_of_another_split_nothing_is_said(root, begun):
    run = begun()
    flip(root / "masks" / f"{run.split.train[0]}.png")
    for file in root.rglob("*.png"):
        file.touch()
    with no_warning():
        run.items("test")


def test_files_that_came_later_are_no_change_of_a_split(root, begun):
    for kind in ("images", "masks"):
        shutil.copy(root / kind / "cell 0.png", root / kind / "later.png")
    with no_warning():
        begun().items("test")
        begun(truths=None).items("test")


def test_a_test_image_that_became_a_training_image_is_counted_as_one(root, begun):
    run = begun()
    for kind in ("images", "masks"):
        shutil.copy(root / kind / f"{run.split.train[0]}.png", root / kind / f"{run.split.test[0]}.png")
    with pytest.warns(UserWarning) as found:
        run.items("test")
    said = [str(one.message) for one in found]
    assert len(said) == 2 and "changed since its training" in said[0]
    assert "1 of the 2 test image(s) of" in said[1] and "was trained on" in said[1]


def test_of_a_record_without_hashes_of_masks_it_is_told_that_something_changed(root, begun):
    run = begun(truths=None)
    flip(root / "masks" / f"{run.split.test[0]}.png")
    with pytest.warns(
        UserWarning, match="its record does not tell whether masks of its test images are among"
    ):
        run.items("test")


def test_of_a_record_without_any_hashes_of_images_nothing_is_told(root, begun):
    run = begun(truths=None, images=None)
    flip(root / "masks" / f"{run.split.test[0]}.png")
    with no_warning():
        run.items("test")


def test_data_that_a_training_compared_are_not_compared_again(root, begun):
    run = begun()
    run.take_compared(open_dataset(f"folder:{root}"))
    flip(root / "masks" / f"{run.split.test[0]}.png")
    with no_warning():
        run.items("test")


def test_the_hash_of_a_test_is_that_of_a_copy_and_in_another_order(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    one, other = (open_dataset(f"folder:{folder}").items for folder in (root, copy))
    assert hash_of_tested(one) == hash_of_tested(other[::-1])


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_the_hash_of_a_test_tells_other_files_of_the_same_names(root, begun, kind):
    items = begun().items("test")
    before = hash_of_tested(items)
    flip(root / kind / f"{items[0].name}.png")
    assert on_changed_files([before, None, hash_of_tested(items)])


def test_the_hash_of_other_images_is_no_change_of_files(root):
    items = open_dataset(f"folder:{root}").items
    assert not on_changed_files([hash_of_tested(items[:2]), hash_of_tested(items[2:])])


def test_images_that_are_generated_have_no_hash_of_a_test():
    assert hash_of_tested(open_dataset("cells:4:32").items) is None


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_that_test_images_changed_since_they_were_tested_is_known(root, begun):
    run = begun()
    before = hash_of_tested(run.items("test"))
    assert not changed_since_test(run, before)
    flip(root / "masks" / f"{run.split.test[0]}.png")
    assert changed_since_test(run, before) and not changed_since_test(run, None)
