"""Adagrad, RMSProp, Adadelta and Adam in their variants, against NumPy, Keras's own and the numbers of Wu (2020)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import AdaptiveOptimizer
from tfapp.optimizers.adaptive import RULES

START = (-1.2, 2.5)


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def rosenbrock_slope(point):
    x, y = point
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def last_two(optimizer, steps):
    """Return the last two points of an optimizer on Rosenbrock's function, in float64."""
    point = keras.Variable(np.array(START), dtype="float64")
    optimizer.build([point])

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            value = rosenbrock(point.value[0], point.value[1])
        optimizer.apply([tape.gradient(value, point.value)], [point])

    points = []
    for _ in range(steps):
        step()
        points.append(point.numpy())
    return points[-2:]


def numpy_end(rule, steps, rate, rho, epsilon, inside, correct, betas=(0.9, 0.999)):
    """Return the same by loops over NumPy."""
    point, square, other, largest = np.array(START), np.zeros(2), np.zeros(2), np.zeros(2)
    has_mean = rule in ("adam", "amsgrad")
    for count in range(1, steps + 1):
        g = rosenbrock_slope(point)
        kept = betas[1] if has_mean else rho
        square = kept * square + (1 if rule == "adagrad" else 1 - kept) * g**2
        largest = np.maximum(largest, square)
        taken = largest if rule == "amsgrad" else square
        scaled = taken / (1 - kept**count) if has_mean and correct else taken
        root = np.sqrt(scaled + epsilon) if inside else np.sqrt(scaled) + epsilon
        if has_mean:
            other = betas[0] * other + (1 - betas[0]) * g
            step = other / (1 - betas[0] ** count if correct else 1) / root
        elif rule == "adadelta":
            step = np.sqrt(other + epsilon) / root * g
            other = kept * other + (1 - kept) * step**2
        else:
            step = g / root
        point = point - rate * step
    return point


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("rule", "rho", "correct"),
    [
        ("adagrad", 0.9, True),
        ("adagrad", 1.0, True),
        ("rmsprop", 0.7, True),
        ("adadelta", 0.5, True),
        ("adam", None, True),
        ("adam", None, False),
        ("amsgrad", None, True),
        ("amsgrad", None, False),
    ],
)
def test_each_variant_goes_where_numpy_goes(rule, rho, correct, inside):
    options = {"learning_rate": 0.02, "epsilon": 1e-3, "epsilon_inside": inside, "bias_correction": correct}
    found = last_two(AdaptiveOptimizer(rule, rho=rho, **options), 50)[1]
    # Keras holds learning rates in float32.
    rate = float(np.float32(0.02))
    np.testing.assert_allclose(found, numpy_end(rule, 50, rate, rho, 1e-3, inside, correct), rtol=1e-9)


@pytest.mark.parametrize(
    ("ours", "keras_own"),
    [
        (
            {"rule": "rmsprop", "rho": 0.9, "epsilon": 1e-7, "epsilon_inside": True},
            keras.optimizers.RMSprop(0.02),
        ),
        ({"rule": "adam", "epsilon": 1e-7}, keras.optimizers.Adam(0.02)),
        ({"rule": "amsgrad", "epsilon": 1e-7}, keras.optimizers.Adam(0.02, amsgrad=True)),
        (
            {"rule": "adadelta", "rho": 0.95, "epsilon": 1e-7, "epsilon_inside": True},
            keras.optimizers.Adadelta(0.02),
        ),
    ],
    ids=["rmsprop", "adam", "amsgrad", "adadelta"],
)
def test_variant_of_keras_is_keras(ours, keras_own):
    found = last_two(AdaptiveOptimizer(learning_rate=0.02, **ours), 50)
    np.testing.assert_allclose(found, last_two(keras_own, 50), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "printed"),
    [
        # Settings A.4 of Wu (2020), and table 3.1, which has two digits.
        ({"rule": "adagrad", "learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-10}, ("0.99", "0.98")),
        ({"rule": "rmsprop", "learning_rate": 0.02, "rho": 0.99, "epsilon": 1e-6}, ("0.95", "0.87")),
        # (0.79, 0.57) and (0.74, 0.60): the table has (0.78, 0.57).
        ({"rule": "adadelta", "rho": 0.99, "epsilon": 1e-6}, ("0.79", "0.57")),
        (
            {"rule": "adam", "learning_rate": 0.02, "epsilon": 1e-6, "bias_correction": False},
            ("1.00", "0.99"),
        ),
    ],
    ids=["adagrad", "rmsprop", "adadelta", "adam"],
)
def test_settings_of_the_appendix_end_where_table_3_1_says(options, printed):
    # RMSProp and Adadelta jump to and fro across the valley at last; which of both comes 4,000th depends on rounding.
    ends = last_two(AdaptiveOptimizer(**options), 4000)
    assert printed in [tuple(f"{x:.2f}" for x in point) for point in ends]


def test_training_resumed_from_a_file_equals_the_unbroken_one(tmp_path):
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = x.sum(1, keepdims=True)

    def made(rule):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(AdaptiveOptimizer(rule), "mse", jit_compile=False)
        return model

    for rule in ("adagrad", "amsgrad"):
        unbroken, broken = made(rule), made(rule)
        unbroken.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        broken.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
        broken.save(tmp_path / "half.keras")
        resumed = keras.models.load_model(tmp_path / "half.keras")
        resumed.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
        for one, other in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "sgd"}, "`rule` must be one of"),
        ({"rule": "adam", "rho": 0.9}, "`rho` is not for Adam"),
        ({"rule": "amsgrad", "rho": 0.9}, "`rho` is not for AMSGrad"),
        ({"rule": "rmsprop", "rho": 1.0}, r"`rho` must lie in \[0, 1\)"),
        ({"rule": "adagrad", "rho": 1.5}, r"`rho` must lie in \[0, 1\]"),
        ({"rule": "adam", "beta_1": -0.1}, "`beta_1` must lie in"),
        ({"rule": "adam", "epsilon": 0.0}, "`epsilon` must be a positive number"),
    ],
)
def test_argument_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveOptimizer(**options)


@pytest.mark.parametrize(
    ("options", "step"),
    [
        # Keras's begin the sum at 0.1 and go by 3e-7 (lecture of Mądry, 2018, eq. 1).
        ({"rule": "adagrad", "learning_rate": 0.1}, 0.1),
        # Keras's has epsilon 1e-7 before the correction and goes by 2.4e-4 (Kingma and Ba, algorithm 1).
        ({"rule": "adam", "learning_rate": 0.001}, 9.9e-4),
        # Without the factor 1 - rho, as the lecture has RMSProp, the step is 1 / sqrt(1 - rho) times smaller.
        ({"rule": "adagrad", "learning_rate": 0.01, "rho": 0.9}, 0.01),
        ({"rule": "rmsprop", "learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-10}, 0.01 / 0.1**0.5),
    ],
    ids=["adagrad from 0", "adam", "rmsprop of the lecture", "rmsprop"],
)
def test_first_step_at_a_gradient_of_1e_6_is_that_of_the_texts(options, step):
    point = keras.Variable(np.zeros(1), dtype="float64")
    AdaptiveOptimizer(**options).apply([tf.constant([1e-6], tf.float64)], [point])
    assert -float(point.numpy()[0]) == pytest.approx(step, rel=2e-3)


@pytest.mark.parametrize("rule", RULES)
def test_rows_of_an_embedding_are_trained_like_a_dense_gradient(rule):
    keras.utils.set_random_seed(0)
    table = keras.layers.Embedding(5, 3)
    model = keras.Sequential(
        [keras.Input((2,), dtype="int32"), table, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    before = np.array(table.embeddings)
    model.compile(AdaptiveOptimizer(rule, 0.1), "mse")
    # The third row occurs twice, and the last two not at all.
    model.fit(np.array([[0, 2], [1, 2]]), np.ones((2, 1), np.float32), verbose=0)
    moved = np.abs(np.array(table.embeddings) - before).max(1) > 0
    assert moved.tolist() == [True, True, True, False, False]
