"""Gradients of the TV-regularised logits u = o - div zeta with respect to o and lambda.

With h = dL/du, the converged solution zeta and y = zeta - s D A: a pixel is saturated where |y| > lambda, and
n = y / |y| there. The optimality conditions differentiate to a symmetric positive semi-definite system for
a field v that is free where the dual is not saturated, tangential (v . n = 0) where it is (isotropic), and
0 where it is (anisotropic):

    [Q D J(A) D^T Q + |D A| / lambda] v = Q D h,      Q the projector onto such fields,
    dL/do = h + J(A) div v,         dL/dlambda_i = xi_i . (D dL/do)_i,  summed: -<dL/do, div xi>.

Conjugate gradients solve it; nothing of the forward iterations is kept but zeta.
"""

import tensorflow as tf

from tfapp.layers.total_variation import (
    divergence,
    forward_differences,
    length,
    like_samples,
    per_sample,
)

# Confident pixels, whose own curvature is 0, share that of their neighbours: what is smaller is rounding.
LEAST_DIAGONAL = 1e-3


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
