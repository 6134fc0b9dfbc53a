"""Exact natural gradient against closed forms, and the quadratic model of K-FAC against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import KFAC, NaturalGradient
from tfapp.optimizers.kfac.conjugate_gradients import conjugate_gradients
from tfapp.optimizers.kfac.fisher_products import fisher_grams, fisher_product
from tfapp.optimizers.kfac.output_distribution import OutputDistribution, distribution_of
from tfapp.optimizers.kfac.quadratic_model import adapted_damping, best_coefficients, predicted_change

RNG = np.random.default_rng(0)
# What float32, to which Keras rounds data, holds exactly.
X = RNG.integers(-8, 8, (32, 4)) / 4
Y = RNG.integers(0, 3, 32)
ROWS = np.c_[X, np.ones(32)]
FLOAT64 = {"dtype": "float64"}


def linear_model(units, activation=None):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(units, activation, bias_initializer="random_normal", **FLOAT64)
    return keras.Sequential([keras.Input((4,), **FLOAT64), layer])


def matrix_of(model):
    kernel, bias = model.get_weights()
    return np.vstack([kernel, bias])


@pytest.mark.slow
@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_step_of_a_linear_softmax_model_is_the_closed_form(activation, jit_compile):
    model = linear_model(3, activation)
    weights = matrix_of(model)
    optimizer = NaturalGradient(learning_rate=0.5, damping=0.01, tolerance=1e-12)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    model.fit(X, Y, batch_size=32, verbose=0)
    p = np.exp(ROWS @ weights)
    p /= p.sum(1, keepdims=True)
    gradient = (ROWS.T @ (p - np.eye(3)[Y]) / 32).ravel()
    # F = mean of (a a') x (diag p - p p').
    fisher = np.mean(
        [np.kron(np.outer(a, a), np.diag(q) - np.outer(q, q)) for a, q in zip(ROWS, p, strict=True)], 0
    )
    expected = weights.ravel() - 0.5 * np.linalg.solve(fisher + 0.01 * np.eye(15), gradient)
    # Keras's softmax cross-entropy from probabilities clips them at 1e-7.
    np.testing.assert_allclose(matrix_of(model).ravel(), expected, atol=1e-6)


@pytest.mark.slow
def test_step_of_linear_regression_is_the_least_squares_fit():
    model = linear_model(2)
    y = RNG.integers(-8, 8, (32, 2)) / 4
    model.compile(NaturalGradient(damping=1e-10, tolerance=1e-12), "mse", jit_compile=False)
    model.fit(X, y, batch_size=32, verbose=0)
    np.testing.assert_allclose(matrix_of(model), np.linalg.lstsq(ROWS, y, rcond=None)[0], atol=1e-6)


@pytest.mark.slow
def test_damped_step_of_logistic_regression_is_the_closed_form():
    model = linear_model(1, "sigmoid")
    weights, y = matrix_of(model)[:, 0], Y > 0
    model.compile(NaturalGradient(damping=0.01, tolerance=1e-12), "binary_crossentropy", jit_compile=False)
    model.fit(X, y[:, None], batch_size=32, verbose=0)
    p = 1 / (1 + np.exp(-ROWS @ weights))
    fisher = (ROWS * (p * (1 - p))[:, None]).T @ ROWS / 32 + 0.01 * np.eye(5)
    expected = weights - np.linalg.solve(fisher, ROWS.T @ (p - y) / 32)
    np.testing.assert_allclose(matrix_of(model)[:, 0], expected, atol=1e-6)


def deep_model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3, "tanh", **FLOAT64), keras.layers.Dense(2, **FLOAT64)]
    return keras.Sequential([keras.Input((4,), **FLOAT64), *layers])


def exact_fisher(model, kind):
    """Return c F of a deep model: the mean of the outer products of gradients over labels or from the Jacobian."""
    with tf.GradientTape() as tape:
        logits = model(X)
    parts = tape.jacobian(logits, [v.value for v in model.trainable_variables])
    jacobian = np.concatenate([part.numpy().reshape(32, 2, -1) for part in parts], 2)
    total = 0.0
    for z, j in zip(logits.numpy(), jacobian, strict=True):
        if kind == "categorical":
            p = np.exp(z) / np.exp(z).sum()
            # -log p(y) has the gradient J' (p - onehot(y)).
            total += sum(
                p[y] * np.outer(j.T @ (p - np.eye(2)[y]), j.T @ (p - np.eye(2)[y])) for y in range(2)
            )
        elif kind == "bernoulli":
            p = 1 / (1 + np.exp(-z))
            total += (j.T * (p * (1 - p))) @ j / 2
        else:
            # The squared error is a mean over two channels, twice -log p without its constant.
            total += j.T @ j
    return total / 32


@pytest.mark.parametrize("kind", ["categorical", "bernoulli", "normal"])
def test_products_are_those_of_the_exact_fisher_matrix_in_units_of_the_loss(kind):
    model = deep_model()
    distribution = OutputDistribution(kind, True)
    variables, x = model.trainable_variables, tf.constant(X)
    fisher = exact_fisher(model, kind)
    directions = [[tf.constant(RNG.normal(size=v.shape)) for v in variables] for _ in range(2)]
    flat = [np.concatenate([part.numpy().ravel() for part in direction]) for direction in directions]
    product = fisher_product(model, distribution, variables, x, directions[0])
    np.testing.assert_allclose(np.concatenate([p.numpy().ravel() for p in product]), fisher @ flat[0])
    grams = fisher_grams(model, distribution, variables, x, directions)
    np.testing.assert_allclose(grams, np.array(flat) @ fisher @ np.array(flat).T)


def test_best_coefficients_are_the_minimum_of_the_model_by_numpy():
    square = RNG.normal(size=(2, 2))
    gram, slopes = square @ square.T, RNG.normal(size=2)
    found = best_coefficients(tf.constant(gram), tf.constant(slopes))
    np.testing.assert_allclose(found, -np.linalg.solve(gram, slopes), rtol=1e-9)
    least = predicted_change(tf.constant(gram), tf.constant(slopes), found)
    assert float(least) == pytest.approx(-slopes @ np.linalg.solve(gram, slopes) / 2)


def test_coefficient_of_a_direction_that_is_zero_is_zero():
    found = best_coefficients(tf.constant([[4.0, 0.0], [0.0, 0.0]]), tf.constant([2.0, 0.0]))
    np.testing.assert_allclose(found, [-0.5, 0.0], rtol=1e-5)


def test_coefficient_of_a_direction_that_is_the_first_one_again_is_zero():
    found = best_coefficients(tf.constant([[4.0, 8.0], [8.0, 16.0]]), tf.constant([2.0, 4.0]))
    np.testing.assert_allclose(found, [-0.5, 0.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("ratio", "after"), [(1.0, 0.95**5), (0.5, 1.0), (0.1, 0.95**-5), (-3.0, 0.95**-5), (np.nan, 0.95**-5)]
)
def test_damping_follows_levenberg_and_marquardt(ratio, after):
    assert float(adapted_damping(tf.constant(1.0), tf.constant(ratio, tf.float32), 5)) == pytest.approx(after)


def test_conjugate_gradients_solve_in_as_many_iterations_as_unknowns():
    square = RNG.normal(size=(6, 6))
    matrix, right = square @ square.T + np.eye(6), RNG.normal(size=6)
    found, count = conjugate_gradients(
        lambda v: tf.linalg.matvec(matrix, v), tf.constant(right), num_iterations=50, tolerance=1e-8
    )
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-6)
    assert int(count) <= 7


@pytest.mark.parametrize("kind", ["categorical", "bernoulli", "normal"])
def test_drawn_labels_have_the_mean_of_the_distribution(kind):
    logits = tf.tile(tf.constant([[0.3, -1.0, 1.5]]), [40000, 1])
    distribution = OutputDistribution(kind, True)
    drawn = distribution.draw(logits, [0, 1])
    # Five standard errors of 40,000 draws of variance at most 1.
    np.testing.assert_allclose(tf.reduce_mean(drawn, 0), distribution.mean(logits)[0], atol=0.025)


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 4, 3)])
@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (keras.losses.CategoricalCrossentropy(from_logits=True), "categorical"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "bernoulli"),
        ("mse", "normal"),
    ],
)
def test_gradient_of_the_compiled_loss_is_the_scaled_residual(shape, loss, kind):
    logits = tf.constant(RNG.normal(size=shape))
    distribution = distribution_of(loss, "KFAC")
    targets = distribution.draw(logits, [0, 1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        # As `compile` takes it: the mean over examples and places.
        value = tf.reduce_mean(keras.losses.get(loss)(targets, logits))
    expected = distribution.scale(logits) * distribution.residual(logits, targets) / 5
    assert distribution.kind == kind
    np.testing.assert_allclose(tape.gradient(value, logits), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "binary_crossentropy"])
def test_logits_of_probabilities_give_them_back(loss):
    distribution = distribution_of(loss, "KFAC")
    p = RNG.dirichlet(np.ones(3), 5)
    np.testing.assert_allclose(distribution.mean(distribution.logits(tf.constant(p))), p, rtol=1e-6)


@pytest.mark.slow
def test_loss_falls_as_predicted_and_the_damping_goes_by_whole_powers():
    model = deep_model()
    model.compile(KFAC(damping=0.01, adapt_every=1, seed=4), "mse", run_eagerly=True)
    y = RNG.normal(size=(32, 2)).astype("float32")
    losses = [model.train_on_batch(X, y) for _ in range(8)]
    measured = model.optimizer.measured()
    assert losses[-1] < losses[0] and measured["predicted_change"] < 0
    # The damping that was adapted at each update: 0.01 times 0.95 to a whole power.
    power = np.log(measured["damping"] / 0.01) / np.log(0.95)
    assert power == pytest.approx(round(power), abs=1e-3)
