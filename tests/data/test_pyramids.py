"""Which pictures of a TIFF are levels of a pyramid: copies of its first page, and no labels or thumbnails."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence, TiffImagePlugin
from scipy.ndimage import convolve1d

from tfapp.data.levels import at_level, levels_sentences
from tfapp.data.same_picture import Comparison
from tfapp.data.stacks import pages_of
from tfapp.data.tiff_page import TiffPage
from tfapp.data.tiff_windows import LEAST_PIXELS, TiffWindows
from tfapp.data.windows import open_windows, read_whole, size_of
from tfapp.errors import InputError


def scene(height, width, seed=0, noise=20):
    """Return a picture of coloured squares with noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    classes = np.zeros((height, width), int)
    for _ in range(height * width // 800):
        row, column, side = rng.integers(0, height - 8), rng.integers(0, width - 8), rng.integers(6, 20)
        classes[row : row + side, column : column + side] = rng.integers(0, 3)
    colours = np.array([[40, 60, 80], [200, 80, 60], [60, 200, 90]])[classes]
    return np.clip(colours + rng.normal(0, noise, colours.shape), 0, 255).astype(np.uint8)


SLIDE = scene(400, 400)
HALF, QUARTER, THUMBNAIL = (
    SLIDE[::2, ::2],
    SLIDE[::4, ::4],
    np.array(Image.fromarray(SLIDE).resize((120, 120))),
)
LABEL, MACRO = scene(150, 150, seed=9), scene(90, 300, seed=8)


def write(path, *pages, **options):
    """Write pages, pairs of pixels and NewSubfileType, or of three with a description."""
    with tifffile.TiffWriter(path) as file:
        for pixels, kind, *description in pages:
            said = {"description": description[0]} if description else {}
            file.write(pixels, photometric="rgb", subfiletype=kind, metadata=None, **said, **options)
    return path


def levels_of(path):
    """Return the pixels of all levels, as `read_whole` has them, until one is refused."""
    found = []
    while True:
        try:
            found.append(read_whole(at_level(path, len(found))[0]))
        except InputError as error:
            assert f"has no `level` {len(found)}; it has 0" in str(error)
            return found


def check_levels(path, *expected):
    found = levels_of(path)
    assert [one.shape for one in found] == [one.shape for one in expected]
    for one, pixels in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, pixels / np.float32(255))


def test_square_label_marked_as_a_copy_is_no_level(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 0), (HALF, 1), (QUARTER, 1), (LABEL, 1))
    check_levels(path, SLIDE, HALF, QUARTER)


def test_file_of_aperio_named_tif_has_neither_thumbnail_nor_label_nor_macro_as_levels(tmp_path):
    pages = [(SLIDE, 0), (THUMBNAIL, 0), (HALF, 0), (QUARTER, 0), (LABEL, 1), (MACRO, 9)]
    check_levels(write(tmp_path / "a.tif", *pages), SLIDE, HALF, QUARTER)


def test_pages_in_strips_are_no_levels_of_one_in_tiles_that_nothing_marks(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for pixels, tile in ((SLIDE, (64, 64)), (THUMBNAIL, None), (HALF, (64, 64)), (LABEL, None)):
            file.write(pixels, photometric="rgb", tile=tile, metadata=None)
    check_levels(path, SLIDE, HALF)


def test_thumbnail_that_is_called_one_is_no_level(tmp_path):
    said = "Aperio Image Library v12\r\nthumbnail 120x120 - |AppMag = 20"
    path = write(tmp_path / "a.tif", (SLIDE, 0), (HALF, 1), (THUMBNAIL, 1, said), (QUARTER, 1))
    check_levels(path, SLIDE, HALF, QUARTER)


def test_copies_of_a_picture_that_is_called_label_are_levels(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 0, "labels of cells"), (HALF, 1, "labels of cells"))
    check_levels(path, SLIDE, HALF)


def test_copies_in_falling_order_are_levels_whatever_their_scale(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 0), (HALF, 1), (THUMBNAIL, 1), (QUARTER, 1))
    check_levels(path, SLIDE, HALF, THUMBNAIL, QUARTER)


def test_copies_in_rising_order_are_levels(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 0), (QUARTER, 1), (HALF, 1))
    check_levels(path, SLIDE, HALF, QUARTER)


def test_pages_that_show_something_else_are_a_stack(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 0), (HALF[::-1], 0))
    assert at_level(path, 0) == pages_of(path) and len(pages_of(path)) == 2
    with pytest.raises(InputError, match=r"a.tif \(page 1\) has no `level` 1"):
        at_level(path, 1)


# What tifffile decodes here, and what Pillow alone does.
@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate", "tiff_lzw", "jpeg"])
def test_label_is_no_level_however_pages_are_compressed(tmp_path, compression):
    pages = [Image.fromarray(one) for one in (SLIDE, HALF, LABEL, QUARTER)]
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "a.tif", new=True) as file:
        for number, page in enumerate(pages):
            page.save(file, "TIFF", compression=compression, tiffinfo={254: min(number, 1)})
            file.newFrame()
    with Image.open(tmp_path / "a.tif") as stored:
        expected = [np.asarray(page.convert("RGB")) for page in ImageSequence.Iterator(stored)]
    check_levels(tmp_path / "a.tif", expected[0], expected[1], expected[3])


KERNELS = ["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"]


def compared(tmp_path, larger, smaller):
    """Return what `Comparison` says of two pictures."""
    photometric = "rgb" if larger.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for pixels in (larger, smaller):
            file.write(pixels, photometric=photometric, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        pictures = [TiffPage(tmp_path / "a.tif", page.offset) for page in file.pages]
    with Comparison() as comparison:
        return comparison.same(*pictures)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(200, 150), (101, 75), (57, 43), (13, 9), (3, 2), (1, 1)])
def test_copy_made_by_any_kernel_shows_the_same(tmp_path, kernel, size):
    whole = scene(600, 450)
    copy = Image.fromarray(whole).resize(size[::-1], Image.Resampling[kernel])
    assert compared(tmp_path, whole, np.asarray(copy)) or min(size) < 3 and kernel == "NEAREST"


def test_copy_of_noise_that_takes_single_pixels_shows_the_same(tmp_path):
    whole = np.random.default_rng(0).integers(0, 65536, (403, 611), dtype=np.uint16)
    assert all(compared(tmp_path, whole, whole[start::3, start::3]) for start in (0, 1))


def test_copy_of_noise_that_is_smoothed_before_shows_the_same(tmp_path):
    weights = np.array([1, 4, 6, 4, 1]) / 16
    whole = np.random.default_rng(0).normal(100, 20, (512, 512)).astype(np.uint8)
    smooth = convolve1d(convolve1d(whole.astype(float), weights, 0), weights, 1)
    assert compared(tmp_path, whole, smooth[::2, ::2].astype(np.uint8))


def test_noise_and_other_noise_of_the_same_brightness_do_not_show_the_same(tmp_path):
    one, other = (np.random.default_rng(seed).normal(100, 20, (512, 512)).astype(np.uint8) for seed in (0, 1))
    assert not compared(tmp_path, one, other[::2, ::2]) and not compared(tmp_path, one, other[::16, ::16])


def test_blank_pictures_show_the_same_if_they_are_equally_bright(tmp_path):
    blank = np.full((300, 200), 240, np.uint8)
    assert compared(tmp_path, blank, blank[::2, ::2]) and not compared(tmp_path, blank, blank[::2, ::2] // 2)


def test_turned_mirrored_inverted_and_shifted_pictures_show_something_else(tmp_path):
    others = [HALF[::-1], HALF[:, ::-1], np.rot90(HALF), 255 - HALF, np.roll(HALF, 20, axis=1), LABEL]
    assert not any(compared(tmp_path, SLIDE, np.ascontiguousarray(one)) for one in others)


def test_pictures_of_something_dark_in_the_middle_of_white_do_not_show_the_same(tmp_path):
    def tissue(side, seed):
        rows, columns = np.mgrid[:side, :side] / side - 0.5
        grain = np.asarray(
            Image.fromarray(np.random.default_rng(seed).normal(0, 1, (40, 40)).astype(np.float32)).resize(
                (side, side)
            )
        )
        inside = rows**2 + columns**2 + 0.08 * grain < 0.1
        return np.where(inside, 150 + 25 * grain, 245).clip(0, 255).astype(np.uint8)

    assert compared(tmp_path, tissue(600, 1), tissue(600, 1)[::3, ::3])
    label = np.full((200, 200), 250, np.uint8)
    label[50:150, 33:167] = 80
    assert not any(compared(tmp_path, tissue(600, 1), one) for one in (tissue(200, 2), tissue(200, 6), label))


def test_only_patches_of_a_large_picture_are_read(tmp_path, monkeypatch):
    whole = np.zeros((8000, 8000), np.uint8)
    whole[::2] = np.arange(8000) // 32
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for copy in (whole, whole[::8, ::8]):
            file.write(copy, tile=(256, 256), compression="zlib", metadata=None)
    decoded, segment = [], TiffWindows._segment
    monkeypatch.setattr(
        TiffWindows, "_segment", lambda self, index: decoded.append(index) or segment(self, index)
    )
    with tifffile.TiffFile(path) as file:
        pictures, tiles = [TiffPage(path, page.offset) for page in file.pages], len(file.pages[0].dataoffsets)
    with Comparison() as comparison:
        assert comparison.same(*pictures)
    assert len(decoded) < tiles / 5


TURNS = {
    3: lambda a: a[::-1, ::-1],
    6: lambda a: np.rot90(a, -1),
    8: np.rot90,
    5: lambda a: a.transpose(1, 0, 2),
}
OBLONG = scene(400, 300)


def write_turned(path, *pages, **options):
    """Write pages: pixels, and the number in their tag of orientation or None for no tag."""
    with tifffile.TiffWriter(path) as file:
        for number, (pixels, orientation) in enumerate(pages):
            tags = [(274, 3, 1, orientation, True)] if orientation else []
            file.write(
                pixels,
                photometric="rgb",
                subfiletype=min(number, 1),
                extratags=tags,
                metadata=None,
                **options,
            )
    return path


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_copies_without_an_orientation_are_turned_as_the_picture(tmp_path, orientation, compression):
    pages = [(OBLONG, orientation), (OBLONG[::2, ::2], None), (OBLONG[::4, ::4], None)]
    path = write_turned(tmp_path / "a.tif", *pages, compression=compression)
    check_levels(path, *(TURNS[orientation](pixels) for pixels, _ in pages))


def test_copy_with_an_orientation_of_its_own_is_turned_by_that(tmp_path):
    upright = TURNS[6](OBLONG)[::2, ::2]
    path = write_turned(tmp_path / "a.tif", (OBLONG, 6), (upright, 1), (upright[::-2, ::-2], 3))
    check_levels(path, TURNS[6](OBLONG), upright, upright[::-2, ::-2][::-1, ::-1])


def test_large_copy_that_is_turned_as_the_picture_is_read_so_in_parts(tmp_path):
    whole = np.tile(OBLONG, (12, 12, 1))
    path = write_turned(tmp_path / "a.tif", (whole, 6), (whole[::2, ::2], None), compression="zlib")
    [found] = at_level(path, 1)
    expected = np.rot90(whole[::2, ::2], -1)
    assert size_of(found) == expected.shape[:2] and expected[..., 0].size > LEAST_PIXELS
    with open_windows(found) as source:
        np.testing.assert_array_equal(
            source.window(7, 90, 1000, 1800), expected[7:90, 1000:1800] / np.float32(255)
        )


def test_tags_that_tifffile_does_not_understand_leave_the_levels_to_pillow(tmp_path):
    path = write_turned(tmp_path / "a.tif", (OBLONG, 1), (OBLONG[::2, ::2], 1), compression="zlib")
    with tifffile.TiffFile(path) as file:
        places = [page.tags["Orientation"].offset for page in file.pages]
    damaged = bytearray(path.read_bytes())
    for place in places:
        damaged[place + 2] = 2  # the type of the number: text
    path.write_bytes(damaged)
    check_levels(path, OBLONG, OBLONG[::2, ::2])


def test_levels_of_a_file_whose_first_page_is_marked_as_a_copy_are_read(tmp_path):
    path = write(tmp_path / "a.tif", (SLIDE, 1), (HALF, 1), (OBLONG, 0))
    assert [one.sizes for one in at_level(path, 0)] == [((400, 400), (200, 200)), ((400, 300),)]


def test_levels_are_told_with_their_number_and_size_and_the_images_that_have_the_same(tmp_path):
    pages = [(SLIDE, 0), (HALF, 1), (QUARTER, 1)]
    images = [at_level(write(tmp_path / name, *pages), 2)[0] for name in ("a.tif", "b.tif", "c.tif")]
    turned = write_turned(tmp_path / "d.tif", (OBLONG, 6), (OBLONG[::3, ::3], None))
    images += [tmp_path / "e.png", *at_level(turned, 1), *at_level(tmp_path / "a.tif", 0)]
    assert levels_sentences(images) == [
        f"{tmp_path / 'a.tif'} and 2 others: level 2 of 3: 100x100, 1/4 of 400x400.",
        f"{tmp_path / 'd.tif'}: level 1 of 2: 134x100, 1/3 of 400x300.",
        f"{tmp_path / 'a.tif'}: level 0 of 3: 400x400.",
    ]
