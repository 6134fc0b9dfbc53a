"""Trainings of figure 1: two networks on MNIST, each by several solvers, with the losses on the way and the seconds."""

import json
import time
from dataclasses import asdict, dataclass

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.files import read_text, write_json
from tfapp.models import build_classifier
from tfapp.optimizers import KFAC

# Of the examples of a training and of the test images, those that losses are measured on.
MEASURED = 2000
_EVERY = 20  # updates between two measurements
# The first damping of K-FAC by network: with 0.001 its first step on LeNet-5 diverges.
_DAMPING = {"autoencoder": 1e-3, "lenet-5": 0.1}
# Widths from the pixels to the code of the autoencoder; those of the paper are Hinton and Salakhutdinov's.
_WIDTHS = {"small": (256, 64, 16), "paper": (1000, 500, 250, 30)}


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        network: "autoencoder" or "lenet-5".
        solver: "kfac", "sgd-momentum" or "adam".
        rate: Its learning rate.
        updates: How many.
        batch_size: Images in each.
        images: How many of the training images.
        scale: "small" or "paper": the size of the autoencoder.
        seed: Of weights and order.
    """

    network: str
    solver: str
    rate: float
    updates: int
    batch_size: int
    images: int
    scale: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.network}-{self.solver}-{self.rate:g}-{self.seed}"


@dataclass(frozen=True)
class Curve:
    """What was measured along a training, one entry for each place.

    Attributes:
        updates: After how many updates.
        seconds: Of training alone, without measuring and without tracing the first step.
        train, test: Loss on `MEASURED` images of the training and of the test; of an autoencoder the sum over pixels.
    """

    updates: list
    seconds: list
    train: list
    test: list


def saved_curve(training, data, folder) -> Curve | None:
    """Return the curve of a training that is finished, or None.

    Args:
        training: `Training`.
        data: `ClassificationSet`.
        folder: `Path` of the files of finished trainings.

    Raises:
        InputError: If its file cannot be read, or is of a training with other settings or images.
    """
    path = folder / f"{training.name}.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(read_text(path))
        settings, curve = found["settings"], Curve(**found["curve"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the record of a training: {error}; remove it.") from error
    if settings != _settings(training, data):
        raise InputError(
            f"`out` {str(folder.parent)!r} has a training {training.name!r} with other settings; choose another folder."
        )
    return curve


def train_curve(training, data, folder, task) -> Curve:
    """Do a training, write its curve to a file of its own, and return it.

    Args:
        training, data, folder: As for `saved_curve`.
        task: `tfapp.runs.progress.Task` to report updates to.
    """
    curve = _train(training, data, task)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{training.name}.json", _record(training, data, curve))
    return curve


def _settings(training, data):
    return asdict(training) | {"data": str(data.spec)}


def _record(training, data, curve):
    return {"settings": _settings(training, data), "curve": asdict(curve)}


def build(training, data):
    """Return the compiled network of a training."""
    keras.utils.set_random_seed(training.seed)
    if training.network == "autoencoder":
        model = autoencoder(_WIDTHS[training.scale], int(np.prod(data.image_shape)))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    else:
        model = build_classifier("lenet-5", data.num_classes, data.image_shape, seed=training.seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(_optimizer(training), loss, jit_compile=False)
    return model


def autoencoder(widths, pixels):
    """Return an autoencoder with tanh units, a linear code and the logits of the pixels.

    Args:
        widths: Widths of the encoder's layers, the code last; the decoder has them in the reverse order.
        pixels: Number of pixels.
    """
    encoder = [keras.layers.Dense(width, "tanh") for width in widths[:-1]]
    decoder = [keras.layers.Dense(width, "tanh") for width in widths[-2::-1]]
    ends = keras.layers.Dense(widths[-1], name="code"), keras.layers.Dense(pixels, name="logits")
    return keras.Sequential([keras.Input((pixels,)), *encoder, ends[0], *decoder, ends[1]])


def _optimizer(training):
    if training.solver == "kfac":
        return KFAC(training.rate, damping=_DAMPING[training.network], fisher_share=0.25, seed=training.seed)
    if training.solver == "adam":
        return keras.optimizers.Adam(training.rate)
    return keras.optimizers.SGD(training.rate, momentum=0.9)


def _train(training, data, task):
    model = build(training, data)
    images = data.train.values(np.arange(min(training.images, len(data.train))))
    batches = _batches(training, images, data.train.labels)
    parts = [
        _pairs(training, split.values(np.arange(min(MEASURED, len(split)))), split.labels[:MEASURED])
        for split in (data.train, data.test)
    ]
    factor = np.prod(data.image_shape) if training.network == "autoencoder" else 1
    curve = Curve([], [], [], [])
    seconds = 0.0
    for update in range(training.updates + 1):
        if update % _EVERY == 0:
            curve.updates.append(update)
            curve.seconds.append(seconds)
            for losses, part in zip((curve.train, curve.test), parts, strict=True):
                losses.append(float(factor * model.evaluate(*part, batch_size=500, verbose=0)))
        x, y = next(batches)
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        # The first step is traced.
        seconds += time.perf_counter() - begin if update else 0.0
        task(update)
    return curve


def _batches(training, images, labels):
    rng = np.random.default_rng(training.seed)
    while True:
        order = rng.permutation(len(images))
        for start in range(0, len(order) - training.batch_size + 1, training.batch_size):
            chosen = order[start : start + training.batch_size]
            yield _pairs(training, images[chosen], labels[chosen])


def _pairs(training, images, labels):
    if training.network == "lenet-5":
        return images, labels
    flat = images.reshape(len(images), -1)
    return flat, flat
