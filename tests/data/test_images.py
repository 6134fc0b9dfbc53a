import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfapp.data.images import as_floats, image_size, open_image, read_image, read_mask, read_pixels
from tfapp.errors import InputError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
RGB = np.stack([GREY, 255 - GREY, GREY // 2], -1)


def saved(tmp_path, image, suffix=".png", **options):
    path = tmp_path / f"picture{suffix}"
    image.save(path, **options)
    return path


def test_rgb_image_is_scaled_to_one(tmp_path):
    np.testing.assert_allclose(read_image(saved(tmp_path, Image.fromarray(RGB))), RGB / 255, atol=1e-7)


def test_every_byte_is_the_float_nearest_to_its_255th_part():
    expected = [float(np.float32(value / 255)) for value in range(256)]
    assert as_floats(np.arange(256, dtype=np.uint8)[:, None, None], 1).ravel().tolist() == expected


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "CMYK", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_of_8_bits_is_read_as_bytes_and_its_floats_are_their_255th_parts(tmp_path, mode, channels):
    path = saved(tmp_path, Image.fromarray(RGB).convert(mode), ".tif" if mode == "CMYK" else ".png")
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(6, 8, channels)
    assert read_pixels(path, channels).dtype == np.uint8
    np.testing.assert_array_equal(read_image(path, channels), expected.astype(np.float32) / np.float32(255))


def test_grey_image_is_kept_once_and_not_for_each_channel(tmp_path):
    np.testing.assert_array_equal(read_pixels(saved(tmp_path, Image.fromarray(GREY)))[..., 0], GREY)


def test_image_of_16_bits_is_read_as_it_is_stored_and_its_floats_are_the_65535th_parts(tmp_path):
    deep = GREY.astype(np.uint16) * 256 + 7
    path = saved(tmp_path, Image.fromarray(deep))
    assert read_pixels(path).dtype == np.uint16
    np.testing.assert_array_equal(read_pixels(path)[..., 0], deep)
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], deep.astype(np.float32) / np.float32(65535))


def test_grey_image_is_repeated_over_the_channels(tmp_path):
    pixels = read_image(saved(tmp_path, Image.fromarray(GREY)))
    np.testing.assert_allclose(pixels, np.repeat(GREY[..., None], 3, -1) / 255, atol=1e-7)


def test_grey_image_for_one_channel_keeps_one(tmp_path):
    assert read_image(saved(tmp_path, Image.fromarray(GREY)), channels=1).shape == (6, 8, 1)


def test_sixteen_bit_image_keeps_its_precision(tmp_path):
    deep = (GREY.astype(np.uint16) * 256) + 7
    pixels = read_image(saved(tmp_path, Image.fromarray(deep)))
    np.testing.assert_allclose(pixels[..., 0], deep / 65535, atol=1e-7)


def test_alpha_is_dropped(tmp_path):
    transparent = Image.fromarray(np.dstack([RGB, np.zeros_like(GREY)]))
    np.testing.assert_allclose(read_image(saved(tmp_path, transparent)), RGB / 255, atol=1e-7)


def test_cmyk_is_converted(tmp_path):
    path = saved(tmp_path, Image.new("CMYK", (8, 6), (0, 255, 255, 0)), ".tif")
    pixels = read_image(path)
    assert pixels[..., 0].min() > 0.9 and pixels[..., 1:].max() < 0.1


def test_palette_image_shows_its_colours(tmp_path):
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE)
    expected = np.asarray(palette.convert("RGB")) / 255
    np.testing.assert_allclose(read_image(saved(tmp_path, palette)), expected, atol=1e-7)


def test_transparent_palette_shows_its_colours(tmp_path):
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    expected = np.asarray(palette.convert("RGB")) / 255
    path = saved(tmp_path, palette, transparency=bytes(range(16)))
    np.testing.assert_allclose(read_image(path), expected, atol=1e-7)


def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, Image.fromarray(RGB), exif=exif)
    assert read_image(path).shape == (8, 6, 3)
    assert image_size(path) == (8, 6)


def test_float_image_out_of_range_is_refused(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY.astype(np.float32)), ".tif")
    with pytest.raises(InputError, match="floating-point values from 0 to 235; expected 0 to 1"):
        read_image(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing.png does not exist"):
        read_image(tmp_path / "nothing.png")


def test_zero_byte_file_is_named(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="empty.png is empty or not an image"):
        read_image(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_truncated_file_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_image(path)


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16"])
def test_mask_modes_give_integers(tmp_path, mode):
    labels = (GREY > 100).astype(np.uint8)
    image = {
        "L": Image.fromarray(labels),
        "P": Image.fromarray(labels).convert("P"),
        "1": Image.fromarray(labels * 255).convert("1"),
        "I;16": Image.fromarray(labels.astype(np.uint16)),
    }[mode]
    mask = read_mask(saved(tmp_path, image))
    assert mask.dtype == np.int32
    np.testing.assert_array_equal(mask > 0, labels > 0)


def test_grey_mask_saved_as_rgb_is_read(tmp_path):
    np.testing.assert_array_equal(read_mask(saved(tmp_path, Image.fromarray(np.dstack([GREY] * 3)))), GREY)


def test_colour_mask_is_refused(tmp_path):
    with pytest.raises(InputError, match="colour picture .* save it as an 8-bit grey or palette PNG"):
        read_mask(saved(tmp_path, Image.fromarray(RGB)))


# What Exif 2.32, 4.6.4 A, says of where the first row and column of the stored pixels belong.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_image_mask_and_size_are_turned_alike(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(GREY), suffix, exif=exif)
    expected = UPRIGHT[orientation](GREY)
    np.testing.assert_array_equal(read_mask(path), expected)
    np.testing.assert_allclose(read_image(path, 1)[..., 0], expected / 255, atol=1e-7)
    assert image_size(path) == expected.shape


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.array([[0.0, np.nan]], np.float32), "has 1 value.* NaN or infinite"),
        (np.array([[np.inf, -np.inf]], np.float32), "has 2 value.* NaN or infinite"),
        (np.array([[-1, 5]], np.int32), "whole numbers from -1 to 5; expected 0 to 65535"),
        (np.array([[0, 65536]], np.int32), "whole numbers from 0 to 65536; expected 0 to 65535"),
    ],
)
def test_values_outside_every_range_are_refused(tmp_path, values, sentence):
    with pytest.raises(InputError, match=sentence):
        read_image(saved(tmp_path, Image.fromarray(values), ".tif"))


def test_mask_of_whole_floats_is_read_and_any_other_refused(tmp_path):
    whole = np.array([[0.0, 1.0], [300.0, 2.0]], np.float32)
    np.testing.assert_array_equal(read_mask(saved(tmp_path, Image.fromarray(whole), ".tif")), whole)
    for wrong in (0.5, np.nan, 1e6):
        whole[0, 0] = wrong
        with pytest.raises(InputError, match="no class numbers; expected whole numbers"):
            read_mask(saved(tmp_path, Image.fromarray(whole), ".tif"))


def test_mask_of_16_bit_colours_is_refused(tmp_path):
    # Of 3, 3, 3 in 16 bits the upper 8 would be 0.
    def chunk(name, data):
        content = name + data
        return struct.pack(">I", len(data)) + content + struct.pack(">I", zlib.crc32(content))

    pixels = b"\0" + b"\0\3" * 3
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    png = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)
    with pytest.raises(InputError, match="colour picture .mode RGB, 16 bits"):
        read_mask(tmp_path / "a.png")


def test_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="is a folder; expected an image"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_not_of_the_wanted_form_is_named_with_it(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="a.png is damaged or not a PNG file"):
        open_image(tmp_path / "a.png", "a PNG file")
