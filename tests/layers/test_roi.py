"""Features of regions against loops in NumPy, finite differences, and each other."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import RoIAlign, RoIPool, roi_align, roi_pool

SIZE, STRIDE = (3, 2), 4.0


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).normal(size=(2, 9, 7, 3))


@pytest.fixture(scope="module")
def boxes():
    """Boxes inside of the image of 36x28 pixels, across its border, outside of it, of one point; and none."""
    rng = np.random.default_rng(1)
    corners = rng.uniform(-6, 40, (2, 9, 2, 2))
    found = np.sort(corners, axis=2).reshape(2, 9, 4)
    found[:, 6], found[:, 7], found[:, 8] = (50, 50, 60, 70), (5, 9, 5, 9), (-1, -1, -2, -2)
    return found.astype(np.float32)


def pooled_by_loops(image, box):
    """Return the maxima of Girshick's Fast R-CNN, cell by cell."""
    height, width, channels = image.shape
    y1, x1, y2, x2 = (math.floor(corner / STRIDE + 0.5) for corner in box)
    cells = max(y2 - y1 + 1, 1) / SIZE[0], max(x2 - x1 + 1, 1) / SIZE[1]
    found = np.zeros((*SIZE, channels))
    for p in range(SIZE[0]):
        for q in range(SIZE[1]):
            ends = [
                (math.floor(index * cell) + first, math.ceil((index + 1) * cell) + first)
                for index, cell, first in ((p, cells[0], y1), (q, cells[1], x1))
            ]
            rows, columns = (
                slice(min(max(low, 0), length), min(max(high, 0), length))
                for (low, high), length in zip(ends, (height, width), strict=True)
            )
            cell = image[rows, columns]
            if cell.size:
                found[p, q] = cell.max((0, 1))
    return found


def sample(image, y, x):
    """Return the bilinear value at a place, as He et al. have it: 0 farther than a pixel outside."""
    height, width, channels = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(channels)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    down, right = y - top, x - left
    return (
        (1 - down) * (1 - right) * image[top, left]
        + (1 - down) * right * image[top, left + 1]
        + down * (1 - right) * image[top + 1, left]
        + down * right * image[top + 1, left + 1]
    )


def aligned_by_loops(image, box, sampling, aligned):
    shift, least = (0.5, 0.0) if aligned else (0.0, 1.0)
    start = np.array(box[:2]) / STRIDE - shift
    extent = np.maximum((np.array(box[2:]) - box[:2]) / STRIDE, least)
    found = np.zeros((*SIZE, image.shape[2]))
    for p in range(SIZE[0]):
        for q in range(SIZE[1]):
            places = [
                start + extent * ((p + (i + 0.5) / sampling) / SIZE[0], (q + (j + 0.5) / sampling) / SIZE[1])
                for i in range(sampling)
                for j in range(sampling)
            ]
            found[p, q] = np.mean([sample(image, *place) for place in places], axis=0)
    return found


def test_maxima_are_those_of_a_loop_over_cells(features, boxes):
    found = roi_pool(tf.constant(features), boxes, SIZE, STRIDE)
    for image, rows, result in zip(features, boxes, found.numpy(), strict=True):
        for box, one in zip(rows[:8], result, strict=False):
            np.testing.assert_array_equal(one, pooled_by_loops(image, box))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling", [1, 2])
def test_averages_are_those_of_a_loop_over_samples(features, boxes, sampling, aligned):
    found = roi_align(tf.constant(features), boxes, SIZE, STRIDE, sampling, aligned)
    for image, rows, result in zip(features, boxes, found.numpy(), strict=True):
        for box, one in zip(rows[:8], result, strict=False):
            np.testing.assert_allclose(one, aligned_by_loops(image, box, sampling, aligned), atol=1e-5)


@pytest.mark.parametrize("function", [roi_pool, roi_align])
def test_row_that_is_no_box_has_zeros(features, boxes, function):
    assert not function(tf.constant(features), boxes, SIZE, STRIDE)[:, 8].numpy().any()


@pytest.mark.parametrize("function", [roi_pool, roi_align])
def test_gradient_is_that_of_finite_differences(features, boxes, function):
    weights = np.random.default_rng(2).normal(size=(2, 9, *SIZE, 3))

    def value(array):
        return tf.reduce_sum(function(array, boxes, SIZE, STRIDE) * weights)

    variable = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        loss = value(variable)
    gradient = tape.gradient(loss, variable).numpy()
    rng, step = np.random.default_rng(3), 1e-6
    for place in zip(*(rng.integers(0, length, 20) for length in features.shape), strict=True):
        moved = np.zeros_like(features)
        moved[place] = step
        slope = (value(features + moved) - value(features - moved)) / (2 * step)
        assert gradient[place] == pytest.approx(float(slope), abs=1e-6)


def test_gradient_of_equal_maxima_goes_to_one():
    features = tf.ones((1, 2, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(features)
        loss = tf.reduce_sum(roi_pool(features, [[[0.0, 0.0, 1.0, 1.0]]], (1, 1), 1.0))
    np.testing.assert_array_equal(tape.gradient(loss, features)[0, :, :, 0], [[1, 0], [0, 0]])


def test_boxes_have_no_gradient(features, boxes):
    rows = tf.constant(boxes)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(roi_align(tf.constant(features), rows, SIZE, STRIDE))
    assert tape.gradient(loss, rows) is None


def test_averages_of_a_plane_are_its_values_in_the_middle_of_the_cells():
    rows = np.arange(16.0)[:, None] + np.zeros((16, 16))
    found = roi_align(tf.constant(rows[None, ..., None]), [[[8.0, 8.0, 40.0, 40.0]]], (4, 4), 4.0)
    # Row r of the features has its middle at 4 (r + .5) pixels.
    np.testing.assert_allclose(found[0, 0, :, 0, 0], np.array([12, 20, 28, 36]) / 4 - 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size"),
        ({"stride": 0.0}, "`stride` must be a finite number > 0"),
        ({"stride": -1}, "stride"),
    ],
)
@pytest.mark.parametrize("layer", [RoIPool, RoIAlign])
def test_option_out_of_range_is_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        layer(**options)


def test_number_of_samples_is_positive():
    with pytest.raises(ValueError, match="`sampling` must be a positive integer"):
        RoIAlign(sampling=0)


@pytest.mark.parametrize("layer", [RoIPool, RoIAlign])
def test_places_of_boxes_are_not_rounded_to_half_precision(layer):
    features = np.zeros((1, 512, 4, 1), np.float32)
    features[0, [257, 261]] = 1.0
    box = np.float32([[[257, 0, 258, 3]]])
    found = [
        float(layer(1, 1, dtype=policy)(features, box)[0, 0, 0, 0, 0])
        for policy in ("float32", "mixed_bfloat16")
    ]
    assert found[0] > 0.4 and found[1] == pytest.approx(found[0], rel=0.01)


@pytest.mark.parametrize("function", [roi_pool, roi_align])
def test_box_that_is_not_a_number_has_features_that_are_none(features, function):
    boxes = np.full((2, 1, 4), np.nan, np.float32)
    assert np.isnan(function(tf.constant(features), boxes, SIZE, STRIDE)).all()


@pytest.mark.parametrize("shape", [(2, 9, 3), (1, 9, 4), (9, 4)])
def test_boxes_of_another_shape_are_refused(features, shape):
    with pytest.raises(ValueError, match=r"boxes `\(batch, count, 4\)` of the same batch"):
        RoIAlign()(tf.constant(features), tf.zeros(shape))


def test_cells_of_a_graph_are_those_of_whole_numbers():
    """Regions of 1 to 60 features across, of which a graph that divides by 7 reads a row or a column too much."""
    extents = np.arange(1, 61)
    corners = np.stack([0 * extents, 0 * extents, extents - 1, extents - 1], axis=1)[None].astype(np.float32)
    places = np.arange(64.0, dtype=np.float32)
    # The maximum over a cell is its last place, down or across.
    features = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1)[None]
    graph = tf.function(lambda maps: roi_pool(maps, corners, (7, 7), 1.0), autograph=False)
    found = graph(tf.constant(features)).numpy()[0]
    for extent, cells in zip(extents.tolist(), found, strict=True):
        last = [-(-(step + 1) * extent // 7) - 1 for step in range(7)]
        assert cells[:, 0, 0].tolist() == last and cells[0, :, 1].tolist() == last


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("shape", [(1, 23, 31, 2), (None, None, None, 2)])
def test_maxima_in_a_graph_are_those_of_a_loop_for_boxes_of_all_sizes(shape, jit_compile):
    """Some boxes are many times as large as the features, so that one cell holds all of these."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(1, 23, 31, 2)).astype(np.float32)
    corners = np.sort(rng.uniform(-30, 140, (1, 40, 2, 2)), axis=2).reshape(1, 40, 4)
    graph = tf.function(
        lambda maps, rows: roi_pool(maps, rows, SIZE, STRIDE),
        input_signature=[tf.TensorSpec(shape), tf.TensorSpec((shape[0], None, 4))],
        jit_compile=jit_compile,
        autograph=False,
    )
    for boxes in (
        corners,
        np.concatenate([corners, [[[-900, -900, 900, 900], [-5000, 0, 5000, 9]]]], axis=1),
    ):
        boxes = boxes.astype(np.float32)
        found = graph(features, boxes).numpy()[0]
        for box, one in zip(boxes[0], found, strict=True):
            np.testing.assert_array_equal(one, pooled_by_loops(features[0], box))
