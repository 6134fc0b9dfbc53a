import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfapp.errors import InputError
from tfapp.segmentation.metrics import image_quality


def pair(channels=3, size=(24, 30)):
    rng = np.random.default_rng(0)
    target = gaussian_filter(rng.random((*size, channels)), (1, 1, 0))
    return np.clip(target + rng.normal(0, 0.05, target.shape), 0, 1), target


def ssim(x, y):
    """Wang et al. 2004, equation (13), with its constants; windows that cross the border are left out."""

    def mean(image):
        return gaussian_filter(image, 1.5, truncate=3.5)

    c1, c2, mx, my = 0.01**2, 0.03**2, mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    index = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return index[5:-5, 5:-5].mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_is_the_error_in_decibels(channels):
    image, target = pair(channels)
    expected = -10 * np.log10(np.mean((image - target) ** 2))
    assert image_quality(image, target).psnr == pytest.approx(expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_its_definition(channels):
    image, target = pair(channels)
    expected = np.mean([ssim(image[..., c], target[..., c]) for c in range(channels)])
    assert image_quality(image, target).ssim == pytest.approx(expected, rel=1e-6)


def test_equal_images_are_infinitely_near():
    _, target = pair()
    assert image_quality(target, target) == (np.inf, 1.0)


def test_values_outside_the_range_are_clipped():
    image, target = pair()
    assert image_quality(image * 3 - 1, target) == image_quality(np.clip(image * 3 - 1, 0, 1), target)


def test_image_smaller_than_the_window_is_refused():
    image, target = pair(size=(10, 30))
    with pytest.raises(InputError, match="at least 11x11 pixels; got 30x10"):
        image_quality(image, target)
