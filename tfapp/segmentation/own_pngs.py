"""PNG files that carry the hash of what they hold, by which a later call knows its own that nobody has changed."""

import hashlib
import io
import os
import struct
import zlib

from PIL.PngImagePlugin import PngInfo

from tfapp.files import atomic_path, check_regular_file

# What tells people where a file is from; other programs keep such texts, or lose them, when they save it again.
_PROGRAM = ("Software", "tfapp predict")
_KEYWORD = b"tfapp-sha256\0"
# Behind the signature of a PNG, 8 bytes, and its header, a chunk of 25.
_PLACE = 33
_LENGTH = 12 + len(_KEYWORD) + 64


def save_own_png(picture, path):
    """Write a PIL picture as a PNG by write-then-rename, with a hash of all its bytes in a text of its own."""
    content, info = io.BytesIO(), PngInfo()
    info.add_text(*_PROGRAM)
    picture.save(content, format="PNG", pnginfo=info)
    content = content.getvalue()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content[:_PLACE] + _chunk(content) + content[_PLACE:])


def is_own_png(path):
    """Return whether a file is one of `save_own_png`, and still holds what that wrote."""
    check_regular_file(path)
    try:
        with open(path, "rb") as file:
            head, chunk = file.read(_PLACE), file.read(_LENGTH)
            if chunk[4 : 8 + len(_KEYWORD)] != b"tEXt" + _KEYWORD:
                return False
            rest = file.read(os.fstat(file.fileno()).st_size)
    except OSError:  # such as a file that may not be read
        return False
    return chunk == _chunk(head + rest)


def _chunk(content):
    """Return the chunk of text with the hash of the other bytes of a PNG."""
    text = b"tEXt" + _KEYWORD + hashlib.sha256(content).hexdigest().encode()
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
