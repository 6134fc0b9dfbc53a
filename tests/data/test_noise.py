import re

import numpy as np
import pytest

from tfapp.data import Frames, Framing, open_dataset
from tfapp.data.noise import KINDS, Noise, NoisySet, noisy_set, parse_mix, parse_noise, parse_noises
from tfapp.errors import InputError

RANDOM_KINDS = ("gaussian", "salt", "pepper", "salt-and-pepper")
AMOUNTS = {"blur": 2.0, "jpeg": 20.0, "brightness": -0.4}
GREY = np.full((100, 100, 3), 0.5, np.float32)


def picture(channels=3):
    return np.random.default_rng(0).random((20, 27, channels), dtype=np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_corrupted_image_keeps_shape_type_and_range_and_the_original(kind, channels):
    image = picture(channels)
    noisy = Noise(kind, AMOUNTS.get(kind, 0.2)).add(image, 0, 3)
    assert noisy.shape == image.shape and noisy.dtype == np.float32
    assert 0 <= noisy.min() and noisy.max() <= 1
    assert not np.array_equal(noisy, image)
    np.testing.assert_array_equal(image, picture(channels))


@pytest.mark.parametrize("kind", KINDS)
def test_corruption_is_the_same_every_time(kind):
    noise = Noise(kind, AMOUNTS.get(kind, 0.2))
    np.testing.assert_array_equal(noise.add(picture(), 0, 3), noise.add(picture(), 0, 3))


@pytest.mark.parametrize("kind", RANDOM_KINDS)
def test_noise_differs_by_seed_and_image(kind):
    noise = Noise(kind, 0.2)
    noisy = noise.add(GREY, 0, 3)
    assert not np.array_equal(noisy, noise.add(GREY, 1, 3))
    assert not np.array_equal(noisy, noise.add(GREY, 0, 4))


def test_gaussian_noise_has_the_standard_deviation():
    assert np.std(Noise("gaussian", 0.07).add(GREY, 0, 0)) == pytest.approx(0.07, rel=0.02)


def test_gaussian_noise_of_two_amounts_is_one_field_scaled():
    weak, strong = (Noise("gaussian", amount).add(GREY, 5, 2) - GREY for amount in (0.01, 0.03))
    np.testing.assert_allclose(strong, 3 * weak, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "white", "black"), [("salt", 0.1, 0), ("pepper", 0, 0.1), ("salt-and-pepper", 0.05, 0.05)]
)
def test_impulse_noise_sets_whole_pixels_of_the_right_share(kind, white, black):
    noisy = Noise(kind, 0.1).add(GREY, 0, 0)
    assert np.mean((noisy == 1).all(-1)) == pytest.approx(white, abs=0.01)
    assert np.mean((noisy == 0).all(-1)) == pytest.approx(black, abs=0.01)
    assert np.mean((noisy == 0.5).all(-1)) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_blur_is_the_gaussian_mean_of_the_neighbours_with_repeated_edges(sigma):
    image, reach = picture(), round(4 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(image.astype(np.float64), ((reach, reach), (reach, reach), (0, 0)), "edge")
    rows = sum(w * padded[i : i + image.shape[0]] for i, w in enumerate(kernel))
    expected = sum(w * rows[:, i : i + image.shape[1]] for i, w in enumerate(kernel))
    np.testing.assert_allclose(Noise("blur", sigma).add(image, 0, 0), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_the_worse_the_lower_its_quality(channels):
    errors = [
        np.abs(Noise("jpeg", q).add(picture(channels), 0, 0) - picture(channels)).mean() for q in (95, 30, 1)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_jpeg_of_an_even_eight_bit_grey_keeps_it():
    grey = np.full((16, 16, 1), 128 / 255, np.float32)
    np.testing.assert_allclose(Noise("jpeg", 50).add(grey, 0, 0), grey, atol=1e-6)


def test_brightness_is_added_and_clipped():
    image = np.array([[[0.0, 0.4, 0.9]]], np.float32)
    np.testing.assert_allclose(Noise("brightness", 0.3).add(image, 0, 0), [[[0.3, 0.7, 1.0]]])
    np.testing.assert_allclose(Noise("brightness", -0.3).add(image, 0, 0), [[[0.0, 0.1, 0.6]]], atol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jpeg"])
def test_amount_zero_returns_the_image(kind):
    assert Noise(kind, 0.0).add(GREY, 0, 0) is GREY


def test_clean_comes_once_and_first():
    texts = ["gaussian=0,0.01", "salt=0,0.02", "gaussian=0.01", "brightness=-0.2,0", "jpeg=30"]
    labels = [noise.label for noise in parse_noises(texts)]
    assert labels == ["clean", "gaussian 0.01", "salt 0.02", "brightness -0.2", "jpeg 30"]


def test_robustness_has_levels_of_every_kind():
    kinds = [noise.kind for noise in parse_noises(["robustness"])[1:]]
    assert {kind: kinds.count(kind) for kind in kinds} == {**dict.fromkeys(KINDS, 3), "brightness": 6}


def test_preset_goes_with_other_amounts():
    labels = [noise.label for noise in parse_noises(["blur=0.5", "paper"])]
    assert labels[:4] == ["clean", "blur 0.5", "gaussian 0.01", "gaussian 0.03"] and len(labels) == 9


def test_paper_has_the_columns_of_its_tables_in_their_order():
    sigmas = [f"gaussian {sigma}" for sigma in (0.01, 0.03, 0.05, 0.07, 0.09)]
    assert [noise.label for noise in parse_noises(["paper"])] == [
        "clean",
        *sigmas,
        "pepper 0.01",
        "salt 0.01",
    ]


@pytest.mark.parametrize("text", ["poisson=0.1", "gaussian", "gaussian=", "papers"])
def test_unknown_noise_is_refused_with_the_kinds_and_presets(text):
    with pytest.raises(InputError, match=f"Unknown noise '{text}'; .*brightness.*paper, robustness"):
        parse_noises([text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "gaussian=much",
            "'much' is not an amount of gaussian; expected a standard deviation, a number from 0 to 1",
        ),
        ("salt=1.5", "a share of the pixels, a number from 0 to 1"),
        ("pepper=-1", "a share of the pixels, a number from 0 to 1"),
        ("gaussian=nan", "a number from 0 to 1"),
        ("blur=101", "a standard deviation in pixels, a number from 0 to 100"),
        ("jpeg=0", "a quality, a whole number from 1 to 100"),
        ("jpeg=12.5", "a quality, a whole number from 1 to 100"),
        ("brightness=-1.1", "an offset, a number from -1 to 1"),
    ],
)
def test_amount_out_of_the_range_of_its_kind_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_noises([text])


@pytest.mark.parametrize("text", ["salt=0,01", "brightness=-0,05", "gaussian=0,1", "salt=0.5,0,2"])
def test_a_comma_in_place_of_the_decimal_point_is_refused(text):
    with pytest.raises(InputError, match="decimals have a point"):
        parse_noises([text])
    with pytest.raises(InputError, match="decimals have a point"):
        parse_noise(text)


@pytest.mark.parametrize("text", ["gaussian=0.05,0.1", "gaussian=0,1", "gaussian=0", "paper"])
def test_several_noises_or_none_are_not_one(text):
    with pytest.raises(InputError, match="is not one noise; expected KIND=AMOUNT"):
        parse_noise(text)


NAMES = tuple(f"image {i}" for i in range(30))
SMALL_GREY = np.full((8, 8, 3), 0.5, np.float32)


def changed(noisy, names=NAMES):
    return [name for name in names if not np.array_equal(noisy.image(name, SMALL_GREY), SMALL_GREY)]


@pytest.mark.parametrize(("share", "count"), [(1 / 3, 10), (0.5, 15), (1.0, 30)])
def test_share_of_the_images_is_noisy(share, count):
    assert len(changed(noisy_set(NAMES, "gaussian=0.05", share, 0))) == count


def test_same_seed_gives_the_same_set_and_another_seed_another():
    first, again, other = (noisy_set(NAMES, "gaussian=0.05", 1 / 3, seed) for seed in (4, 4, 5))
    assert changed(first) == changed(again) != changed(other)
    for name in NAMES:
        np.testing.assert_array_equal(first.image(name, SMALL_GREY), again.image(name, SMALL_GREY))


def test_no_two_images_get_the_same_noise():
    noisy = noisy_set(NAMES, "gaussian=0.05", 1.0, 0)
    assert len({noisy.image(name, SMALL_GREY).tobytes() for name in NAMES}) == len(NAMES)


def test_noise_is_not_the_one_that_an_evaluation_adds():
    noisy = noisy_set(NAMES, "gaussian=0.05", 1.0, 0)
    tested = {Noise("gaussian", 0.05).add(SMALL_GREY, 0, i).tobytes() for i in range(len(NAMES))}
    assert not tested & {noisy.image(name, SMALL_GREY).tobytes() for name in NAMES}


MIX = "gaussian=0.05|salt-and-pepper=0.01"
LARGE = np.full((40, 40, 3), 0.5, np.float32)


def is_gaussian(image):
    """Whether all pixels changed, as one per cent of salt and pepper never does."""
    return (image != LARGE).all(-1).mean() > 0.9


def test_of_a_mix_each_noisy_image_has_one_noise():
    noisy = noisy_set(NAMES, MIX, 0.5, 0)
    made = [noisy.image(name, LARGE) for name in changed(noisy_set(NAMES, "gaussian=0.05", 0.5, 0))]
    for image in made:
        extremes = np.mean((image == 0).all(-1) | (image == 1).all(-1))
        assert is_gaussian(image) or (
            0 < extremes < 0.03 and np.mean(image != LARGE) == pytest.approx(extremes)
        )


def test_noises_of_a_mix_are_equally_likely():
    names = [f"{i}" for i in range(400)]
    noisy = noisy_set(names, MIX, 1.0, 3)
    kinds = [noise.kind for noise in noisy.noises.values()]
    # Four standard deviations of 400 throws of a coin.
    assert abs(kinds.count("gaussian") - 200) < 40 and set(kinds) == {"gaussian", "salt-and-pepper"}


def test_mix_is_the_same_set_with_the_same_seed():
    first, again, other = (noisy_set(NAMES, MIX, 1.0, seed) for seed in (4, 4, 5))
    assert first.noises == again.noises != other.noises
    for name in NAMES:
        np.testing.assert_array_equal(first.image(name, LARGE), again.image(name, LARGE))


def test_mix_falls_on_the_images_that_one_noise_would_fall_on():
    assert noisy_set(NAMES, MIX, 1 / 3, 7).positions == noisy_set(NAMES, "gaussian=0.05", 1 / 3, 7).positions


@pytest.mark.parametrize(
    ("share", "total", "count"), [(20 / 60, 60, 20), (90 / 367, 367, 90), (1000 / 5285, 5285, 1000)]
)
def test_shares_of_the_paper_are_its_numbers_of_images(share, total, count):
    names = [str(i) for i in range(total)]
    assert len(noisy_set(names, MIX, share, 0).positions) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gaussian=0.05|", "a part is empty"),
        ("|", "a part is empty"),
        ("gaussian=0.05|fog=1", "Unknown noise 'fog=1'"),
        ("gaussian=0.05|salt=2", "a share of the pixels, a number from 0 to 1"),
        ("gaussian=0.05|gaussian=0.05", "names a noise twice"),
        ("gaussian=0.05|gaussian=0.01,0.1", "is not one noise"),
        ("gaussian=0.05|gaussian=0", "is not one noise"),
        (
            "gaussian=0.05,salt-and-pepper=0.01",
            "are joined by |, such as 'gaussian=0.05|salt-and-pepper=0.01'",
        ),
    ],
)
def test_mix_that_does_not_parse_is_refused(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        parse_mix(text)


def test_mix_is_refused_where_one_noise_is_wanted():
    with pytest.raises(InputError, match="is a mix of noises"):
        parse_noise(MIX)


def test_share_that_comes_to_no_image_is_refused():
    with pytest.raises(InputError, match="`noisy_share` 0.1 of 4 training image.s. is none"):
        NoisySet(NAMES[:4], (Noise("gaussian", 0.05),), 0.1, 0)


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


def test_frames_that_do_not_fit_into_memory_are_as_noisy(make_folder):
    dataset = open_dataset(f"folder:{make_folder()}")
    noisy = noisy_set([item.name for item in dataset.items], "gaussian=0.1", 1.0, 0)
    kept, read = (
        Frames(dataset, dataset.items, Framing(), noisy_set=noisy, memory=memory) for memory in (2**30, 1)
    )
    np.testing.assert_array_equal(read[2][0], kept[2][0])
    np.testing.assert_array_equal(read[2][0], kept[2][0])


def test_mix_is_no_row_of_an_evaluation():
    with pytest.raises(InputError, match=r"is a mix of noises, .* such as 'gaussian=0.05'"):
        parse_noises([MIX])
