"""What the TV benchmarks work on, noisy logits of a Voronoi label map, and the training steps that they compare."""

import harness
import numpy as np
import tensorflow as tf
import tv_plain
from scipy.spatial import cKDTree

from tfapp.layers import TVProblem, TVSoftmax, regularise_logits

CELL = 24  # pixels, about the side of a region
TV_WEIGHT = 1.0


def large_field(quick=False):
    """The field of all measurements but the cone program's: 256x256 pixels, 11 classes (quick: 48x48, 3)."""
    side, classes = (48, 3) if quick else (256, 11)
    return voronoi_logits(side, classes, contrast=6, noise=2)


def voronoi_logits(side, classes, contrast, noise, seed=0):
    """Return the logits of a random label map and its labels.

    Args:
        side: Height and width in pixels.
        classes: Number of classes; neighbouring cells may share one.
        contrast: Logit of the true class; that of the others is 0.
        noise: Standard deviation of the Gaussian noise on all logits.
        seed: Of the generator.

    Returns:
        float32 logits (1, side, side, classes) and int32 labels (1, side, side).
    """
    rng = np.random.default_rng(seed)
    cells = max(classes, round((side / CELL) ** 2))
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1)
    _, nearest = cKDTree(rng.uniform(0, side, (cells, 2))).query(pixels)
    labels = (rng.permutation(cells) % classes)[nearest]
    logits = contrast * np.eye(classes)[labels] + noise * rng.normal(size=(side, side, classes))
    return logits[None].astype(np.float32), labels[None].astype(np.int32)


def least_milliseconds(contenders, repetitions):
    """Return the least time of each, in milliseconds: noise only ever adds to a loop of arithmetic."""
    return harness.milliseconds(contenders, repetitions, quantile=0)


def rms_distance(a, b):
    """Return the root of the mean over pixels of the squared l1 distance of two maps of probabilities."""
    return float(np.sqrt(np.mean(np.sum(np.abs(np.asarray(a, float) - np.asarray(b, float)), axis=-1) ** 2)))


def cosine(a, b):
    """Return the cosine of the angle between two tensors."""
    a, b = np.asarray(a, float).ravel(), np.asarray(b, float).ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def implicit(iterations=30, **options):
    """Return the step of `TVSoftmax`, converged with the implicit gradient, options at their defaults."""
    layer = TVSoftmax(learn_tv_weight=False, iterations=iterations, **options)
    return step_of(lambda o, weight: layer.regularise(o, tv_weight=weight, training=True).logits, False)


def unrolled(iterations, jit_compile):
    """Return the step that differentiates through every iteration of the paper's projected gradient."""
    return step_of(lambda o, weight: tv_plain.projected_gradient(o, weight, iterations), jit_compile)


def exact(gap, isotropic=True):
    """Return a step to use in float64 as the reference, solved to this gap per pixel."""
    problem = TVProblem(isotropic=isotropic, method="preconditioned-fista", iterations=5000, tolerance=gap)
    adjoint = {"backward_iterations": 400, "backward_tolerance": 1e-5, "jit_compile": True}
    return step_of(lambda o, weight: regularise_logits(o, weight, problem, **adjoint).logits, False)


def step_of(regularise, jit_compile):
    """Return the step through a function from logits and lambda to regularised logits."""

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(o, weight, labels):
        """Return regularised logits, dL/dlogits and dL/dlambda of the mean cross-entropy."""
        with tf.GradientTape() as tape:
            tape.watch((o, weight))
            u = regularise(o, weight)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, u))
        return u, *tape.gradient(loss, (o, weight))

    return step


def peak_of_step(name, iterations, threads, quick):
    """Return the MiB that a training step needs; for a fresh process, in which nothing has run.

    Args:
        name: `implicit` (ours) or `unrolled` (in XLA).
        iterations: Of the forward solution.
        threads: Of TensorFlow's operations.
        quick: Whether to take the small field.
    """
    harness.use_threads(threads)
    step = implicit(iterations) if name == "implicit" else unrolled(iterations, jit_compile=True)
    logits, labels = large_field(quick)
    # A corner first: the compiler's own memory is not what a step needs, and what a step has used stays
    # in TensorFlow's pool.
    for side in (8, logits.shape[1]):
        part = slice(side)
        arguments = (
            tf.constant(logits[:, part, part]),
            tf.constant(TV_WEIGHT),
            tf.constant(labels[:, part, part]),
        )
        needed = harness.peak_memory(step, *arguments)
    return needed
