"""Ways from logits to spatially regular labels in TensorFlow: the layers of tfapp, and what takes a page."""

import time
from functools import cache, partial

import tensorflow as tf
import tv_plain

from tfapp.layers import SoftThresholdDynamics, TVSoftmax

# With `label_tolerance`, an image is left as it is when within ten iterations at most this share of labels changed.
LABEL_TOLERANCE = 5e-4
# Of the projected gradient, as in Jia, Liu and Tai (2019).
PAPER_ITERATIONS = 100
# Standard deviation of the kernel of soft threshold dynamics, and its edge, in pixels.
STD_KERNELS = ((1.0, 5), (2.0, 9))


class InTensorFlow:
    """A contender in this process: called, it returns the seconds per image and the label maps of images.

    Args:
        case: `Case` of `regularisers_task`.
        make: Function of a shape to two functions: from logits to what is largest at a pixel's label, compiled once,
            and one that sets the lambda of that one.
        shapes: What else than lambda is chosen, such as the width of a kernel.
    """

    def __init__(self, case, make, shapes=(None,)):
        self.shapes = shapes
        self._logits = {
            split: [tf.constant(logits) for logits, _ in getattr(case, split)]
            for split in ("validation", "test")
        }
        self._compiled = cache(lambda shape: _compiled(*make(shape)))

    def __call__(self, split, weight, shape):
        labels, set_weight = self._compiled(shape)
        set_weight(weight)
        images = self._logits[split]
        start = time.perf_counter()
        found = [labels(logits).numpy()[0] for logits in images]
        return (time.perf_counter() - start) / len(images), found


def tv_softmax(case, **options):
    """Return the contender `TVSoftmax` in inference, with these options and a learned lambda, as it is served."""

    def make(_):
        return _layer(TVSoftmax(**options), case)

    return InTensorFlow(case, make)


def plain_softmax(case):
    """Return the contender that takes the largest logit, whatever lambda is."""
    return InTensorFlow(case, lambda _: (tf.nn.softmax, lambda weight: None))


def projected_gradient(case):
    """Return the contender of a plain loop of 100 iterations, as in Jia, Liu and Tai (2019)."""
    return _plain(case, tv_plain.projected_gradient, PAPER_ITERATIONS)


def plain_threshold_dynamics(case, iterations):
    """Return the contender of a plain loop of soft threshold dynamics, with a kernel of 7x7 pixels."""
    return _plain(case, tv_plain.soft_threshold_dynamics, iterations)


def threshold_dynamics(case, iterations):
    """Return the contender `SoftThresholdDynamics`, whose width of the kernel is chosen too."""

    def make(kernel):
        width, size = kernel
        return _layer(SoftThresholdDynamics(width=width, kernel_size=size, iterations=iterations), case)

    return InTensorFlow(case, make, STD_KERNELS)


def _layer(layer, case):
    # A lambda that may be learned is a variable, which the graph reads anew.
    layer.build((None, None, None, case.num_classes))
    return partial(layer, training=False), partial(setattr, layer, "tv_weight")


def _plain(case, solve, iterations):
    def make(_):
        weight = tf.Variable(1.0)
        return lambda logits: solve(logits, weight, iterations), weight.assign

    return InTensorFlow(case, make)


def _compiled(function, set_weight):
    def labels(logits):
        return tf.argmax(function(logits), axis=-1, output_type=tf.int32)

    return tf.function(labels, autograph=False), set_weight
