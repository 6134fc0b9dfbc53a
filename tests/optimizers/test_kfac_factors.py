"""Kronecker factors of K-FAC against the Fisher matrix itself, and its step against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import KFAC
from tfapp.optimizers.kfac import factors
from tfapp.optimizers.kfac.layer_blocks import blocks_of
from tfapp.optimizers.kfac.layer_statistics import inputs_and_derivatives
from tfapp.optimizers.kfac.output_distribution import OutputDistribution

RNG = np.random.default_rng(0)
CATEGORICAL = OutputDistribution("categorical", True)
FLOAT64 = {"dtype": "float64"}


def dense_network(hidden=5):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(hidden, "tanh", **FLOAT64), keras.layers.Dense(3, **FLOAT64)]
    return keras.Sequential([keras.Input((4,), **FLOAT64), *layers])


def conv_network(size=6):
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh", **FLOAT64),
        keras.layers.Flatten(**FLOAT64),
        keras.layers.Dense(3, **FLOAT64),
    ]
    return keras.Sequential([keras.Input((size, size, 2), **FLOAT64), *layers])


def factors_of(model, x, targets_of):
    blocks = blocks_of(model)
    found, _ = inputs_and_derivatives(model, blocks, tf.constant(x), CATEGORICAL, targets_of)
    return blocks, [
        [
            part.numpy()
            for part in factors.estimate(block.rows(a), tf.reshape(g, [-1, block.num_outputs]), len(x))
        ]
        for block, (a, g) in zip(blocks, found, strict=True)
    ]


def log_likelihood_gradients(model, block, x, label):
    """Return the gradients of -log p(label | x) of one example by a block's weights, by TensorFlow alone."""
    with tf.GradientTape() as tape:
        loss = -tf.nn.log_softmax(model(x[None]))[0, label]
    return block.matrix(tape.gradient(loss, block.variables)).numpy()


def one_hot(labels):
    return lambda logits: tf.one_hot(labels, 3, dtype=logits.dtype)


def expected_over_labels(model, x):
    """Return the factors and the exact Fisher matrices of one example, with its labels enumerated."""
    p = tf.nn.softmax(model(x))[0].numpy()
    blocks, _ = factors_of(model, x, one_hot([0]))
    mean = [[0.0, 0.0] for _ in blocks]
    fisher = [0.0] * len(blocks)
    for label in range(3):
        for number, (block, pair) in enumerate(zip(*factors_of(model, x, one_hot([label])), strict=True)):
            mean[number] = [old + p[label] * new for old, new in zip(mean[number], pair, strict=True)]
            gradient = log_likelihood_gradients(model, block, x[0], label).ravel()
            fisher[number] = fisher[number] + p[label] * np.outer(gradient, gradient)
    return mean, fisher


def test_factors_of_one_example_with_labels_enumerated_are_the_exact_fisher_matrix_of_dense_layers():
    # Of one example A is no mean, so that the expectation of the product is the product of the expectations.
    mean, fisher = expected_over_labels(dense_network(), RNG.normal(size=(1, 4)))
    for (a, g), exact in zip(mean, fisher, strict=True):
        np.testing.assert_allclose(np.kron(a, g), exact, atol=1e-12)


def test_factors_of_a_last_linear_layer_are_exact_where_the_labels_do_not_depend_on_the_input():
    # With zero weights the distribution of the labels is the same for all examples: A and G are independent.
    model = dense_network()
    last = model.layers[-1]
    last.set_weights([np.zeros_like(weights) for weights in last.get_weights()])
    x = RNG.normal(size=(7, 4))
    block = blocks_of(model)[-1]
    exact, mean_g = 0.0, 0.0
    for label in range(3):
        _, pairs = factors_of(model, x, one_hot([label] * 7))
        mean_g, a = mean_g + pairs[-1][1] / 3, pairs[-1][0]
        for one in x:
            gradient = log_likelihood_gradients(model, block, one, label).ravel()
            exact = exact + np.outer(gradient, gradient) / 21
    np.testing.assert_allclose(np.kron(a, mean_g), exact, atol=1e-12)


def test_factors_of_a_convolution_with_one_place_are_the_exact_fisher_matrix():
    mean, fisher = expected_over_labels(conv_network(2), RNG.normal(size=(1, 2, 2, 2)))
    for (a, g), exact in zip(mean, fisher, strict=True):
        np.testing.assert_allclose(np.kron(a, g), exact, atol=1e-12)


def test_rows_of_a_convolution_times_its_kernel_are_what_it_computes():
    model = conv_network()
    block = blocks_of(model)[0]
    x = RNG.normal(size=(2, 6, 6, 2))
    layer = block.layer
    computed = block.rows(tf.constant(x)).numpy() @ block.matrix([v.value for v in block.variables]).numpy()
    np.testing.assert_allclose(np.tanh(computed).reshape(2, 3, 3, 3), layer(x), atol=1e-12)


@pytest.mark.parametrize("make", [dense_network, conv_network])
def test_rows_and_derivatives_give_the_gradient_of_the_loss(make):
    model = make()
    x = RNG.normal(size=(3, *model.input_shape[1:]))
    labels = [0, 2, 1]
    blocks = blocks_of(model)
    found, _ = inputs_and_derivatives(model, blocks, tf.constant(x), CATEGORICAL, one_hot(labels))
    for block, (inputs, derivatives) in zip(blocks, found, strict=True):
        by_rows = tf.matmul(
            block.rows(inputs), tf.reshape(derivatives, [-1, block.num_outputs]), transpose_a=True
        )
        exact = sum(log_likelihood_gradients(model, block, *one) for one in zip(x, labels, strict=True))
        np.testing.assert_allclose(by_rows, exact, atol=1e-12)


def test_recording_leaves_the_layers_as_they_were():
    model = dense_network()
    before = [dict(layer.__dict__) for layer in model.layers]
    factors_of(model, RNG.normal(size=(2, 4)), one_hot([0, 1]))
    for layer, attributes in zip(model.layers, before, strict=True):
        assert "call" not in layer.__dict__ and layer.activation is attributes["activation"]


def test_damped_inverses_are_those_of_martens_and_grosse():
    a, g = (m @ m.T for m in (RNG.normal(size=(5, 9)), RNG.normal(size=(3, 4))))
    pi = np.sqrt((np.trace(a) / 5) / (np.trace(g) / 3))
    found = factors.damped_inverses(tf.constant(a), tf.constant(g), 0.04)
    np.testing.assert_allclose(found[0], np.linalg.inv(a + pi * 0.2 * np.eye(5)), atol=1e-12)
    np.testing.assert_allclose(found[1], np.linalg.inv(g + 0.2 / pi * np.eye(3)), atol=1e-12)


@pytest.mark.parametrize("zero", [(0,), (1,), (0, 1)])
def test_inverses_of_factors_that_are_zero_are_finite(zero):
    pair = [np.eye(3, dtype="float32"), np.eye(2, dtype="float32")]
    for index in zero:
        pair[index] = pair[index] * 0
    assert all(np.isfinite(m).all() for m in factors.damped_inverses(*map(tf.constant, pair), 1e-3))


def test_inverse_of_a_singular_factor_is_finite_where_the_damping_is_lost_in_its_rounding():
    column = RNG.normal(size=(50, 1)).astype("float32") * 1e3
    pair = column @ column.T, np.eye(2, dtype="float32")
    assert all(np.isfinite(m).all() for m in factors.damped_inverses(*map(tf.constant, pair), 1e-12))


def test_running_average_is_the_mean_at_first_and_decays_later():
    values = RNG.normal(size=30)
    average = 0.0
    for count, value in enumerate(values, 1):
        average = float(factors.running_average(tf.constant(average, tf.float64), value, count, 0.95))
        if count == 20:
            assert average == pytest.approx(values[:20].mean())
            at_20 = average
        if count == 21:
            assert average == pytest.approx(0.95 * at_20 + 0.05 * value)


def numpy_step(model, x, y, damping, c=1.0, last=None):
    """Return the weights after W - A^-1 g G^-1 in NumPy, for a net of Dense(tanh), Dense and the empirical factors."""
    w1, w2 = (np.vstack([model.get_weights()[2 * k], model.get_weights()[2 * k + 1]]) for k in range(2))
    rows = np.c_[x, np.ones(len(x))]
    hidden = np.tanh(rows @ w1)
    rows2 = np.c_[hidden, np.ones(len(x))]
    logits = rows2 @ w2
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    d2 = p - np.eye(3)[y]
    d1 = d2 @ w2[:-1].T * (1 - hidden**2)
    after = []
    for weights, a, d in ((w1, rows, d1), (w2, rows2, d2)):
        gradient = a.T @ d / len(x)
        big_a, big_g = a.T @ a / len(x), d.T @ d / len(x)
        pi = np.sqrt((np.trace(big_a) / len(big_a)) / (np.trace(big_g) / len(big_g)))
        root = np.sqrt(damping)
        inverse_a = np.linalg.inv(big_a + pi * root * np.eye(len(big_a)))
        inverse_g = np.linalg.inv(big_g + root / pi * np.eye(len(big_g)))
        after.append(weights - inverse_a @ gradient @ inverse_g)
    return after


@pytest.mark.parametrize("jit_compile", [False, True])
def test_first_step_is_the_damped_natural_step_with_kronecker_factors_in_numpy(jit_compile):
    model = dense_network()
    # What float32, to which Keras rounds data, holds exactly.
    x = RNG.integers(-8, 8, (16, 4)) / 4
    y = RNG.integers(0, 3, 16)
    expected = numpy_step(model, x, y, 0.05)
    optimizer = KFAC(step="fixed", adapt_every=0, damping=0.05, fisher="empirical")
    model.compile(
        optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=jit_compile
    )
    model.fit(x, y, batch_size=16, verbose=0)
    for k, weights in enumerate(expected):
        np.testing.assert_allclose(
            np.vstack([model.get_weights()[2 * k], model.get_weights()[2 * k + 1]]), weights, atol=1e-7
        )
