"""BigTIFF in big-endian order is read as what tifffile wrote there."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfapp.data.image_facts import image_facts
from tfapp.data.images import image_size, read_image, read_mask
from tfapp.data.stacks import pages_of
from tfapp.data.windows import open_windows
from tfapp.errors import InputError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
GREY, DEEP = RGB[..., 0], RNG.integers(0, 65536, (40, 56)).astype(np.uint16)


def written(tmp_path, values, **options):
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, values, **{"byteorder": ">", "bigtiff": True, "metadata": None} | options)
    assert path.read_bytes()[:4] == b"MM\0+"
    return path


FORMS = [
    *({}, {"tile": (16, 16)}, {"rowsperstrip": 7}),
    *({"compression": "zlib", **cut} for cut in ({}, {"tile": (16, 16)}, {"rowsperstrip": 7})),
]
KINDS = [(RGB, 255), (GREY, 255), (DEEP, 65535), ((DEEP / 65535).astype(np.float32), 1)]
DIFFERENCES = [(values, white, {"compression": "zlib", "predictor": 2}) for values, white in KINDS[:3]]


@pytest.mark.parametrize(
    ("values", "white", "options"),
    [*((values, white, form) for values, white in KINDS for form in FORMS), *DIFFERENCES],
)
def test_pixels_are_those_that_were_written(tmp_path, values, white, options):
    path = written(tmp_path, values, **options)
    expected = np.broadcast_to(values.reshape(40, 56, -1) / white, (40, 56, 3))
    np.testing.assert_allclose(read_image(path), expected, atol=1e-6)
    assert image_size(path) == (40, 56)


def by_hand(path, tags, strips):
    """Write a big-endian BigTIFF of tags (code: (type, values)) and strips."""
    tags = tags | {273: (16, range(len(strips))), 279: (16, [len(strip) for strip in strips])}
    codes = {3: "H", 4: "I", 7: "B", 16: "Q"}
    place = 16 + 8 + 20 * len(tags) + 8
    starts = [place + sum(map(len, strips[:number])) for number in range(len(strips))]
    tags[273] = (16, starts)
    place += sum(map(len, strips))
    table, beside = b"", b""
    for code, (kind, values) in sorted(tags.items()):
        stored = struct.pack(f">{len(values)}{codes[kind]}", *values)
        if len(stored) > 8:
            beside, stored = beside + stored, struct.pack(">Q", place + len(beside))
        table += struct.pack(">HHQ", code, kind, len(values)) + stored.ljust(8, b"\0")
    head = b"MM\0+" + struct.pack(">HHQQ", 8, 0, 16, len(tags))
    path.write_bytes(head + table + bytes(8) + b"".join(strips) + beside)
    return path


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "jpeg"])
def test_compression_that_tifffile_cannot_decode_is_read_as_in_another_form(tmp_path, compression):
    Image.fromarray(RGB).save(tmp_path / "plain.tif", compression=compression)
    with tifffile.TiffFile(tmp_path / "plain.tif") as file:
        page, handle = file.pages[0], file.filehandle
        strips = []
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            handle.seek(offset)
            strips.append(handle.read(count))
        tags = {code: (4, [page.tags.valueof(code)]) for code in (256, 257, 259, 262, 277, 278)}
        tags[258] = (3, [8, 8, 8])
        for code, kind in ((347, 7), (530, 3)):
            if (value := page.tags.valueof(code)) is not None:
                tags[code] = (kind, value)
    np.testing.assert_array_equal(
        read_image(by_hand(tmp_path / "big.tif", tags, strips)), read_image(tmp_path / "plain.tif")
    )


def test_mask_is_read(tmp_path):
    np.testing.assert_array_equal(read_mask(written(tmp_path, GREY % 3)), GREY % 3)


def test_palette_is_read(tmp_path):
    colours = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    path = written(tmp_path, GREY, photometric="palette", colormap=colours)
    np.testing.assert_allclose(255 * read_image(path), np.moveaxis(colours // 257, 0, -1)[GREY], atol=1e-4)


def test_orientation_counts(tmp_path):
    path = written(tmp_path, GREY, extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_allclose(255 * read_image(path, 1)[..., 0], np.rot90(GREY, -1), atol=1e-4)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_each_page_of_a_stack_is_an_image(tmp_path, compression):
    stack = np.stack([GREY, GREY.T[:40, :40].repeat(2, 1)[:, :56], 255 - GREY])
    pages = pages_of(written(tmp_path, stack, compression=compression, photometric="minisblack"))
    read = np.stack([read_image(page, 1)[..., 0] for page in pages])
    np.testing.assert_array_equal(np.rint(255 * read), stack)


def test_stack_where_one_image_is_expected_is_refused_with_its_pages(tmp_path):
    path = written(tmp_path, np.stack([GREY] * 3), photometric="minisblack")
    with pytest.raises(InputError, match="holds 3 pages"):
        read_image(path)


def test_facts_are_those_of_the_file(tmp_path):
    facts = image_facts(written(tmp_path, DEEP))
    assert (facts.format, facts.bits, facts.size) == ("TIFF", 16, (40, 56))
    assert (facts.lowest, facts.highest) == (DEEP.min(), DEEP.max())


@pytest.mark.parametrize("least", [1, 2**22], ids=["by tifffile", "by Pillow"])
def test_parts_of_it_are_read(tmp_path, monkeypatch, least):
    monkeypatch.setattr("tfapp.data.tiff_windows.LEAST_PIXELS", least)
    with open_windows(written(tmp_path, RGB, compression="zlib")) as source:
        np.testing.assert_allclose(source.window(3, 30, 5, 50), RGB[3:30, 5:50] / 255, atol=1e-6)


def test_file_is_closed_with_its_image(tmp_path):
    path = written(tmp_path, GREY)
    for _ in range(3):
        read_image(path)
    path.unlink()  # nothing is warned of as left open, which the tests take for an error


def test_more_pixels_than_the_file_holds_are_refused_before_they_take_memory(tmp_path):
    path = written(tmp_path, GREY, rowsperstrip=4)
    with tifffile.TiffFile(path, mode="r+b") as file:
        page = file.pages[0]
        whole = page.dataoffsets[-1] + page.databytecounts[-1] - page.dataoffsets[0]
        page.tags["StripByteCounts"].overwrite([whole] * 10)
        page.tags["StripOffsets"].overwrite([page.dataoffsets[0]] * 10)
    with pytest.raises(InputError, match="declares more bytes of pixels than the file has"):
        read_image(path)
