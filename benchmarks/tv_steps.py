"""Training steps through a TV softmax: the gradients of a cross-entropy with respect to logits and lambda."""

import tensorflow as tf
import tv_plain

from tfapp.layers import TVSoftmax
from tfapp.layers.tv.gradients import regularise_logits
from tfapp.layers.tv.solver import TVProblem


def implicit(iterations=30, **options):
    """Return the step of `TVSoftmax`, converged with the implicit gradient, options at their defaults."""
    layer = TVSoftmax(learn_tv_weight=False, iterations=iterations, **options)
    return _step(lambda o, weight: layer.regularise(o, tv_weight=weight, training=True).logits, False)


def unrolled(iterations, jit_compile):
    """Return the step that differentiates through every iteration of the paper's projected gradient."""
    return _step(lambda o, weight: tv_plain.projected_gradient(o, weight, iterations), jit_compile)


def exact(gap, isotropic=True):
    """Return a step to use in float64 as the reference, solved to this gap per pixel."""
    problem = TVProblem(isotropic=isotropic, method="preconditioned-fista", iterations=5000, tolerance=gap)
    adjoint = {"backward_iterations": 400, "backward_tolerance": 1e-5, "jit_compile": True}
    return _step(lambda o, weight: regularise_logits(o, weight, problem, **adjoint).logits, False)


def _step(regularise, jit_compile):
    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(o, weight, labels):
        """Return regularised logits, dL/dlogits and dL/dlambda of the mean cross-entropy."""
        with tf.GradientTape() as tape:
            tape.watch((o, weight))
            u = regularise(o, weight)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, u))
        return u, *tape.gradient(loss, (o, weight))

    return step
