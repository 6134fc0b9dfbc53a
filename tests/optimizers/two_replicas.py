"""Run by test_bpgrad_distributed.py: two logical devices must be there before TensorFlow starts."""

import contextlib
import json

import tensorflow as tf

if __name__ == "__main__":
    CPU = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tfapp.optimizers import BPGrad  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2))).astype("float32")
CASES = {
    "plain": {},
    "no momentum": {"momentum": 0.0},
    "clipping, decay, average": {"clipnorm": 0.1, "weight_decay": 0.05, "use_ema": True, "ema_momentum": 0.9},
    "accumulating": {"gradient_accumulation_steps": 2},
    "accumulating, average": {"gradient_accumulation_steps": 2, "use_ema": True},
    "form of the authors": {"form": "authors", "weight_decay": 0.05, "decay": "in-gradient"},
    "random directions": {"zero_gradient": "random"},
    "auto": {"lipschitz": "auto"},
    "auto, accumulating": {"lipschitz": "auto", "gradient_accumulation_steps": 2},
    "auto, form of the authors": {"lipschitz": "auto", "form": "authors"},
    "auto, clipping, decay": {"lipschitz": "auto", "clipnorm": 0.1, "weight_decay": 0.05},
    "auto-median": {"lipschitz": "auto-median", "auto_steps": 8},
}


def network():
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(8, "tanh", kernel_regularizer="l2")
    return keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(2)])


def trained(options, scope, **compiled):
    with scope:
        model = network()
        model.compile(BPGrad(**({"lipschitz": 20.0} | options)), "mse", **compiled)
    # 16 steps in one epoch: every epoch would open a data pipeline of its own, which takes longer than its steps.
    model.fit(np.tile(X, (8, 1)), np.tile(Y, (8, 1)), batch_size=32, shuffle=False, verbose=0)
    return model


def compare(model, one):
    pairs = zip(model.get_weights(), one.get_weights(), strict=True)
    a, b = (getattr(m.optimizer, "inner_optimizer", m.optimizer).measured() for m in (model, one))
    return {
        "weights": float(max(np.max(np.abs(x - y)) for x, y in pairs)),
        "measured": max(abs(a[name] - b[name]) / max(1e-6, abs(b[name])) for name in a),
    }


def main():
    """Print, as JSON, how far two replicas are from one device on the same batches, by case."""
    # One strategy for all: several in one process disturb each other's collectives.
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {}

    def check(name, options, **compiled):
        two = trained(options, strategy.scope(), **compiled)
        found[name] = compare(two, trained(options, contextlib.nullcontext(), **compiled))

    for name, options in CASES.items():
        check(name, options)
    check("eager", {}, run_eagerly=True)
    keras.config.set_dtype_policy("mixed_float16")
    check("mixed float16", {})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
