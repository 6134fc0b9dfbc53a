import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter

from tfapp.errors import InputError
from tfapp.landscape import make_directions
from tfapp.landscape.directions.loss_directions import (
    data_gradient,
    gradient_directions,
    hessian_directions,
)
from tfapp.landscape.samples import Batches

L = keras.layers


@pytest.fixture
def batches(data):
    x, y, _ = data
    return Batches(x, y, None, BATCH_SIZE)


def flat(arrays):
    return np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])


def test_the_gradient_of_least_squares_is_the_textbook_one_without_weight_decay():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, kernel_regularizer="l2")])
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.random((10, 3), np.float32), rng.random((10, 2), np.float32)
    w, b = model.get_weights()
    residual = x @ w + b - y
    gradient = data_gradient(model, Batches(x, y, None, 4))
    np.testing.assert_allclose(gradient[0], 2 / 20 * x.T @ residual, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradient[1], 2 / 20 * residual.sum(0), rtol=1e-5)


def test_the_gradient_over_batches_is_that_of_all_samples_at_once_in_inference_mode(segmenter, data, batches):
    x, y, _ = data
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, segmenter(x, training=False)))
    expected = tape.gradient(loss, [v.value for v in segmenter.trainable_variables])
    for found, reference in zip(data_gradient(segmenter, batches), expected, strict=True):
        np.testing.assert_allclose(found, reference.numpy(), rtol=1e-4, atol=1e-7)


def test_the_gradient_of_an_embedding_is_dense():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), L.Embedding(5, 3), L.Flatten(), L.Dense(1)])
    model.compile(loss="mse")
    x, y = np.array([[0, 1], [1, 2]]), np.ones((2, 1), np.float32)
    gradient = data_gradient(model, Batches(x, y, None, 2))[0]
    assert gradient.shape == (5, 3) and gradient[:3].any(axis=1).all() and not gradient[3:].any()


def test_a_model_with_two_outputs_that_was_never_evaluated_can_be_evaluated_afterwards(data):
    inputs = keras.Input((8, 8, 2))
    features = L.Flatten()(inputs)
    model = keras.Model(inputs, [L.Dense(1, name="a")(features), L.Dense(2, name="b")(features)])
    model.compile(loss=["mse", "mae"], metrics=[["mae"], ["mse"]])
    x, targets = data[0], [np.zeros((10, 1), np.float32), np.ones((10, 2), np.float32)]
    gradient_directions(model, Batches(x, targets, None, 4))
    assert np.isfinite(model.evaluate(x, targets, verbose=0)).all()


@pytest.mark.slow
def test_the_first_direction_is_uphill_as_steep_as_any_and_as_long_as_the_weights(segmenter, batches):
    plane = gradient_directions(segmenter, batches)
    moved = [i for i, u in enumerate(plane.u) if u.any()]
    assert [segmenter.trainable_variables[i].name for i in moved] == ["kernel"] * 4
    gradient = flat([data_gradient(segmenter, batches)[i] for i in moved])
    u = flat([plane.u[i] for i in moved])
    assert gradient @ u == pytest.approx(np.linalg.norm(gradient) * np.linalg.norm(u), rel=1e-6)
    assert plane.relative_u == pytest.approx(1, abs=1e-6)
    assert plane.metadata["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-6)


def test_the_second_direction_is_filter_normalised_and_orthogonal_to_the_gradient(segmenter, batches):
    plane = gradient_directions(segmenter, batches)
    assert abs(flat(plane.u) @ flat(plane.v)) < 1e-6 * plane.absolute_u * plane.absolute_v
    kernel = segmenter.trainable_variables[0].numpy()
    np.testing.assert_allclose(
        np.sqrt((plane.v[0].astype(np.float64) ** 2).sum((0, 1, 2))),
        np.sqrt((kernel**2).sum((0, 1, 2))),
        rtol=1e-5,
    )


def test_dead_filters_do_not_spoil_the_second_direction(batches):
    model = build_segmenter()
    biases = [v for v in model.trainable_variables if v.shape == (6,)]
    biases[0].assign(np.full(6, -100.0))  # of the convolution before the second ReLU
    plane = gradient_directions(model, batches)
    dead = [u for u, v in zip(plane.u, plane.v, strict=True) if v.any() and not u.any()]
    assert dead and all(np.isfinite(v).all() for v in plane.v)


def test_the_gradient_can_be_limited_to_layers_and_extended_to_biases(segmenter, batches):
    name = segmenter.layers[-1].name
    plane = gradient_directions(segmenter, batches, layers=[name], biases=True)
    assert [u.any() for u in plane.u] == [False] * (len(plane.u) - 2) + [True, True]


def test_the_model_is_not_changed(segmenter, batches):
    before = [v.numpy() for v in segmenter.variables]
    gradient_directions(segmenter, batches)
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, segmenter.variables, strict=True))


def test_a_gradient_of_zero_is_refused():
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, use_bias=False)], name="flat")
    model.compile(loss="mse")
    x = np.zeros((4, 3), np.float32)
    with pytest.raises(InputError, match="finite and not 0. Received: a gradient of norm 0.0 for 'flat'"):
        gradient_directions(model, Batches(x, np.ones((4, 2), np.float32), None, 2))


def test_a_model_that_is_not_compiled_is_refused(data, batches):
    model = keras.Sequential([keras.Input((8, 8, 2)), L.Conv2D(2, 1)])
    with pytest.raises(InputError, match="Expected a compiled and built model"):
        gradient_directions(model, batches)


def test_hessian_directions_are_the_two_top_eigenvectors_as_long_as_the_weights():
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), L.Dense(1, use_bias=False)])
    model.compile(loss="mse")
    x = (rng.standard_normal((40, 6)) * [3, 2, 1, 0.5, 0.2, 0.1]).astype(np.float32)
    # The Hessian of the mean of (x w - y)^2 is 2 / N x'x.
    values, vectors = np.linalg.eigh(2 / 40 * x.T.astype(np.float64) @ x)
    plane = hessian_directions(model, Batches(x, np.ones((40, 1), np.float32), None, 16))
    assert plane.metadata["eigenvalues"] == pytest.approx([values[-1], values[-2]], rel=1e-4)
    length = np.linalg.norm(model.get_weights()[0])
    for direction, vector in ((plane.u, vectors[:, -1]), (plane.v, vectors[:, -2])):
        assert abs(flat(direction) @ vector) == pytest.approx(length, rel=1e-4)
        assert np.linalg.norm(flat(direction)) == pytest.approx(length, rel=1e-6)


@pytest.mark.slow
def test_hessian_directions_move_all_parameters_and_are_labelled_by_their_eigenvalues(segmenter, batches):
    plane = hessian_directions(segmenter, batches)
    assert all(u.any() for u in plane.u) and plane.metadata["share_perturbed"] == 1.0
    first, second = plane.metadata["eigenvalues"]
    assert first >= second
    assert plane.labels == (f"Hessian eigenvector of {first:.3g}", f"Hessian eigenvector of {second:.3g}")
    assert abs(plane.metadata["cosine"]) < 1e-3


def test_hessian_directions_limited_to_layers_are_refused(segmenter, batches):
    with pytest.raises(InputError, match="do not apply to eigenvectors; freeze the other layers instead"):
        make_directions(segmenter, "hessian", batches=batches, layers=[segmenter.layers[-1].name])
