"""MatConvNet's LeNet as the chapter trains it, and trainings of it by BPGrad that are followed step by step."""

import warnings

from tfapp.data import batch_stream
from tfapp.models import build_classifier
from tfapp.optimizers import BPGrad
from tfapp.solvers.bounds.logger import BoundsLogger
from tfapp.solvers.workload import objective

BATCH_SIZE, WEIGHT_DECAY = 100, 0.0005
RHO = 0.1


def build_lenet(images, seed, weight_decay=0.0):
    """Return the network with its initial weights; it sees pixels of 0 to 255 less their mean image.

    Args:
        images: `ClassificationSet` of images in memory.
        seed: Non-negative integer.
        weight_decay: Adds `weight_decay / 2 * |w|^2` to the loss.
    """
    mean = images.train.mean_image()
    options = {"seed": seed, "weight_decay": weight_decay, "image_scale": 255.0, "image_mean": mean}
    return build_classifier("lenet-mnist", images.num_classes, images.image_shape, **options)


def lenet_batches(images, seed):
    """Return endless batches of 100 training images; an epoch leaves out those that do not fill one."""
    return batch_stream(images.train, BATCH_SIZE, seed, drop_remainder=True)


def follow_training(images, *, lipschitz, momentum, steps, epochs=1, seed=0, callbacks=(), **options):
    """Train by BPGrad with rho = 0.1, and record every step.

    Args:
        images: `ClassificationSet` of images in memory.
        lipschitz: L.
        momentum: Of BPGrad.
        steps: Steps in an epoch.
        epochs: Epochs.
        seed: Of the initial weights and of the order of the images.
        callbacks: Further Keras callbacks.
        **options: Of `BoundsLogger`.

    Returns:
        The `BoundsLogger`, the Keras `History`, and a list of the sentences that the logger would warn with.
    """
    model = build_lenet(images, seed, WEIGHT_DECAY)
    model.compile(BPGrad(lipschitz, rho=RHO, momentum=momentum), objective())
    bounds = BoundsLogger(**options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        history = model.fit(
            lenet_batches(images, seed),
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[bounds, *callbacks],
        )
    return bounds, history, [str(warning.message) for warning in caught]
