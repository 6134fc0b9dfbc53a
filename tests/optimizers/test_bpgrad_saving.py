"""Saved and resumed training goes the same way as unbroken training."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2))).astype("float32")
DOUBLING = keras.optimizers.schedules.ExponentialDecay(10.0, 10, 2.0, staircase=True)
OPTIONS = {
    "number": {"lipschitz": 20.0},
    "schedule": {"lipschitz": DOUBLING},
    "auto": {"lipschitz": "auto"},
    "auto in the form of the authors": {"lipschitz": "auto", "form": "authors"},
    "auto-median": {"lipschitz": "auto-median", "auto_steps": 6},
    "accumulating": {"lipschitz": 20.0, "gradient_accumulation_steps": 3},
    "authors": {"form": "authors", "decay": "in-gradient", "weight_decay": 1e-3, "zero_gradient": "random"},
    "mean": {"form": "authors", "mean_steps": 3},
    "auto-mean": {"lipschitz": "auto", "mean_steps": 3},
    "auto-median, mean": {"lipschitz": "auto-median", "auto_steps": 6, "mean_steps": 3},
    "everything": {"rho": 0.3, "momentum": 0.5, "weight_decay": 1e-3, "max_step": 0.1, "clipnorm": 1.0},
}


def network():
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2)])


def fit(model, epochs):
    model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_resumed_from_a_keras_file_equals_the_unbroken_one(options, tmp_path):
    unbroken, broken = network(), network()
    unbroken.compile(BPGrad(**options), "mse", jit_compile=False)
    fit(unbroken, 2)
    broken.compile(BPGrad(**options), "mse", jit_compile=False)
    fit(broken, 1).save(tmp_path / "half.keras")
    resumed = fit(keras.models.load_model(tmp_path / "half.keras"), 1)
    for a, b in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    assert resumed.optimizer.measured() == pytest.approx(unbroken.optimizer.measured(), rel=1e-6)


def test_training_resumed_from_a_tensorflow_checkpoint_equals_the_unbroken_one(tmp_path):
    unbroken, broken, resumed = network(), network(), network()
    for model in (unbroken, broken, resumed):
        model.compile(BPGrad(20.0), "mse", jit_compile=False)
    fit(unbroken, 2)
    path = tf.train.Checkpoint(model=fit(broken, 1)).save(tmp_path / "half")
    resumed.optimizer.build(resumed.trainable_variables)
    tf.train.Checkpoint(model=resumed).restore(path).assert_consumed()
    fit(resumed, 1)
    for a, b in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_configuration_makes_the_same_optimizer(options):
    optimizer = BPGrad(**options)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is BPGrad and again.get_config() == optimizer.get_config()


def test_copy_of_a_compiled_optimizer_trains():
    model, other = network(), network()
    model.compile(BPGrad(20.0), "mse")
    other.compile(copy.deepcopy(model.optimizer), "mse")
    for a, b in zip(fit(model, 1).get_weights(), fit(other, 1).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.fixture
def mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("mixed_float16")
def test_mixed_float16_model_is_saved_with_its_state(tmp_path):
    model = network()
    model.compile(BPGrad(20.0), "mse")
    fit(model, 1).save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert loaded.optimizer.inner_optimizer.measured() == model.optimizer.inner_optimizer.measured()
