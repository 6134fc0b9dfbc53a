import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfapp.data.images import image_size, read_image, read_mask
from tfapp.data.opening import IMAGE_SUFFIXES, open_image, pixel_limit
from tfapp.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
READERS = (read_image, read_mask, image_size)


def pages(path, count, size=(8, 6), **options):
    """Write a file of several pictures, no two alike."""
    pictures = [Image.new("L", size, 40 * number) for number in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_promised_format_is_read(tmp_path, suffix):
    image, path = Image.fromarray(NOISE), tmp_path / f"a{suffix}"
    if suffix in (".pgm", ".pbm"):
        image = image.convert("L" if suffix == ".pgm" else "1")
    image.save(path, format="JPEG" if suffix == ".jfif" else None)
    assert read_image(path).shape == (8, 12, 3)
    assert image_size(path) == (8, 12)


def test_guide_names_every_suffix():
    guide = (Path(__file__).parents[2] / "docs" / "segmentation.md").read_text(encoding="utf-8")
    assert [suffix for suffix in IMAGE_SUFFIXES if f"`{suffix}`" not in guide] == []


def test_upper_case_suffix_and_a_wrong_one_are_read_by_content(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.JPEG", format="PNG")
    np.testing.assert_allclose(read_image(tmp_path / "a.JPEG"), NOISE / 255, atol=1e-7)


def test_format_that_another_program_would_decode_is_refused(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.eps")
    with pytest.raises(InputError, match="expected PNG, JPEG, BMP, TIFF, WebP, GIF, PNM, JPEG 2000 or TGA"):
        read_image(tmp_path / "a.eps")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("kind", ["eXIf", "XMP", "date"])
def test_orientation_behind_the_pixels_of_a_png_counts_for_its_size_too(tmp_path, kind):
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 6
    late = {
        "eXIf": chunk(b"eXIf", exif.tobytes()[6:]),
        "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        "date": chunk(b"tEXt", b"date:create\0today"),
    }[kind]
    end = chunk(b"IEND", b"")
    content = (tmp_path / "a.png").read_bytes().removesuffix(end)
    (tmp_path / "a.png").write_bytes(content + late + end)
    size = (8, 12) if kind == "date" else (12, 8)
    assert read_image(tmp_path / "a.png").shape[:2] == image_size(tmp_path / "a.png") == size


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_stack_is_refused_with_its_number_of_pages(tmp_path, suffix, read):
    with pytest.raises(InputError, match=f"a{suffix} holds 3 pages .* split it into one file for each"):
        read(pages(tmp_path / f"a{suffix}", 3))


@pytest.mark.parametrize("suffix", [".tif", ".gif"])
def test_file_of_one_page_is_an_image(tmp_path, suffix):
    assert read_mask(pages(tmp_path / f"a{suffix}", 1)).shape == (6, 8)


def test_smaller_copies_in_a_tiff_are_no_pages(tmp_path):
    copy = Image.new("L", (4, 3), 99)
    copy.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: reduced resolution
    Image.new("L", (8, 6), 7).save(tmp_path / "a.tif", save_all=True, append_images=[copy])
    assert (read_mask(tmp_path / "a.tif") == 7).all()


def test_previews_behind_a_photograph_are_no_pages(tmp_path):
    pages(tmp_path / "a.jpg", 2, format="MPO")
    assert read_image(tmp_path / "a.jpg").shape == (6, 8, 3)


@pytest.mark.parametrize("read", READERS)
def test_image_beyond_the_limit_is_refused_from_its_header(tmp_path, read):
    # The pixels are not there: it would be damaged if it were decoded.
    (tmp_path / "a.pgm").write_bytes(b"P5\n20000 10000\n255\n")
    with pytest.raises(InputError, match="200 megapixels; at most 100 megapixels are read: .*`max_pixels`"):
        read(tmp_path / "a.pgm")


def test_limit_holds_within_its_block_and_counts_pixels(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.webp")
    with pixel_limit(96):
        assert read_image(tmp_path / "a.webp").shape == (8, 12, 3)
    with pixel_limit(95), pytest.raises(InputError, match="has 9.6e-05 megapixels"):
        read_image(tmp_path / "a.webp")
    assert read_image(tmp_path / "a.webp").shape == (8, 12, 3)


def test_limit_of_the_environment_is_the_usual_one(tmp_path, monkeypatch):
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    monkeypatch.setenv("TFAPP_MAX_PIXELS", "95")
    with pytest.raises(InputError, match="TFAPP_MAX_PIXELS in the environment"):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("TFAPP_MAX_PIXELS", "many")
    with pytest.raises(InputError, match="TFAPP_MAX_PIXELS is 'many'; expected a number of pixels"):
        read_image(tmp_path / "a.png")


def test_raised_limit_opens_what_pillow_would_refuse_and_leaves_its_own_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert image_size(tmp_path / "a.png") == (8, 12)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(limit):
    with (
        pytest.raises(InputError, match=f"`max_pixels` must be at least 1. Received: {limit}."),
        pixel_limit(limit),
    ):
        pass


def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="a.png is a named pipe; expected an image"):
        open_image(tmp_path / "a.png")


def test_damaged_orientation_is_one_sentence(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = exif.tobytes()
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=content[:14] + b"\xff" * (len(content) - 14))
    try:
        shape = read_image(tmp_path / "a.jpg").shape
    except InputError as error:
        assert "a.jpg is damaged" in str(error)
    else:
        assert shape in ((8, 12, 3), (12, 8, 3))


def test_damaged_exif_is_passed_over_without_a_warning_and_what_is_left_of_it_counts(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "x" * 200
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    start = whole.index(b"Exif") - 2
    length = int.from_bytes(whole[start : start + 2], "big")
    cut = (length - 150).to_bytes(2, "big") + whole[start + 2 : start + length - 150]
    (tmp_path / "a.jpg").write_bytes(whole[:start] + cut + whole[start + length :])
    with pytest.warns(UserWarning, match="larger than file"), Image.open(tmp_path / "a.jpg") as image:
        image.getexif()
    before = list(warnings.filters)
    assert (read_image(tmp_path / "a.jpg").shape, image_size(tmp_path / "a.jpg")) == ((12, 8, 3), (12, 8))
    assert warnings.filters == before
