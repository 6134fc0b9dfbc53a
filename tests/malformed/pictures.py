"""Damage of images and masks: bytes, headers that lie about the size, values, numbers of frames."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZES = [
    (0, 0),
    (0, 5),
    (1, 1),
    (2**31 - 1, 2**31 - 1),
    (60_000, 60_000),
    (30_000, 30_000),
    (2**31 - 1, 1),
    (17, 3),
]
KINDS = {
    ".png": "PNG", ".tif": "TIFF", ".bmp": "BMP", ".jpg": "JPEG", ".JPEG": "JPEG", ".webp": "WEBP", ".jp2": "JPEG2000",
    ".gif": "GIF", ".pgm": "PPM", ".tga": "TGA",
}  # fmt: skip


def spoilt(content, rng):
    """Return the bytes of a file with one to twenty faults, most of them near its beginning."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(max(1, min(len(content), rng.choice((60, 300, len(content))))))
        fault = rng.random()
        if fault < 0.6:
            content[place : place + 1] = bytes([rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))])
        elif fault < 0.75:
            del content[place : place + rng.randrange(1, 50)]
        elif fault < 0.9:
            content[place:place] = rng.randbytes(rng.randrange(1, 8))
        else:
            del content[rng.randrange(len(content) + 1) :]
    return bytes(content)


def picture(content, rng):
    """Return another content for an image file, whatever its name says it is."""
    change = rng.choice((spoilt, spoilt, other_size, other_values, other_values, frames, png_chunks))
    return change(content, rng)


def other_size(content, rng):
    """Return the image with a header that says another size, and right check sums where there are any."""
    size = rng.choice(SIZES)
    if content[:2] == b"BM":
        return content[:18] + struct.pack("<II", *size) + content[26:]
    if content[:4] in (b"GIF8", b"GIF9"):
        return content[:6] + struct.pack("<HH", *(side % 65_536 for side in size)) + content[10:]
    if content[:2] in (b"P5", b"P6"):
        return b"P5 %d %d 255\n" % size + content[-40:]
    if content[:4] != b"\x89PNG":
        content = _saved(np.zeros((4, 4), np.uint8), "PNG")
    header = struct.pack(">II", *size) + content[24:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


def other_values(content, rng):
    """Return pixels of another type, number of channels, size or range in a format that can hold them."""
    del content
    shape = rng.choice([(16, 24), (16, 16), (8, 8), (1, 1), (1, 300), (300, 1), (2, 2)])
    numbers = np.random.default_rng(rng.randrange(2**32))
    match rng.randrange(9):
        case 0:
            values = numbers.random(shape, np.float32)
            values[0, 0] = rng.choice((np.nan, np.inf, -1, 1e30, 255))
            return _saved(values, "TIFF")
        case 1:
            return _saved(numbers.integers(-(2**31), 2**31, shape, np.int32), "TIFF")
        case 2:
            return _saved(
                numbers.integers(0, rng.choice((4096, 65_536)), shape, np.uint16), rng.choice(("PNG", "TIFF"))
            )
        case 3:
            return _saved(numbers.integers(0, 256, (*shape, 4), np.uint8), rng.choice(("PNG", "TIFF")))
        case 4:
            return _saved(numbers.integers(0, 2, shape, np.uint8) * 255, rng.choice(("PNG", "BMP")), mode="1")
        case 5:
            return _saved(
                numbers.integers(0, 256, (*shape, 3), np.uint8), rng.choice(("PNG", "GIF")), mode="P"
            )
        case 6:
            return _saved(
                numbers.integers(0, 256, (*shape, 3), np.uint8), rng.choice(("JPEG", "TIFF")), mode="CMYK"
            )
        case 7:
            return _saved(
                numbers.integers(0, 256, shape, np.uint8), rng.choice(("PNG", "BMP", "GIF", "WEBP"))
            )
        case _:
            return _saved(np.full(shape, rng.choice((0, 255)), np.uint8), "PNG")


def frames(content, rng):
    """Return a stack of two to five images."""
    del content
    shape = rng.choice([(16, 24), (16, 16), (4, 4)])
    pages = [Image.fromarray(np.full(shape, 40 * index, np.uint8)) for index in range(rng.randint(2, 5))]
    if rng.random() < 0.3:
        pages[-1] = pages[-1].resize((7, 5))
        kinds = ("TIFF", "GIF")
    else:
        kinds = ("TIFF", "GIF", "PNG", "WEBP")
    stack = io.BytesIO()
    pages[0].save(stack, rng.choice(kinds), save_all=True, append_images=pages[1:])
    return stack.getvalue()


def png_chunks(content, rng):
    """Return a PNG with a chunk that unpacks to a thousand times its size, is twice there, or says nonsense."""
    if content[:4] != b"\x89PNG":
        content = _saved(np.zeros((16, 24), np.uint8), "PNG")
    name, data = rng.choice(
        [
            (b"zTXt", b"a\x00\x00" + zlib.compress(bytes(50_000_000), 1)),
            (b"iCCP", b"a\x00\x00" + zlib.compress(bytes(50_000_000), 1)),
            (b"eXIf", b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00"),
            (b"PLTE", bytes(3 * 300)),
            (b"tRNS", b"\x00" * 9),
            (b"acTL", struct.pack(">II", 2**31 - 1, 0)),
            (b"IHDR", struct.pack(">IIBBBBB", 5, 5, 8, 2, 0, 0, 0)),
            (b"gAMA", b"\x00\x00\x00\x00"),
        ]
    )
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content[:33] + chunk + content[33:]


def _saved(pixels, form, mode=None):
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(8)
    elif mode:
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()
