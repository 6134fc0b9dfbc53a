"""Augmentations by their names, and changes of values against NumPy and Python's `colorsys`."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tfapp.data import Frames, Framing, open_dataset, training_stream
from tfapp.data.augmentation import Augmentation, change_values, draw_changes, parse_augmentation
from tfapp.errors import InputError

ALL = "dihedral,scale=0.5-2,brightness=0.125,contrast=0.5-1.5,colour=0.5"


@pytest.fixture
def image():
    return np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)


def changed(image, added=0.0, factor=1.0, saturation=1.0, hue=0.0, **augmentation):
    values = tf.constant([added, factor, saturation, hue], tf.float32)
    return change_values(Augmentation(**augmentation), tf.constant(image), values).numpy()


def test_brightness_adds_one_number_and_clips(image):
    np.testing.assert_allclose(
        changed(image, added=0.3, brightness=0.3), np.clip(image + 0.3, 0, 1), atol=1e-6
    )
    np.testing.assert_allclose(
        changed(image, added=-0.3, brightness=0.3), np.clip(image - 0.3, 0, 1), atol=1e-6
    )


def test_contrast_is_about_the_mean_of_each_channel(image):
    mean = image.mean((0, 1))
    expected = np.clip(mean + 1.5 * (image - mean), 0, 1)
    np.testing.assert_allclose(changed(image, factor=1.5, contrast=(0.5, 1.5)), expected, atol=1e-5)


@pytest.mark.parametrize(("saturation", "hue"), [(0.6, 0.0), (1.4, 0.05), (1.0, -0.05)])
def test_colour_multiplies_the_saturation_and_turns_the_hue(image, saturation, hue):
    expected = np.empty_like(image)
    for place in np.ndindex(image.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*image[place].astype(float))
        expected[place] = colorsys.hsv_to_rgb((h + hue) % 1, min(1, s * saturation), v)
    np.testing.assert_allclose(
        changed(image, saturation=saturation, hue=hue, colour=0.5), expected, atol=1e-4
    )


def test_numbers_are_drawn_from_their_ranges_and_those_of_one_seed_are_the_same():
    augmentation = parse_augmentation(ALL)
    drawn = np.array([np.concatenate(draw_changes(augmentation, [1, n])) for n in range(400)])
    low = [0, 0, 0.5, -0.125, 0.5, 0.5, -0.05]
    high = [1, 1, 2, 0.125, 1.5, 1.5, 0.05]
    assert (drawn >= np.float32(low)).all() and (drawn <= np.float32(high)).all()
    spread = np.subtract(high, low)
    np.testing.assert_allclose(drawn.mean(0), np.add(low, high) / 2, atol=0.06 * spread.max())
    assert (np.ptp(drawn, 0) > 0.95 * spread).all()
    # No number says another.
    assert np.abs(np.corrcoef(drawn.T) - np.eye(7)).max() < 0.2
    np.testing.assert_array_equal(np.concatenate(draw_changes(augmentation, [1, 5])), drawn[5])


def test_masks_keep_their_labels_where_values_change(make_folder):
    dataset = open_dataset(f"folder:{make_folder(size=(16, 16))}")
    frames = Frames(dataset, dataset.items, Framing())
    plain, bright = (
        next(iter(training_stream(frames, batch_size=4, seed=0, augment=augment)))
        for augment in ("dihedral", "dihedral,brightness=0.2,contrast,colour")
    )
    assert not np.array_equal(plain[0], bright[0])
    assert bright[0].numpy().min() >= 0 and bright[0].numpy().max() <= 1
    for one, other in zip(plain[1:], bright[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("flips", "flips"),
        ("scale", "none,scale=0.5-2"),
        (" mirror , colour=.25", "mirror,colour=0.25"),
        ("contrast=0.9-1.10,brightness=0.0625", "none,brightness=0.0625,contrast=0.9-1.1"),
        ("dihedral,scale,brightness,contrast,colour", ALL),
    ],
)
def test_list_is_written_with_every_value_and_reads_the_same(text, written):
    augmentation = parse_augmentation(text)
    assert str(augmentation) == written
    assert parse_augmentation(written) == augmentation


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Unknown augment ''; choose one of: none, mirror, flips, dihedral, scale"),
        ("rotate", "Unknown augment 'rotate'"),
        ("flips,", "Unknown augment ''"),
        ("flips,mirror", "`augment` has one of none, mirror, flips, dihedral"),
        ("scale,scale=1-2", "each other name once"),
        ("flips=2", "`augment` flips has no value; got flips=2"),
        ("scale=2-0.5", "the smaller one first, such as scale=0.5-2; got scale=2-0.5"),
        ("scale=0.5", "must be two factors from 0.1 to 10"),
        ("scale=0-2", "must be two factors from 0.1 to 10"),
        ("scale=", "got scale=."),
        ("contrast=0,5-1", "got contrast=0."),
        ("brightness=0", "above 0 and at most 1, such as brightness=0.125; got brightness=0"),
        ("brightness=-0.1", "above 0 and at most 1"),
        ("colour=2", "above 0 and at most 1, such as colour=0.5; got colour=2"),
        ("colour=nan", "got colour=nan"),
    ],
)
def test_what_is_no_augmentation_is_refused(text, sentence):
    with pytest.raises(InputError) as error:
        parse_augmentation(text)
    assert sentence in str(error.value)


def test_scale_without_a_crop_and_colours_of_grey_images_are_refused():
    dataset = replace(open_dataset("cells:4:32"), channels=1)
    frames = Frames(dataset, dataset.items, Framing())
    with pytest.raises(InputError, match="`augment` scale needs a `crop`"):
        training_stream(frames, batch_size=2, seed=0, augment="scale")
    with pytest.raises(
        InputError, match="`augment` colour is for images in colours; those of cells:4:32 are grey"
    ):
        training_stream(frames, batch_size=2, seed=0, augment="colour")
