"""Images with bytes changed, lost and added at random are read or refused in words, whatever the format."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from tests.malformed.pictures import spoilt
from tfapp.data.image_facts import image_facts
from tfapp.data.images import image_size, read_image, read_mask
from tfapp.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
READERS = (image_size, read_image, read_mask, image_facts)
EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = {
    "turned.png": (GREY, {"exif": EXIF}),
    "deep.png": (GREY.astype(np.uint16) * 200, {}),
    "turned.jpg": (GREY, {"exif": EXIF}),
    "plain.bmp": (GREY, {}),
    "turned.tif": (GREY, {"exif": EXIF}),
    "packed.tif": (GREY, {"compression": "tiff_lzw"}),
    "signed.tif": (GREY.astype(np.int32), {}),
    "float.tif": (GREY.astype(np.float32) / 255, {}),
    "plain.webp": (np.dstack([GREY] * 3), {"lossless": True}),
    "animated.gif": (GREY, {"save_all": True, "append_images": [Image.fromarray(255 - GREY)]}),
    "plain.pgm": (GREY, {}),
    "plain.jp2": (GREY, {}),
    "packed.tga": (GREY, {"compression": "tga_rle"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_spoilt_image_is_read_or_refused_in_words(tmp_path, name):
    (pixels, options), whole, rng = SEEDS[name], io.BytesIO(), random.Random(name)
    kind = Image.registered_extensions()[(tmp_path / name).suffix]
    Image.fromarray(pixels).save(whole, format=kind, **options)
    path, refused = tmp_path / name, 0
    for _ in range(150):
        path.write_bytes(spoilt(whole.getvalue(), rng))
        for read in READERS:
            try:
                read(path)
            except InputError as error:
                refused += 1
                assert name in str(error) and "\n" not in str(error)
    assert refused
