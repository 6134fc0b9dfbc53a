import os

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.data.image_facts import remarks_on
from tfapp.errors import InputError


def opened(root):
    return open_dataset(f"folder:{root}")


def save_mask(root, pixels, name="cell 0"):
    Image.fromarray(pixels.astype(np.uint8)).save(root / "masks" / f"{name}.png")


def test_classes_are_inferred_from_values_without_gaps(make_folder):
    dataset = opened(make_folder())
    assert dataset.class_names == ("class 0", "class 1", "class 2")
    assert dataset.ignore_value == 255
    assert dataset.items[0].size == (32, 48)


def test_black_and_white_masks_are_background_and_foreground(make_folder):
    dataset = opened(make_folder(values=(0, 255)))
    assert dataset.class_names == ("background", "foreground")
    assert dataset.ignore_value is None
    assert set(np.unique(dataset.items[0].read_mask())) == {0, 1}


def test_value_255_beside_classes_means_no_label(make_folder):
    root = make_folder()
    mask = np.array(Image.open(root / "masks" / "cell 0.png"))
    mask[0] = 255
    save_mask(root, mask)
    assert (opened(root).items[0].read_mask()[0] == 255).all()


def test_classes_file_names_the_classes_in_order(make_folder):
    assert opened(make_folder(classes=["plasma", "body", "core"])).class_names == ("plasma", "body", "core")


def test_classes_file_with_values_maps_any_coding(make_folder):
    dataset = opened(make_folder(values=(0, 128, 255), classes=["0 background", "128 body", "255 core"]))
    assert dataset.class_names == ("background", "body", "core")
    assert set(np.unique(dataset.items[0].read_mask())) == {0, 1, 2}


def test_class_called_ignore_has_no_label(make_folder):
    dataset = opened(make_folder(values=(0, 7, 9), classes=["0 background", "7 body", "9 ignore"]))
    assert dataset.class_names == ("background", "body")
    assert set(np.unique(dataset.items[0].read_mask())) == {0, 1, 255}


def test_image_and_mask_may_have_different_suffixes(make_folder):
    root = make_folder()
    path = root / "images" / "cell 0.png"
    Image.open(path).save(path.with_suffix(".JPG"), format="JPEG")
    path.unlink()
    assert len(opened(root).items) == 6


def test_image_without_mask_is_named(make_folder):
    root = make_folder()
    (root / "masks" / "cell 3.png").unlink()
    with pytest.raises(InputError, match="cell 3.png has no mask"):
        opened(root)


def test_mask_with_a_longer_name_than_its_image_is_named(make_folder):
    root = make_folder()
    (root / "masks" / "cell 3.png").rename(root / "masks" / "cell 3_mask.png")
    with pytest.raises(
        InputError, match="expected masks/cell 3.png .*, not cell 3_mask.png: give masks the names"
    ):
        opened(root)


def test_mask_of_another_size_is_named(make_folder):
    root = make_folder()
    save_mask(root, np.zeros((10, 20)))
    with pytest.raises(InputError, match="cell 0.png is 48x32 pixels but its mask cell 0.png is 20x10"):
        opened(root)


def test_values_with_gaps_ask_for_a_classes_file(make_folder):
    with pytest.raises(InputError, match="hold the values 0, 128, 255; .* write classes.txt"):
        opened(make_folder(values=(0, 128, 255)))


def test_value_outside_the_listed_classes_is_named_when_the_folder_is_opened(make_folder):
    root = make_folder(classes=["plasma", "body"])
    with pytest.raises(InputError, match="cell 0.png holds the value 2, outside the classes"):
        opened(root)


@pytest.mark.parametrize("missing", ["images", "masks"])
def test_missing_subfolder_is_named(make_folder, missing):
    root = make_folder()
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(InputError, match=f"{missing} does not exist"):
        opened(root)


def test_empty_images_folder_is_named(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="has no images"):
        opened(tmp_path)


def test_two_images_of_one_name_are_refused(make_folder):
    root = make_folder()
    Image.new("RGB", (48, 32)).save(root / "images" / "cell 0.bmp")
    with pytest.raises(InputError, match="have the same name"):
        opened(root)


def test_classes_file_in_another_encoding_is_refused(make_folder):
    root = make_folder()
    (root / "classes.txt").write_bytes("Hintergrund\nZellkörper\nKern\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        opened(root)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["only"], "classes.txt lists"),
        (["a", "a"], "classes.txt has the class name 'a' in line 1 and again in line 2"),
        (["0 a", "0 b"], "classes.txt has the value 0 in line 1 and again in line 2"),
    ],
)
def test_bad_classes_file_is_refused(make_folder, lines, sentence):
    with pytest.raises(InputError, match=sentence):
        opened(make_folder(classes=lines))


def test_mask_without_an_image_and_images_in_folders_within_are_told(make_folder):
    root = make_folder()
    (root / "images/more").mkdir()
    Image.new("RGB", (4, 4)).save(root / "images/more/a.png")
    Image.new("L", (4, 4), 77).save(root / "masks/alone.png")
    dataset = opened(root)
    assert len(dataset.items) == 6
    alone, nested = remarks_on(dataset)
    assert alone.text.startswith("1 file(s)") and "no image of their name: alone.png" in alone.text
    assert nested.text.startswith("1 file(s) in 1 folder(s)") and "more/a.png" in nested.text
    assert alone.doubt and nested.doubt


def test_classes_file_that_is_none_is_not_taken_for_missing(make_folder):
    root = make_folder()
    os.mkfifo(root / "classes.txt")
    with pytest.raises(InputError, match="classes.txt is a named pipe"):
        opened(root)


def test_folder_read_by_several_threads_is_the_same(make_folder, monkeypatch):
    root = make_folder(count=12)
    alone = open_dataset(f"folder:{root}")
    monkeypatch.setattr("tfapp.data.read_ahead._WORTH_SECONDS", 0)
    monkeypatch.setattr("tfapp.data.read_ahead.os.cpu_count", lambda: 4)
    together = open_dataset(f"folder:{root}")
    assert together.fingerprint() == alone.fingerprint()
    for one, other in zip(together.items, alone.items, strict=True):
        assert (one.name, one.size, one.bits) == (other.name, other.size, other.bits)
        np.testing.assert_array_equal(one.read_mask(), other.read_mask())


def test_bits_of_images_are_known_from_their_headers(make_folder):
    root = make_folder(count=3)
    Image.fromarray(np.zeros((32, 48), np.uint16)).save(root / "images" / "cell 1.png")
    assert [item.bits for item in open_dataset(f"folder:{root}").items] == [8, 16, 8]
