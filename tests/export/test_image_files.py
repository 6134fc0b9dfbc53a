"""Files that are served: the same pixels as `tfapp predict` reads, or one sentence before anything is decoded."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tfapp.data import read_image
from tfapp.export.image_files import decode_image
from tfapp.export.image_headers import read_header

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
SIZE = (13, 18)


@pytest.fixture(scope="module")
def decoders():
    """The decoder by number of channels, as the graph holds it."""
    spec = [tf.TensorSpec((), tf.string)]
    return {
        channels: tf.function(
            lambda contents, channels=channels: decode_image(contents, channels), spec, autograph=False
        )
        for channels in (1, 3)
    }


@pytest.fixture(scope="module")
def header_of():
    """The header of a file, read in a graph."""
    return tf.function(read_header, [tf.TensorSpec((), tf.string)], autograph=False)


def colours(mode="RGB", count=None):
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (*SIZE, 3), np.uint8))
    return image.quantize(count) if count else image.convert(mode)


def deep(channels):
    shape = (*SIZE, channels)
    return np.random.default_rng(6).integers(0, 65536, shape, np.uint16)


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def turned(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(colours(), form, exif=exif)


def top_down(contents):
    """A BMP file with its rows from the top, as some cameras write them."""
    (start,), (width, height) = (
        struct.unpack_from("<I", contents, 10),
        struct.unpack_from("<ii", contents, 18),
    )
    stride = (len(contents) - start) // height
    rows = [contents[start + stride * row : start + stride * (row + 1)] for row in reversed(range(height))]
    return contents[:18] + struct.pack("<ii", width, -height) + contents[26:start] + b"".join(rows)


def png(width, height, pixels):
    """A grey PNG file of 1 bit, whose header and data may disagree."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


SAME = {
    **{f"{mode} PNG": encoded(colours(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    **{f"PNG of {count} colours": encoded(colours(count=count), "PNG") for count in (2, 4, 16)},
    **{f"{mode} BMP": encoded(colours(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")},
    **{f"BMP of {count} colours": encoded(colours(count=count), "BMP") for count in (2, 4, 16)},
    "BMP from the top": top_down(encoded(colours(), "BMP")),
    "indexed BMP from the top": top_down(encoded(colours(count=16), "BMP")),
    "transparent PNG": encoded(colours(count=16), "PNG", transparency=3),
    "16-bit grey PNG": encoded(Image.fromarray(deep(1)[..., 0]), "PNG"),
    "16-bit colour PNG": tf.io.encode_png(deep(3)).numpy(),
    "16-bit grey PNG with alpha": tf.io.encode_png(deep(2)).numpy(),
    **{f"{mode} JPEG": encoded(colours(mode), "JPEG") for mode in ("L", "RGB")},
    "progressive JPEG": encoded(colours(), "JPEG", progressive=True),
    "JPEG with whole colours": encoded(colours(), "JPEG", subsampling=0),
    **{f"JPEG turned by {number}": turned("JPEG", number) for number in range(1, 9)},
    **{f"PNG turned by {number}": turned("PNG", number) for number in (3, 6)},
    "GIF": encoded(colours(count=16), "GIF", interlace=0),
    "GIF with a comment": encoded(colours(count=16), "GIF", comment=b"x" * 600),
    "GIF with words behind its frame": encoded(colours(count=16), "GIF")[:-1] + b"!\xfe\x05, ,,,\0;",
    "interlaced GIF": encoded(colours(count=16), "GIF", interlace=1),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SAME)
def test_served_file_has_the_pixels_that_predict_reads(decoders, tmp_path, name, channels):
    path = tmp_path / "image"
    path.write_bytes(SAME[name])
    np.testing.assert_array_equal(decoders[channels](SAME[name]), read_image(path, channels))


def xmp_png():
    told = PngInfo()
    told.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(colours(), "PNG", pnginfo=told)


def compressed_bmp():
    whole = bytearray(encoded(colours("L"), "BMP"))
    whole[30] = 1
    return bytes(whole)


def animated(form, **options):
    first = colours(count=16)
    second = first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return encoded(first, form, save_all=True, append_images=[second], **options)


REFUSED = {
    "WebP": (lambda: encoded(colours(), "WEBP"), "WebP files are not served; send a PNG"),
    "TIFF": (lambda: encoded(colours(), "TIFF"), "TIFF files are not served; send a PNG"),
    "CMYK JPEG": (lambda: encoded(colours("CMYK"), "JPEG"), "send the image as RGB or grey"),
    "compressed BMP": (compressed_bmp, "save it as BMP of 8 or 24 bits without compression"),
    "animated GIF": (lambda: animated("GIF"), "several frames .*; send each as a file of its own"),
    "GIF with a comment between frames": (lambda: animated("GIF", comment=b"x" * 300), "several frames"),
    "PNG with an animation beside it": (
        lambda: animated("PNG", default_image=True),
        "several frames",
    ),
    "animated PNG": (lambda: animated("PNG"), "several frames .*; send each as a file of its own"),
    "transparent GIF": (lambda: encoded(colours(count=16), "GIF", transparency=3), "save it as PNG"),
    "JPEG turned in XMP": (lambda: encoded(colours(), "JPEG", xmp=XMP), "turn the pixels"),
    "PNG turned in XMP": (xmp_png, "turn the pixels"),
    "cut BMP": (lambda: encoded(colours(), "BMP")[:200], "cut off"),
    "cut JPEG": (lambda: encoded(colours(), "JPEG")[:100], "damaged"),
    "cut GIF": (lambda: encoded(colours(count=16), "GIF")[:-40], "damaged"),
    "header alone": (lambda: encoded(colours(), "PNG")[:20], "damaged"),
    "text": (lambda: b"no image", "Unknown image file format"),
    "nothing": (lambda: b"", "Unknown image file format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_file_that_would_be_read_otherwise_is_refused_with_what_to_send(decoders, name):
    make, told = REFUSED[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        decoders[3](make())


@pytest.mark.parametrize(
    "name", ["1 PNG", "16-bit colour PNG", "BMP of 4 colours", "progressive JPEG", "GIF"]
)
def test_header_tells_the_size_before_decoding(header_of, name):
    header = header_of(SAME[name])
    assert (int(header.height), int(header.width), header.problem.numpy()) == (*SIZE, b"")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_header_tells_the_orientation(header_of, orientation):
    assert int(header_of(turned("JPEG", orientation)).orientation) == orientation


def test_header_of_a_bomb_is_read_in_milliseconds(header_of):
    bomb = png(30_000, 30_000, bytes(3751))
    assert int(header_of(bomb).pixels) == 900_000_000
    start = time.perf_counter()
    header_of(bomb)
    assert time.perf_counter() - start < 0.2


@pytest.mark.parametrize("name", ["L PNG", "progressive JPEG", "BMP of 4 colours", "GIF", "JPEG turned by 6"])
def test_no_cut_or_spoiled_header_is_an_error_of_its_own(header_of, name):
    generator = np.random.default_rng(3)
    for _ in range(25):
        spoiled = bytearray(SAME[name][: generator.integers(1, len(SAME[name]))])
        for place in generator.integers(0, min(64, len(spoiled)), 3):
            spoiled[place] = generator.integers(0, 256)
        header = header_of(bytes(spoiled))
        assert 0 <= int(header.pixels) < 2**63
