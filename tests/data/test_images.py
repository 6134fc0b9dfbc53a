import numpy as np
import pytest
from PIL import Image

from tfapp.data.images import image_size, open_image, read_image, read_mask
from tfapp.errors import InputError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
RGB = np.stack([GREY, 255 - GREY, GREY // 2], -1)


def saved(tmp_path, image, suffix=".png", **options):
    path = tmp_path / f"picture{suffix}"
    image.save(path, **options)
    return path


def test_rgb_image_is_scaled_to_one(tmp_path):
    np.testing.assert_allclose(read_image(saved(tmp_path, Image.fromarray(RGB))), RGB / 255, atol=1e-7)


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


def test_mask_is_taken_as_it_is_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(read_mask(saved(tmp_path, Image.fromarray(GREY), exif=exif)), GREY)


def test_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be opened: Is a directory"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_not_of_the_wanted_form_is_named_with_it(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="a.png is damaged or not a PNG file"):
        open_image(tmp_path / "a.png", "a PNG file")
