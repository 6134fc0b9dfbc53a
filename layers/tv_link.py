"""What stands at the end of the network: softmax, sigmoid or ReLU, as the dual TV solver sees them.

Each is the gradient A = phi'(u) of a convex function phi of the regularised logits u = o - div zeta, so
that the dual problem is  min over |zeta| <= lambda  of  sum phi(o - div zeta).
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Link:
    """A monotone map from regularised logits to the output.

    Attributes:
        name: `softmax`, `sigmoid` or `relu`.
        potential: phi(u) with its class axis summed or kept: planes of a sum's terms.
        value: A = phi'(u), planes (classes, batch, *spatial).
        jacobian: Function (A, v) -> J(A) v, the symmetric derivative of `value` at the output A.
        visible: Function (A, h) -> the part of a gradient h = dL/du that changes of u along the null space of J
            do not feel: what a loss on A sends back, whatever the loss.
        bound: The largest eigenvalue that J can have.
        diagonal: Function A -> w with J(A) <= diag(w) in every plane.
    """

    name: str
    potential: Callable
    value: Callable
    jacobian: Callable
    visible: Callable
    bound: float
    diagonal: Callable


def _softmax(u):
    exponential = tf.exp(u - tf.reduce_max(u, axis=0, keepdims=True))
    return exponential * tf.math.reciprocal(tf.reduce_sum(exponential, axis=0, keepdims=True))


def _softmax_jacobian(a, v):
    return a * (v - tf.reduce_sum(a * v, axis=0, keepdims=True))


# J = diag(p) - p p^T <= 2 diag(p (1 - p)) by Gershgorin's circles.
SOFTMAX = Link(
    "softmax",
    lambda u: tf.reduce_logsumexp(u, axis=0, keepdims=True),
    _softmax,
    _softmax_jacobian,
    lambda a, h: h - tf.reduce_mean(h, axis=0, keepdims=True),
    0.5,
    lambda a: 2.0 * a * (1.0 - a),
)


def _relu(u):
    # As a reduction, because XLA would otherwise compute it, and the divergence within u, anew for each of the
    # pixels that read it: that takes 1.7 times as long for an iteration.
    return tf.reduce_max(tf.stack([u, tf.zeros_like(u)]), axis=0)


SIGMOID = Link(
    "sigmoid",
    tf.math.softplus,
    tf.math.sigmoid,
    lambda a, v: a * (1.0 - a) * v,
    lambda a, h: h,
    0.25,
    lambda a: a * (1.0 - a),
)
RELU = Link(
    "relu",
    lambda u: 0.5 * tf.square(tf.nn.relu(u)),
    _relu,
    lambda a, v: tf.where(a > 0, v, tf.zeros_like(v)),
    lambda a, h: tf.where(a > 0, h, tf.zeros_like(h)),
    1.0,
    lambda a: tf.cast(a > 0, a.dtype),
)
LINKS = {link.name: link for link in (SOFTMAX, SIGMOID, RELU)}
