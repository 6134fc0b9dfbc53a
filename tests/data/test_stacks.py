"""TIFF stacks: every page is an image, wherever images are read from folders of people's own."""

import struct

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset, split_items
from tfapp.data.images import image_size, read_image
from tfapp.data.opening import open_image
from tfapp.data.own_images import find_images
from tfapp.data.stacks import pages_of
from tfapp.errors import InputError

LEVELS = np.random.default_rng(0).integers(0, 256, (12, 6, 9)).astype(np.uint8)


def write_stack(path, pages, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.fixture
def stacked(tmp_path):
    write_stack(tmp_path / "images" / "cells.tif", LEVELS)
    write_stack(tmp_path / "masks" / "cells.tif", LEVELS // 128)
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}, {"big_tiff": True}],
    ids=["plain", "lzw", "deflate", "bigtiff"],
)
def test_each_page_is_the_array_that_was_written_there(tmp_path, options):
    pages = pages_of(write_stack(tmp_path / "a.tif", LEVELS, **options))
    read = np.stack([read_image(page, channels=1)[..., 0] for page in pages])
    np.testing.assert_array_equal(np.rint(255 * read), LEVELS)


def test_a_page_has_a_size_of_its_own(tmp_path):
    path = write_stack(tmp_path / "a.tif", [LEVELS[0], LEVELS[1, :4, :5]])
    assert [image_size(page) for page in pages_of(path)] == [(6, 9), (4, 5)]


def test_smaller_copies_are_no_pages(tmp_path):
    path = tmp_path / "a.tif"
    copy = Image.fromarray(LEVELS[1])
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(LEVELS[0]).save(path, save_all=True, append_images=[copy])
    with Image.open(path) as image:
        assert image.n_frames == 2
    assert pages_of(path) == (path,)


def test_a_dataset_has_an_image_for_each_page_with_the_mask_of_its_number(stacked):
    items = open_dataset(f"folder:{stacked}").items
    assert [item.name for item in items] == [f"cells-{number:02}" for number in range(1, 13)]
    for item, levels in zip(items, LEVELS, strict=True):
        np.testing.assert_array_equal(item.read_mask(), levels // 128)
        np.testing.assert_array_equal(np.rint(255 * item.read_image()[..., 0]), levels)


def test_a_dataset_says_which_file_is_a_stack(stacked):
    (remark,) = open_dataset(f"folder:{stacked}").remarks
    assert "cells.tif is a stack of 12 pages: each page is read as an image of its own." in remark.text


def test_pages_that_are_tested_on_lie_in_a_row(stacked):
    tested = sorted(int(name.split("-")[1]) for name in split_items(open_dataset(f"folder:{stacked}")).test)
    # Three blocks of four pages: fewer would leave no validation.
    assert tested in ([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12])


def test_of_three_stacks_one_is_tested_on_as_a_whole(tmp_path):
    for name, divisor in (("images", 1), ("masks", 128)):
        (tmp_path / name).mkdir()
        for stem in "abc":
            write_stack(tmp_path / name / f"{stem}.tif", LEVELS[:6] // divisor)
    tested = split_items(open_dataset(f"folder:{tmp_path}")).test
    assert len(tested) == 6 and len({name.split("-")[0] for name in tested}) == 1


def test_a_stack_whose_mask_has_other_pages_is_refused_with_both_numbers(stacked):
    write_stack(stacked / "masks" / "cells.tif", LEVELS[:5] // 128)
    with pytest.raises(InputError, match=r"cells\.tif has 12 page.* but its mask cells\.tif has 5"):
        open_dataset(f"folder:{stacked}")


def test_a_page_called_like_another_file_is_refused(stacked):
    for name in ("images", "masks"):
        Image.fromarray(LEVELS[0] // 128).save(stacked / name / "cells-03.png")
    with pytest.raises(InputError, match="have the same name"):
        open_dataset(f"folder:{stacked}")


@pytest.mark.parametrize(
    "description",
    ["ImageJ=1.54f\nimages=12\nchannels=2\nslices=6\n", '<OME><Pixels SizeC="2" SizeZ="6" SizeT="1"/></OME>'],
    ids=["ImageJ", "OME"],
)
def test_pages_that_are_channels_are_refused(tmp_path, description):
    path = write_stack(tmp_path / "a.tif", LEVELS, tiffinfo={270: description})
    with pytest.raises(InputError, match="12 pages that are 2 channels of the same images"):
        pages_of(path)


def test_images_that_only_imagej_knows_of_are_not_left_out_in_silence(tmp_path):
    path = tmp_path / "large.tif"
    Image.fromarray(LEVELS[0]).save(path, tiffinfo={270: "ImageJ=1.54f\nimages=7000\nslices=7000\n"})
    with pytest.raises(InputError, match="7000 pages"):
        open_image(path)


def test_a_chain_of_pages_without_an_end_counts_as_one_damaged_image(tmp_path):
    path = write_stack(tmp_path / "a.tif", LEVELS[:2])
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, first)
    path.write_bytes(content)
    assert pages_of(path) == (path,)


def test_images_to_predict_are_the_pages_of_a_stack(stacked):
    found = find_images([stacked / "images"])
    assert [page.name for page in found[:2]] == ["cells-01.tif", "cells-02.tif"]
    assert str(found[1]) == f"{stacked / 'images' / 'cells.tif'} (page 2)"
