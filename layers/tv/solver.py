"""Solvers of the dual TV problem, for a softmax, sigmoid or ReLU, with the duality gap as a certificate."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.layers.tv.class_shares import settled
from tfapp.layers.tv.dual import DualProblem, Shares
from tfapp.layers.tv.linear_operator import ForwardDifferences, LinearOperator
from tfapp.layers.tv.operators import (
    differences_norm_squared,
    forward_differences,
    like_samples,
    per_sample,
)
from tfapp.layers.tv.potentials import find_potential

METHODS = ("fista", "preconditioned-fista", "projected-gradient", "lazy-projected-gradient")
_GRADIENT_METHODS = METHODS[2:]
# The steps of the preconditioned one are bounds for the differences, and not for the prices of shares.
METHODS_WITH_SHARES = ("fista", "projected-gradient")
# How many iterations pass between two looks at the gap, at the labels or at the dual value.
BLOCK = 10
# What the label of a pixel is: its largest logit, or which of its logits are above 0.
_LABELS = {"softmax": lambda u: tf.argmax(u, axis=0)[None], "sigmoid": lambda u: u > 0}
LABELLED = tuple(_LABELS)
# Curvature below this share of its bound is not trusted: it may grow during the next iterations.
LEAST_CURVATURE = 0.1
STEP_GROWTH = 1.02


@dataclass(frozen=True)
class TVProblem:
    """What stays the same for all tensors: the kind of TV problem and how it is solved.

    Attributes:
        potential: Name of the potential whose gradient is the output: `softmax`, `sigmoid`, `relu`, `tanh`, or one of
            `tfapp.layers.register_potential`.
        isotropic: Isotropic or anisotropic total variation.
        spacing: Distance of neighbours along each spatial axis, of the plain total variation.
        method: One of `METHODS`. `fista` is proven to converge quadratically faster than a projected gradient;
            `preconditioned-fista` takes larger steps where the output is confident and goes back where the dual value
            rose, and knows plain total variation only. `lazy-projected-gradient` is the recursion (3.8) of Jia, Liu
            and Tai (2019) as it is printed: it goes on from the field that was not projected, so that only its
            projection converges, and a `start`, which is projected, is another field than it stopped at.
            `projected-gradient` goes on from the projected field.
        iterations: Number of iterations; the largest number if there is a tolerance.
        tolerance: A sample is left as it is when its gap per pixel is at most this; None for all iterations.
        label_tolerance: A sample is left as it is when at most this share of its labels has changed within 10
            iterations; None for all iterations. For `softmax` (the largest logit of a pixel) and `sigmoid` (the sign of
            each logit), and not beside a `tolerance`.
        operator: A `LinearOperator` whose output is made short in place of the differences of neighbours, or None.
        huber: Float >= 0: lengths up to this count by their square, length^2 / (2 huber), longer ones by
            length - huber / 2, so that slopes stay slopes; 0 for lengths themselves.
    """

    potential: str = "softmax"
    isotropic: bool = True
    spacing: tuple[float, ...] = (1.0, 1.0)
    method: str = "fista"
    iterations: int = 30
    tolerance: float | None = None
    operator: LinearOperator | None = None
    huber: float = 0.0
    label_tolerance: float | None = None

    def __post_init__(self):
        if self.label_tolerance is not None and (
            self.tolerance is not None or self.potential not in LABELLED
        ):
            raise ValueError(
                "`label_tolerance` is for 'softmax' and 'sigmoid', without a `tolerance`. Received: "
                f"label_tolerance={self.label_tolerance}, tolerance={self.tolerance}, potential={self.potential!r}"
            )

        if self.method == "preconditioned-fista" and self.operator is not None:
            raise ValueError(
                "`method='preconditioned-fista'` is for plain total variation; with an `operator` take 'fista'. "
                f"Received: operator={self.operator!r}"
            )

        if self.method == "lazy-projected-gradient" and self.huber:
            raise ValueError(
                "`method='lazy-projected-gradient'` is for lengths themselves; with `huber` take 'fista'. "
                f"Received: huber={self.huber}"
            )

    @property
    def is_plain_gradient(self):
        """Whether the method is a gradient descent without momentum."""
        return self.method in _GRADIENT_METHODS

    @property
    def stops_early(self):
        """Whether samples are looked at while they are solved, and left as they are when they are good enough."""
        return self.tolerance is not None or self.label_tolerance is not None

    @property
    def phi(self):
        return find_potential(self.potential)

    @property
    def step(self):
        """The largest proven step of plain total variation: 1 / (|J| |D|^2), 1/4 for the softmax of images."""
        return 1.0 / (self.phi.bound * differences_norm_squared(len(self.spacing), self.spacing))

    def dual(self, o, radius, guide=None, shares=None):
        """Return the `DualProblem` of logits.

        Args:
            o: Logits as planes (classes, batch, *spatial).
            radius: lambda >= 0, a tensor that broadcasts to the planes.
            guide: Image as planes (channels, batch, *spatial) for an operator that needs one.
            shares: `Shares`, or the tuple of its two tensors, or None.
        """
        operator = ForwardDifferences(self.spacing) if self.operator is None else self.operator
        groups = operator.groups(o.shape.rank - 2)
        if not self.isotropic:
            groups = (1,) * sum(groups)
        if guide is not None:
            operator = operator.given(guide)
        shares = None if not shares else Shares(*shares)
        return DualProblem(o, radius, self.phi, operator, groups, self.huber, shares)


def solve(problem, dual, start=None):
    """Solve the dual problem.

    Args:
        problem: A `TVProblem`.
        dual: Its `DualProblem` for given logits.
        start: Field to begin with (projected first), or None for zero.

    Returns:
        (zeta, count): the feasible dual field, a tuple of planes, and the number of iterations done.
    """
    if dual.shares is not None and problem.method not in METHODS_WITH_SHARES:
        raise ValueError(
            f"`volumes` are kept by the methods {METHODS_WITH_SHARES} only. Received: method={problem.method!r}"
        )
    if _is_one_plane(problem, dual):
        return _solve_one_plane(problem, dual, start)
    zeta = dual.zeros() if start is None else dual.feasible(start)
    if not problem.stops_early and problem.method != "preconditioned-fista":
        state = _begin(problem, dual, zeta, tf.ones([], dual.o.dtype))
        return _repeat(problem, dual, state, problem.iterations).zeta, tf.constant(problem.iterations)
    return _solve_in_blocks(problem, dual, zeta)


@dataclass(frozen=True)
class _State:
    zeta: tuple
    y: tuple  # the extrapolated point, or the field before its projection
    t: tf.Tensor  # Nesterov's sequence, one number or one per sample
    step: tf.Tensor  # one number, or planes

    def flat(self):
        return (*self.zeta, *self.y, self.t, self.step)

    @classmethod
    def of(cls, *tensors):
        parts = (len(tensors) - 2) // 2
        return cls(tensors[:parts], tensors[parts : 2 * parts], *tensors[2 * parts :])


def _begin(problem, dual, zeta, t):
    if problem.method != "preconditioned-fista":
        return _State(zeta, zeta, t, tf.constant(dual.step, dual.o.dtype))
    return _State(zeta, zeta, t, _local_step(problem, dual.output(zeta)))


def _repeat(problem, dual, state, count):
    def body(*tensors):
        return _iterate(problem, dual, _State.of(*tensors)).flat()

    tensors = tf.while_loop(
        lambda *_: True, body, state.flat(), maximum_iterations=count, parallel_iterations=1
    )
    return _State.of(*tensors)


def _iterate(problem, dual, state):
    if problem.method == "lazy-projected-gradient":
        slope = dual.apply(dual.output(state.zeta))
        y = tuple(y - state.step * s for y, s in zip(state.y, slope, strict=True))
        return _State(dual.feasible(y), y, state.t, state.step)
    a = dual.output(state.y)
    step = state.step
    if problem.method == "preconditioned-fista":
        step = tf.minimum(STEP_GROWTH * step, _local_step(problem, a))
    zeta = dual.descended(state.y, dual.apply(a), step)
    if problem.method == "projected-gradient":
        return _State(zeta, zeta, state.t, step)
    t = 0.5 * (1.0 + tf.sqrt(1.0 + 4.0 * tf.square(state.t)))
    momentum = (state.t - 1.0) / t
    if problem.tolerance is not None:
        # Momentum that points uphill is dropped, for each sample on its own.
        back = tuple(y - z for y, z in zip(state.y, zeta, strict=True))
        onward = tuple(z - old for z, old in zip(zeta, state.zeta, strict=True))
        uphill = like_samples(dual.inner(back, onward), dual.o) > 0
        momentum = tf.where(uphill, tf.zeros_like(momentum), momentum)
        t = tf.where(uphill, tf.ones_like(t), t)
    y = tuple(z + momentum * (z - old) for z, old in zip(zeta, state.zeta, strict=True))
    return _State(zeta, y, t, step)


def _is_one_plane(problem, dual):
    """Return whether a softmax of two classes is a sigmoid of their difference: both have the same lambda."""
    two = problem.potential == "softmax" and dual.o.shape[0] == 2 and dual.radius.shape[0] == 1
    return two and problem.operator is None and dual.shares is None


def _solve_one_plane(problem, dual, start):
    """Solve a problem of two classes by one plane: step for step what both do, whose fields are each other's negative.

    The class of the difference pays for both lengths, so that its lambda is twice as large.
    """
    one = replace(problem, potential="sigmoid")
    if start is not None:
        start = tuple(part[:1] - part[1:] for part in start)
    zeta, count = solve(one, one.dual(dual.o[:1] - dual.o[1:], 2.0 * dual.radius), start)
    return tuple(tf.concat([0.5 * part, -0.5 * part], axis=0) for part in zeta), count


def _solve_in_blocks(problem, dual, zeta):
    o = dual.o
    each = per_sample(o)
    state = _begin(problem, dual, zeta, tf.ones_like(like_samples(each, o)))
    safeguarded = problem.method == "preconditioned-fista"

    def unfinished(done, finished, *_):
        return (done < problem.iterations) & ~tf.reduce_all(finished)

    def block(done, finished, labels, *tensors):
        before = _State.of(*tensors)
        count = tf.minimum(BLOCK, problem.iterations - done)
        after = _repeat(problem, dual, before, count)
        if safeguarded:
            after = _go_back_where_risen(dual, before, after)
        if problem.stops_early:
            # Whatever else is in its batch, a sample that is finished stays as it is.
            after = _chosen(like_samples(finished, o), before, after)
            good, labels = _looked_at(problem, dual, settled(dual, after.zeta), labels)
            finished |= good
        return (done + count, finished, labels, *after.flat())

    labels = _labels(problem, dual, zeta)
    first = (tf.constant(0), tf.zeros_like(each, tf.bool), labels, *state.flat())
    done, _, _, *tensors = tf.while_loop(unfinished, block, first, parallel_iterations=1)
    return _State.of(*tensors).zeta, done


def _looked_at(problem, dual, zeta, labels):
    """Return which samples are good enough as they are, (batch,), and the labels of all."""
    if problem.tolerance is not None:
        gaps = dual.gap(zeta)
        # A sample of NaN never gets there: nobody waits for it.
        return (gaps <= problem.tolerance) | ~tf.math.is_finite(gaps), labels
    now = _labels(problem, dual, zeta)
    changed = per_sample(tf.cast(now != labels, dual.o.dtype))
    places = tf.cast(tf.size(now), dual.o.dtype) / tf.cast(tf.shape(now)[1], dual.o.dtype)
    return changed <= problem.label_tolerance * places, now


def _labels(problem, dual, zeta):
    return tf.zeros([]) if problem.label_tolerance is None else _LABELS[problem.potential](dual.logits(zeta))


def _chosen(condition, one, other):
    """Return the state `one` where a condition, shaped like samples, holds, and the state `other` elsewhere."""
    *fields, t, step = (
        tf.where(condition, old, new) if old.shape.rank else new
        for old, new in zip(one.flat(), other.flat(), strict=True)
    )
    return _State.of(*fields, t, step)


def _go_back_where_risen(dual, before, after):
    """Take back a block that raised a sample's dual value, and halve that sample's steps."""
    value, after_value = (dual.value(state.zeta) for state in (before, after))
    # Rounding alone lets a converged value move by this much.
    rounding = 10 * np.finfo(dual.o.dtype.as_numpy_dtype).eps * tf.abs(value)
    risen = like_samples(after_value - value > rounding, dual.o)
    return _State(
        tuple(tf.where(risen, old, new) for old, new in zip(before.zeta, after.zeta, strict=True)),
        tuple(tf.where(risen, old, new) for old, new in zip(before.zeta, after.y, strict=True)),
        tf.where(risen, tf.ones_like(after.t), after.t),
        tf.where(risen, 0.5 * before.step, after.step),
    )


def _local_step(problem, a):
    """Return the step that Gershgorin's circles allow where the output is `a`: planes like it."""
    bound = problem.phi.bound
    curvature = tf.maximum(problem.phi.curvature(a), LEAST_CURVATURE * bound)
    touching = sum(2.0 / h for h in problem.spacing)
    # curvature + its forward difference is the curvature of the next pixel.
    rises = forward_differences(curvature, tuple(1.0 for _ in problem.spacing))
    rows = [(2 * curvature + rise) * (touching / h) for rise, h in zip(rises, problem.spacing, strict=True)]
    largest = rows[0]
    for row in rows[1:]:
        largest = tf.maximum(largest, row)
    return tf.math.reciprocal(largest)
