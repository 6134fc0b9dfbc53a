import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import label_picture, label_points, match_labels

CLOUDS = np.array([[[0.0, 0, 0], [0.1, 0, 0]], [[1.0, 0, 0], [0.2, 0, 0]]])


def brute_force(points, clouds):
    apart = np.linalg.norm(points[:, None, None] - clouds[None], axis=-1)
    return apart.min(axis=2).argmin(axis=1)


def test_points_get_the_instance_of_the_nearest_predicted_point():
    rng = np.random.default_rng(0)
    points, clouds = rng.normal(size=(200, 3)), rng.normal(size=(4, 30, 3))
    labels = label_points(points, clouds)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, brute_force(points, clouds))


def test_predicted_points_that_are_hidden_do_not_count():
    point = [[0.19, 0, 0]]
    visible = np.array([[True, True], [True, False]])
    assert label_points(point, CLOUDS) == [1]
    assert label_points(point, CLOUDS, visible) == [0]


@pytest.mark.parametrize(
    ("points", "clouds", "visible", "message"),
    [
        (
            np.zeros((2, 2)),
            CLOUDS,
            None,
            r"`points` must have the shape \(points, 3\). Received: shape \(2, 2\)",
        ),
        (np.zeros((0, 3)), CLOUDS, None, "`points` must hold at least one point. Received: 0"),
        ([[np.nan, 0, 0]], CLOUDS, None, "`points` must be finite. Received: NaN or inf in 1 of 1 points"),
        (np.zeros((2, 3)), CLOUDS[0], None, r"`clouds` must have the shape .* Received: shape \(2, 3\)"),
        (
            np.zeros((2, 3)),
            CLOUDS * np.nan,
            None,
            "`clouds` must be finite. Received: NaN or inf in 4 of 4 points",
        ),
        (np.zeros((2, 3)), CLOUDS, np.zeros((2, 2), bool), "`visible` must leave .* Received: none"),
        (np.zeros((2, 3)), CLOUDS, np.ones(2, bool), r"`visible` must have the shape \(2, 2\)"),
    ],
)
def test_arrays_of_another_form_are_refused(points, clouds, visible, message):
    with pytest.raises(InputError, match=message):
        label_points(points, clouds, visible)


def test_pictures_hold_label_plus_one_at_the_pixel_and_0_elsewhere():
    picture = label_picture(np.array([0, 1]), np.array([[0, 2], [1, 0]]), (2, 3))
    np.testing.assert_array_equal(picture, [[0, 0, 1], [2, 0, 0]])


def test_pixels_outside_of_the_picture_are_refused():
    with pytest.raises(InputError, match="2×3 pixels. Received: rows 0 to 2, columns 0 to 0"):
        label_picture(np.array([0, 1]), np.array([[0, 0], [2, 0]]), (2, 3))


def test_labels_are_renamed_so_that_most_points_agree():
    truth = np.array([7, 7, 7, 3, 3, 5])
    labels = np.array([0, 0, 1, 2, 2, 1])
    np.testing.assert_array_equal(match_labels(labels, truth), [7, 7, 5, 3, 3, 5])


def test_a_label_too_many_gets_a_name_that_the_truth_has_not():
    np.testing.assert_array_equal(match_labels(np.array([4, 4, 9]), np.array([1, 1, 1])), [1, 1, 3])
