import struct

import numpy as np
import pytest
import tifffile  # scikit-image needs it: another reader and writer than ours

from tfapp.data.images import image_size, read_image, read_mask
from tfapp.errors import InputError

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (6, 8)).astype(np.uint16)


def written(tmp_path, values, **options):
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "metadata": None} | options)
    return path


def by_hand(tmp_path, data, tags):
    """Write an uncompressed little-endian TIFF of 8x6 pixels in one strip."""
    tags = {256: 8, 257: 6, 259: 1, 277: 1, 278: 6, 279: len(data)} | tags
    start = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags[273] = start
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    path = tmp_path / "hand.tif"
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + data)
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("values", "white"),
    [(DEEP, 65535), ((DEEP / 65535).astype(np.float32), 1), ((DEEP >> 8).astype(np.uint8), 255)],
)
def test_picture_whose_lowest_value_is_white_is_inverted_whatever_its_bits(
    tmp_path, values, white, compression
):
    path = written(tmp_path, values, photometric="miniswhite", compression=compression)
    assert (tifffile.imread(path) == values).all()
    np.testing.assert_allclose(read_image(path)[..., 0], 1 - values / white, atol=1e-6)


def test_mask_whose_lowest_value_is_white_is_inverted_with_16_bits_as_with_8(tmp_path):
    labels = RNG.integers(0, 3, (6, 8))
    path = written(tmp_path, (65535 - labels).astype(np.uint16), photometric="miniswhite")
    np.testing.assert_array_equal(read_mask(path), labels)


def test_floats_beyond_one_whose_lowest_is_white_are_refused(tmp_path):
    path = written(tmp_path, DEEP.astype(np.float32), photometric="miniswhite")
    with pytest.raises(InputError, match=r"from .* to .* of which the lowest is white \(MinIsWhite\)"):
        read_image(path)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
def test_compressed_numbers_in_the_other_order_of_bytes_are_read(tmp_path, kind):
    values = RNG.integers(0, 2, (6, 8)).astype(kind)
    path = written(tmp_path, values, byteorder=">", compression="zlib")
    np.testing.assert_array_equal(read_mask(path), values)


@pytest.mark.parametrize("read", [read_image, image_size])
def test_deep_channels_one_behind_the_other_are_refused(tmp_path, read):
    path = written(tmp_path, np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="3 channels of 16 bits that stand one behind the other"):
        read(path)


@pytest.mark.parametrize(("kind", "compression"), [(np.uint8, None), (np.uint8, "zlib"), (np.uint16, "zlib")])
def test_other_channels_one_behind_the_other_are_read(tmp_path, kind, compression):
    colours = RNG.integers(0, np.iinfo(kind).max + 1, (3, 6, 8)).astype(kind)
    path = written(tmp_path, colours, photometric="rgb", planarconfig="separate", compression=compression)
    upper = colours if kind == np.uint8 else colours >> 8
    np.testing.assert_allclose(read_image(path), np.moveaxis(upper, 0, -1) / 255, atol=1e-6)


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_negative_numbers_of_8_bits_are_refused_and_others_read(tmp_path, read):
    values = np.arange(48, dtype=np.int8).reshape(6, 8)
    factor = 255 if read is read_image else 1
    result = read(written(tmp_path, values)).reshape(6, 8, -1)[..., 0]
    np.testing.assert_allclose(result * factor, values, atol=1e-5)
    with pytest.raises(InputError, match="signed 8-bit numbers, the lowest -3; expected 0 and more"):
        read(written(tmp_path, values - np.int8(3)))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((6, 8), np.float16), "1 channel.*16 bits of floating point"),
        (np.zeros((6, 8), np.float64), "1 channel.*64 bits of floating point"),
        (np.zeros((6, 8, 5), np.uint8), "5 channel.*8 bits of whole numbers"),
        (np.zeros((6, 8), np.complex64), "1 channel.*64 bits of complex"),
    ],
)
@pytest.mark.parametrize("bigtiff", [False, True])
def test_kind_that_cannot_be_read_is_named(tmp_path, values, kind, bigtiff):
    planar = "contig" if values.ndim == 3 else None
    with pytest.raises(InputError, match=f"is a TIFF of {kind}.* which cannot be read; expected 8 bits"):
        read_image(written(tmp_path, values, bigtiff=bigtiff, planarconfig=planar))


@pytest.mark.parametrize("bits", [10, 14])
def test_bits_between_8_and_16_are_named(tmp_path, bits):
    path = by_hand(tmp_path, bytes(200), {258: bits, 262: 1})
    with pytest.raises(InputError, match=f"{bits} bits of whole numbers"):
        read_image(path)


def test_lowest_bit_first_is_read(tmp_path):
    values = DEEP.astype("<u2").tobytes()
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in values)
    path = by_hand(tmp_path, mirrored, {258: 16, 262: 1, 266: 2})
    np.testing.assert_allclose(read_image(path)[..., 0], DEEP / 65535, atol=1e-6)


def test_grey_multiplied_by_transparency_is_refused(tmp_path):
    path = written(tmp_path, np.zeros((6, 8, 2), np.uint8), extrasamples=[1], planarconfig="contig")
    with pytest.raises(InputError, match=r"multiplied by its transparency|2 channel\(s\), grey"):
        read_image(path)
