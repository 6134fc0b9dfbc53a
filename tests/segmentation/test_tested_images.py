import shutil
import warnings

import pytest

from tests.conftest import write_folder
from tfapp.data import open_dataset, split_items
from tfapp.data.copies import image_hashes
from tfapp.segmentation.run import Run
from tfapp.segmentation.tested_images import images_to_test, own_test_images_remark


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "own", count=6, size=(16, 16))


@pytest.fixture
def run_on(tmp_path):
    """Return a function of a folder to a run whose record says that it was trained on it."""

    def run(root, seed=0, **changes):
        dataset = open_dataset(f"folder:{root}")
        split = split_items(dataset, seed, 0.34, 0.0)
        record = {
            "spec": dataset.spec,
            "fingerprint": "f",
            "content": dataset.content_fingerprint(),
            "images": image_hashes(dataset.items),
            "coding": dataset.coding,
            "class_names": list(dataset.class_names),
            "split": split.to_json(),
        }
        kept = {name: value for name, value in (record | changes).items() if value is not None}
        return Run(tmp_path / f"run {seed}", {"data": kept})

    return run


def names(items):
    return tuple(item.name for item in items)


def test_of_its_own_data_in_another_place_a_run_is_tested_on_its_test_images(root, run_on, tmp_path):
    run, moved = run_on(root), open_dataset(f"folder:{shutil.copytree(root, tmp_path / 'moved')}")
    assert names(images_to_test(run, moved)) == run.split.test and len(run.split.test) == 2
    assert "of its 6 images the 2 test image(s) of that run are taken" in own_test_images_remark([run], moved)


def test_models_beside_a_run_are_tested_on_the_same_images_of_its_data(root, run_on, make_folder):
    run, dataset = run_on(root), open_dataset(f"folder:{root}")
    assert names(images_to_test(None, dataset, [run])) == run.split.test
    other = run_on(make_folder(count=4, size=(16, 8)), seed=1)
    assert names(images_to_test(other, dataset, [other, run])) == run.split.test


@pytest.mark.parametrize("kept", [{}, {"images": None}], ids=["new run", "run without hashes"])
def test_training_images_among_others_are_counted_in_a_warning(root, run_on, make_folder, kept):
    run, more = run_on(root, **kept), make_folder(name="more", count=8, size=(16, 8))
    for name in (run.split.train[0], run.split.train[2], run.split.test[0]):
        for kind in ("images", "masks"):
            shutil.copyfile(root / kind / f"{name}.png", more / kind / f"{name}.png")
    with pytest.warns(UserWarning, match=r"2 of the 8 test image\(s\) of .*more are images that .*run 0 was"):
        found = images_to_test(run, open_dataset(f"folder:{more}"))
    assert len(found) == 8


def test_other_data_are_tested_whole_without_a_word(root, run_on, make_folder):
    run, other = run_on(root), open_dataset(f"folder:{make_folder(count=4, size=(16, 8))}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(images_to_test(run, other)) == 4 and own_test_images_remark([run], other) is None


def test_data_that_are_gone_are_no_obstacle_to_a_run_without_hashes(root, run_on, make_folder, tmp_path):
    moved = shutil.copytree(root, tmp_path / "gone")
    run = run_on(moved, images=None)
    shutil.rmtree(moved)
    assert len(images_to_test(run, open_dataset(f"folder:{make_folder(count=4, size=(16, 8))}"))) == 4
