"""Gradients of the converged TV problem: implicit, by conjugate gradients, and its first term."""

import tensorflow as tf

from tfapp.layers.tv.operators import like_samples

# Confident pixels, whose own curvature is 0, share that of their neighbours: what is smaller is rounding.
LEAST_DIAGONAL = 1e-3


# With h = dL/du, the converged solution zeta and y = zeta - s K A: a pixel is saturated where |y| > lambda + s huber,
# and n = y / |y| there. The optimality conditions differentiate to a symmetric positive semi-definite system for
# a field v that is free where the dual is not saturated, tangential (v . n = 0) where it is:
#
#     [Q K J(A) K^T Q + stiffness] v = -Q K h,      Q the projector onto such fields,
#     stiffness = |K A| / lambda where saturated, huber / lambda elsewhere,
#     dL/do = h + J(A) K^T v,         dL/dlambda_i = (zeta_i / lambda_i) . (K dL/do)_i.
#
# The prices of class shares are one more part of v, free where their bound holds. Conjugate gradients solve it;
# nothing of the forward iterations is kept but zeta.


def implicit_gradient(problem, dual, zeta, count, upstream, iterations=8, tolerance=1e-2):
    """Return the gradients of the converged solution by conjugate gradients.

    Args:
        problem: A `TVProblem`.
        dual: Its `DualProblem` for given logits.
        zeta: The dual solution.
        count: Number of iterations that it took, integer tensor; see `_damping`.
        upstream: h = dL/du, planes.
        iterations: Largest number of conjugate-gradient iterations.
        tolerance: Relative residual at which a sample's iterations end.

    Returns:
        (dL/do, dL/dradius, dL/dleast, dL/dmost): planes, a tensor of the shape of the radius, and with shares two of
        the shape of their bounds.
    """
    a = dual.output(zeta)
    slope = dual.apply(a)
    tangential, stiffness = _tangent_space(dual, zeta, slope)
    damping = _damping(problem, dual, tf.cast(count, a.dtype))
    stiffness = [one + damping for one in stiffness]
    inverse = _preconditioner(dual, a, stiffness)

    def apply(v):  # v is tangential already
        moved = tangential(dual.apply(dual.phi.jacobian(a, dual.adjoint(v))))
        return tuple(m + k * x for m, k, x in zip(moved, stiffness, v, strict=True))

    # The invisible part has no say: u is determined up to the null space of J only.
    right = tangential(tuple(-one for one in dual.apply(dual.phi.visible(a, upstream))))
    v = _conjugate_gradients(apply, right, inverse, dual.inner, iterations, tolerance)
    to_logits = upstream + dual.phi.jacobian(a, dual.adjoint(v))
    return to_logits, _to_radius(dual, zeta, to_logits), *_to_shares(dual, zeta, v)


def jacobian_free_gradient(dual, zeta, upstream):
    """Return the gradients of one projected-gradient step at a frozen solution, as `implicit_gradient` does.

    The first term of the Neumann series of the implicit gradient: S. Fung et al., "JFB: Jacobian-Free
    Backpropagation for Implicit Networks", AAAI 2022.
    """
    a = dual.output(zeta)
    moved = _descended(dual, zeta, dual.apply(a))
    through = project_derivative(dual, moved, dual.apply(upstream), dual.radius, dual.step)
    to_logits = upstream - dual.step * dual.phi.jacobian(a, dual.adjoint(through))
    to_shares = _to_shares(dual, zeta, tuple(-dual.step * one for one in dual.apply(upstream)))
    return to_logits, _to_radius(dual, zeta, to_logits), *to_shares


def project_derivative(dual, field, tangent, radius, step=0.0):
    """Apply the Jacobian of the proximal map of `field` onto the radius to `tangent`; it is symmetric."""
    through = []
    shrunk, limit = 1.0, radius
    if dual.huber:
        movable = tf.where(radius > 0, radius, tf.ones_like(radius))
        shrunk, limit = 1.0 / (1.0 + step * dual.huber / movable), radius + step * dual.huber
    for parts, moved in zip(dual.grouped(field), dual.grouped(tangent), strict=True):
        size = dual.length(parts)
        outside = size > limit
        inverse = tf.math.reciprocal(tf.where(outside, size, tf.ones_like(size)))
        normal = tuple(part * inverse for part in parts)
        along = dual.along(normal, moved)
        through += [
            tf.where(outside, (t - n * along) * (radius * inverse), shrunk * t)
            for n, t in zip(normal, moved, strict=True)
        ]
    if dual.shares is not None:
        through.append(
            tf.where(field[dual.parts] != 0, tangent[dual.parts], tf.zeros_like(field[dual.parts]))
        )
    return tuple(through)


def _descended(dual, zeta, slope):
    return tuple(z - dual.step * s for z, s in zip(zeta, slope, strict=True))


def _tangent_space(dual, zeta, slope):
    """Return the projector Q, and the stiffness of each part of a field."""
    radius = dual.radius
    # lambda = 0 leaves the dual nowhere to go.
    movable = radius > 0
    safe = tf.where(movable, radius, tf.ones_like(radius))
    still = tf.cast(movable, radius.dtype)
    normals, stiffness = [], []
    descended = _descended(dual, zeta, slope)
    for y, s in zip(dual.grouped(descended), dual.grouped(slope), strict=True):
        size = dual.length(y)
        saturated = size > radius + dual.step * dual.huber
        inverse = tf.where(
            saturated, 1.0 / tf.where(saturated, size, tf.ones_like(size)), tf.zeros_like(size)
        )
        normals.append(tuple(one * inverse for one in y))
        bent = tf.where(saturated, dual.length(s), dual.huber * tf.ones_like(size)) / safe
        stiffness += [bent] * len(y)
    bound = None
    if dual.shares is not None:
        least, most = dual.shares
        bound = tf.cast((zeta[dual.parts] != 0) | (least == most), radius.dtype)
        stiffness.append(tf.zeros([], radius.dtype))

    def tangential(v):
        moved = []
        for normal, parts in zip(normals, dual.grouped(v), strict=True):
            along = dual.along(normal, parts)
            moved += [still * (x - n * along) for x, n in zip(parts, normal, strict=True)]
        return tuple(moved) if bound is None else (*moved, bound * v[dual.parts])

    return tangential, stiffness


def _damping(problem, dual, count):
    """Return the curvature that `count` iterations do not resolve: about 1 / (step * count^2) for FISTA.

    Along flatter directions zeta has hardly moved from its start. To invert them all the same would blow up the
    gradient, where a confident output is wrong, by orders of magnitude.
    """
    reach = count if problem.is_plain_gradient else tf.square(count)
    damping = 2.0 / (dual.step * reach)
    # A solution that met its tolerance is resolved to that.
    return damping if problem.tolerance is None else tf.minimum(damping, problem.tolerance)


def _preconditioner(dual, a, stiffness):
    """Return about the inverse of the diagonal, the same for all parts of a length: Jacobi's preconditioner."""
    curvature = tf.maximum(dual.phi.curvature(a), LEAST_DIAGONAL * dual.phi.bound)
    diagonal = dual.operator.mean_diagonal(curvature)
    inverse, first = [], 0
    for size in dual.groups:
        if dual.operator.is_coupled:
            one = tf.math.reciprocal(tf.reduce_mean(diagonal, axis=0, keepdims=True) + stiffness[first])
        else:
            one = tf.math.reciprocal(diagonal + stiffness[first])
        inverse += [one] * size
        first += size
    if dual.shares is not None:
        axes = list(range(2, a.shape.rank))
        mean = tf.reduce_mean(curvature, axis=axes, keepdims=True)
        inverse.append(tf.math.reciprocal(tf.square(dual.price_scale) * dual.pixels * mean))
    return inverse


def _to_radius(dual, zeta, to_logits):
    slope, radius = dual.operator.apply(to_logits), dual.radius
    safe = tf.where(radius > 0, radius, tf.ones_like(radius))
    each = tf.add_n([z * s for z, s in zip(zeta[: dual.parts], slope, strict=True)])
    return reduce_like(each / safe, radius)


def _to_shares(dual, zeta, v):
    if dual.shares is None:
        return ()
    # The bounds stand in the system's right side in the units of the last part.
    price, free = zeta[dual.parts], -v[dual.parts] * dual.price_scale * dual.pixels
    zero = tf.zeros_like(free)
    return tf.where(price > 0, free, zero), tf.where(price < 0, free, zero)


def reduce_like(planes, radius):
    """Sum planes over the axes along which `radius` was broadcast."""
    axes = [axis for axis, size in enumerate(radius.shape) if size == 1]
    return tf.reduce_sum(planes, axis=axes, keepdims=True)


def _conjugate_gradients(apply, right, inverse, inner, iterations, tolerance):
    """Solve apply(v) = right from 0, each sample on its own, for a positive semi-definite `apply`.

    `inverse` is the same for all parts of a length, so that what it multiplies stays tangential. It halves the
    iterations.
    """
    parts = len(right)

    def preconditioned(r):
        return tuple(i * x for i, x in zip(inverse, r, strict=True))

    first = inner(preconditioned(right), right)
    goal = tolerance**2 * first

    def unfinished(count, rz, *_):
        return (count < iterations) & tf.reduce_any(rz > goal)

    def iterate(count, rz, *tensors):
        v, r, p = tensors[:parts], tensors[parts : 2 * parts], tensors[2 * parts :]
        applied = apply(p)
        curvature = inner(p, applied)
        going = (rz > goal) & (curvature > 0)
        alpha = tf.where(going, rz / tf.where(going, curvature, tf.ones_like(curvature)), tf.zeros_like(rz))
        v = [x + like_samples(alpha, x) * d for x, d in zip(v, p, strict=True)]
        r = [x - like_samples(alpha, x) * d for x, d in zip(r, applied, strict=True)]
        z = preconditioned(r)
        new = inner(z, r)
        beta = tf.where(going, new / tf.where(going, rz, tf.ones_like(rz)), tf.zeros_like(rz))
        p = [x + like_samples(beta, x) * d for x, d in zip(z, p, strict=True)]
        return (count + 1, tf.where(going, new, tf.zeros_like(new)), *v, *r, *p)

    zero = [tf.zeros_like(part) for part in right]
    state = (tf.constant(0), first, *zero, *right, *preconditioned(right))
    return tf.while_loop(unfinished, iterate, state, parallel_iterations=1)[2 : 2 + parts]
