"""TIFF files that are cut short are refused by what is missing, without a word of a library beside it."""

import io
import logging
import struct
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfapp.data.image_facts import image_facts
from tfapp.data.images import image_size, read_image, read_mask
from tfapp.data.mask_files import read_colours, read_stored
from tfapp.data.stacks import pages_of
from tfapp.data.tiff_directories import Damaged, Directories
from tfapp.data.windows import open_windows
from tfapp.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
FORMS = [(order, big) for order in "<>" for big in (False, True)]


def window(path):
    with open_windows(path) as source:
        return source.window(0, 2, 0, 2)


READERS = (image_size, read_image, read_mask, image_facts, read_stored, read_colours, window)


def content(values=PIXELS, **options):
    whole = io.BytesIO()
    tifffile.imwrite(whole, values, **{"photometric": "rgb", "metadata": None} | options)
    return whole.getvalue()


def first_directory(data):
    """Return the offset of the first directory and its end, worked out by hand."""
    order = "<" if data[:1] == b"I" else ">"
    if b"+" in data[2:4]:
        (offset,) = struct.unpack_from(order + "Q", data, 8)
        return offset, offset + 8 + 20 * struct.unpack_from(order + "Q", data, offset)[0] + 8
    (offset,) = struct.unpack_from(order + "I", data, 4)
    return offset, offset + 2 + 12 * struct.unpack_from(order + "H", data, offset)[0] + 4


@pytest.mark.parametrize(("order", "big"), FORMS)
def test_file_that_ends_in_its_tags_is_told_so_with_both_places(tmp_path, order, big):
    data = content(byteorder=order, bigtiff=big)
    begin, end = first_directory(data)
    path = tmp_path / "cut.tif"
    path.write_bytes(data[: begin + 30])
    with pytest.raises(
        InputError,
        match=rf"cut.tif is damaged or truncated \(its directory 1 reaches to byte {end - (8 if big else 4)}, and the "
        rf"file ends at byte {begin + 30}\); replace or remove it\.",
    ):
        read_image(path)


@pytest.mark.parametrize(("order", "big"), FORMS)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_file_that_ends_in_its_pixels_is_told_so_with_both_places(tmp_path, order, big, compression):
    data = content(byteorder=order, bigtiff=big, compression=compression)
    path = tmp_path / "cut.tif"
    path.write_bytes(data[:-100])
    with pytest.raises(
        InputError,
        match=rf"\(its pixels reach to byte {len(data):,}, and the file ends at byte {len(data) - 100:,}\)",
    ):
        read_image(path)


def test_file_whose_second_page_is_cut_off_is_no_stack_of_pages_to_be_split(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(PIXELS).save(whole, "TIFF", save_all=True, append_images=[Image.fromarray(PIXELS)])
    data = whole.getvalue()
    with io.BytesIO(data) as file:
        _, second = Directories(file)
    path = tmp_path / "cut.tif"
    path.write_bytes(data[: second.offset + 20])
    (only,) = pages_of(path)
    with pytest.raises(InputError, match=r"cut.tif is damaged or truncated \(its directory 2 reaches"):
        read_image(only)


def test_palette_that_is_cut_off_is_not_left_out(tmp_path):
    path = tmp_path / "cut.tif"
    picture = Image.fromarray(PIXELS).quantize(16)
    picture.save(path)
    data = bytearray(path.read_bytes())
    with path.open("rb") as file:
        entry = Directories(file).first().entries[320]
    where = data.index(struct.pack("<HHI", 320, entry.kind, entry.count))
    struct.pack_into("<I", data, where + 8, len(data) - 20)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"the values of its tags reach to byte"):
        read_colours(path)


@pytest.mark.parametrize(("order", "big"), FORMS)
def test_nothing_is_warned_or_logged_wherever_a_file_ends(tmp_path, caplog, order, big):
    data, path, refused = content(byteorder=order, bigtiff=big, description="x" * 40), tmp_path / "cut.tif", 0
    for end in range(1, len(data), 37):
        path.write_bytes(data[:end])
        for read in READERS:
            with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.WARNING):
                warnings.simplefilter("always")
                try:
                    read(path)
                except InputError as error:
                    refused += 1
                    assert "cut.tif is" in str(error)
                else:  # by the header alone
                    assert read in (image_size, image_facts)
            assert not warned and not caplog.records
    assert refused > 50


def test_what_pillow_logs_of_a_damaged_file_is_not_printed(tmp_path, capfd):
    data = bytearray(content())
    begin, end = first_directory(bytes(data))
    where = data.index(struct.pack("<HH", 277, 3), begin, end)
    struct.pack_into("<H", data, where + 8, 9999)  # samples of a pixel
    (tmp_path / "many.tif").write_bytes(data)
    with pytest.raises(InputError, match="many.tif"):
        read_image(tmp_path / "many.tif")
    assert capfd.readouterr().err == ""


def test_chain_of_directories_without_an_end_is_told(tmp_path):
    data = bytearray(content())
    begin, end = first_directory(bytes(data))
    struct.pack_into("<I", data, end - 4, begin)
    (tmp_path / "chain.tif").write_bytes(data)
    with pytest.raises(InputError, match="the chain of its directories comes back to itself"):
        read_image(tmp_path / "chain.tif")


def test_numbers_of_more_values_than_a_file_holds_take_no_memory():
    data = bytearray(content())
    begin, end = first_directory(bytes(data))
    where = data.index(struct.pack("<HH", 258, 3), begin, end)
    struct.pack_into("<I", data, where + 4, 2**32 - 1)
    found = Directories(io.BytesIO(data))
    with pytest.raises(Damaged, match="declares 4,294,967,295 values"):
        found.numbers(found.first(), 258)


def test_tiles_that_were_left_out_are_told(tmp_path):
    path = tmp_path / "a.tif"
    # Tiles that are left out have the offset 0 and no bytes, as GDAL writes them with SPARSE_OK.
    tiles = [np.full((16, 16), 9, np.uint8), None, np.full((16, 16), 7, np.uint8), None]
    tifffile.imwrite(path, iter(tiles), shape=(32, 32), dtype=np.uint8, tile=(16, 16), compression="zlib")
    with pytest.raises(
        InputError, match="2 of its 4 tiles or strips were left out, as a sparse GeoTIFF has it"
    ):
        read_image(path)
