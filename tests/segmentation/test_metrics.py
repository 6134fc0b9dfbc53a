import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.metrics import balanced_accuracy_score

from tfapp.errors import InputError
from tfapp.segmentation.metrics import (
    class_iou,
    confusion_matrix,
    global_accuracy,
    image_quality,
    mean_accuracy,
    mean_iou,
    regularisation_effect,
)

TRUE = np.array([[0, 0, 1], [1, 2, 2]])
PREDICTED = np.array([[0, 1, 1], [1, 2, 0]])


def test_confusion_matrix_by_hand():
    expected = [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    np.testing.assert_array_equal(confusion_matrix(TRUE, PREDICTED, 3), expected)


def test_ignored_pixels_do_not_count():
    labels = TRUE.copy()
    labels[0, 1] = 255
    assert confusion_matrix(labels, PREDICTED, 3, 255).sum() == 5


def test_mean_accuracy_by_hand():
    # Of the two pixels of each class 1, 2 and 1 are right.
    confusion = confusion_matrix(TRUE, PREDICTED, 3)
    assert mean_accuracy(confusion) == pytest.approx((1 / 2 + 2 / 2 + 1 / 2) / 3)


def test_mean_accuracy_is_the_balanced_accuracy_of_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = rng.choice(5, 2000, p=[0.6, 0.2, 0.1, 0.07, 0.03]), rng.integers(0, 5, 2000)
    found = mean_accuracy(confusion_matrix(true, predicted, 5))
    assert found == pytest.approx(balanced_accuracy_score(true, predicted))


def test_mean_accuracy_is_over_the_classes_that_occur_and_not_over_ignored_pixels():
    true, predicted = np.array([0, 0, 0, 2, 7]), np.array([0, 1, 0, 2, 1])
    assert mean_accuracy(confusion_matrix(true, predicted, 4, ignore_value=7)) == pytest.approx(5 / 6)


def test_mean_accuracy_of_no_pixel_is_no_number():
    assert np.isnan(mean_accuracy(np.zeros((3, 3), int)))


def test_accuracy_and_iou_by_hand():
    confusion = confusion_matrix(TRUE, PREDICTED, 3)
    assert global_accuracy(confusion) == pytest.approx(4 / 6)
    np.testing.assert_allclose(class_iou(confusion), [1 / 3, 2 / 3, 1 / 2])
    assert mean_iou(confusion) == pytest.approx(0.5)


def test_class_that_never_occurs_is_left_out_of_the_mean():
    confusion = confusion_matrix(np.zeros((2, 2), int), np.zeros((2, 2), int), 3)
    assert np.isnan(class_iou(confusion)[1:]).all()
    assert mean_iou(confusion) == 1.0


def test_constant_map_has_no_border():
    assert regularisation_effect(np.full((5, 7), 3)) == 0.0


def test_regularisation_effect_by_hand():
    # Columns 0 0 1: the pixels of the middle column differ from their right neighbour: 1 of 3.
    assert regularisation_effect(np.array([[0, 0, 1]] * 4)) == pytest.approx(100 / 3)


def isolated_pixel():
    labels = np.zeros((10, 10), int)
    labels[4, 6] = 1
    return labels


def gradient_length(labels):
    """Equations (4.1) and (4.2), pixel by pixel."""
    height, width = labels.shape
    total = 0.0
    for i in range(height):
        for j in range(width):
            down = i + 1 < height and labels[i + 1, j] != labels[i, j]
            right = j + 1 < width and labels[i, j + 1] != labels[i, j]
            total += math.hypot(down, right)
    return 100 * total / labels.size


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([[1, 0], [0, 0]]), 35.36),  # sqrt(2) of 4 pixels
        (isolated_pixel(), 3.414),  # sqrt(2) at the pixel itself, 1 above it, 1 to its left
        (np.indices((100, 100)).sum(0) % 2, 140.59),
    ],
    ids=["corner", "isolated pixel", "checkerboard"],
)
def test_a_pixel_that_differs_both_ways_counts_the_square_root_of_two(labels, expected):
    assert regularisation_effect(labels) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("size", [(7, 11), (1, 9), (9, 1), (1, 1)])
def test_regularisation_effect_is_the_mean_length_of_the_gradient(size):
    labels = np.random.default_rng(1).integers(0, 3, size)
    assert regularisation_effect(labels) == pytest.approx(gradient_length(labels))


def test_regularisation_effect_does_not_depend_on_the_numbers_of_the_classes():
    labels = np.random.default_rng(2).integers(0, 3, (8, 8))
    assert regularisation_effect(np.array([7, 0, 255])[labels]) == regularisation_effect(labels)


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
