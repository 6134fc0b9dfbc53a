import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.segmentation.noise import KINDS, Noise, parse_noises

GREY = np.full((100, 100, 3), 0.5, np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_seeded_and_stays_in_range(kind):
    noise = Noise(kind, 0.2)
    noisy = noise.add(GREY, 0, 3)
    np.testing.assert_array_equal(noisy, noise.add(GREY, 0, 3))
    assert not np.array_equal(noisy, noise.add(GREY, 1, 3))
    assert not np.array_equal(noisy, noise.add(GREY, 0, 4))
    assert noisy.dtype == np.float32 and 0 <= noisy.min() and noisy.max() <= 1


def test_gaussian_noise_has_the_standard_deviation():
    assert np.std(Noise("gaussian", 0.07).add(GREY, 0, 0)) == pytest.approx(0.07, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "white", "black"), [("salt", 0.1, 0), ("pepper", 0, 0.1), ("salt-and-pepper", 0.05, 0.05)]
)
def test_impulse_noise_sets_whole_pixels_of_the_right_share(kind, white, black):
    noisy = Noise(kind, 0.1).add(GREY, 0, 0)
    assert np.mean((noisy == 1).all(-1)) == pytest.approx(white, abs=0.01)
    assert np.mean((noisy == 0).all(-1)) == pytest.approx(black, abs=0.01)
    assert np.mean((noisy == 0.5).all(-1)) == pytest.approx(0.9, abs=0.01)


def test_amount_zero_returns_the_image():
    assert Noise("gaussian", 0.0).add(GREY, 0, 0) is GREY


def test_clean_comes_once_and_first():
    labels = [noise.label for noise in parse_noises(["gaussian=0,0.01", "salt=0,0.02", "gaussian=0.01"])]
    assert labels == ["clean", "gaussian 0.01", "salt 0.02"]


@pytest.mark.parametrize(
    "text", ["poisson=0.1", "gaussian", "gaussian=", "gaussian=much", "salt=1.5", "salt=-1"]
)
def test_unknown_noise_is_refused(text):
    with pytest.raises(InputError, match="expected"):
        parse_noises([text])
