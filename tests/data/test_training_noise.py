import numpy as np
import pytest

from tfapp.data import Frames, Framing, Noise, open_dataset
from tfapp.data.noise import NoisySet, noisy_set
from tfapp.errors import InputError

NAMES = tuple(f"image {i}" for i in range(30))
GREY = np.full((8, 8, 3), 0.5, np.float32)


def changed(noisy, names=NAMES):
    return [name for name in names if not np.array_equal(noisy.image(name, GREY), GREY)]


@pytest.mark.parametrize(("share", "count"), [(1 / 3, 10), (0.5, 15), (1.0, 30)])
def test_share_of_the_images_is_noisy(share, count):
    assert len(changed(noisy_set(NAMES, "gaussian=0.05", share, 0))) == count


def test_same_seed_gives_the_same_set_and_another_seed_another():
    first, again, other = (noisy_set(NAMES, "gaussian=0.05", 1 / 3, seed) for seed in (4, 4, 5))
    assert changed(first) == changed(again) != changed(other)
    for name in NAMES:
        np.testing.assert_array_equal(first.image(name, GREY), again.image(name, GREY))


def test_no_two_images_get_the_same_noise():
    noisy = noisy_set(NAMES, "gaussian=0.05", 1.0, 0)
    assert len({noisy.image(name, GREY).tobytes() for name in NAMES}) == len(NAMES)


def test_noise_is_not_the_one_that_an_evaluation_adds():
    noisy = noisy_set(NAMES, "gaussian=0.05", 1.0, 0)
    tested = {Noise("gaussian", 0.05).add(GREY, 0, i).tobytes() for i in range(len(NAMES))}
    assert not tested & {noisy.image(name, GREY).tobytes() for name in NAMES}


def test_share_that_comes_to_no_image_is_refused():
    with pytest.raises(InputError, match="--noisy-share 0.1 of 4 training image.s. is none"):
        NoisySet(NAMES[:4], Noise("gaussian", 0.05), 0.1, 0)


def test_without_a_noise_there_is_no_noisy_set():
    assert noisy_set(NAMES, None, 1 / 3, 0) is None


def test_frames_have_the_noise_at_network_size_and_untouched_labels(make_folder):
    dataset = open_dataset(f"folder:{make_folder()}")
    names = tuple(item.name for item in dataset.items)
    framing = Framing(resize=(24, 40))
    clean = Frames(dataset, dataset.items, framing)
    noisy = noisy_set(names, "salt-and-pepper=0.1", 0.5, 0)
    frames = Frames(dataset, dataset.items, framing, noisy_set=noisy)
    for index, name in enumerate(names):
        image, labels, weights = frames[index]
        np.testing.assert_array_equal(image, noisy.image(name, clean[index][0]))
        np.testing.assert_array_equal(labels, clean[index][1])
        np.testing.assert_array_equal(weights, clean[index][2])


def test_frames_that_do_not_fit_into_memory_are_as_noisy(make_folder, monkeypatch):
    dataset = open_dataset(f"folder:{make_folder()}")
    noisy = noisy_set([item.name for item in dataset.items], "gaussian=0.1", 1.0, 0)
    kept = Frames(dataset, dataset.items, Framing(), noisy_set=noisy)[2][0]
    monkeypatch.setattr("tfapp.data.framing.MEMORY_LIMIT_BYTES", 0)
    read = Frames(dataset, dataset.items, Framing(), noisy_set=noisy)
    np.testing.assert_array_equal(read[2][0], kept)
    np.testing.assert_array_equal(read[2][0], kept)
