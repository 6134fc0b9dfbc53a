import numpy as np
import pytest
from PIL import Image

from tfapp.data import Frames, choose_framing, open_dataset, split_items
from tfapp.errors import InputError

SIZE = (36, 40)
FIELD = np.hypot(*(np.indices(SIZE) - np.array([[[18]], [[20]]]))) < 16
VESSELS = (np.indices(SIZE)[1] % 7 == 0) & FIELD


def write_gif(path, pixels, palette=None):
    """Write True as white: a grey GIF, or one whose palette numbers the colours of `palette`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if palette is None:
        Image.fromarray(np.where(pixels, 255, 0).astype(np.uint8)).save(path)
        return
    indexed = Image.fromarray(
        np.where(pixels, palette.index(255), palette.index(0)).astype(np.uint8), mode="P"
    )
    indexed.putpalette([level for value in palette for level in (value, value, value)])
    indexed.save(path)


def write_part(root, part, numbers, palette=None):
    folder, rng = root / part, np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for number in numbers:
        picture = Image.fromarray(rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
        picture.save(folder / "images" / f"{number:02d}_{part}.tif")
        write_gif(folder / "1st_manual" / f"{number:02d}_manual1.gif", VESSELS, palette)
        write_gif(folder / "mask" / f"{number:02d}_{part}_mask.gif", FIELD, palette)


@pytest.fixture
def root(tmp_path):
    write_part(tmp_path, "training", (21, 22, 23, 24))
    write_part(tmp_path, "test", (1, 2))
    return tmp_path


def test_folders_are_the_split(root):
    split = split_items(open_dataset(f"drive:{root}"), test_share=0.9, validation_share=0.25)
    assert sorted(split.train + split.validation) == [f"{number}_training" for number in (21, 22, 23, 24)]
    assert len(split.validation) == 1
    assert split.test == ("01_test", "02_test")


def test_images_are_the_colours_of_the_tiff(root):
    item = open_dataset(f"drive:{root}").items[0]
    expected = np.asarray(Image.open(root / "training" / "images" / "21_training.tif"))
    np.testing.assert_allclose(item.read_image(), expected / 255, atol=1e-6)
    assert item.size == SIZE


def test_vessels_are_class_one_and_outside_the_field_of_view_is_void(root):
    dataset = open_dataset(f"drive:{root}")
    assert dataset.class_names == ("background", "vessel")
    for item in dataset.items:
        np.testing.assert_array_equal(item.read_mask(), np.where(FIELD, VESSELS, 255))


def test_void_has_no_weight(root):
    dataset = open_dataset(f"drive:{root}")
    _, _, weights = Frames(dataset, dataset.items, choose_framing(dataset, 4))[0]
    np.testing.assert_array_equal(weights, FIELD)


# Black and white numbered 0 and 1, the other way round, and as two colours among others.
@pytest.mark.parametrize("palette", [(0, 255), (255, 0), (128, 0, 7, 255)])
def test_palette_of_a_gif_does_not_matter(tmp_path, palette):
    write_part(tmp_path, "training", (21,), palette)
    mask = open_dataset(f"drive:{tmp_path}").items[0].read_mask()
    np.testing.assert_array_equal(mask, np.where(FIELD, VESSELS, 255))


def test_without_test_folder_the_training_images_are_split(tmp_path):
    write_part(tmp_path, "training", (21, 22, 23, 24))
    split = split_items(open_dataset(f"drive:{tmp_path}"), test_share=0.25)
    assert len(split.test) == 1 and len(split.train + split.validation) == 3


def test_hidden_test_annotations_get_a_sentence_of_their_own(root):
    for file in (root / "test" / "1st_manual").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"01_test.tif has no annotation .* move the folder test away"):
        open_dataset(f"drive:{root}")


@pytest.mark.parametrize(
    ("file", "what"),
    [("1st_manual/22_manual1.gif", "annotation"), ("mask/22_training_mask.gif", "field-of-view mask")],
)
def test_missing_file_is_named(root, file, what):
    (root / "training" / file).unlink()
    with pytest.raises(InputError, match=f"22_training.tif has no {what}; expected .*{file}"):
        open_dataset(f"drive:{root}")


def test_field_of_view_of_another_size_is_refused(root):
    write_gif(root / "training" / "mask" / "21_training_mask.gif", FIELD[:-1])
    with pytest.raises(
        InputError, match="21_manual1.gif is 40x36 pixels but its field-of-view mask is 40x35"
    ):
        open_dataset(f"drive:{root}").items[0].read_mask()


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="No DRIVE images in .*training/images; expected NN_training.tif"):
        open_dataset(f"drive:{tmp_path}")
