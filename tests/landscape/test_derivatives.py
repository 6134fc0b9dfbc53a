import keras
import numpy as np
import pytest
import tensorflow as tf
from small_convex import build_logistic, flat_weights, logistic_derivatives
from small_segmenter import BATCH_SIZE, build_segmenter, evaluate
from two_headed import two_headed

from tfapp.errors import InputError
from tfapp.landscape.flatness.derivatives import (
    as_batches,
    flatten,
    make_gradient,
    make_hessian_product,
    prepare,
    unflatten,
)
from tfapp.landscape.samples import Batches


def prepared(model, x, y, w=None, batch_size=BATCH_SIZE):
    batches = Batches(x, y, w, batch_size)
    return batches, prepare(model, batches)


def test_loss_and_gradient_of_a_logistic_regression_are_the_closed_form():
    model, x, y = build_logistic()
    batches, n = prepared(model, x, y)
    displacement = np.random.default_rng(1).standard_normal(n)
    loss, gradient = make_gradient(model, batches)(displacement)
    expected, slope, _ = logistic_derivatives(x, y, flat_weights(model) + displacement)
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-7)


def test_hessian_products_of_a_logistic_regression_are_the_closed_form():
    model, x, y = build_logistic()
    batches, n = prepared(model, x, y)
    product = make_hessian_product(model, batches)
    hessian = np.stack([product(row).numpy() for row in np.eye(n)])
    np.testing.assert_allclose(
        hessian, logistic_derivatives(x, y, flat_weights(model))[2], rtol=1e-5, atol=1e-7
    )


@pytest.mark.slow
def test_hessian_products_in_float64_equal_the_dense_hessian_to_ten_digits():
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv1D(3, 2, activation="tanh", dtype="float64"),
        keras.layers.BatchNormalization(dtype="float64"),
        keras.layers.Dropout(0.5, dtype="float64"),
        keras.layers.Flatten(dtype="float64"),
        keras.layers.Dense(2, dtype="float64"),
    ]
    model = keras.Sequential([keras.Input((5, 2)), *layers])
    model.compile(loss=keras.losses.MeanSquaredError(dtype="float64"))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 5, 2)).astype("f4"), rng.standard_normal((7, 2)).astype("f4")
    batches, n = prepared(model, x, y, batch_size=3)
    product = make_hessian_product(model, batches)
    found = np.stack([product(row).numpy() for row in np.eye(n)])
    np.testing.assert_allclose(found, dense_hessian(model, x, y), rtol=1e-10, atol=1e-12)


def dense_hessian(model, x, y):
    """The Jacobian of the gradient, of all samples at once and with the variables themselves."""
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean(tf.square(model(x, training=False) - tf.cast(y, tf.float64)))
        gradient = tf.concat([tf.reshape(g, [-1]) for g in inner.gradient(loss, variables)], 0)
    rows = outer.jacobian(gradient, variables, unconnected_gradients="zero")
    return np.concatenate([np.reshape(row, (len(gradient), -1)) for row in rows], axis=1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_the_solution_is_that_of_evaluate(segmenter, data, weighted):
    x, y, w = data
    w = w if weighted else None
    batches, n = prepared(segmenter, x, y, w)
    loss, _ = make_gradient(segmenter, batches)(np.zeros(n))
    assert float(loss) == pytest.approx(evaluate(segmenter, x, y, w), rel=1e-6)


def test_a_displaced_loss_is_that_of_evaluate_for_a_model_with_these_weights(segmenter, data):
    x, y, _ = data
    batches, n = prepared(segmenter, x, y)
    displacement = 0.1 * np.random.default_rng(0).standard_normal(n)
    loss, _ = make_gradient(segmenter, batches)(displacement)
    moved = build_segmenter()
    for variable, step in zip(
        moved.trainable_variables, unflatten(displacement, moved.trainable_variables), strict=True
    ):
        variable.assign(variable + step)
    assert float(loss) == pytest.approx(evaluate(moved, x, y), rel=2e-6)


@pytest.mark.slow
def test_weight_decay_counts_only_on_demand(data):
    x, y, _ = data
    model = build_segmenter(keras.regularizers.L2(0.1))
    batches, n = prepared(model, x, y)
    with_decay, gradient_with = make_gradient(model, batches, regularisation=True)(np.zeros(n))
    without, gradient_without = make_gradient(model, batches)(np.zeros(n))
    assert float(with_decay) == pytest.approx(evaluate(model, x, y), rel=1e-6)
    assert float(without) == pytest.approx(evaluate(build_segmenter(), x, y), rel=1e-6)
    kernel = model.trainable_variables[0].numpy()
    np.testing.assert_allclose(
        (gradient_with - gradient_without)[: kernel.size], 0.2 * kernel.ravel(), rtol=1e-4
    )


@pytest.mark.slow
def test_no_weight_changes_by_a_bit_and_nothing_is_traced_twice(segmenter, data):
    before = segmenter.get_weights()
    batches, n = prepared(segmenter, *data)
    gradient, product = make_gradient(segmenter, batches), make_hessian_product(segmenter, batches)
    for scale in (0.0, 1.0):
        gradient(np.full(n, scale)), product(np.full(n, scale))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))
    assert gradient.experimental_get_tracing_count() == product.experimental_get_tracing_count() == 1


def test_an_embedding_has_a_dense_gradient():
    model = keras.Sequential([keras.Input((2,), dtype="int32"), keras.layers.Embedding(4, 3)])
    model.compile(loss="mse")
    x, y = np.array([[0, 1], [1, 3]]), np.zeros((2, 2, 3), "f4")
    batches, n = prepared(model, x, y)
    _, gradient = make_gradient(model, batches)(np.zeros(n))
    # Row k is used count[k] times in the mean of 12 squares; row 2 is never used.
    expected = np.array([1, 2, 0, 1])[:, None] * 2 / 12 * model.get_weights()[0]
    np.testing.assert_allclose(gradient, expected.ravel(), rtol=1e-6)


def test_a_parameter_that_the_loss_does_not_feel_has_zero_products():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="unused")(inputs) * 0.0 + inputs[:, :1])
    model.compile(loss="mse")
    batches, n = prepared(model, np.ones((2, 3), "f4"), np.zeros((2, 1), "f4"))
    assert not make_hessian_product(model, batches)(np.ones(n)).numpy().any()


def test_several_inputs_and_outputs_are_supported():
    model, x, y = two_headed()
    batches, n = prepared(model, x, y)
    loss, _ = make_gradient(model, batches)(np.zeros(n))
    assert float(loss) == pytest.approx(evaluate(model, x, y), rel=1e-6)


def test_a_subclassed_model_with_its_own_loss_is_supported():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, use_bias=False)

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight):
            return tf.reduce_mean((y - y_pred) ** 4)

    model = Plain()
    model.compile()
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)).astype("f4"), rng.standard_normal((5, 1)).astype("f4")
    model(x)
    batches, n = prepared(model, x, y)
    residual = x @ model.get_weights()[0].astype(np.float64) - y
    _, gradient = make_gradient(model, batches)(np.zeros(n))
    np.testing.assert_allclose(gradient, np.mean(4 * residual**3 * x, axis=0), rtol=1e-5)
    product = make_hessian_product(model, batches)(np.eye(3)[0])
    np.testing.assert_allclose(product, np.mean(12 * residual**2 * x * x[:, :1], axis=0), rtol=1e-5)


def test_vectors_and_lists_of_arrays_are_the_same_thing(segmenter):
    vector = flatten(segmenter.trainable_variables)
    parts = unflatten(vector, segmenter.trainable_variables)
    for part, variable in zip(parts, segmenter.trainable_variables, strict=True):
        np.testing.assert_array_equal(part, variable.numpy())


def test_datasets_keep_their_own_batches():
    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((5, 2), "f4"), np.zeros(5, "f4"))).batch(2)
    assert list(as_batches(dataset, batch_size=4)) == [(0, 2), (2, 2), (4, 1)]


def test_models_without_loss_weights_or_trainable_parameters_are_refused():
    x = np.zeros((2, 3), "f4")
    model = keras.Sequential([keras.layers.Dense(1)], name="dense")
    with pytest.raises(InputError, match="Received: 'dense' with compiled=False, built=False"):
        prepare(model, Batches(x, x[:, :1], None, 2))
    model.compile(loss="mse")
    model(x)
    model.trainable = False
    with pytest.raises(InputError, match="Expected a model with trainable parameters. Received: 'dense'"):
        prepare(model, Batches(x, x[:, :1], None, 2))
