import shutil

import numpy as np
import pytest
from PIL import Image

from tests.data.voc_tree import SEGMENTED, save_palette_mask, write_segmentation
from tfapp.data import Frames, Framing, open_dataset, split_items
from tfapp.errors import InputError

LISTS = "ImageSets/Segmentation"


@pytest.fixture
def root(tmp_path):
    return write_segmentation(tmp_path)


def test_lists_are_the_split_and_validation_is_a_share_of_the_training_images(root):
    dataset = open_dataset(f"voc2011:{root}")
    split = split_items(dataset, validation_share=0.34)
    assert split.test == tuple(SEGMENTED["val"]) and len(split.validation) == 1
    assert sorted(split.train + split.validation) == sorted(SEGMENTED["train"])


def test_list_that_is_named_for_validation_is_watched_though_it_is_tested(root):
    split = split_items(open_dataset(f"voc2011:{root}?validation=val"))
    assert split.validation == split.test == tuple(SEGMENTED["val"])
    assert len(split.train) == 3


def test_other_lists_can_be_named(root):
    (root / LISTS / "trainval.txt").write_text("2007_000032\n2007_000033\n")
    (root / LISTS / "own.txt").write_text("2007_000042\n")
    split = split_items(open_dataset(f"voc2011:{root}?train=trainval&test=own"), validation_share=0)
    assert sorted(split.train) == ["2007_000032", "2007_000033"] and split.test == ("2007_000042",)


@pytest.mark.parametrize("above", [0, 1, 2])
def test_folder_above_is_as_good(root, above):
    assert len(open_dataset(f"voc2011:{[root, *root.parents][above]}").items) == 5


def test_years_have_a_reader_each(tmp_path):
    write_segmentation(tmp_path, "VOC2012")
    assert len(open_dataset(f"voc2012:{tmp_path}").items) == 5
    with pytest.raises(InputError, match=r"has no ImageSets/Segmentation, nor has VOC2011 .*: .*VOC2012\."):
        open_dataset(f"voc2011:{tmp_path}")


def test_palette_indices_are_the_classes_and_borders_have_no_weight(root):
    dataset = open_dataset(f"voc2011:{root}")
    assert dataset.class_names[0] == "background" and dataset.class_names[15] == "person"
    assert dataset.num_classes == 21
    [item] = dataset.select(["2007_000039"])
    expected = np.zeros((16, 16), int)
    expected[2:-2, 2:-2], expected[3:-3, 3:-3] = 255, 9
    np.testing.assert_array_equal(item.read_mask(), expected)
    _, labels, weights = Frames(dataset, [item], Framing())[0]
    np.testing.assert_array_equal(weights, expected != 255)
    assert set(np.unique(labels)) == {0, 9}


def test_grey_copies_of_the_masks_are_as_good(root):
    before = [item.read_mask() for item in open_dataset(f"voc2011:{root}").items]
    for file in (root / "SegmentationClass").iterdir():
        with Image.open(file) as picture:
            numbers = np.asarray(picture)
        Image.fromarray(numbers).save(file)
    after = [item.read_mask() for item in open_dataset(f"voc2011:{root}").items]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train", None, "train.txt does not exist; restore it, or name a list that is in"),
        ("val", b"\n\n", "val.txt names no image"),
        ("val", b"2007_000033\n2007_000033\n", "names 2007_000033 twice, in lines 1 and 2"),
        ("val", b"2007_000033 1\n", "'2007_000033 1' in line 1; expected the name of one image"),
        (
            "val",
            b"2007_000033\n2007_999999\n",
            "Image .*2007_999999.jpg is missing, though line 2 of .*val.txt",
        ),
        ("val", b"2007_000032\n", "lists train and val of .* share images, the first is 2007_000032"),
        ("train", b"\xff\xfe\x00t", "train.txt is not text"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(root, name, content, message):
    file = root / LISTS / f"{name}.txt"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_dataset(f"voc2011:{root}")


def test_missing_mask_is_named_with_its_list(root):
    (root / "SegmentationClass" / "2007_000042.png").unlink()
    with pytest.raises(InputError, match=r"Mask .*2007_000042.png is missing, though line 2 of .*val.txt"):
        open_dataset(f"voc2011:{root}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: save_palette_mask(file, np.zeros((5, 6), np.uint8)), "6x5"),
        (lambda file: save_palette_mask(file, np.full((14, 20), 21, np.uint8)), "holds the value 21"),
        (lambda file: Image.new("RGB", (20, 14), (128, 0, 0)).save(file), "colour picture .mode RGB"),
        (lambda file: file.write_bytes(b"none"), "empty or not an image"),
    ],
    ids=["size", "number", "colours", "damaged"],
)
def test_mask_that_cannot_be_used_is_refused_when_it_is_read(root, change, message):
    change(root / "SegmentationClass" / "2007_000032.png")
    dataset = open_dataset(f"voc2011:{root}")
    with pytest.raises(InputError, match=message):
        Frames(dataset, dataset.items, Framing()).read_all()


def test_masks_of_real_images_have_the_documented_classes(real_data, tmp_path):
    source, root = real_data("voc_subset") / "VOC2011_labelme", tmp_path / "VOC2011"
    for folder in ("JPEGImages", "SegmentationClass"):
        shutil.copytree(source / folder, root / folder)
    (root / LISTS).mkdir(parents=True)
    (root / LISTS / "train.txt").write_text("2011_000003\n2011_000025\n")
    (root / LISTS / "val.txt").write_text("2011_000006\n")
    dataset = open_dataset(f"voc2011:{tmp_path}")
    found = {item.name: set(np.unique(item.read_mask())) for item in dataset.items}
    # The sample's documentation; a mask has the size of its image, which `read_all` compares.
    assert found == {
        "2011_000003": {0, 5, 15, 255},
        "2011_000025": {0, 6, 7},
        "2011_000006": {0, 9, 15, 18, 255},
    }
    counts = Frames(dataset, dataset.items, Framing(crop=(500, 500))).read_all().label_counts
    assert counts[:, 1:].any(0).nonzero()[0].tolist() == [4, 5, 6, 8, 14, 17]
