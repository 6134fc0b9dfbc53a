"""Potentials: the convex functions whose gradient a TV layer puts out, those of the package and of its users."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Potential:
    """A convex function phi of the regularised logits u whose gradient A = phi'(u) is the output.

    The primal problem is  min over A  of  phi*(A) - <o, A> + lambda R(K A), where phi* is the conjugate of phi; the
    dual one is  min over |zeta| <= lambda  of  sum phi(o + K^T zeta).  All functions take and return float tensors of
    planes, (classes, batch, *spatial), and act on each pixel by itself.

    Attributes:
        name: That by which layers and configurations name it.
        terms: phi(u), with its class axis kept or summed to 1: planes of a sum's terms.
        gradient: A = phi'(u), planes (classes, batch, *spatial).
        jacobian: Function (A, v) -> J(A) v, the symmetric derivative of `gradient` where its value is A.
        bound: Float > 0, a bound of the eigenvalues of J.
        visible: Function (A, h) -> the part of h = dL/du that changes of u along the null space of J do not feel: what
            a loss on A sends back, whatever the loss. All of h where J has no null space that matters.
        diagonal: Function A -> w with J(A) <= diag(w) in every plane, for preconditioners; None for `bound`.
    """

    name: str
    terms: Callable
    gradient: Callable
    jacobian: Callable
    bound: float
    visible: Callable = lambda a, h: h
    diagonal: Callable | None = None

    def curvature(self, a):
        """Return `diagonal(a)`, or the bound in every plane."""
        return (
            tf.fill(tf.shape(a), tf.cast(self.bound, a.dtype)) if self.diagonal is None else self.diagonal(a)
        )


def _softmax(u):
    exponential = tf.exp(u - tf.reduce_max(u, axis=0, keepdims=True))
    return exponential * tf.math.reciprocal(tf.reduce_sum(exponential, axis=0, keepdims=True))


def _softmax_jacobian(a, v):
    return a * (v - tf.reduce_sum(a * v, axis=0, keepdims=True))


def _relu(u):
    # As a reduction, because XLA would otherwise compute it, and the divergence within u, anew for each of the
    # pixels that read it: that takes 1.7 times as long for an iteration.
    return tf.reduce_max(tf.stack([u, tf.zeros_like(u)]), axis=0)


# J = diag(p) - p p^T <= 2 diag(p (1 - p)) by Gershgorin's circles.
SOFTMAX = Potential(
    "softmax",
    terms=lambda u: tf.reduce_logsumexp(u, axis=0, keepdims=True),
    gradient=_softmax,
    jacobian=_softmax_jacobian,
    bound=0.5,
    visible=lambda a, h: h - tf.reduce_mean(h, axis=0, keepdims=True),
    diagonal=lambda a: 2.0 * a * (1.0 - a),
)
SIGMOID = Potential(
    "sigmoid",
    terms=tf.math.softplus,
    gradient=tf.math.sigmoid,
    jacobian=lambda a, v: a * (1.0 - a) * v,
    bound=0.25,
    diagonal=lambda a: a * (1.0 - a),
)
RELU = Potential(
    "relu",
    terms=lambda u: 0.5 * tf.square(tf.nn.relu(u)),
    gradient=_relu,
    jacobian=lambda a, v: tf.where(a > 0, v, tf.zeros_like(v)),
    bound=1.0,
    visible=lambda a, h: tf.where(a > 0, h, tf.zeros_like(h)),
    diagonal=lambda a: tf.cast(a > 0, a.dtype),
)
# log cosh u, in a form that does not overflow.
TANH = Potential(
    "tanh",
    terms=lambda u: tf.abs(u) + tf.math.softplus(-2.0 * tf.abs(u)) - np.log(2.0),
    gradient=tf.math.tanh,
    jacobian=lambda a, v: (1.0 - tf.square(a)) * v,
    bound=1.0,
    diagonal=lambda a: 1.0 - tf.square(a),
)
POTENTIALS = {potential.name: potential for potential in (SOFTMAX, SIGMOID, RELU, TANH)}


def register_potential(potential):
    """Make a potential known by its name, so that `TVActivation` and saved models find it.

    It is tried first, at random logits of several sizes: whether `gradient` is the derivative of `terms` and
    increases, whether `jacobian` is the derivative of `gradient` and symmetric, and whether `bound` is one. Register
    it again, in the same place of your code, before a model that was saved with it is loaded.

    Args:
        potential: A `Potential`.

    Returns:
        The potential.

    Raises:
        ValueError: It fails one of the trials, or another potential has its name.

    Example:
        >>> square = Potential("square", lambda u: u**2 / 2, lambda u: u, lambda a, v: v, bound=1.0)
        >>> register_potential(square).name
        'square'
    """
    if not isinstance(potential, Potential):
        raise ValueError(f"`potential` must be a `Potential`. Received: {potential!r}")
    if potential.name in (one.name for one in (SOFTMAX, SIGMOID, RELU, TANH)):
        raise ValueError(f"The name {potential.name!r} is taken by the package; choose another `name`.")
    _try(potential)
    POTENTIALS[potential.name] = potential
    return potential


def find_potential(name):
    """Return the potential of a name.

    Raises:
        ValueError: None of this name is registered.
    """
    if name not in POTENTIALS:
        raise ValueError(
            f"`potential` must be one of {tuple(POTENTIALS)}, or registered by `tfapp.layers.register_potential` "
            f"before. Received: potential={name!r}"
        )
    return POTENTIALS[name]


def _try(potential):
    def refuse(what):
        raise ValueError(f"The potential {potential.name!r} cannot be used: {what}.")

    generator = np.random.default_rng(0)
    for size in (0.1, 1.0, 10.0):
        u, other, v, w = (tf.constant(size * generator.standard_normal((3, 1, 6, 5))) for _ in range(4))
        with tf.GradientTape() as tape:
            tape.watch(u)
            total = tf.reduce_sum(potential.terms(u))
        slope = tape.gradient(total, u)
        a, a_other = potential.gradient(u), potential.gradient(other)
        if a.shape != u.shape:
            refuse(f"`gradient` must return planes of the shape {u.shape} that it was given, not {a.shape}")
        if slope is None or not _close(a, slope, 1e-6):
            refuse("`gradient` is not the derivative of `terms`")
        change, way = a - a_other, u - other
        rise, length = _inner(change, way), _inner(change, change)
        if rise < -1e-9 * float(tf.norm(change) * tf.norm(way)):
            refuse("`gradient` must increase, as that of a convex function; along a line it decreases")
        if length > potential.bound * rise * (1 + 1e-6) + 1e-12:
            refuse(f"its curvature is above `bound` = {potential.bound:g}")
        h = 1e-6 * size
        numeric = (potential.gradient(u + h * v) - potential.gradient(u - h * v)) / (2 * h)
        if not _close(potential.jacobian(a, v), numeric, 1e-4):
            refuse("`jacobian` is not the derivative of `gradient`")
        there, back = _inner(w, potential.jacobian(a, v)), _inner(v, potential.jacobian(a, w))
        if abs(there - back) > 1e-6 * max(abs(there), abs(back), 1e-6):
            refuse("`jacobian` must be symmetric, as the second derivative of a function")


def _close(one, other, share):
    return float(tf.norm(one - other)) <= share * max(float(tf.norm(other)), 1e-6)


def _inner(one, other):
    return float(tf.reduce_sum(one * other))
