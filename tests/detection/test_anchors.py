"""Dense anchors: where they are, their shapes and their order."""

import numpy as np
import pytest
import tensorflow as tf

from tfapp.detection.proposals.anchors import anchor_grid, anchor_shapes, anchor_tensor, anchors_of_cells


def test_shapes_have_the_area_of_the_squares_and_the_ratio_of_height_to_width():
    np.testing.assert_allclose(
        anchor_shapes([16, 32], [0.25, 1, 4]), [[8, 32], [16, 16], [32, 8], [16, 64], [32, 32], [64, 16]]
    )


def test_grid_worked_by_hand():
    # Cells of 10 pixels, two along the height of 20 and one for the width of 7.
    np.testing.assert_array_equal(
        anchor_grid(20, 7, 10, [4], [1, 4]),
        [[3, 3, 7, 7], [1, 4, 9, 6], [13, 3, 17, 7], [11, 4, 19, 6]],
    )


def test_order_is_row_by_row_of_cells():
    anchors = anchors_of_cells(2, 3, 8, anchor_shapes([8], [1]))
    np.testing.assert_array_equal(anchors[:, :2], [[0, 0], [0, 8], [0, 16], [8, 0], [8, 8], [8, 16]])
    assert anchors.dtype == np.float32


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 5), (0, 4)])
def test_tensors_are_the_same_for_sides_known_only_in_the_graph(rows, columns):
    shapes = anchor_shapes([32, 64], [0.5, 1, 2])

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 2])])
    def of_features(features):
        return anchor_tensor(tf.shape(features)[1], tf.shape(features)[2], 16, shapes)

    np.testing.assert_array_equal(
        of_features(tf.zeros([1, rows, columns, 2])), anchors_of_cells(rows, columns, 16, shapes)
    )
