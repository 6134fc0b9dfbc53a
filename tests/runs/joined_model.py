"""A worker of small trainings, for tests: python joined_model.py FOLDER [INDEX HOST:PORT,HOST:PORT].

It writes FOLDER/OPTIMIZER.npz of each optimizer: all weights, and the history by name.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfapp.data.streams import WHOLE
from tfapp.optimizers import BPGrad
from tfapp.runs.distributed.cluster import cluster_from
from tfapp.runs.distributed.joined_steps import join_steps
from tfapp.runs.distributed.peers import Peers

OPTIMIZERS = {"adam": lambda: keras.optimizers.Adam(0.01), "bpgrad": lambda: BPGrad(5.0)}


def build(optimizer, seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(3, 1, activation="softmax"),
        ]
    )
    model.compile(
        OPTIMIZERS[optimizer](),
        keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"),
        weighted_metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def batches(rows, size, share):
    """Return the worker's rows of each batch, of which the last may be smaller."""
    rng = np.random.default_rng(rows)
    arrays = (
        rng.normal(size=(rows, 6, 6, 2)).astype(np.float32),
        rng.integers(0, 3, (rows, 6, 6)).astype(np.int32),
        # Rows of very different weights, one of none.
        rng.uniform(size=(rows, 6, 6)).astype(np.float32) * np.arange(rows)[:, None, None],
    )
    number, count = share

    def generate():
        for first in range(0, rows, size):
            last = min(first + size, rows)
            low, high = (first + (last - first) * (number + k) // count for k in (0, 1))
            yield tuple(one[low:high] for one in arrays)

    kinds = tuple(tf.TensorSpec((None, *one.shape[1:]), one.dtype) for one in arrays)
    return tf.data.Dataset.from_generator(generate, output_signature=kinds)


def main(folder, index=None, workers=None):
    peers = None if index is None else Peers(cluster_from(workers, int(index)), 120)
    share = WHOLE if peers is None else (peers.cluster.index, peers.count)
    for optimizer in OPTIMIZERS:
        # Only the chief begins with the weights that count.
        model = build(optimizer, seed=share[0])
        if peers is not None:
            join_steps(model, peers)
        history = model.fit(
            batches(12, 4, share).repeat(),
            steps_per_epoch=3,
            epochs=2,
            validation_data=batches(5, 4, share),
            shuffle=False,
            verbose=0,
        ).history
        values = {name: np.array(one) for name, one in history.items()}
        np.savez(Path(folder, f"{optimizer}.npz"), *model.get_weights(), **values)


if __name__ == "__main__":
    main(*sys.argv[1:])
