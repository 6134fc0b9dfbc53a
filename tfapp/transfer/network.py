"""Clusters of sharp features, and the network of two layers that is trained on them."""

import warnings
from functools import partial
from pathlib import Path

import keras
import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from tfapp.errors import InputError
from tfapp.layers import FeatureTransfer
from tfapp.optimizers import SOLVERS, RateSchedule, make_solver, unwrapped
from tfapp.runs.accelerators import jit_compile
from tfapp.runs.callbacks import RunRecorder
from tfapp.runs.checkpoints import LastModel
from tfapp.runs.fitting import fit_or_resume, save_finished
from tfapp.runs.precision import FLOAT32, dtype_policy
from tfapp.transfer.config import DECAY, FEATURES, SOFT, WINDOW

MODEL = "transfer.keras"


def build_network(dimension, config):
    """Return the untrained network, whose weights depend on the seed alone.

    Args:
        dimension: Length of a feature vector.
        config: `NetworkConfig`.

    Returns:
        Keras model from features `(batch, dimension)` to transferred features `(batch, clusters)`, or
        `(batch, dimension)` where it learns the sharp features themselves.
    """
    keras.utils.set_random_seed(config.seed)
    features = keras.Input((dimension,), name="features")
    penalty = keras.regularizers.L2(config.weight_decay / 2)
    units = dimension if config.pseudo == FEATURES else config.clusters
    with dtype_policy(config.precision):
        layer = FeatureTransfer(config.hidden, units, kernel_regularizer=penalty, name="feature_transfer")
    found = layer(features)
    if config.precision != FLOAT32:
        # The loss and the classifiers take float32.
        found = keras.layers.Activation("linear", dtype="float32", name="as_float32")(found)
    return keras.Model(features, found, name="feature_transfer_network")


def train_network(folder, features, targets, config, progress=None):
    """Train the network in a folder, or resume it.

    Args:
        folder: Gets `transfer.keras` when the training ends, and `last.keras` and `history.csv` on the way.
        features: float32 (n, dimension), of low-resolution images.
        targets: Of them, as `tfapp.transfer.targets.targets_of` gives them.
        config: `NetworkConfig`.
        progress: Function of (iterations done, iterations in all, text with the running loss), or None.

    Returns:
        The trained network, as `build_network`.

    Raises:
        TrainingDiverged: The loss became NaN or infinite.
    """
    folder = Path(folder)
    fitted = fit_or_resume(
        kept_in(folder),
        config.iterations,
        lambda: _compiled(build_network(features.shape[1], config), config),
        lambda done: {"x": _Batches(features, targets, config, done)},
        row=lambda model, logs, seconds: {
            name: float(logs[name]) for name in ("loss", "accuracy") if name in logs
        },
        diverged=lambda loss, epoch, step: (
            f"The loss became {loss} in iteration {step}; train again with `overwrite` and "
            f"a smaller `value` than {config.parameter_text()}, or another `solver`."
        ),
        recorder=partial(_WindowRecorder, config.iterations, progress),
    )
    model = fitted.model
    network = keras.Model(model.input, model.output, name=model.name)
    save_finished(fitted, folder / MODEL, network)
    return network


def kept_in(folder):
    """Return where the training in a folder keeps what it has: `last.keras` and `history.csv`."""
    return LastModel(folder, "iteration")


def batch_of(iteration, count, config):
    """Return the places of the feature vectors of a batch, which depend on the seed and the iteration alone."""
    size = min(config.batch_size, count)
    # A pass leaves out what does not fill a batch; the next pass has another order.
    number, place = divmod(iteration, count // size)
    order = np.random.default_rng([config.seed, number, 0x7F5A]).permutation(count)
    return order[place * size : (place + 1) * size]


class _Batches(keras.utils.PyDataset):
    """The batches of the iterations that are left."""

    def __init__(self, features, targets, config, done):
        super().__init__()
        self._features, self._targets, self._config, self._done = features, targets, config, done

    def __len__(self):
        return self._config.iterations - self._done

    def __getitem__(self, index):
        batch = batch_of(self._done + index, len(self._features), self._config)
        return self._features[batch], self._targets[batch]


class _WindowRecorder(RunRecorder):
    """Keeps the model and a row after every `WINDOW` iterations, and after the last one."""

    def __init__(self, last, progress, kept, rows, row):
        super().__init__(kept, rows, row)
        self._last, self._progress = last, progress

    def on_train_begin(self, logs=None):
        self._done = int(unwrapped(self.model.optimizer).iterations)
        self._losses = []

    def on_train_batch_begin(self, batch, logs=None):
        # Loss and accuracy are those of a batch, not means over what was trained so far.
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        number = self._done + batch + 1
        self._losses.append(logs["loss"])
        if number % WINDOW == 0 or number == self._last:
            # One batch would be too few for a decay on plateau.
            self.record(number, logs, {"loss": float(np.mean(self._losses))})
            self._losses = []
        if self._progress and number % 10 == 0:
            self._progress(number, self._last, f"loss {logs['loss']:.3f}")

    def on_epoch_end(self, epoch, logs=None):
        """Keep nothing: the one epoch ends with a window."""


def _compiled(model, config):
    losses = {
        SOFT: keras.losses.CategoricalCrossentropy(from_logits=True),
        FEATURES: keras.losses.MeanSquaredError(),
    }
    loss = losses.get(config.pseudo) or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = [] if config.pseudo == FEATURES else ["accuracy"]
    model.compile(_solver(config), loss, metrics=metrics, jit_compile=jit_compile())
    return model


def _solver(config):
    value = config.parameter()
    if config.schedule is not None:
        # In iterations: each is an epoch of one update.
        rate = RateSchedule.parse(config.schedule).schedule(value, 1, config.iterations)
        return make_solver(config.solver, rate)
    if (
        SOLVERS[config.solver].parameter != "learning_rate"
        or not config.decay_every
        or config.solver == "alig"
    ):
        return make_solver(config.solver, value)
    rate = keras.optimizers.schedules.ExponentialDecay(value, config.decay_every, DECAY, staircase=True)
    return make_solver(config.solver, rate)


def k_means_centroids(features, clusters, *, seed=0):
    """Return the centroids that k-means finds, float32 (clusters, dimension).

    Args:
        features: float32 (n, dimension), of sharp images.
        clusters: Their number k.
        seed: Of the starts.

    Raises:
        InputError: More clusters than feature vectors that differ.

    Warns:
        UserWarning: Fewer clusters were found, as vectors differ in their last digits alone.
    """
    different = len(np.unique(features, axis=0))
    if clusters > different:
        raise InputError(
            f"`clusters` {clusters} is more than the {different} images whose features differ; give at most that many."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters", ConvergenceWarning)
        model = KMeans(clusters, random_state=seed).fit(features)
    found = len(np.unique(model.labels_))
    if found < clusters:
        warnings.warn(
            f"K-means found {found} of {clusters} clusters, as the features of many images hardly differ: the others "
            f"label no image. Give `clusters` {found} or fewer.",
            stacklevel=2,
        )
    return model.cluster_centers_.astype(np.float32)
