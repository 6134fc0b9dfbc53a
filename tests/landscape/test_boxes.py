import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape.flatness import boxes
from tfapp.landscape.flatness.boxes import FullSpace, RandomSubspace, filter_width, keskar_width


def matrix_of(space):
    return np.stack([space.lift(row) for row in np.eye(space.size)], axis=1)


def test_the_width_of_keskars_box_is_one_more_than_the_absolute_coordinate():
    np.testing.assert_array_equal(keskar_width(np.array([-2.0, 0.0, 0.5])), [3, 1, 1.5])


def test_the_width_of_a_filter_is_its_root_mean_square_and_biases_do_not_move():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.set_weights([np.array([[3.0, 0.0], [4.0, 2.0]]), np.array([5.0, 6.0])])
    # Columns are neurons: (3, 4) has the norm 5, (0, 2) the norm 2.
    np.testing.assert_allclose(filter_width(model), np.array([5, 2, 5, 2, 0, 0]) / np.sqrt(2))


def test_a_vertex_of_the_filter_box_moves_every_filter_by_its_norm(segmenter):
    width = filter_width(segmenter)
    kernel = segmenter.trainable_variables[0].numpy()
    moved = width[: kernel.size].reshape(kernel.shape)
    norms = [np.sqrt(np.sum(array**2, axis=(0, 1, 2))) for array in (moved, kernel)]
    np.testing.assert_allclose(*norms, rtol=1e-6)


def test_a_model_whose_filters_are_all_zero_has_no_filter_box():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="zeros")], name="null"
    )
    with pytest.raises(InputError, match="'null' has no filters to move: no kernel that is trainable"):
        filter_width(model)


def test_the_full_space_is_the_identity():
    space, v = FullSpace(3), np.arange(3.0)
    assert space.lift(v) is v and space.pull(v) is v and space.coordinates(v) is v


@pytest.mark.parametrize("columns", ["gaussian", "unit"])
def test_pull_is_the_transpose_and_coordinates_are_the_pseudo_inverse(columns):
    space = RandomSubspace(50, 7, 0, columns)
    matrix, v = matrix_of(space), np.random.default_rng(1).standard_normal(50)
    np.testing.assert_allclose(space.pull(v), matrix.T @ v, rtol=1e-12)
    np.testing.assert_allclose(space.coordinates(v), np.linalg.pinv(matrix) @ v, rtol=1e-9)


def test_unit_columns_have_length_1():
    np.testing.assert_allclose(np.linalg.norm(matrix_of(RandomSubspace(50, 7, 0, "unit")), axis=0), 1)


def test_gaussian_columns_have_independent_entries_of_variance_1():
    matrix = matrix_of(RandomSubspace(20000, 4, 0))
    np.testing.assert_allclose(matrix.T @ matrix / 20000, np.eye(4), atol=0.03)
    assert abs(matrix.mean()) < 0.02


def test_a_subspace_of_all_dimensions_gives_the_weights_back():
    space, x = RandomSubspace(12, 12, 0), np.random.default_rng(1).standard_normal(12)
    np.testing.assert_allclose(space.lift(space.coordinates(x)), x, rtol=1e-6)


def test_columns_that_are_drawn_again_are_those_that_were_kept(monkeypatch):
    monkeypatch.setattr(boxes, "_BLOCK", 16)
    kept = matrix_of(RandomSubspace(50, 3, 5, "unit"))
    monkeypatch.setattr(boxes, "_KEPT_BYTES", 0)
    np.testing.assert_array_equal(matrix_of(RandomSubspace(50, 3, 5, "unit")), kept)


def test_the_seed_decides_the_subspace():
    first, again, other = (matrix_of(RandomSubspace(10, 2, seed)) for seed in ([0, 1], [0, 1], [0, 2]))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
