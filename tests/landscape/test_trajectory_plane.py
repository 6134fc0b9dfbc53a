import keras
import numpy as np
import pytest
from small_segmenter import build_segmenter

from tfapp.errors import InputError
from tfapp.landscape import TrajectoryRecorder, load_trajectory, pca_directions

L = keras.layers


def flat(weights):
    return np.concatenate([np.ravel(w).astype(np.float64) for w in weights])


def trainable(model):
    return [v.numpy() for v in model.trainable_variables]


def walk(model, steps=7, seed=0):
    """Checkpoints of a random walk that ends at the model."""
    rng = np.random.default_rng(seed)
    path, weights = [trainable(model)], trainable(model)
    for _ in range(steps - 1):
        weights = [w + 0.1 * rng.standard_normal(w.shape).astype(np.float32) for w in weights]
        path.append(weights)
    return path[::-1]


@pytest.fixture
def model():
    return build_segmenter()


def test_the_axes_are_the_first_singular_vectors_of_the_differences_from_the_solution(model):
    path = walk(model)
    plane = pca_directions(model, path)
    differences = np.stack([flat(w) for w in path]) - flat(path[-1])
    *_, axes = np.linalg.svd(differences, full_matrices=False)
    for direction, axis in ((plane.u, axes[0]), (plane.v, axes[1])):
        assert abs(flat(direction) @ axis) == pytest.approx(np.linalg.norm(flat(direction)), rel=1e-6)


def test_the_points_are_the_least_squares_coordinates_of_the_checkpoints(model):
    path = walk(model)
    plane = pca_directions(model, path)
    basis = np.stack([flat(plane.u), flat(plane.v)], axis=1)
    for point, weights in zip(plane.points, path, strict=True):
        expected, *_ = np.linalg.lstsq(basis, flat(weights) - flat(path[-1]), rcond=None)
        np.testing.assert_allclose(point, expected, rtol=1e-5, atol=1e-8)


def test_the_explained_variance_is_the_share_of_the_squared_distances(model):
    path = walk(model)
    plane = pca_directions(model, path)
    differences = np.stack([flat(w) for w in path]) - flat(path[-1])
    singular = np.linalg.svd(differences, compute_uv=False)
    expected = singular[:2] ** 2 / np.sum(singular**2)
    np.testing.assert_allclose(plane.metadata["explained_variance"], expected, rtol=1e-6)
    assert plane.labels[0] == f"PCA 1 ({expected[0]:.1%} of variance)"


def test_what_the_plane_leaves_out_is_the_rest_of_the_variance(model):
    path = walk(model)
    plane = pca_directions(model, path)
    differences = np.stack([flat(w) for w in path]) - flat(path[-1])
    shown = plane.points @ np.stack([flat(plane.u), flat(plane.v)])
    rest = np.sum((differences - shown) ** 2) / np.sum(differences**2)
    assert rest == pytest.approx(1 - sum(plane.metadata["explained_variance"]), rel=1e-5)


def test_a_path_within_a_plane_is_reproduced_exactly(model):
    rng = np.random.default_rng(3)
    a, b = ([rng.standard_normal(w.shape) for w in trainable(model)] for _ in range(2))
    coordinates = [(1.0, 0.2), (0.5, -0.4), (0.1, 0.1), (0.0, 0.0)]
    path = [
        [w + s * x + t * y for w, x, y in zip(trainable(model), a, b, strict=True)]
        for s, t in coordinates[:-1]
    ]
    plane = pca_directions(model, [*path, model])
    assert sum(plane.metadata["explained_variance"]) == pytest.approx(1, abs=1e-9)
    for (alpha, beta), weights in zip(plane.points, [*path, trainable(model)], strict=True):
        at = flat(trainable(model)) + alpha * flat(plane.u) + beta * flat(plane.v)
        np.testing.assert_allclose(at, flat(weights), atol=1e-6)


def test_the_axes_are_orthogonal_and_as_long_as_the_weights(model):
    plane = pca_directions(model, walk(model))
    assert (plane.relative_u, plane.relative_v) == pytest.approx((1, 1), abs=1e-6)
    assert abs(plane.metadata["cosine"]) < 1e-7


def test_the_solution_is_the_origin_and_the_start_is_in_the_first_quadrant(model):
    plane = pca_directions(model, walk(model))
    assert plane.points[-1].tolist() == [0, 0] and (plane.points[0] >= 0).all()
    assert plane.point_names == ("start", "", "", "", "", "", "solution")


def test_a_recorded_training_is_taken_from_its_folder_or_opened(tmp_path, model, data):
    model.fit(*data[:2], batch_size=4, epochs=3, verbose=0, callbacks=[TrajectoryRecorder(tmp_path)])
    from_folder, opened = pca_directions(model, tmp_path), pca_directions(model, load_trajectory(tmp_path))
    in_memory = pca_directions(model, list(load_trajectory(tmp_path)))
    for other in (opened, in_memory):
        np.testing.assert_array_equal(from_folder.points, other.points)
        np.testing.assert_array_equal(flat(from_folder.u), flat(other.u))
    assert from_folder.metadata["steps"] == [0, 3, 6, 9]
    assert in_memory.metadata["steps"] == [None] * 4


def test_a_solution_beyond_the_last_checkpoint_is_added(tmp_path, model, data):
    model.fit(*data[:2], batch_size=4, epochs=3, verbose=0, callbacks=[TrajectoryRecorder(tmp_path)])
    model.fit(*data[:2], batch_size=4, epochs=1, verbose=0)
    plane = pca_directions(model, tmp_path)
    assert plane.metadata["steps"] == [0, 3, 6, 9, None]
    assert len(plane.points) == len(plane.point_names) == 5 and plane.points[-1].tolist() == [0, 0]
    plane.check(model)


def test_layers_that_never_moved_have_no_direction():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), L.Dense(4), L.Dense(2)])
    path = walk(model)
    for weights in path:
        weights[0] = path[-1][0]
    plane = pca_directions(model, path)
    assert not plane.u[0].any() and not plane.v[0].any() and plane.relative_u == pytest.approx(1, abs=1e-6)


def test_the_model_is_not_changed(model):
    before = model.get_weights()
    pca_directions(model, walk(model))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_blocks_of_columns_give_the_same_plane(model, monkeypatch):
    whole = pca_directions(model, walk(model))
    monkeypatch.setattr("tfapp.landscape.directions.trajectory_plane._BLOCK", 7)
    np.testing.assert_allclose(pca_directions(model, walk(model)).points, whole.points, rtol=1e-9, atol=1e-12)


def straight(model, count):
    path = walk(model, 2)
    return [
        [(1 - t) * a + t * b for a, b in zip(path[0], path[1], strict=True)] for t in np.linspace(0, 1, count)
    ]


@pytest.mark.parametrize("count", [2, 5])
def test_a_straight_path_is_refused(model, count):
    with pytest.raises(
        InputError, match=f"not on one line. Received: {count} checkpoints that span no plane"
    ):
        pca_directions(model, straight(model, count)[:-1] + [model])


def test_a_path_that_does_not_move_is_refused(model):
    with pytest.raises(InputError, match="Received: 4 checkpoints that span no plane"):
        pca_directions(model, [model] * 4)


def test_an_empty_list_is_refused(model):
    with pytest.raises(InputError, match="Received: an empty list"):
        pca_directions(model, [])


def test_the_trajectory_of_another_model_is_refused(tmp_path, model, data):
    other = keras.Sequential([keras.Input((4,)), L.Dense(2)])
    other.compile("sgd", loss="mse")
    x = np.ones((4, 4), np.float32)
    other.fit(x, x[:, :2], verbose=0, epochs=3, callbacks=[TrajectoryRecorder(tmp_path)])
    with pytest.raises(InputError, match="has other parameters than model.*parameter 1 is"):
        pca_directions(model, tmp_path)


def test_a_checkpoint_of_another_model_is_refused_by_its_number(model):
    path = walk(model)
    path[2] = path[2][:-1]
    with pytest.raises(InputError, match="Checkpoint 3 must be a list of"):
        pca_directions(model, path)
