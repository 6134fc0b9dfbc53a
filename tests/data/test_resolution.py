import keras
import numpy as np
import pytest
from PIL import Image

from tfapp.data import Noise, Resolution
from tfapp.data.resolution import parse_degradations, resize_bicubic
from tfapp.errors import InputError


def picture(height=37, width=50, channels=3):
    return np.random.default_rng(0).random((height, width, channels), np.float32)


def pillow_bicubic(image, height, width):
    """Resize channel by channel in Pillow's floating-point mode, and clip."""
    channels = [
        Image.fromarray(image[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
        for channel in range(image.shape[-1])
    ]
    return np.clip(np.stack([np.asarray(channel) for channel in channels], -1), 0, 1)


@pytest.mark.parametrize("size", [(12, 9), (80, 71), (12, 120), (37, 20)])
def test_resizing_is_that_of_pillow(size):
    np.testing.assert_allclose(resize_bicubic(picture(), size), pillow_bicubic(picture(), *size), atol=5e-6)


def test_resizing_is_that_of_the_keras_layer():
    layer = keras.layers.Resizing(20, 30, interpolation="bicubic", antialias=True)
    expected = np.clip(layer(picture()[None]), 0, 1)
    np.testing.assert_allclose(resize_bicubic(picture()[None], (20, 30)), expected, atol=1e-6)


def test_overshoot_is_clipped():
    edge = np.zeros((4, 8, 3), np.float32)
    edge[:, 4:] = 1
    resized = resize_bicubic(edge, (16, 32)).numpy()
    assert resized.min() == 0 and resized.max() == 1


def test_high_resolution_is_bicubic():
    sharp = Resolution(24, 8).sharp(picture())
    assert sharp.dtype == np.float32
    np.testing.assert_allclose(sharp, pillow_bicubic(picture(), 24, 24), atol=5e-6)


def test_image_of_the_size_stays_as_it_is():
    image = picture(24, 24)
    np.testing.assert_array_equal(Resolution(24, 8).sharp(image), image)


@pytest.mark.parametrize("straight", [True, False])
def test_low_resolution_is_the_image_or_that_in_high_resolution_made_small_in_eight_bits(straight):
    small = Resolution(24, 8, straight=straight).small(picture(), 0, 0)
    assert small.dtype == np.uint8
    larger = picture() if straight else pillow_bicubic(picture(), 24, 24)
    expected = 255 * pillow_bicubic(larger, 8, 8)
    # Half a level of rounding, and what the two resizings differ by.
    np.testing.assert_allclose(small, expected, atol=0.5 + 0.01)


@pytest.mark.parametrize("low", [8, 24, None])
@pytest.mark.parametrize("degradations", [(), (Noise("gaussian", 0.1), Noise("jpeg", 20))])
def test_low_resolution_is_the_enlarged_small_image(low, degradations):
    resolution = Resolution(24, low, degradations)
    small = resolution.small(picture(), 3, 5)
    image = resolution.low_resolution(picture(), 3, 5)
    assert image.shape == (24, 24, 3) and image.dtype == np.float32
    np.testing.assert_array_equal(image, resolution.enlarged(small.astype(np.float32) / np.float32(255)))


def test_without_a_low_size_the_sharp_image_is_made_worse():
    resolution = Resolution(24, None, (Noise("brightness", 0.25),))
    expected = np.rint(255 * np.clip(pillow_bicubic(picture(), 24, 24) + 0.25, 0, 1)) / 255
    np.testing.assert_allclose(resolution.low_resolution(picture(), 0, 0), expected, atol=1.01 / 255)


def test_degradations_are_applied_in_order():
    grey = np.full((8, 8, 3), 0.5, np.float32)
    up_first, down_first = (
        Resolution(8, 8, parse_degradations(texts)).small(grey, 0, 0)
        for texts in (["brightness=0.8", "brightness=-0.4"], ["brightness=-0.4", "brightness=0.8"])
    )
    # 0.5 + 0.8 is clipped to 1, then 0.6; 0.1 + 0.8 is 0.9 (229.5 of 255).
    assert (up_first == 153).all() and np.isin(down_first, (229, 230)).all()


def test_degradations_depend_on_seed_and_index_only():
    resolution = Resolution(24, 8, (Noise("gaussian", 0.1),))
    images = [resolution.small(picture(), *key) for key in ((1, 2), (1, 2), (2, 2), (1, 3))]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2]) and not np.array_equal(images[0], images[3])


@pytest.mark.parametrize(
    ("high", "low", "message"),
    [
        (0, None, "The high resolution must be at least 1 pixel; got 0"),
        (-3, 1, "The high resolution must be at least 1 pixel; got -3"),
        (32, 0, "The low resolution must be from 1 to 32 pixels, the high resolution; got 0"),
        (32, 33, "The low resolution must be from 1 to 32 pixels, the high resolution; got 33"),
    ],
)
def test_sizes_out_of_range_are_refused(high, low, message):
    with pytest.raises(InputError, match=message):
        Resolution(high, low)


def test_degradations_are_parsed_in_their_order():
    labels = [noise.label for noise in parse_degradations(["jpeg=10", "blur=2", "brightness=-0.3"])]
    assert labels == ["jpeg 10", "blur 2", "brightness -0.3"]


@pytest.mark.parametrize("text", ["fog=1", "jpeg=0", "gaussian=0.1,0.2", "paper"])
def test_unknown_degradation_is_refused(text):
    with pytest.raises(InputError, match="expected"):
        parse_degradations(["blur=1", text])


def test_each_image_has_one_of_several_sizes_by_its_place_alone():
    several = Resolution(24, 8, further=(16, 4))
    sides = [several.small(picture(), 0, index).shape[0] for index in range(300)]
    assert sides == [several.low_of(index) for index in range(300)]
    assert sides == [Resolution(24, 16, further=(4, 8)).low_of(index) for index in range(300)]
    counts = np.unique(sides, return_counts=True)
    # By chance a hundred of each, with a standard deviation of eight.
    assert counts[0].tolist() == [4, 8, 16] and np.abs(counts[1] - 100).max() < 30


@pytest.mark.parametrize(
    "low, further, words",
    [
        (8, (8,), "is given once; got 8, 8"),
        (8, (25,), "from 1 to 24 pixels"),
        (None, (8,), "keep their size"),
    ],
)
def test_sizes_that_cannot_be_are_refused(low, further, words):
    with pytest.raises(InputError, match=words):
        Resolution(24, low, further=further)
