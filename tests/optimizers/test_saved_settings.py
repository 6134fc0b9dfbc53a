"""Settings that a callback changed are what they were when a training is restored."""

import keras
import numpy as np
import pytest

from tfapp.optimizers import ALIG, BPGrad, Eve

CHANGED = {
    BPGrad: {
        "lipschitz": 77.0,
        "rho": 0.5,
        "momentum": 0.25,
        "max_step": 0.125,
        "loss_offset": 2.0,
        "weight_decay": 0.1,
    },
    ALIG: {"momentum": 0.25, "epsilon": 1e-3, "loss_offset": 2.0, "weight_decay": 0.1},
    Eve: {
        "beta_1": 0.5,
        "beta_2": 0.6,
        "beta_3": 0.7,
        "clip": 3.0,
        "minimum": -1.0,
        "epsilon": 1e-3,
        "loss_offset": 2.0,
    },
}
BEGINNING = {
    BPGrad: {"lipschitz": 10.0, "max_step": 1.0, "weight_decay": 0.01},
    ALIG: {"weight_decay": 0.01},
    Eve: {},
}


def compiled(optimizer):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model


def settings(optimizer, names):
    return {name: getattr(optimizer, name) for name in names}


@pytest.mark.parametrize("kind", CHANGED)
def test_numbers_set_in_training_are_loaded_with_the_variables(kind, tmp_path):
    model, again = compiled(kind(**BEGINNING[kind])), compiled(kind(**BEGINNING[kind]))
    for name, value in CHANGED[kind].items():
        setattr(model.optimizer, name, value)
    model.save_weights(tmp_path / "all.weights.h5")
    again.load_weights(tmp_path / "all.weights.h5")
    assert settings(again.optimizer, CHANGED[kind]) == CHANGED[kind]
    in_the_step = {name: float(again.optimizer.number(name, "float64")) for name in CHANGED[kind]}
    assert in_the_step == CHANGED[kind]
    assert keras.optimizers.deserialize(keras.optimizers.serialize(again.optimizer)).get_config() == (
        model.optimizer.get_config()
    )


def test_variables_of_earlier_versions_are_loaded_and_leave_the_settings_alone():
    optimizer, again = compiled(BPGrad(10.0)).optimizer, compiled(BPGrad(20.0)).optimizer
    optimizer.iterations.assign(5)
    store = {}
    # What 0.1.0 wrote: the variables alone, by number.
    keras.optimizers.Optimizer.save_own_variables(optimizer, store)
    again.load_own_variables(store)
    assert int(again.iterations) == 5 and again.lipschitz == 20.0


def test_number_without_a_place_in_the_step_is_told():
    optimizer, again = compiled(BPGrad(10.0, max_step=0.5)).optimizer, compiled(BPGrad(10.0)).optimizer
    store = {}
    optimizer.save_own_variables(store)
    with pytest.warns(
        UserWarning, match="bpgrad was saved with `max_step` = 0.5, and was made with None now"
    ):
        again.load_own_variables(store)
    assert again.max_step is None


class Interrupted(Exception):
    """Stands for a kill."""


class SetAndStop(keras.callbacks.Callback):
    """Sets L after the first epoch, and ends the training before the third if it is to."""

    def __init__(self, stop):
        super().__init__()
        self.stop = stop

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.optimizer.lipschitz = 77.0

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and self.stop:
            raise Interrupted


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_training_that_keras_restores_goes_on_with_the_lipschitz_constant_of_a_callback(tmp_path, policy):
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")

    def fit(folder, stop):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(1, dtype=policy)
        model = keras.Sequential([keras.Input((4,)), dense])
        optimizer = BPGrad(10.0)
        model.compile(
            optimizer if policy == "float32" else keras.optimizers.LossScaleOptimizer(optimizer), "mse"
        )
        backup = keras.callbacks.BackupAndRestore(tmp_path / folder, delete_checkpoint=False)
        model.fit(x, x[:, :1], epochs=4, shuffle=False, verbose=0, callbacks=[SetAndStop(stop), backup])
        return model

    unbroken = fit("unbroken", False)
    with pytest.raises(Interrupted):
        fit("broken", True)
    resumed = fit("broken", False)
    assert resumed.optimizer.measured() == unbroken.optimizer.measured()
    assert resumed.optimizer.measured()["lipschitz"] == 77.0
