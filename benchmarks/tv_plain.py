"""The peers that take a page of TensorFlow: channels-last, TensorFlow's own softmax, plain loops.

References:
    F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image Segmentation",
    2019, arXiv:1907.05287, eq. (3.5): projected gradient, tau = 1 / (4 lambda^2), 100 iterations;
    A. Beck, M. Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems",
    SIAM J. Imaging Sciences, 2009;
    J. Liu, X. Wang, X.-C. Tai, "Deep Convolutional Neural Networks with Spatial Regularization, Volume and
    Star-shape Priori for Image Segmentation", 2020, arXiv:2002.03989: soft threshold dynamics (STD).
"""

import numpy as np
import tensorflow as tf


def differences(a):
    down = tf.pad(a[:, 1:] - a[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(a[:, :, 1:] - a[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    return down, right


def divergence(p):
    down, right = p[0][:, :-1], p[1][:, :, :-1]
    down = tf.pad(down, [[0, 0], [0, 1], [0, 0], [0, 0]]) - tf.pad(down, [[0, 0], [1, 0], [0, 0], [0, 0]])
    right = tf.pad(right, [[0, 0], [0, 0], [0, 1], [0, 0]]) - tf.pad(right, [[0, 0], [0, 0], [1, 0], [0, 0]])
    return down + right


def project(p):
    # The square root is taken of numbers >= 1: at 0 its derivative would make the unrolled gradient NaN.
    size = tf.sqrt(tf.maximum(tf.square(p[0]) + tf.square(p[1]), 1.0))
    return p[0] / size, p[1] / size


def ascend(o, weight, eta):
    """One step of the dual: eta + tau * its gradient, projected. The step is chosen, not learned."""
    tau = tf.stop_gradient(1 / (4 * weight**2))
    slope = differences(tf.nn.softmax(o - weight * divergence(eta)))
    return project(tuple(e - tau * weight * s for e, s in zip(eta, slope, strict=True)))


def projected_gradient(o, weight, iterations):
    """Return regularised logits o - lambda div eta after so many iterations from 0."""
    zero = tf.zeros_like(o)
    eta = tf.while_loop(
        lambda *_: True,
        lambda *eta: ascend(o, weight, eta),
        (zero, zero),
        maximum_iterations=iterations,
    )
    return o - weight * divergence(eta)


def fista(o, weight, iterations):
    """Return regularised logits after so many accelerated iterations from 0."""

    def iterate(t, old, ahead):
        eta = ascend(o, weight, ahead)
        t_next = (1 + tf.sqrt(1 + 4 * t**2)) / 2
        ahead = tuple(e + (t - 1) / t_next * (e - before) for e, before in zip(eta, old, strict=True))
        return t_next, eta, ahead

    zero = (tf.zeros_like(o), tf.zeros_like(o))
    state = (tf.ones([], o.dtype), zero, zero)
    _, eta, _ = tf.while_loop(lambda *_: True, iterate, state, maximum_iterations=iterations)
    return o - weight * divergence(eta)


def soft_threshold_dynamics(o, weight, iterations=10, width=7, sigma=2.0):
    """Return probabilities: softmax(o - lambda K (1 - 2 A)) again and again, K a Gaussian."""
    line = np.exp(-0.5 * (np.arange(width) - width // 2) ** 2 / sigma**2)
    kernel = np.outer(line, line)[:, :, None, None] / line.sum() ** 2
    kernel = tf.constant(np.repeat(kernel, o.shape[-1], axis=2), o.dtype)

    def iterate(a):
        blurred = tf.nn.depthwise_conv2d(1 - 2 * a, kernel, [1, 1, 1, 1], "SAME")
        return (tf.nn.softmax(o - weight * blurred),)

    loop = tf.while_loop(lambda _: True, iterate, (tf.nn.softmax(o),), maximum_iterations=iterations)
    return loop[0]
