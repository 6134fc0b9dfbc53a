"""TV-regularised logits with the gradient of one's choice: implicit, Jacobian-free, unrolled, one-step."""

from functools import lru_cache, partial
from typing import NamedTuple

import tensorflow as tf

from tfapp.layers.tv import solver as tv_solver
from tfapp.layers.tv.operators import (
    divergence,
    forward_differences,
    from_planes,
    length,
    like_samples,
    per_sample,
    project,
    to_planes,
)

GRADIENTS = ("implicit", "jacobian-free", "unrolled")
# Confident pixels, whose own curvature is 0, share that of their neighbours: what is smaller is rounding.
LEAST_DIAGONAL = 1e-3


class Regularised(NamedTuple):
    """The solution of the TV problem.

    Attributes:
        logits: u = o - div zeta, (batch, *spatial, classes); the gradient of the potential at u is the output.
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
    return implicit_gradient(problem, o, radius, zeta, count, upstream, iterations, tolerance)


def _jacobian_free(problem, o, radius, dual, count, upstream):
    del count
    zeta = tf.unstack(dual, num=len(problem.spacing))
    return jacobian_free_gradient(problem, o, radius, zeta, upstream)


# With h = dL/du, the converged solution zeta and y = zeta - s D A: a pixel is saturated where |y| > lambda, and
# n = y / |y| there. The optimality conditions differentiate to a symmetric positive semi-definite system for
# a field v that is free where the dual is not saturated, tangential (v . n = 0) where it is (isotropic), and
# 0 where it is (anisotropic):
#
#     [Q D J(A) D^T Q + |D A| / lambda] v = Q D h,      Q the projector onto such fields,
#     dL/do = h + J(A) div v,         dL/dlambda_i = xi_i . (D dL/do)_i,  summed: -<dL/do, div xi>.
#
# Conjugate gradients solve it; nothing of the forward iterations is kept but zeta.


def implicit_gradient(problem, o, radius, zeta, count, upstream, iterations=8, tolerance=1e-2):
    """Return (dL/do, dL/dradius) of the converged solution by conjugate gradients.

    Args:
        problem: A `TVProblem`.
        o: logits as planes.
        radius: lambda, a tensor that broadcasts to the planes.
        zeta: The dual solution.
        count: Number of iterations that it took, integer tensor; see `_damping`.
        upstream: h = dL/du, planes.
        iterations: Largest number of conjugate-gradient iterations.
        tolerance: Relative residual at which a sample's iterations end.

    Returns:
        Planes, and a tensor of the shape of `radius`.
    """
    spacing = problem.spacing
    a, slope, descended = _optimality(problem, o, zeta)
    tangential, stiffness = _tangent_space(problem, slope, descended, radius)
    stiffness = stiffness + _damping(problem, tf.cast(count, a.dtype))
    inverse = tf.math.reciprocal(_mean_diagonal(problem, a) + stiffness)

    def apply(v):  # v is tangential already
        curved = problem.phi.jacobian(a, -divergence(v, spacing))
        moved = tangential(forward_differences(curved, spacing))
        return tuple(m + stiffness * x for m, x in zip(moved, v, strict=True))

    # The invisible part has no say: u is determined up to the null space of J only.
    right = tangential(forward_differences(problem.phi.visible(a, upstream), spacing))
    v = _conjugate_gradients(apply, right, inverse, iterations, tolerance)
    to_logits = upstream + problem.phi.jacobian(a, divergence(v, spacing))
    return to_logits, _to_radius(problem, radius, zeta, to_logits)


def jacobian_free_gradient(problem, o, radius, zeta, upstream):
    """Return (dL/do, dL/dradius) of one projected-gradient step at a frozen solution.

    The first term of the Neumann series of the implicit gradient: S. Fung et al., "JFB: Jacobian-Free
    Backpropagation for Implicit Networks", AAAI 2022.
    """
    a, _, descended = _optimality(problem, o, zeta)
    moved = forward_differences(upstream, problem.spacing)
    through = project_derivative(descended, moved, radius, problem.isotropic)
    to_logits = upstream + problem.phi.jacobian(a, problem.step * divergence(through, problem.spacing))
    return to_logits, _to_radius(problem, radius, zeta, to_logits)


def project_derivative(field, tangent, radius, isotropic):
    """Apply the Jacobian of the projection of `field` onto the radius to `tangent`; it is symmetric."""
    if not isotropic:
        return tuple(
            tf.where(tf.abs(f) <= radius, t, tf.zeros_like(t)) for f, t in zip(field, tangent, strict=True)
        )
    size = length(field)
    outside = size > radius
    inverse = tf.math.reciprocal(tf.where(outside, size, tf.ones_like(size)))
    normal = tuple(f * inverse for f in field)
    along = _dot(normal, tangent)
    return tuple(
        tf.where(outside, (t - n * along) * (radius * inverse), t)
        for n, t in zip(normal, tangent, strict=True)
    )


def _optimality(problem, o, zeta):
    a = problem.output(o, zeta)
    slope = forward_differences(a, problem.spacing)
    return a, slope, tuple(z - problem.step * s for z, s in zip(zeta, slope, strict=True))


def _tangent_space(problem, slope, descended, radius):
    """Return the projector Q, and |D A| / lambda where the dual is saturated (0 if anisotropic)."""
    if not problem.isotropic:
        free = tuple(tf.cast(tf.abs(y) <= radius, y.dtype) for y in descended)
        return (lambda v: tuple(x * f for x, f in zip(v, free, strict=True))), tf.zeros([], radius.dtype)
    size = length(descended)
    saturated = size > radius
    # lambda = 0 leaves the dual nowhere to go.
    movable = radius > 0
    ratio = length(slope) / tf.where(movable, radius, tf.ones_like(radius))
    stiffness = tf.where(saturated, ratio, tf.zeros_like(ratio))
    inverse = tf.where(saturated, 1.0 / tf.where(saturated, size, tf.ones_like(size)), tf.zeros_like(size))
    normal = tuple(y * inverse for y in descended)
    still = tf.cast(movable, size.dtype)

    def tangential(v):
        along = _dot(normal, v)
        return tuple(still * (x - n * along) for x, n in zip(v, normal, strict=True))

    return tangential, stiffness


def _damping(problem, count):
    """Return the curvature that `count` iterations do not resolve: about 1 / (step * count^2) for FISTA.

    Along flatter directions zeta has hardly moved from its start. To invert them all the same would blow up the
    gradient, where a confident output is wrong, by orders of magnitude.
    """
    reach = count if problem.method == "projected-gradient" else tf.square(count)
    damping = 2.0 / (problem.step * reach)
    # A solution that met its tolerance is resolved to that.
    return damping if problem.tolerance is None else tf.minimum(damping, problem.tolerance)


def _mean_diagonal(problem, a):
    curvature = tf.maximum(problem.phi.diagonal(a), LEAST_DIAGONAL * problem.phi.bound)
    rises = forward_differences(curvature, tuple(1.0 for _ in problem.spacing))
    # curvature + its forward difference is the curvature of the next pixel.
    rows = [(2 * curvature + rise) / h**2 for rise, h in zip(rises, problem.spacing, strict=True)]
    return tf.add_n(rows) / len(rows)


def _to_radius(problem, radius, zeta, to_logits):
    slope = forward_differences(to_logits, problem.spacing)
    safe = tf.where(radius > 0, radius, tf.ones_like(radius))
    return reduce_like(_dot(zeta, slope) / safe, radius)


def reduce_like(planes, radius):
    """Sum planes over the axes along which `radius` was broadcast."""
    axes = [axis for axis, size in enumerate(radius.shape) if size == 1]
    return tf.reduce_sum(planes, axis=axes, keepdims=True)


def _dot(field, other):
    return tf.add_n([f * g for f, g in zip(field, other, strict=True)])


def _conjugate_gradients(apply, right, inverse, iterations, tolerance):
    """Solve apply(v) = right from 0, each sample on its own, for a positive semi-definite `apply`.

    `inverse` is about the inverse of the diagonal, the same for all axes of a pixel, so that what it multiplies
    stays tangential: Jacobi's preconditioner. It halves the iterations.
    """
    axes = len(right)
    planes = right[0]

    def weighted(r):
        return per_sample(inverse * _dot(r, r))

    first = weighted(right)
    goal = tolerance**2 * first

    def unfinished(count, rz, *_):
        return (count < iterations) & tf.reduce_any(rz > goal)

    def iterate(count, rz, *tensors):
        v, r, p = tensors[:axes], tensors[axes : 2 * axes], tensors[2 * axes :]
        applied = apply(p)
        curvature = per_sample(_dot(p, applied))
        going = (rz > goal) & (curvature > 0)
        alpha = tf.where(going, rz / tf.where(going, curvature, tf.ones_like(curvature)), tf.zeros_like(rz))
        alpha = like_samples(alpha, planes)
        v = [x + alpha * d for x, d in zip(v, p, strict=True)]
        r = [x - alpha * d for x, d in zip(r, applied, strict=True)]
        new = weighted(r)
        beta = tf.where(going, new / tf.where(going, rz, tf.ones_like(rz)), tf.zeros_like(rz))
        p = [inverse * x + like_samples(beta, planes) * d for x, d in zip(r, p, strict=True)]
        return (count + 1, tf.where(going, new, tf.zeros_like(new)), *v, *r, *p)

    zero = [tf.zeros_like(part) for part in right]
    state = (tf.constant(0), first, *zero, *right, *(inverse * part for part in right))
    return tf.while_loop(unfinished, iterate, state, parallel_iterations=1)[2 : 2 + axes]


def regularise_one_step(logits, tv_weight, problem, step=0.25):
    """Regularise logits by one dual ascent step from zero (eq. 3.6).

        u = o - div(lambda * eta),     eta = P(-c * D A),     A = phi'(o),     P onto the unit ball

    The vector-Jacobian product for an upstream gradient h = dL/du is

        dL/do = h + J(A) [ c * div( P'(-c D A) [ lambda * D h ] ) ],      dL/dlambda_i = eta_i . (D h)_i

    The printed (3.22) omits the Jacobian J of the inner softmax, and (3.23) is exact only when the
    constant c = tau * lambda is held constant, as it is here.

    Args:
        logits: float tensor (batch, *spatial, classes).
        tv_weight: lambda >= 0 as for `regularise_logits`.
        problem: A `TVProblem`; its potential, its total variation and its spacing are used.
        step: Python float, the constant c = tau * lambda > 0.

    Returns:
        A `Regularised`; its gap is that of the dual lambda * eta, and has no gradient.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.6), (3.22), (3.23).
    """
    logits = tf.convert_to_tensor(logits)
    radius = weight_planes(tv_weight, logits)
    spacing, isotropic = problem.spacing, problem.isotropic
    # Differences of probabilities are at most 1, so a small step never reaches the ball's surface.
    steepest = sum(1 / h**2 for h in spacing) ** 0.5 if isotropic else 1 / min(spacing)
    inside = problem.potential != "relu" and step * steepest <= 1.0

    @tf.custom_gradient
    def forward(o, weight):
        a = problem.phi.gradient(o)
        ascent = tuple(-step * slope for slope in forward_differences(a, spacing))
        one = tf.ones([], o.dtype)
        eta = ascent if inside else project(ascent, one, isotropic)
        zeta = tuple(weight * e for e in eta)
        gap = tv_solver.gap(problem, o, weight, zeta)

        def gradient(upstream, *_):
            slope = forward_differences(upstream, spacing)
            tangent = tuple(weight * s for s in slope)
            projected = tangent if inside else project_derivative(ascent, tangent, one, isotropic)
            to_logits = upstream + problem.phi.jacobian(a, step * divergence(projected, spacing))
            each = tf.add_n([e * s for e, s in zip(eta, slope, strict=True)])
            return to_logits, reduce_like(each, weight)

        return (o - divergence(zeta, spacing), gap, tf.stack(zeta)), gradient

    u, gap, dual = forward(to_planes(logits), radius)
    return Regularised(from_planes(u), tf.stop_gradient(gap), tf.stop_gradient(dual), tf.constant(1))
