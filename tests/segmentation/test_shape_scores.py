"""Scores of shapes on label maps whose values can be counted by hand, and against other libraries."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes, label
from scipy.spatial.distance import cdist

from tfapp.segmentation.shape_scores import ShapeScores, boundary, shape_scores, shape_table

TRUTH = np.zeros((40, 50), int)
TRUTH[5:25, 5:25] = 1
TRUTH[10:14, 10:14] = 0  # a hole
TRUTH[30:35, 30:35] = 1


def of_class_1(truth, predicted, **options):
    return shape_scores(truth, predicted, 2, **options)[1]


def test_perfect_labels_have_all_boundaries_right():
    assert of_class_1(TRUTH, TRUTH) == ShapeScores(2, 2, 1, 1, 1.0, 0.0)


def test_isolated_pixels_are_components_and_holes():
    predicted = TRUTH.copy()
    predicted[2, 40] = predicted[3, 41] = 1  # touch at a corner only: two components
    predicted[20, 20] = 0
    scores = of_class_1(TRUTH, predicted)
    assert (scores.components, scores.holes) == (4, 2)


def test_counts_are_those_of_scipy_on_noise():
    noise = np.random.default_rng(0).integers(0, 2, (30, 40))
    scores = of_class_1(noise, noise)
    region = noise == 1
    # A hole's pixels may touch at corners; SciPy fills what cannot be reached across edges, pixels that touch at a
    # corner among them, so the filled ones are joined across corners and those that reach the outside left out.
    around = label(~region, np.ones((3, 3)))[0]
    border = {*around[0], *around[-1], *around[:, 0], *around[:, -1]}
    holes = len(set(np.unique(around[binary_fill_holes(region) & ~region])) - border - {0})
    assert (scores.components, scores.holes) == (label(region)[1], holes)


def test_shifted_shape_meets_within_the_share_of_the_diagonal_only():
    # 0.75 % of the diagonal of 400 x 300 is 3.75 pixels.
    truth = np.zeros((300, 400), int)
    truth[100:200, 100:300] = 1
    for shift, f1, distance in ((3, 1.0, 3.0), (5, None, 5.0)):
        scores = of_class_1(truth, np.roll(truth, shift, axis=1))
        assert scores.hausdorff_95 == distance
        assert scores.boundary_f1 == f1 if f1 else scores.boundary_f1 < 0.75


def test_hausdorff_distance_is_that_of_all_pairs_of_pixels():
    rng = np.random.default_rng(1)
    truth, predicted = ((rng.uniform(size=(25, 30)) < 0.02).astype(int) + 0 for _ in range(2))
    edges = [np.argwhere(boundary(labels == 1, np.ones(labels.shape, bool))) for labels in (truth, predicted)]
    table = cdist(*edges)
    expected = max(np.percentile(table.min(axis), 95) for axis in (0, 1))
    assert of_class_1(truth, predicted).hausdorff_95 == pytest.approx(expected)


def test_class_that_is_missing_in_one_map_has_no_boundary_right():
    scores = of_class_1(TRUTH, np.zeros_like(TRUTH))
    assert scores.components == 0 and scores.boundary_f1 == 0 and np.isnan(scores.hausdorff_95)


def test_class_that_is_in_neither_map_has_no_score():
    scores = of_class_1(np.zeros_like(TRUTH), np.zeros_like(TRUTH))
    assert np.isnan(scores.boundary_f1) and np.isnan(scores.hausdorff_95)


def test_class_that_fills_both_maps_is_right_without_a_boundary():
    scores = of_class_1(np.ones_like(TRUTH), np.ones_like(TRUTH))
    assert scores.boundary_f1 == 1 and np.isnan(scores.hausdorff_95)


def test_ignored_pixels_belong_to_no_class_and_make_no_boundary():
    truth, predicted = np.ones((20, 20), int), np.ones((20, 20), int)
    truth[5:10, 5:10] = 255
    predicted[6:9, 6:9] = 0
    assert of_class_1(truth, predicted, ignore_value=255) == pytest.approx(
        ShapeScores(1, 1, 0, 0, 1.0, np.nan), nan_ok=True
    )


def test_mean_leaves_out_what_is_not_known():
    mean = ShapeScores.mean([ShapeScores(2, 1, 0, 0, 0.5, np.nan), ShapeScores(4, 1, 1, 0, np.nan, 3.0)])
    assert mean == ShapeScores(3, 1, 0.5, 0, 0.5, 3.0)
    assert np.isnan(ShapeScores.mean([]).components)


@pytest.mark.parametrize(("noises", "classes"), [(1, ["a", "b"]), (21, ["mean"])])
def test_table_of_more_than_forty_rows_is_of_means_over_the_classes(noises, classes):
    shapes = (ShapeScores(1, 2, 0, 0, 0.5, np.nan), ShapeScores(3, 2, 0, 0, 1.0, 4.0))
    rows = [SimpleNamespace(noise=f"noise {index}", shapes=shapes) for index in range(noises)]
    table = shape_table({"Unet": [rows]}, ("a", "b"), "shapes")
    assert [row[2] for row in table.rows] == noises * classes
    if classes == ["mean"]:
        assert table.rows[0] == ["Unet", "noise 0", "mean", "2.0 of 2.0", "0.0 of 0.0", "75.00", "4.0"]
