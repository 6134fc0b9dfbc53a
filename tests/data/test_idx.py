import gzip

import numpy as np
import pytest

from tfapp.data.readers.mnist import read_idx
from tfapp.errors import InputError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array, kind=8):
    header = bytes((0, 0, kind, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


@pytest.mark.parametrize(("name", "packed"), [("images", bytes), ("images.gz", gzip.compress)])
def test_bytes_are_read_with_the_shape_of_the_header(tmp_path, name, packed):
    (tmp_path / name).write_bytes(packed(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / name, 3), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with the magic number 0x; expected 0x00000803"),
        (b"\x89PNG and more", "magic number 0x89504e47; expected 0x00000803"),
        (idx_bytes(IMAGES[0]), "magic number 0x00000802; expected 0x00000803"),
        (idx_bytes(IMAGES, kind=13), "magic number 0x00000d03"),
        (idx_bytes(IMAGES)[:14], "ends within its header"),
        (idx_bytes(IMAGES)[:-1], "header announces 2x3x4 bytes, it holds 23"),
        (idx_bytes(IMAGES) + b"0", "header announces 2x3x4 bytes, it holds 25"),
        (bytes((0, 0, 8, 3)) + 12 * b"\xff" + b"1", "4294967295x4294967295x4294967295 bytes, it holds 1;"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(InputError, match=f"images .*{message}"):
        read_idx(tmp_path / "images", 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-12],
        lambda content: content[:5],
        lambda content: b"no gzip at all",
        lambda content: content[:12] + b"\xff\xff\xff\xff" + content[16:],
    ],
)
def test_damaged_gzip_is_refused(tmp_path, spoil):
    (tmp_path / "images.gz").write_bytes(spoil(gzip.compress(idx_bytes(IMAGES))))
    with pytest.raises(InputError, match="images.gz is damaged or truncated"):
        read_idx(tmp_path / "images.gz", 3)
