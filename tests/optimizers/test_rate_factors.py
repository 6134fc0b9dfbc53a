"""Factors of the learning rate by variable."""

import keras
import numpy as np
import pytest

from tfapp.optimizers import ALIG, AdaptiveOptimizer, Eve, with_rate_factors

FACTORS = {"kernel": 0.1, "bias": 2.0, "last/kernel": 0.01}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "keras-adam": lambda: keras.optimizers.Adam(0.01),
    "adam": lambda: AdaptiveOptimizer("adam", 0.01),
    "eve": lambda: Eve(0.01),
}


def network():
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1, name="last")]
    return keras.Sequential([keras.Input((4,)), *layers])


def examples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")


def one_step(model, optimizer):
    """Return how far each variable goes in a step, by its path."""
    before = [np.array(variable) for variable in model.trainable_variables]
    model.compile(optimizer, "mse")
    model.fit(*examples(), batch_size=8, epochs=1, verbose=0)
    return {
        "/".join(variable.path.split("/")[-2:]): np.array(variable) - old
        for variable, old in zip(model.trainable_variables, before, strict=True)
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_first_step_of_each_variable_is_multiplied_by_the_factor_of_the_longest_end(name):
    usual = one_step(network(), OPTIMIZERS[name]())
    scaled = one_step(network(), with_rate_factors(OPTIMIZERS[name](), FACTORS))
    expected = {"first/kernel": 0.1, "first/bias": 2.0, "last/kernel": 0.01, "last/bias": 2.0}
    for path, step in usual.items():
        np.testing.assert_allclose(scaled[path], expected[path] * step, rtol=1e-3, atol=1e-7)


def test_momentum_of_sgd_is_that_of_rates_by_variable():
    inputs, targets = examples()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="last")])
    weights = [np.array(variable, np.float64) for variable in model.trainable_variables]
    velocities, rates = [np.zeros_like(weight) for weight in weights], (0.01, 0.2)
    model.compile(with_rate_factors(OPTIMIZERS["sgd"](), FACTORS | {"last/kernel": 0.1}), "mse")
    model.fit(inputs, targets, batch_size=8, epochs=4, verbose=0)
    for _ in range(4):
        residual = 2 * (inputs @ weights[0] + weights[1] - targets) / len(inputs)
        for place, gradient in enumerate((inputs.T @ residual, residual.sum(0))):
            velocities[place] = 0.9 * velocities[place] - rates[place] * gradient
            weights[place] = weights[place] + velocities[place]
    for variable, weight in zip(model.trainable_variables, weights, strict=True):
        np.testing.assert_allclose(variable, weight, rtol=1e-5, atol=1e-6)


def test_saved_model_keeps_the_factors_and_goes_on_alike(tmp_path):
    model = network()
    one_step(model, with_rate_factors(OPTIMIZERS["adam"](), FACTORS))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.rate_factors == FACTORS
    for one in (model, again):
        one.fit(*examples(), batch_size=8, epochs=2, verbose=0)
    for here, there in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)


def test_optimizer_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="must be one of SGD, .*, Eve. Received: ALIG"):
        with_rate_factors(ALIG(0.1), FACTORS)


@pytest.mark.parametrize("kind", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_optimizer_with_a_decay_of_its_own_is_refused(kind):
    with pytest.raises(ValueError, match="takes its own way to the weights, without factors"):
        with_rate_factors(kind(0.1, weight_decay=0.5), FACTORS)


def test_end_that_no_variable_has_is_refused():
    with pytest.raises(
        ValueError, match="'scores/bias', which no variable is called. Variables: .*first/kernel"
    ):
        one_step(network(), with_rate_factors(OPTIMIZERS["sgd"](), {"scores/bias": 2.0}))


def test_factor_below_0_is_refused():
    with pytest.raises(ValueError, match="numbers of at least 0. Received: -1.0 for 'bias'"):
        with_rate_factors(OPTIMIZERS["sgd"](), {"bias": -1.0})
