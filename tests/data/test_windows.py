import numpy as np
import pytest
import tifffile
from PIL import Image

from tfapp.data import read_image
from tfapp.data.opening import pixel_limit
from tfapp.data.tiff_windows import TiffWindows
from tfapp.data.windows import open_windows
from tfapp.errors import InputError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (70, 91, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (70, 91), dtype=np.uint16)
# Within one tile or strip, across several, and at the far corner.
PARTS = [(3, 9, 2, 11), (0, 70, 0, 91), (10, 67, 14, 80), (69, 70, 90, 91)]


def assert_parts_are_those_of(source, whole):
    assert source.size == whole.shape[:2]
    for top, bottom, left, right in PARTS:
        np.testing.assert_array_equal(source.window(top, bottom, left, right), whole[top:bottom, left:right])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(COLOURS),
        Image.fromarray(COLOURS).convert("P"),
        Image.fromarray(COLOURS).convert("CMYK"),
        Image.fromarray(COLOURS[..., 0]),
        Image.fromarray(COLOURS[..., 0] > 100),
        Image.fromarray(DEEP),
        Image.fromarray(DEEP / np.float32(65535)),
    ],
    ids=lambda picture: picture.mode,
)
def test_parts_are_those_of_the_image_as_it_is_read(tmp_path, picture, channels):
    file = tmp_path / "a.tif"
    picture.save(file)
    with open_windows(file, channels) as source:
        assert_parts_are_those_of(source, read_image(file, channels))


def test_parts_are_turned_as_the_camera_says(tmp_path):
    file, exif = tmp_path / "a.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(file, exif=exif)
    with open_windows(file) as source:
        assert source.size == (91, 70)
        np.testing.assert_array_equal(source.window(80, 91, 1, 70), read_image(file)[80:91, 1:70])


TIFFS = {
    "rows": (COLOURS, {}),
    "BigTIFF": (COLOURS, {"bigtiff": True}),
    "tiles": (COLOURS, {"tile": (32, 48), "compression": "zlib", "predictor": True}),
    "strips": (COLOURS, {"rowsperstrip": 16, "compression": "zlib"}),
    "transparent": (np.dstack([COLOURS, COLOURS[..., 0]]), {"extrasamples": ["unassalpha"]}),
    "deep rows": (DEEP, {"byteorder": ">"}),
    "deep tiles": (DEEP, {"tile": (16, 16)}),
    "deep strips": (DEEP, {"rowsperstrip": 7}),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_parts_of_a_tiff_are_read_alone_and_are_those_of_pillow(tmp_path, kind):
    pixels, options = TIFFS[kind]
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", **options)
    with TiffWindows.of(file, 3, least=1) as source:
        assert_parts_are_those_of(source, read_image(file))


@pytest.mark.parametrize(
    "pixels, options",
    [
        (DEEP, {"photometric": "miniswhite"}),
        (DEEP, {"photometric": "minisblack", "extratags": [(274, "H", 1, 3, False)]}),  # turned by half
        (
            np.dstack([COLOURS // 2, COLOURS[..., 0] | 128]),
            {"photometric": "rgb", "extrasamples": ["assocalpha"]},
        ),
    ],
    ids=["white is 0", "turned", "multiplied"],
)
def test_other_tiffs_are_left_to_pillow(tmp_path, pixels, options):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, **options)
    assert TiffWindows.of(file, 3, least=1) is None
    with open_windows(file) as source:
        assert_parts_are_those_of(source, read_image(file))


@pytest.mark.parametrize("kind", ["rows", "tiles"])
def test_part_of_a_damaged_tiff_is_refused_with_its_place(tmp_path, kind):
    pixels, options = TIFFS[kind]
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, photometric="rgb", **options)
    with TiffWindows.of(file, 3, least=1) as source:
        file.write_bytes(file.read_bytes()[:5000])
        with pytest.raises(
            InputError, match="a.tif is damaged or truncated in rows 10 to 70, columns 5 to 91"
        ):
            source.window(10, 70, 5, 91)


def test_limit_of_pixels_holds_for_tiffs_that_are_read_in_parts(tmp_path):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, COLOURS, photometric="rgb")
    with pixel_limit(5000), pytest.raises(InputError, match="at most 0.005 megapixels are read"):
        TiffWindows.of(file, 3, least=1)
