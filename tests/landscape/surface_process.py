"""A surface measured in a process of its own, which says how many cells it has: `surface_process.py PATH MODE`."""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tfapp.landscape import landscape
from tfapp.landscape import measure as measuring

OPTIONS = {"adaptive": {"n": 33}, "exact": {"n": 17, "exact": True}}


def problem():
    """Return a compiled network with batch normalisation and dropout, and its data."""
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((3,), name="input"),
        keras.layers.Dense(4, "tanh", name="hidden"),
        keras.layers.BatchNormalization(name="normalisation"),
        keras.layers.Dropout(0.5, name="dropout"),
        keras.layers.Dense(1, name="output"),
    ]
    # Names that Keras numbers by itself would differ from process to process.
    model = keras.Sequential(layers, name="net")
    model.compile(loss="mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((20, 3)).astype(np.float32), rng.standard_normal((20, 1))


def main(path, mode):
    measuring.SECONDS_BETWEEN_SAVES = 0.0

    def tell(done, _):
        print(done, flush=True)
        time.sleep(0.01)  # whoever kills this process at a number of cells needs a moment, too

    landscape(*problem(), **OPTIONS[mode], path=path, progress=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
