"""Pseudo-labels from clusters of sharp features, and the network of two layers that is trained on them."""

import csv
import math
from pathlib import Path

import keras
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.layers import FeatureTransfer
from tfapp.optimizers import SOLVERS, make_solver, unwrapped
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.transfer.config import DECAY

MODEL, LAST, HISTORY = "transfer.keras", "last.keras", "history.csv"
COLUMNS = ("iteration", "loss", "accuracy")
# Iterations between two rows of the history, and two checkpoints.
WINDOW = 250


def build_network(dimension, config):
    """Return the untrained network, whose weights depend on the seed alone.

    Args:
        dimension: Length of a feature vector.
        config: `NetworkConfig`.

    Returns:
        Keras model from features `(batch, dimension)` to transferred features `(batch, clusters)`.
    """
    keras.utils.set_random_seed(config.seed)
    features = keras.Input((dimension,), name="features")
    penalty = keras.regularizers.L2(config.weight_decay / 2)
    layer = FeatureTransfer(
        config.hidden, config.clusters, kernel_regularizer=penalty, name="feature_transfer"
    )
    return keras.Model(features, layer(features), name="feature_transfer_network")


def train_network(folder, features, labels, config, progress=None):
    """Train, or go on with, the network in a folder.

    Args:
        folder: Gets `transfer.keras` when the training ends, and `last.keras` and `history.csv` on the way.
        features: float32 (n, dimension), of low-resolution images.
        labels: int32 (n,), their pseudo-labels.
        config: `NetworkConfig`.
        progress: Function of (iterations done, iterations in all, text with the running loss), or None.

    Returns:
        The trained network, as `build_network`.

    Raises:
        TrainingDiverged: The loss became NaN or infinite.
    """
    folder = Path(folder)
    model, rows = _begun(folder, features.shape[1], config)
    done = rows[-1]["iteration"] if rows else 0
    for iteration in range(done, config.iterations):
        batch = batch_of(iteration, len(features), config)
        logs = model.train_on_batch(features[batch], labels[batch], return_dict=True)
        if not math.isfinite(logs["loss"]):
            raise TrainingDiverged(_diverged(logs["loss"], iteration, config))
        if (iteration + 1) % WINDOW == 0 or iteration + 1 == config.iterations:
            rows.append({"iteration": iteration + 1, **{name: float(logs[name]) for name in COLUMNS[1:]}})
            model.reset_metrics()
            _keep(folder, model, rows)
        if progress and (iteration + 1) % 10 == 0:
            progress(iteration + 1, config.iterations, f"loss {logs['loss']:.3f}")
    network = keras.Model(model.input, model.output, name=model.name)
    with atomic_path(folder / MODEL) as temporary:
        network.save(temporary)
    return network


def batch_of(iteration, count, config):
    """Return the places of the feature vectors of a batch, which depend on the seed and the iteration alone."""
    size = min(config.batch_size, count)
    # A pass leaves out what does not fill a batch; the next pass has another order.
    number, place = divmod(iteration, count // size)
    order = np.random.default_rng([config.seed, number, 0x7F5A]).permutation(count)
    return order[place * size : (place + 1) * size]


def read_history(folder):
    """Return the rows of `history.csv` as dictionaries of numbers, empty if there is none."""
    file = Path(folder) / HISTORY
    if not file.is_file():
        return []
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{"iteration": int(row["iteration"]), **{n: float(row[n]) for n in COLUMNS[1:]}} for row in rows]


def _begun(folder, dimension, config):
    """Return the compiled model as it was kept last, or a new one, and the history so far."""
    if not (folder / LAST).is_file():
        model = build_network(dimension, config)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(_solver(config), loss, metrics=["accuracy"])
        return model, []
    model = keras.models.load_model(folder / LAST)
    done = int(unwrapped(model.optimizer).iterations)
    return model, [row for row in read_history(folder) if row["iteration"] <= done]


def _solver(config):
    value = config.parameter()
    if (
        SOLVERS[config.solver].parameter != "learning_rate"
        or not config.decay_every
        or config.solver == "alig"
    ):
        return make_solver(config.solver, value)
    rate = keras.optimizers.schedules.ExponentialDecay(value, config.decay_every, DECAY, staircase=True)
    return make_solver(config.solver, rate)


def _keep(folder, model, rows):
    with atomic_path(folder / HISTORY) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    # After the history: a model that was kept has its row.
    with atomic_path(folder / LAST) as temporary:
        model.save(temporary)


def _diverged(loss, iteration, config):
    return (
        f"The loss became {loss} in iteration {iteration + 1}; train again with --overwrite and "
        f"a smaller --value than {config.parameter():g}, or another --solver."
    )


def k_means_centroids(features, clusters, *, seed=0):
    """Return the centroids that k-means finds, float32 (clusters, dimension).

    Args:
        features: float32 (n, dimension), of sharp images.
        clusters: Their number k.
        seed: Of the starts.

    Raises:
        InputError: More clusters than feature vectors that differ.
    """
    different = len(np.unique(features, axis=0))
    if clusters > different:
        raise InputError(
            f"--clusters {clusters} is more than the {different} images whose features differ; give at most that many."
        )
    model = KMeans(clusters, random_state=seed).fit(features)
    return model.cluster_centers_.astype(np.float32)


def pseudo_labels(high, low, centroids, reading):
    """Return the pseudo-labels of low-resolution images, int32 (n,).

    The text says that they are given "by the nearest centroid", and leaves open whose features are compared.

    Args:
        high, low: Features float32 (n, dimension) of the same images, sharp and at low resolution.
        centroids: float32 (clusters, dimension).
        reading: `own`, the centroid nearest to the image's sharp features, or `nearest`, the one nearest to its
            low-resolution features.
    """
    return pairwise_distances_argmin({"own": high, "nearest": low}[reading], centroids).astype(np.int32)
