"""Pyramids: TIFFs with smaller copies of themselves, and whole slides."""

import builtins

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from tfapp.data.levels import at_level
from tfapp.data.opening import pixel_limit
from tfapp.data.slides import interpolation_sentence
from tfapp.data.stacks import pages_of
from tfapp.data.windows import open_windows, read_whole, size_of
from tfapp.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (512, 768, 3), dtype=np.uint8)
LEVELS = [PIXELS, PIXELS[1::2, 1::2], PIXELS[2::4, 2::4]]
TILES = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib", "metadata": None}


def write_within(path, levels=LEVELS):
    """Write smaller copies as directories within that of the picture, as OME-TIFF has them."""
    with tifffile.TiffWriter(path) as file:
        file.write(levels[0], subifds=len(levels) - 1, **TILES)
        for copy in levels[1:]:
            file.write(copy, subfiletype=1, **TILES)
    return path


def write_behind(path, levels=LEVELS):
    """Write smaller copies as pages behind that of the picture, as GeoTIFF has them."""
    with tifffile.TiffWriter(path) as file:
        for number, copy in enumerate(levels):
            file.write(copy, subfiletype=min(number, 1), **TILES)
    return path


def write_unmarked(path, levels=LEVELS):
    """Write smaller copies as pages that nothing tells from those of a stack but their sizes."""
    with tifffile.TiffWriter(path) as file:
        for copy in levels:
            file.write(copy, **TILES)
    return path


def write_slide(path, levels=LEVELS):
    """Write what Aperio's scanners do: tiled pages, with a description, and a small picture in strips for the eye."""
    description = "Aperio Image Library v12.0.0\r\n768x512 [0,0 768x512] (128x128) |AppMag = 20|MPP = 0.5"
    options = TILES | {"compression": None}
    with tifffile.TiffWriter(path) as file:
        for number, copy in enumerate(levels):
            file.write(copy, description=description, **options)
            if not number:
                file.write(copy[::8, ::8], photometric="rgb", metadata=None, description=description)
    return path


@pytest.mark.parametrize("write", [write_within, write_behind, write_unmarked])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_level_of_a_tiff_is_that_copy(tmp_path, write, level):
    [found] = at_level(write(tmp_path / "a.tif"), level)
    assert size_of(found) == LEVELS[level].shape[:2]
    np.testing.assert_array_equal(read_whole(found), LEVELS[level] / np.float32(255))
    assert found.stem == "a"


def test_pages_of_one_size_are_no_levels(tmp_path):
    path = write_unmarked(tmp_path / "a.tif", [PIXELS, PIXELS])
    assert at_level(path, 0) == pages_of(path) and len(pages_of(path)) == 2
    with pytest.raises(InputError, match=r"a.tif \(page 1\) has no `level` 1; it has 0 \(768x512\).$"):
        at_level(path, 1)


def test_pages_that_nothing_marks_are_a_stack_unless_a_level_is_asked_for(tmp_path):
    path = write_unmarked(tmp_path / "a.tif")
    assert at_level(path, None) == pages_of(path) and len(pages_of(path)) == 3


@pytest.mark.parametrize("within", [True, False])
def test_level_of_a_stack_is_that_of_each_page(tmp_path, within):
    pages = [LEVELS, [255 - one for one in LEVELS]]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for whole, *copies in pages:
            file.write(whole, subifds=len(copies) if within else 0, **TILES)
            for copy in copies:
                file.write(copy, subfiletype=1, **TILES)
    found = at_level(path, 1)
    assert [one.stem for one in found] == ["a-1", "a-2"]
    for one, levels in zip(found, pages, strict=True):
        np.testing.assert_array_equal(read_whole(one), levels[1] / np.float32(255))


def test_stack_of_which_a_page_has_no_such_level_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(PIXELS, subifds=1, **TILES)
        file.write(LEVELS[1], subfiletype=1, **TILES)
        file.write(PIXELS[:60, :50], **TILES)
    with pytest.raises(InputError, match=r"a.tif \(page 2\) has no `level` 1; it has 0 \(50x60\).$"):
        at_level(path, 1)


def test_copies_of_another_size_than_the_picture_made_smaller_are_no_levels(tmp_path):
    path = write_behind(tmp_path / "a.tif", [PIXELS, PIXELS[:100, :700]])
    with pytest.raises(InputError, match=r"a.tif has no `level` 1; it has 0 \(768x512\).$"):
        at_level(path, 1)


def test_level_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = write_within(tmp_path / "a.tif")
    with pytest.raises(
        InputError, match=r"has no `level` 3; it has 0 \(768x512\), 1 \(384x256\), 2 \(192x128\).$"
    ):
        at_level(path, 3)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_level_of_a_slide_is_what_was_written(tmp_path, level):
    [found] = at_level(write_slide(tmp_path / "a.svs"), level)
    assert openslide.OpenSlide(tmp_path / "a.svs").properties[openslide.PROPERTY_NAME_VENDOR] == "aperio"
    with open_windows(found) as source:
        assert source.size == size_of(found) == LEVELS[level].shape[:2]
        part = source.window(10, 90, 20, 110)
    np.testing.assert_array_equal(part, LEVELS[level][10:90, 20:110] / np.float32(255))


def slide_of(path, whole, level):
    """Write a slide of two levels; OpenSlide takes the mean of the ratios of their sides for its factor."""
    write_slide(path, [whole, level])
    return at_level(path, 1)[0]


# Of the first no start but 0 is a whole pixel of both levels, of the second some are, of the third every other one.
@pytest.mark.parametrize("size", [(1615, 2446), (403, 611), (402, 610)])
@pytest.mark.parametrize("factor", [2, 4])
def test_parts_of_a_level_that_is_no_whole_fraction_have_the_pixels_that_are_stored(tmp_path, size, factor):
    whole = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    level = whole[::factor, ::factor][: size[0] // factor, : size[1] // factor]
    found = slide_of(tmp_path / "a.svs", whole, level)
    height, width = level.shape[:2]
    with open_windows(found) as source:
        for top, left in np.random.default_rng(1).integers(0, (height - 60, width - 60), (60, 2)):
            part = source.window(top, top + 60, left, left + 60)
            np.testing.assert_array_equal(part, level[top : top + 60, left : left + 60] / np.float32(255))
    assert interpolation_sentence(found) is None


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A level of which no pixels from column 4,173 to 6,000 can be read as they are stored, and these pixels."""
    whole = np.random.default_rng(0).integers(0, 256, (160, 36006, 3), dtype=np.uint8)
    level = whole[::4, ::4][:, :9001]
    return slide_of(tmp_path_factory.mktemp("wide") / "a.svs", whole, level), level


def test_parts_of_a_level_are_those_of_the_whole_where_openslide_interpolates(wide):
    whole = read_whole(wide[0])
    with open_windows(wide[0]) as source:
        for left in np.random.default_rng(1).integers(0, 9001 - 700, 30):
            np.testing.assert_array_equal(
                source.window(5, 35, left, left + 700), whole[5:35, left : left + 700]
            )


def test_interpolation_by_openslide_is_told_with_the_share_of_pixels_that_it_changes(wide):
    found, level = wide
    changed = np.mean((read_whole(found) != level / np.float32(255)).any(-1).any(0))
    assert 0.1 < changed < 0.9
    assert f"gives {100 * changed:.3g} % of the pixels of {found} shifted" in interpolation_sentence(found)


def test_slide_in_grey_has_the_grey_of_pillow(tmp_path):
    [found] = at_level(write_slide(tmp_path / "a.svs"), 2)
    grey = np.asarray(Image.fromarray(LEVELS[2]).convert("L")) / np.float32(255)
    np.testing.assert_array_equal(read_whole(found, 1)[..., 0], grey)


def test_slide_beyond_the_limit_of_pixels_is_refused_with_its_smaller_levels(tmp_path):
    [found] = at_level(write_slide(tmp_path / "a.svs"), 0)
    with (
        pixel_limit(100_000),
        pytest.raises(InputError, match=r"Or choose a smaller `level`: 1 \(384x256\), 2 \(192x128\)"),
    ):
        size_of(found)


@pytest.mark.parametrize(
    "contents, sentence",
    [(b"", "not a slide that OpenSlide reads"), (b"II*\0" + bytes(40), "a.svs is damaged")],
)
def test_file_that_is_no_slide_is_refused(tmp_path, contents, sentence):
    path = tmp_path / "a.svs"
    path.write_bytes(contents)
    with pytest.raises(InputError, match=sentence):
        at_level(path, 0)


def test_slide_of_which_tiles_are_cut_off_is_refused_with_their_place(tmp_path):
    path = write_slide(tmp_path / "a.svs")
    [found] = at_level(path, 0)
    with open_windows(found) as source:
        path.write_bytes(path.read_bytes()[:200_000])
        with pytest.raises(InputError, match="a.svs is damaged in rows 500 to 512, columns 700 to 768"):
            source.window(500, 512, 700, 768)


def test_slide_without_openslide_says_what_to_install(tmp_path, monkeypatch):
    path, real = write_slide(tmp_path / "a.svs"), builtins.__import__

    def without(name, *arguments, **options):
        if name == "openslide":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'takes OpenSlide: pip install "tfapp\[slides\]".'):
        at_level(path, 0)
