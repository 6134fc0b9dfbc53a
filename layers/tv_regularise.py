"""TV-regularised logits with the gradient of one's choice, in graph or XLA: what the layers call."""

from functools import lru_cache, partial
from typing import NamedTuple

import tensorflow as tf

from tfapp.layers import tv_gradient, tv_solver
from tfapp.layers.total_variation import divergence, from_planes, to_planes

GRADIENTS = ("implicit", "jacobian-free", "unrolled")


class Regularised(NamedTuple):
    """The solution of the TV problem.

    Attributes:
        logits: u = o - div zeta, (batch, *spatial, classes); the link's value at u is the output.
        gap: Duality gap per pixel of each sample, (batch,).
        dual: zeta in the solver's own layout, (axes, classes, batch, *spatial), to be handed back as `start`.
        iterations: Number of iterations done.
    """

    logits: tf.Tensor
    gap: tf.Tensor
    dual: tf.Tensor
    iterations: tf.Tensor


def regularise_logits(
    logits,
    tv_weight,
    problem,
    *,
    gradient="implicit",
    backward_iterations=8,
    backward_tolerance=1e-2,
    start=None,
    jit_compile=False,
):
    """Solve the TV problem for logits, differentiable with respect to them and to lambda.

    Args:
        logits: float32 or float64 (batch, *spatial, classes), one to three spatial axes.
        tv_weight: lambda >= 0: a scalar, one per class (classes,), or a map (batch, *spatial, 1 or classes).
        problem: A `TVProblem`.
        gradient: `implicit` (the exact one, in memory that does not grow with the iterations), `jacobian-free` (its
            first term), or `unrolled` (through all iterations, for reference; a fixed number of FISTA or
            projected-gradient iterations). The duality gap and the dual have no gradient.
        backward_iterations: Conjugate-gradient iterations of the implicit gradient.
        backward_tolerance: Their relative residual to stop at.
        start: `dual` of an earlier solution of the same shape, or None.
        jit_compile: Compile the solver and its gradient with XLA.

    Returns:
        A `Regularised`.
    """
    logits = tf.convert_to_tensor(logits)
    radius = weight_planes(tv_weight, logits)
    planes = to_planes(logits)
    begin = () if start is None else tuple(tf.unstack(tf.convert_to_tensor(start), num=len(problem.spacing)))
    if gradient == "unrolled":
        # A loop's kept values cannot leave XLA; compile the whole training step if need be.
        u, gap, dual, count = _solve(problem, planes, radius, begin)
    else:
        solve = _maybe_compiled(_solve, jit_compile, problem)
        adjoint = _adjoint(gradient, jit_compile, problem, backward_iterations, backward_tolerance)

        @tf.custom_gradient
        def differentiable(o, weight):
            # Without this a tape that watches `o` makes the compiled function keep what its own gradient would need.
            o, weight = tf.stop_gradient(o), tf.stop_gradient(weight)
            solution = solve(o, weight, begin)
            _, _, dual, count = solution
            return solution, lambda upstream, *_: adjoint(o, weight, dual, count, upstream)

        u, gap, dual, count = differentiable(planes, radius)
    gap, dual = tf.stop_gradient(gap), tf.stop_gradient(dual)
    return Regularised(from_planes(u), gap, dual, count)


def weight_planes(tv_weight, logits):
    """Return lambda, given as for `regularise_logits`, in a shape that broadcasts to the planes of `logits`."""
    tv_weight = tf.convert_to_tensor(tv_weight, dtype=logits.dtype)
    rank = logits.shape.rank
    if tv_weight.shape.rank == rank:
        return to_planes(tv_weight)
    return tf.reshape(tv_weight, [-1] + [1] * (rank - 1))


def _adjoint(gradient, jit_compile, problem, iterations, tolerance):
    if gradient == "implicit":
        return _maybe_compiled(_implicit, jit_compile, problem, iterations, tolerance)
    if gradient == "jacobian-free":
        return _maybe_compiled(_jacobian_free, jit_compile, problem)
    raise ValueError(f"`gradient` must be one of {GRADIENTS}. Received: gradient={gradient!r}")


def _maybe_compiled(function, jit_compile, *static):
    return _compiled(function, *static) if jit_compile else partial(function, *static)


@lru_cache(maxsize=64)
def _compiled(function, *static):
    # One tf.function for each problem, so that its traces are found again. Shapes are not relaxed: the axes along
    # which lambda is broadcast are known by their size 1.
    return tf.function(partial(function, *static), jit_compile=True, autograph=False)


def _solve(problem, o, radius, start):
    zeta, count = tv_solver.solve(problem, o, radius, start or None)
    gap = tv_solver.gap(problem, o, radius, zeta)
    return o - divergence(zeta, problem.spacing), gap, tf.stack(zeta), count


def _implicit(problem, iterations, tolerance, o, radius, dual, count, upstream):
    zeta = tf.unstack(dual, num=len(problem.spacing))
    return tv_gradient.implicit_gradient(problem, o, radius, zeta, count, upstream, iterations, tolerance)


def _jacobian_free(problem, o, radius, dual, count, upstream):
    del count
    zeta = tf.unstack(dual, num=len(problem.spacing))
    return tv_gradient.jacobian_free_gradient(problem, o, radius, zeta, upstream)
