import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset, split_items
from tfapp.errors import InputError

IMAGES = {"SUNRGBD-train_images": (1, 2, 3, 5285), "SUNRGBD-test_images": (1, 5050)}


def write(path, pixels):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def label_of(number):
    """Labels 0 to 37 in rows, shifted by the file's number so that no two files agree."""
    return np.roll(np.arange(40 * 16) % 38, number).reshape(40, 16).astype(np.uint8)


@pytest.fixture
def root(tmp_path):
    for folder, numbers in IMAGES.items():
        for number in numbers:
            write(tmp_path / folder / f"img-{number:06d}.jpg", np.full((40, 16, 3), 90, np.uint8))
    for number in (1, 5050, 5051, 5052, 5053, 10335):
        write(tmp_path / "sunrgbd_train_test_labels" / f"img-{number:06d}.png", label_of(number))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("test/img-000001", 1),
        ("test/img-005050", 5050),
        ("train/img-000001", 5051),
        ("train/img-005285", 10335),
    ],
)
def test_labels_are_numbered_from_the_test_images_to_the_training_images(root, name, number):
    item = open_dataset(f"sunrgbd:{root}").select([name])[0]
    assert item.files[1].name == f"img-{number:06d}.png"
    labelled = label_of(number) > 0
    np.testing.assert_array_equal(item.read_mask()[labelled], label_of(number)[labelled] - 1.0)


def test_label_zero_is_ignored(root):
    dataset = open_dataset(f"sunrgbd:{root}")
    mask = dataset.items[0].read_mask()
    np.testing.assert_array_equal(mask == dataset.ignore_value, label_of(5051) == 0)


def test_classes_are_those_of_the_toolbox_in_its_order():
    from tfapp.data.readers.sunrgbd import CLASS_NAMES

    # Positions in seg37list of the SUN RGB-D toolbox, counted from 1.
    expected = {
        1: "wall",
        9: "window",
        10: "bookshelf",
        20: "floor_mat",
        24: "fridge",
        32: "night_stand",
        37: "bag",
    }
    assert {place: CLASS_NAMES[place - 1] for place in expected} == expected
    assert len(set(CLASS_NAMES)) == 37


def test_test_folder_is_the_test_part_and_validation_comes_from_training(root):
    split = split_items(open_dataset(f"sunrgbd:{root}"), validation_share=0.25)
    assert split.test == ("test/img-000001", "test/img-005050")
    assert len(split.validation) == 1
    assert sorted(split.train + split.validation) == [f"train/img-{n:06d}" for n in (1, 2, 3, 5285)]


def test_image_without_label_is_named(root):
    (root / "sunrgbd_train_test_labels" / "img-005053.png").unlink()
    with pytest.raises(InputError, match=r"img-000003.jpg has no label; expected .*img-005053.png"):
        open_dataset(f"sunrgbd:{root}")


@pytest.mark.parametrize("name", ["img-005286.jpg", "img-000000.jpg", "img-7.jpg"])
def test_images_numbered_otherwise_are_refused(root, name):
    write(root / "SUNRGBD-train_images" / name, np.zeros((40, 16, 3), np.uint8))
    with pytest.raises(InputError, match=f"{name} is not numbered as the published images are"):
        open_dataset(f"sunrgbd:{root}")


def test_folder_without_test_images_is_refused(root):
    for image in (root / "SUNRGBD-test_images").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"No SUN RGB-D images in .*SUNRGBD-test_images"):
        open_dataset(f"sunrgbd:{root}")


def test_label_above_the_last_class_is_refused(root):
    write(root / "sunrgbd_train_test_labels" / "img-005051.png", np.full((40, 16), 38, np.uint8))
    with pytest.raises(InputError, match="holds the value 38; expected 0 .* to 37"):
        open_dataset(f"sunrgbd:{root}").items[0].read_mask()
