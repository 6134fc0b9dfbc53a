from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.data import Frames, Framing, noisy_set, open_dataset, training_stream

CODED = {"values": (0, 7, 9), "classes": ["0 a", "7 b", "9 ignore"]}


@pytest.fixture
def dataset(make_folder):
    """Six images of 64x96 pixels, with pixels that have no label."""
    return open_dataset(f"folder:{make_folder(size=(64, 96), **CODED)}")


def counting(items):
    """Return the items, and a list of the names of those whose images are read."""
    log = []

    def read(item):
        log.append(item.name)
        return item.read_pixels()

    return [replace(item, read_pixels=lambda item=item: read(item)) for item in items], log


def test_ignored_pixels_get_class_zero_and_weight_zero(dataset):
    _, labels, weights = Frames(dataset, dataset.items, Framing(), [1.0, 3.0])[0]
    raw = dataset.items[0].read_mask()
    assert (labels[raw == 255] == 0).all() and (weights[raw == 255] == 0).all()
    assert (weights[raw == 1] == 3).all() and (weights[raw == 0] == 1).all()


def test_frames_are_the_cut_out_pixels(dataset):
    frames = Frames(dataset, dataset.items, Framing(patch=16))
    item, (top, left, *_) = frames.window(31)
    assert item.name == "cell 1"
    np.testing.assert_array_equal(frames[31][0], item.read_image()[top : top + 16, left : left + 16])


@pytest.mark.parametrize("place", [-1, 144])
def test_places_beyond_the_frames_are_an_index_error(dataset, place):
    with pytest.raises(IndexError):
        Frames(dataset, dataset.items, Framing(patch=16))[place]


@pytest.mark.parametrize("framing", [Framing(), Framing(patch=16), Framing(resize=(32, 48))])
def test_frames_beyond_the_memory_are_the_same(dataset, framing):
    kept, read = (Frames(dataset, dataset.items, framing, memory=memory) for memory in (2**30, 1))
    for index in range(len(kept)):
        for one, other in zip(kept[index], read[index], strict=True):
            np.testing.assert_array_equal(one, other)


def test_image_of_8_bits_takes_a_byte_in_each_channel_and_one_for_its_label(dataset):
    assert Frames(dataset, dataset.items, Framing(patch=16)).read_all().nbytes == 6 * 64 * 96 * 4


def test_image_of_16_bits_keeps_its_values(make_folder):
    root = make_folder(size=(32, 48))
    deep = np.random.default_rng(0).integers(0, 2**16, (32, 48), np.uint16)
    Image.fromarray(deep).save(root / "images" / "cell 0.png")
    dataset = open_dataset(f"folder:{root}")
    frames = Frames(dataset, dataset.items[:1], Framing())
    image = frames[0][0]
    assert frames.read_all().nbytes == 32 * 48 * (2 + 1)
    np.testing.assert_array_equal(image[..., 1], deep.astype(np.float32) / np.float32(65535))


@pytest.mark.parametrize("framing", [Framing(), Framing(resize=(32, 48))])
@pytest.mark.parametrize("bits", [8, 16])
def test_resized_bytes_are_the_resized_floats(make_folder, framing, bits):
    root = make_folder(size=(64, 96))
    values = np.random.default_rng(0).integers(0, 2**bits, (64, 96)).astype(f"uint{bits}")
    Image.fromarray(values).save(root / "images" / "cell 0.png")
    dataset = open_dataset(f"folder:{root}")
    image = Frames(dataset, dataset.items, framing)[0][0]
    floats = np.repeat(values[..., None], 3, -1) / (2**bits - 1)
    expected = tf.image.resize(floats, image.shape[:2], antialias=True)
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_noisy_images_keep_their_values(dataset):
    noisy = noisy_set([item.name for item in dataset.items], "gaussian=0.1", 0.5, 0)
    frames = Frames(dataset, dataset.items, Framing(), noisy_set=noisy)
    for frame, item in zip(frames, dataset.items, strict=True):
        np.testing.assert_array_equal(frame[0], noisy.image(item.name, item.read_image()))


@pytest.mark.parametrize("memory", [1, 60_000, 2**30])
def test_reading_all_reads_each_image_once_however_many_patches_it_has(dataset, memory):
    items, log = counting(dataset.items)
    Frames(dataset, items, Framing(patch=16), memory=memory).read_all()
    assert log == [item.name for item in items]


def test_label_counts_are_those_of_each_patch(dataset):
    frames = Frames(dataset, dataset.items, Framing(patch=16, overlap=4))
    expected = []
    for index in range(len(frames)):
        item, (top, left, *_) = frames.window(index)
        part = item.read_mask()[top : top + 16, left : left + 16]
        expected.append([np.sum(part == 0), np.sum(part == 1)])
    np.testing.assert_array_equal(frames.read_all().label_counts, expected)


def test_memory_that_holds_all_images_shuffles_them_together(dataset):
    frames = Frames(dataset, dataset.items, Framing(patch=16))
    assert frames.images_together(frames.read_all().nbytes) is None


def test_images_of_one_frame_each_are_shuffled_together_whatever_the_memory(dataset):
    frames = Frames(dataset, dataset.items, Framing(), memory=1)
    assert frames.images_together(frames.read_all().nbytes) is None


@pytest.mark.parametrize(("images", "together"), [(0.1, 1), (1.5, 1), (3.5, 3), (5.5, 4)])
def test_so_many_images_are_shuffled_together_as_there_is_memory_for(dataset, images, together):
    frames = Frames(dataset, dataset.items, Framing(patch=16), memory=int(images * 64 * 96 * 4))
    assert frames.images_together(frames.read_all().nbytes) == together


def test_images_shuffled_together_are_decoded_once_in_a_pass(dataset):
    items, log = counting(dataset.items)
    frames = Frames(dataset, items, Framing(patch=16), memory=3 * 64 * 96 * 4)
    stream = training_stream(frames, batch_size=12, seed=0, images_together=2)
    for _ in stream.take(len(frames) // 12):
        pass
    assert sorted(set(log[:6])) == [item.name for item in items]
