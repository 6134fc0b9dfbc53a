"""The largest learning rate before a loss diverges, where its limit is known; models stay as they were."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad, find_learning_rate


def line(optimizer, loss="mse", **layer):
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", **layer)]
    )
    model.compile(optimizer, loss)
    return model


# The loss (x w - y)^2 of one weight has the curvature 2 x^2: SGD diverges above 1 / x^2, and is best at half of that.
@pytest.mark.parametrize("x", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("factor", [2.0, 1.3])
def test_suggestion_is_the_last_rate_before_the_limit_of_a_quadratic(x, factor):
    sample, target = np.full((4, 1), x), np.ones((4, 1))
    found = find_learning_rate(line("sgd"), sample, target, batch_size=4, factor=factor, start=1e-3, end=100)
    limit = 1 / x**2
    assert found.diverged and found.suggestion <= limit * 1.05
    # One rate more is above the limit, where the loss grows, by little at first.
    assert found.suggestion * factor**2 > limit and found.suggestion > limit / 2 / factor


def test_accumulated_gradients_and_batches_of_none_are_refused():
    sample = np.ones((4, 1))
    accumulating = line(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    with pytest.raises(ValueError, match="without gradient accumulation"):
        find_learning_rate(accumulating, sample, sample)
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
        find_learning_rate(line("sgd"), sample, sample, batch_size=0)


def test_losses_are_those_of_the_updates_from_the_same_weights():
    found = find_learning_rate(
        line("sgd"), np.ones((1, 1)), np.ones((1, 1)), batch_size=1, start=0.1, end=0.2, updates=3
    )
    # (w - 1)^2 from w = 0: each update multiplies w - 1 by 1 - 2 rate.
    expected = [[(1 - 2 * rate) ** (2 * update) for update in range(3)] for rate in (0.1, 0.2)]
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)
    assert found.initial == 1.0 and not found.diverged and found.suggestion is None


@pytest.mark.parametrize("optimizer", ["sgd", "adam", BPGrad(1.0)], ids=["sgd", "adam", "bpgrad"])
def test_model_is_afterwards_what_it_was(optimizer):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)), rng.normal(size=(32, 1))
    model.fit(x, y, verbose=0)
    of_metrics = {id(one) for one in model.metrics_variables}
    variables = [one for one in [*model.variables, *model.optimizer.variables] if id(one) not in of_metrics]
    assert any("seed_generator_state" in one.path for one in variables)
    before, rate = [np.array(one) for one in variables], float(model.optimizer.learning_rate)
    find_learning_rate(model, x, y, updates=3, end=1e3)
    for one, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(one, value, err_msg=one.path)
    assert float(model.optimizer.learning_rate) == rate


def test_loss_that_becomes_infinite_has_diverged():
    found = find_learning_rate(
        line("sgd", "mean_squared_logarithmic_error", activation="exponential"),
        np.full((1, 1), 30.0),
        np.full((1, 1), 50.0),
        batch_size=1,
        start=1e-6,
    )
    assert found.diverged and found.suggestion < found.rates[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 0}, "`start` must be a positive number"),
        ({"start": 20}, "a `start` below `end`"),
        ({"factor": 1.0}, "Expected a `factor` above 1"),
        ({"updates": 0}, "`updates` must be a positive integer"),
        ({"batch_size": 5}, "`x` must hold at least one batch"),
    ],
)
def test_number_out_of_range_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        find_learning_rate(line("sgd"), np.ones((4, 1)), np.ones((4, 1)), **{"batch_size": 4, **options})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: line(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10))), "CosineDecay"),
        (lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), "must be compiled"),
        (
            lambda: line("sgd", kernel_regularizer=lambda kernel: np.inf + tf.reduce_sum(kernel)),
            "must have a finite loss before it is trained",
        ),
    ],
    ids=["schedule", "not compiled", "infinite loss"],
)
def test_model_that_cannot_be_tested_is_refused(model, words):
    with pytest.raises(ValueError, match=words):
        find_learning_rate(model(), np.ones((1, 1)), np.ones((1, 1)), batch_size=1)
