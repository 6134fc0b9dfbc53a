"""A network of two inputs and two outputs, with samples for it."""

import keras
import numpy as np


def two_headed():
    """Return (compiled model, x, y) of five samples."""
    inputs = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    joined = keras.layers.concatenate(list(inputs.values()))
    outputs = {name: keras.layers.Dense(2, name=name)(joined) for name in ("first", "second")}
    model = keras.Model(inputs, outputs)
    model.compile(loss={"first": "mse", "second": "mae"}, loss_weights={"first": 1.0, "second": 3.0})
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(5, 3)).astype("f4") for name in inputs}
    y = {name: rng.normal(size=(5, 2)).astype("f4") for name in outputs}
    return model, x, y
