"""Solvers of the dual TV problem, for a softmax, sigmoid or ReLU, with the duality gap as a certificate."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.layers.tv.operators import (
    divergence,
    forward_differences,
    length,
    like_samples,
    per_sample,
    project,
)

METHODS = ("fista", "preconditioned-fista", "projected-gradient")
# How many iterations pass between two looks at the gap or at the dual value.
BLOCK = 10
# Curvature below this share of its bound is not trusted: it may grow during the next iterations.
LEAST_CURVATURE = 0.1
STEP_GROWTH = 1.02


@dataclass(frozen=True)
class TVProblem:
    """What stays the same for all tensors: the kind of TV problem and how it is solved.

    Attributes:
        potential: Name of the potential whose gradient is the output: `softmax`, `sigmoid` or `relu`.
        isotropic: Isotropic or anisotropic total variation.
        spacing: Distance of neighbours along each spatial axis.
        method: One of `METHODS`. `projected-gradient` is that of Jia, Liu and Tai (2019), `fista` is proven to converge
            quadratically faster, `preconditioned-fista` takes larger steps where the output is confident and goes
            back where the dual value rose.
        iterations: Number of iterations; the largest number if there is a tolerance.
        tolerance: Stop when every sample's gap per pixel is at most this; None for all iterations.
    """

    potential: str = "softmax"
    isotropic: bool = True
    spacing: tuple[float, ...] = (1.0, 1.0)
    method: str = "fista"
    iterations: int = 30
    tolerance: float | None = None

    @property
    def phi(self):
        return POTENTIALS[self.potential]

    @property
    def step(self):
        """The largest proven step: 1 / (|J| |D|^2), 1/4 for the softmax of images."""
        return 1.0 / (self.phi.bound * sum(4.0 / h**2 for h in self.spacing))

    def output(self, o, zeta):
        """Return A = phi'(o - div zeta)."""
        return self.phi.gradient(o - divergence(zeta, self.spacing))


def gap(problem, o, radius, zeta):
    """Return the duality gap per pixel of each sample, shape (batch,), at a feasible zeta."""
    slope = forward_differences(problem.output(o, zeta), problem.spacing)
    if problem.isotropic:
        terms = radius * length(slope) + tf.add_n([s * z for s, z in zip(slope, zeta, strict=True)])
    else:
        # Term by term, so that what cancels exactly cancels in floating point too.
        terms = tf.add_n([radius * tf.abs(s) + s * z for s, z in zip(slope, zeta, strict=True)])
    pixels = tf.cast(tf.reduce_prod(tf.shape(o)[2:]), o.dtype)
    return per_sample(terms) / pixels


def solve(problem, o, radius, start=None):
    """Solve the dual problem.

    Args:
        problem: A `TVProblem`.
        o: logits as planes (classes, batch, *spatial).
        radius: lambda >= 0, a tensor that broadcasts to the planes.
        start: dual field to begin with (projected first), or None for zero.

    Returns:
        (zeta, count): the feasible dual field, a tuple of planes, and the number of iterations done.
    """
    zeta = tuple(tf.zeros_like(o) for _ in problem.spacing)
    if start is not None:
        zeta = project(start, radius, problem.isotropic)
    if problem.tolerance is None and problem.method != "preconditioned-fista":
        state = _begin(problem, o, zeta, tf.ones([], o.dtype))
        return _repeat(problem, o, radius, state, problem.iterations).zeta, tf.constant(problem.iterations)
    return _solve_in_blocks(problem, o, radius, zeta)


@dataclass(frozen=True)
class _State:
    zeta: tuple
    y: tuple  # the extrapolated point
    t: tf.Tensor  # Nesterov's sequence, one number or one per sample
    step: tf.Tensor  # one number, or planes

    def flat(self):
        return (*self.zeta, *self.y, self.t, self.step)

    @classmethod
    def of(cls, axes, *tensors):
        return cls(tensors[:axes], tensors[axes : 2 * axes], *tensors[2 * axes :])


def _begin(problem, o, zeta, t):
    if problem.method != "preconditioned-fista":
        return _State(zeta, zeta, t, tf.constant(problem.step, o.dtype))
    return _State(zeta, zeta, t, _local_step(problem, problem.output(o, zeta)))


def _repeat(problem, o, radius, state, count):
    axes = len(problem.spacing)

    def body(*tensors):
        return _iterate(problem, o, radius, _State.of(axes, *tensors)).flat()

    tensors = tf.while_loop(
        lambda *_: True, body, state.flat(), maximum_iterations=count, parallel_iterations=1
    )
    return _State.of(axes, *tensors)


def _iterate(problem, o, radius, state):
    a = problem.output(o, state.y)
    step = state.step
    if problem.method == "preconditioned-fista":
        step = tf.minimum(STEP_GROWTH * step, _local_step(problem, a))
    slope = forward_differences(a, problem.spacing)
    descended = tuple(y - step * s for y, s in zip(state.y, slope, strict=True))
    zeta = project(descended, radius, problem.isotropic)
    if problem.method == "projected-gradient":
        return _State(zeta, zeta, state.t, step)
    t = 0.5 * (1.0 + tf.sqrt(1.0 + 4.0 * tf.square(state.t)))
    momentum = (state.t - 1.0) / t
    if problem.tolerance is not None:
        # Momentum that points uphill is dropped, for each sample on its own.
        products = [(y - z) * (z - old) for y, z, old in zip(state.y, zeta, state.zeta, strict=True)]
        uphill = like_samples(per_sample(tf.add_n(products)), o) > 0
        momentum = tf.where(uphill, tf.zeros_like(momentum), momentum)
        t = tf.where(uphill, tf.ones_like(t), t)
    y = tuple(z + momentum * (z - old) for z, old in zip(zeta, state.zeta, strict=True))
    return _State(zeta, y, t, step)


def _solve_in_blocks(problem, o, radius, zeta):
    axes = len(problem.spacing)
    ones = tf.ones_like(like_samples(per_sample(o), o))
    state = _begin(problem, o, zeta, ones)
    safeguarded = problem.method == "preconditioned-fista"

    def unfinished(done, worst, *_):
        return (
            done < problem.iterations
            if problem.tolerance is None
            else ((done < problem.iterations) & (worst > problem.tolerance))
        )

    def block(done, worst, *tensors):
        before = _State.of(axes, *tensors)
        count = tf.minimum(BLOCK, problem.iterations - done)
        after = _repeat(problem, o, radius, before, count)
        if safeguarded:
            after = _go_back_where_risen(problem, o, before, after)
        if problem.tolerance is not None:
            gaps = gap(problem, o, radius, after.zeta)
            # A sample of NaN never gets there: nobody waits for it, and it ends nobody's iterations.
            worst = tf.reduce_max(tf.where(tf.math.is_finite(gaps), gaps, tf.zeros_like(gaps)))
        return (done + count, worst, *after.flat())

    first = (tf.constant(0), tf.constant(float("inf"), o.dtype), *state.flat())
    done, _, *tensors = tf.while_loop(unfinished, block, first, parallel_iterations=1)
    return _State.of(axes, *tensors).zeta, done


def _go_back_where_risen(problem, o, before, after):
    """Take back a block that raised a sample's dual value, and halve that sample's steps."""
    value, after_value = (_dual_value(problem, o, state.zeta) for state in (before, after))
    # Rounding alone lets a converged value move by this much.
    rounding = 10 * np.finfo(o.dtype.as_numpy_dtype).eps * tf.abs(value)
    risen = like_samples(after_value - value > rounding, o)
    return _State(
        tuple(tf.where(risen, old, new) for old, new in zip(before.zeta, after.zeta, strict=True)),
        tuple(tf.where(risen, old, new) for old, new in zip(before.zeta, after.y, strict=True)),
        tf.where(risen, tf.ones_like(after.t), after.t),
        tf.where(risen, 0.5 * before.step, after.step),
    )


def _dual_value(problem, o, zeta):
    return per_sample(problem.phi.terms(o - divergence(zeta, problem.spacing)))


def _local_step(problem, a):
    """Return the step that Gershgorin's circles allow where the output is `a`: planes like it."""
    bound = problem.phi.bound
    curvature = tf.maximum(problem.phi.diagonal(a), LEAST_CURVATURE * bound)
    touching = sum(2.0 / h for h in problem.spacing)
    # curvature + its forward difference is the curvature of the next pixel.
    rises = forward_differences(curvature, tuple(1.0 for _ in problem.spacing))
    rows = [(2 * curvature + rise) * (touching / h) for rise, h in zip(rises, problem.spacing, strict=True)]
    largest = rows[0]
    for row in rows[1:]:
        largest = tf.maximum(largest, row)
    return tf.math.reciprocal(largest)


@dataclass(frozen=True)
class Potential:
    """A convex function phi of the regularised logits u = o - div zeta whose gradient A = phi'(u) is the output.

    The dual problem is  min over |zeta| <= lambda  of  sum phi(o - div zeta).

    Attributes:
        name: That of its gradient: `softmax`, `sigmoid` or `relu`.
        terms: phi(u) with its class axis summed or kept: planes of a sum's terms.
        gradient: A = phi'(u), planes (classes, batch, *spatial).
        jacobian: Function (A, v) -> J(A) v, the symmetric derivative of `gradient` at the output A.
        visible: Function (A, h) -> the part of a gradient h = dL/du that changes of u along the null space of J
            do not feel: what a loss on A sends back, whatever the loss.
        bound: The largest eigenvalue that J can have.
        diagonal: Function A -> w with J(A) <= diag(w) in every plane.
    """

    name: str
    terms: Callable
    gradient: Callable
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
SOFTMAX = Potential(
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


SIGMOID = Potential(
    "sigmoid",
    tf.math.softplus,
    tf.math.sigmoid,
    lambda a, v: a * (1.0 - a) * v,
    lambda a, h: h,
    0.25,
    lambda a: a * (1.0 - a),
)
RELU = Potential(
    "relu",
    lambda u: 0.5 * tf.square(tf.nn.relu(u)),
    _relu,
    lambda a, v: tf.where(a > 0, v, tf.zeros_like(v)),
    lambda a, h: tf.where(a > 0, h, tf.zeros_like(h)),
    1.0,
    lambda a: tf.cast(a > 0, a.dtype),
)
POTENTIALS = {potential.name: potential for potential in (SOFTMAX, SIGMOID, RELU)}
