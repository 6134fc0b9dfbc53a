"""Pictures in tiled TIFFs with smaller copies, which a later call knows as its own."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfapp.data.own_images import find_images, found_notices
from tfapp.errors import InputError
from tfapp.models import build
from tfapp.segmentation import own_tiffs
from tfapp.segmentation.own_tiffs import is_own_tiff, own_tiff_rows
from tfapp.segmentation.pictures import palette
from tfapp.segmentation.prediction import check_places, predict, restore

SIZE = 1100, 1303


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 5, SIZE, dtype=np.uint8)


@pytest.fixture
def written(tmp_path, labels):
    path = tmp_path / "a.tif"
    with own_tiff_rows(path, SIZE, palette=palette(256)) as write:
        write(labels[:7])
        write(labels[7:])
    return path


def levels_of(path):
    with tifffile.TiffFile(path) as file:
        return [level.asarray() for level in file.series[0].levels]


def test_labels_are_what_pillow_reads_with_their_palette(written, labels):
    with Image.open(written) as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        np.testing.assert_array_equal(np.reshape(picture.getpalette(), (-1, 3)), palette(256))


def test_smaller_copies_of_labels_have_the_labels_in_the_middle(written, labels):
    levels = levels_of(written)
    expected = [labels, labels[1::2, 1::2][:550, :651], labels[2::4, 2::4][:275, :325]]
    assert len(levels) == 3
    for found, one in zip(levels, expected, strict=True):
        np.testing.assert_array_equal(found, one)


def test_smaller_copies_of_an_image_are_means(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (600, 700, 3), dtype=np.uint8)
    with own_tiff_rows(tmp_path / "a.tif", pixels.shape[:2], 3) as write:
        write(pixels)
    whole, half = levels_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, pixels)
    means = pixels.reshape(300, 2, 350, 2, 3).mean((1, 3))
    assert np.abs(half - means).max() <= 0.5


def test_file_is_known_as_own_until_a_byte_of_it_changes(written):
    assert is_own_tiff(written)
    contents = bytearray(written.read_bytes())
    contents[len(contents) // 2] ^= 1
    written.write_bytes(contents)
    assert not is_own_tiff(written)


def test_tiff_of_somebody_else_is_not_own(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 5), np.uint8))
    (tmp_path / "b.tif").write_bytes(b"no picture")
    assert not any(is_own_tiff(tmp_path / name) for name in ("a.tif", "b.tif"))


def test_picture_that_could_have_more_than_4_gb_is_a_big_tiff(tmp_path, monkeypatch, labels):
    monkeypatch.setattr(own_tiffs, "_MOST_CLASSIC", labels.size - 1)
    with own_tiff_rows(tmp_path / "a.tif", SIZE) as write:
        write(labels)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
    assert is_own_tiff(tmp_path / "a.tif")


def test_picture_of_which_rows_are_missing_does_not_appear(tmp_path):
    with pytest.raises(ValueError, match="`rows` must be 4 in all. Received: 3."):
        with own_tiff_rows(tmp_path / "a.tif", (4, 5)) as write:
            write(np.zeros((3, 5), np.uint8))
    assert not list(tmp_path.iterdir())


def pyramid(path):
    """Write a pyramid of two levels and return the pixels of the smaller one."""
    pixels = np.random.default_rng(0).integers(0, 256, (106, 134, 3), dtype=np.uint8)
    options = {"photometric": "rgb", "tile": (32, 32), "metadata": None}
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, subifds=1, **options)
        file.write(pixels[::2, ::2], subfiletype=1, **options)
    return pixels[::2, ::2]


@pytest.mark.parametrize("name", ["photo.tif", "photo.svs"])
@pytest.mark.parametrize("tile", ["off", 32])
def test_labels_of_a_level_as_tiff_are_those_of_its_pixels(network, tmp_path, tile, name):
    smaller = pyramid(tmp_path / name) if name == "photo.tif" else slide(tmp_path / name)
    Image.fromarray(smaller).save(tmp_path / "alone.png")
    names, options = ["a", "b", "c"], {"tile": tile}
    images = find_images([tmp_path / name], level=1)
    predict(network, images, tmp_path / "out", names, 3, form="tiff", **options)
    predict(network, [tmp_path / "alone.png"], tmp_path / "out", names, 3, **options)
    found, expected = (np.asarray(Image.open(tmp_path / "out" / one)) for one in ("photo.tif", "alone.png"))
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found, expected)
    check_places([tmp_path / name], images, tmp_path / "out", form="tiff")


@pytest.mark.parametrize("name", ["photo.tif", "photo.svs"])
def test_level_that_was_labelled_is_told(tmp_path, name):
    height, width, _ = (pyramid if name == "photo.tif" else slide)(tmp_path / name).shape
    [told] = found_notices([tmp_path / name], find_images([tmp_path / name], level=1))
    assert told.startswith(f"{tmp_path / name}: level 1 of ") and f": {width}x{height}, 1/2 of " in told


def slide(path):
    """Write a tiled TIFF that OpenSlide reads, of two levels, and return the pixels of the smaller one."""
    pixels = np.random.default_rng(0).integers(0, 256, (106, 134, 3), dtype=np.uint8)
    options = {"photometric": "rgb", "tile": (32, 32), "metadata": None}
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, **options)
        file.write(pixels[::2, ::2], subfiletype=1, **options)
    return pixels[::2, ::2]


@pytest.mark.parametrize("tile", ["off", 32])
def test_restored_image_as_tiff_is_that_of_the_png(tmp_path, tile):
    restorer = build("unet", 3, 3, base_width=2, depth=1, head="sigmoid")
    pyramid(tmp_path / "photo.tif")
    for form in ("png", "tiff"):
        restore(restorer, [tmp_path / "photo.tif"], tmp_path / "out", 3, tile=tile, form=form)
    found = [np.asarray(Image.open(tmp_path / "out" / f"photo{suffix}")) for suffix in (".png", ".tif")]
    np.testing.assert_array_equal(*found)


def test_tiff_over_the_image_itself_is_refused(tmp_path):
    pyramid(tmp_path / "photo.tif")
    images = find_images([tmp_path / "photo.tif"])
    with pytest.raises(InputError, match="photo.tif"):
        check_places([tmp_path / "photo.tif"], images, tmp_path, form="tiff")
