"""Networks that are trained with and without batch normalisation, and the batches of each: classifiers and a U-Net."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.data import network_pair, open_classification, open_dataset
from tfapp.errors import InputError
from tfapp.models import build, build_classifier
from tfapp.models.classifiers.building import takes_batch_norm
from tfapp.solvers.trainings.twins import batches_after
from tfapp.solvers.trainings.workload import Workload, objective

UNET = "unet"
# Generated photographs of blood smears, so that no other data is needed: their number and size by scale.
_CELLS = {"small": "cells:64:64", "paper": "cells:400:128"}
# Of the U-Net a batch has as many images, of the others as many times more.
_UNET_SHARE = 4
_OPTIONS = {
    "small": {"vgg-11": {"base_width": 16, "hidden": 256}, UNET: {"base_width": 8, "depth": 3}},
    "paper": {UNET: {"base_width": 64, "depth": 4}},
}


@dataclass(frozen=True)
class Subject:
    """A network that is trained.

    Attributes:
        network: One of the classifiers that take `batch_norm`, or `unet`.
        batch_norm: Whether it has batch normalisation.
        data: Images of the classifiers, as `open_classification` takes them.
        batch_size: Images in a batch of the classifiers; U-Net has a quarter of that.
        scale: `small` or `paper`.
        seed: Of the initial weights and the order of the batches.
    """

    network: str
    batch_norm: bool
    data: str
    batch_size: int
    scale: str
    seed: int

    def settings(self):
        """Return what decides it, as JSON can hold it."""
        return {
            "network": self.network,
            "batch_norm": self.batch_norm,
            "options": _OPTIONS[self.scale].get(self.network, {}),
            "data": _CELLS[self.scale] if self.network == UNET else open_classification(self.data).spec,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }

    def build(self):
        """Return the network, not compiled, and its loss."""
        options = {**_OPTIONS[self.scale].get(self.network, {}), "batch_norm": self.batch_norm}
        if self.network == UNET:
            keras.utils.set_random_seed(self.seed)
            return build(UNET, 3, **options), objective()
        images = open_classification(self.data)
        options["image_mean"] = images.train.mean_image().mean((0, 1)).tolist()
        model = build_classifier(
            self.network, images.num_classes, images.image_shape, seed=self.seed, **options
        )
        return model, objective()

    def batches(self):
        """Return a function of a number of updates to the endless batches after them."""
        if self.network != UNET:
            workload = Workload(self.data, self.network, self.batch_size, 0.0)
            return batches_after(workload, self.seed)
        dataset = open_dataset(_CELLS[self.scale])
        images, labels = zip(*(network_pair(dataset, item, None) for item in dataset.items), strict=True)
        return _cell_batches(
            np.stack(images), np.stack(labels), max(1, self.batch_size // _UNET_SHARE), self.seed
        )


def _cell_batches(images, labels, size, seed):
    def batches(first):
        # Every batch is drawn by its number alone, so that those after a kill are those of before.
        def draw(number):
            return np.random.default_rng([seed, number]).permutation(len(images))[:size]

        def after():
            number = first
            while True:
                chosen = draw(number)
                yield images[chosen], labels[chosen]
                number += 1

        signature = tuple(
            tf.TensorSpec((min(size, len(one)), *one.shape[1:]), one.dtype) for one in (images, labels)
        )
        return tf.data.Dataset.from_generator(after, output_signature=signature)

    return batches


def chosen_networks(text):
    """Return the networks that a list with commas names.

    Raises:
        InputError: For a name that is none of them, or stands twice.
    """
    names, known = text.split(","), [*takes_batch_norm(), UNET]
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InputError(f"`networks` has {unknown!r}; choose of: {', '.join(known)}.")
    if len(set(names)) < len(names):
        raise InputError(f"`networks` must name each network once; got {text!r}.")
    return names
