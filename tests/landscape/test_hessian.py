import keras
import numpy as np
import pytest
import tensorflow as tf
from small_convex import build_logistic, flat_weights, logistic_derivatives

from tfapp.errors import InputError
from tfapp.landscape.flatness.derivatives import unflatten
from tfapp.landscape.flatness.hessian import LARGEST_ASYMMETRY, STEPS, Hessian, asymmetry
from tfapp.layers import TVSoftmax


def dense(hessian):
    return np.stack([hessian.matvec(row) for row in np.eye(hessian.shape[0])])


@pytest.mark.slow
def test_an_ordinary_network_is_differentiated_twice(segmenter, data):
    x, y, w = data
    hessian = Hessian(segmenter, x, y, w, batch_size=4)
    assert (hessian.method, hessian.step) == ("exact", None)
    assert hessian.asymmetry < LARGEST_ASYMMETRY


@pytest.mark.parametrize("method,tolerance", [("exact", 1e-5), ("differences", 2e-3)])
def test_both_methods_give_the_closed_form_of_a_smooth_loss(method, tolerance):
    model, x, y = build_logistic()
    expected = logistic_derivatives(x, y, flat_weights(model))[2]
    found = dense(Hessian(model, x, y, batch_size=4, method=method))
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


def test_differences_do_not_depend_on_the_length_of_the_vector():
    model, x, y = build_logistic()
    hessian = Hessian(model, x, y, method="differences")
    v = np.random.default_rng(0).standard_normal(hessian.shape[0])
    np.testing.assert_allclose(hessian.matvec(1e4 * v), 1e4 * hessian.matvec(v), rtol=1e-3)
    assert not hessian.matvec(0 * v).any()


@keras.saving.register_keras_serializable(package="tests")
class TimesItsSum(keras.layers.Layer):
    """x * sum(x) with a right gradient that holds constant what moves, as implicit gradients do."""

    def call(self, x):
        @tf.custom_gradient
        def times_its_sum(x):
            total, frozen = tf.reduce_sum(x, -1, keepdims=True), tf.stop_gradient(x)
            return x * total, lambda up: up * total + tf.reduce_sum(up * frozen, -1, keepdims=True)

        return times_its_sum(x)


def test_second_derivatives_that_are_wrong_are_noticed_and_replaced_by_differences():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, use_bias=False), TimesItsSum()])
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 3)).astype("f4"), rng.standard_normal((6, 3)).astype("f4")
    hessian = Hessian(model, x, y)
    assert hessian.method == "differences" and hessian.asymmetry > 0.01 and hessian.step in STEPS
    kernel = tf.Variable(model.get_weights()[0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            hidden = x @ kernel
            loss = tf.reduce_mean(tf.square(hidden * tf.reduce_sum(hidden, -1, keepdims=True) - y))
        gradient = tf.reshape(inner.gradient(loss, kernel), [-1])
    expected = np.reshape(outer.jacobian(gradient, kernel), (9, 9))
    np.testing.assert_allclose(dense(hessian), expected, atol=3e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_an_operation_without_second_derivative_is_replaced_by_differences():
    layers = [keras.layers.Conv2D(1, 2, padding="same"), keras.layers.Resizing(6, 6, "lanczos3")]
    model = keras.Sequential([keras.Input((4, 4, 2)), *layers])
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 4, 4, 2)).astype("f4"), rng.standard_normal((5, 6, 6, 1)).astype("f4")
    hessian = Hessian(model, x, y)
    assert (hessian.method, hessian.asymmetry) == ("differences", None)
    # The network is linear in its weights: column k of its Jacobian is its output for unit weights.
    columns = []
    for k in range(9):
        model.set_weights([np.eye(9)[k, :8].reshape(2, 2, 2, 1), np.eye(9)[k, 8:]])
        columns.append(model.predict(x, verbose=0).ravel())
    jacobian = np.array(columns, np.float64).T
    expected = 2 / len(jacobian) * jacobian.T @ jacobian
    np.testing.assert_allclose(dense(hessian), expected, atol=3e-3 * np.abs(expected).max())


@pytest.fixture(scope="module")
def tv_network():
    """A segmenter with a TV head after a few steps of training, with its data."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    logits = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    # The implicit gradient is that of the solved problem: too few iterations, and the loss is another function's.
    model = keras.Model(inputs, TVSoftmax(0.5, inference_iterations=600, backward_iterations=50)(logits))
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    y = (np.indices((8, 8))[0] > rng.integers(2, 6, (6, 1, 1))).astype(int) + np.eye(8, dtype=int)
    x = np.stack([y == 1, y == 2], -1).astype("f4") + rng.normal(0, 0.3, (6, 8, 8, 2)).astype("f4")
    model.fit(x, y, epochs=20, batch_size=6, verbose=0)
    return model, x, y


@pytest.mark.slow
def test_a_tv_head_takes_differences_because_its_second_derivatives_are_not_symmetric(tv_network):
    hessian = Hessian(*tv_network, batch_size=3)
    assert (hessian.method, hessian.asymmetry) == ("differences", None)
    vectors = np.random.default_rng(0).standard_normal((4, hessian.shape[0]))
    twice = Hessian(*tv_network, batch_size=3, method="exact")
    assert asymmetry(vectors, [twice.matvec(v) for v in vectors]) > LARGEST_ASYMMETRY


@pytest.mark.slow
def test_an_unrolled_tv_head_is_differentiated_twice(tv_network):
    model, x, y = tv_network
    inputs = keras.Input((8, 8, 2))
    head = TVSoftmax(0.5, inference_iterations=5, gradient="unrolled")
    unrolled = keras.Model(inputs, head(keras.layers.Conv2D(3, 3, padding="same")(inputs)))
    unrolled.compile(loss="sparse_categorical_crossentropy")
    unrolled.set_weights(model.get_weights())
    hessian = Hessian(unrolled, x, y, batch_size=3)
    assert hessian.method == "exact" and hessian.asymmetry < LARGEST_ASYMMETRY


@pytest.mark.slow
def test_products_through_a_tv_head_agree_with_slopes_of_the_loss(tv_network):
    hessian = Hessian(*tv_network, batch_size=3)
    hessian.step = 1e-2
    v = np.random.default_rng(1).standard_normal(hessian.shape[0])
    for _ in range(3):
        v = hessian.matvec(v / np.linalg.norm(v))
    v /= np.linalg.norm(v)
    model, x, y = tv_network
    variables, weights = model.trainable_variables, flat_weights(model)
    h = hessian.step * np.linalg.norm(weights)

    def loss(t):
        for variable, value in zip(variables, unflatten(weights + t * v, variables), strict=True):
            variable.assign(value)
        return model.evaluate(x, y, verbose=0)

    def slope(t):
        return (loss(t + h / 5) - loss(t - h / 5)) / (h / 2.5)

    expected = (slope(h) - slope(-h)) / (2 * h)
    loss(0)
    assert v @ hessian.matvec(v) == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_the_curvature_of_the_loss_is_that_of_the_hessian_without_kinks():
    model, x, y = build_logistic()
    hessian = Hessian(model, x, y)
    v = np.random.default_rng(0).standard_normal(hessian.shape[0])
    expected = v @ hessian.matvec(v) / (v @ v)
    assert hessian.curvature(v, 0.02) == pytest.approx(expected, rel=1e-3)


def test_the_curvature_of_the_loss_counts_kinks_that_the_hessian_does_not_know():
    # Around w = 1 the loss |w - 1| is a kink; |1 + h - 1| + |1 - h - 1| = 2 h.
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(loss="mae")
    model.set_weights([np.ones((1, 1))])
    hessian = Hessian(model, np.ones((2, 1)), np.ones((2, 1)))
    assert hessian.matvec(np.ones(1))[0] == 0
    assert hessian.curvature(np.ones(1), 0.01) == pytest.approx(2 / 0.01, rel=1e-4)


def test_products_are_counted_and_reported():
    model, x, y = build_logistic()
    seen = []
    hessian = Hessian(model, x, y, progress=seen.append)
    dense(hessian)
    assert hessian.products == 5 and seen == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_no_weight_changes_by_a_bit(segmenter, data):
    before = segmenter.get_weights()
    hessian = Hessian(segmenter, *data, batch_size=4)
    hessian.curvature(hessian.matvec(np.ones(hessian.shape[0])))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))


@pytest.mark.slow
def test_dropout_and_batch_normalisation_are_in_inference_mode(segmenter, data):
    hessian = Hessian(segmenter, *data, batch_size=4)
    v = np.random.default_rng(0).standard_normal(hessian.shape[0])
    np.testing.assert_array_equal(hessian.matvec(v), hessian.matvec(v))


def test_symmetric_products_have_no_asymmetry_and_those_of_a_random_matrix_about_1():
    rng = np.random.default_rng(0)
    matrix, vectors = rng.standard_normal((300, 300)), rng.standard_normal((8, 300))
    assert asymmetry(vectors, vectors @ (matrix + matrix.T)) < 1e-12
    assert 0.5 < asymmetry(vectors, vectors @ matrix.T) < 5
    assert asymmetry(vectors, 0 * vectors) == 0


def test_a_loss_that_is_not_finite_is_refused():
    model, x, y = build_logistic()
    x[0, 0] = np.nan
    with pytest.raises(InputError, match="Expected a finite loss at the solution. Received: nan; check"):
        Hessian(model, x, y)


def test_an_unknown_method_is_refused():
    model, x, y = build_logistic()
    with pytest.raises(InputError, match="`method` must be one of .* Received: method='forward'"):
        Hessian(model, x, y, method="forward")
