"""TV-regularised logits with the gradient of one's choice: implicit, Jacobian-free, unrolled, one-step."""

from functools import lru_cache, partial
from typing import NamedTuple

import tensorflow as tf

from tfapp.layers.tv import solver as tv_solver
from tfapp.layers.tv.class_shares import as_shares, check_shares, settled
from tfapp.layers.tv.implicit import (
    implicit_gradient,
    jacobian_free_gradient,
    project_derivative,
    reduce_like,
)
from tfapp.layers.tv.operator_trial import check_operator
from tfapp.layers.tv.operators import from_planes, to_planes

GRADIENTS = ("implicit", "jacobian-free", "unrolled")


class Regularised(NamedTuple):
    """The solution of the TV problem.

    Attributes:
        logits: u = o - div zeta, (batch, *spatial, classes); the gradient of the potential at u is the output.
        gap: Duality gap per pixel of each sample, (batch,).
        dual: zeta in the solver's own layout, (axes, classes, batch, *spatial), to be handed back as `start`.
        iterations: Number of iterations done.
        prices: What the bounds of class shares add to the logits of every pixel, (batch, classes); None without them.
    """

    logits: tf.Tensor
    gap: tf.Tensor
    dual: tf.Tensor
    iterations: tf.Tensor
    prices: tf.Tensor | None = None


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
    guide=None,
    volumes=None,
):
    """Solve the TV problem for logits, differentiable with respect to them, to lambda and to the volumes.

    Args:
        logits: float32 or float64 (batch, *spatial, classes), one to three spatial axes.
        tv_weight: lambda >= 0: a scalar, one per class (classes,), or a map (batch, *spatial, 1 or classes).
        problem: A `TVProblem`.
        gradient: `implicit` (that of the solution, in memory that does not grow with the iterations),
            `jacobian-free` (its first term), or `unrolled` (through all iterations, for reference; a fixed number of
            FISTA or projected-gradient iterations). The duality gap and the dual have no gradient.
        backward_iterations: Conjugate-gradient iterations of the implicit gradient.
        backward_tolerance: Their relative residual to stop at.
        start: `dual` of an earlier solution of the same shape, or None.
        jit_compile: Compile the solver and its gradient with XLA.
        guide: Image (batch, *spatial, channels) for an operator of the problem that needs one; it has no gradient.
        volumes: Shares of the pixels that the classes must take, (classes,) or (batch, classes), or a pair of such,
            (least, largest), None in it for no bound; for `softmax` and `sigmoid`. The gap is that among the outputs
            that keep them.

    Returns:
        A `Regularised`.

    Raises:
        ValueError: Volumes that no output can have, an operator without the image that it needs, or a lambda for each
            class with an operator whose lengths join the classes.
    """
    logits = tf.convert_to_tensor(logits)
    radius = weight_planes(tv_weight, logits)
    _check_operator(problem, logits, radius, guide)
    planes = to_planes(logits)
    begin = () if start is None else tuple(tf.unstack(tf.convert_to_tensor(start)))
    image = () if guide is None else (to_planes(tf.cast(guide, logits.dtype)),)
    shares = ()
    if volumes is not None:
        shares = as_shares(volumes, logits)
        check_shares(shares, problem.potential)
    if gradient == "unrolled":
        if shares:
            raise ValueError("`volumes` are differentiated by `gradient='implicit'` or 'jacobian-free' only.")
        # A loop's kept values cannot leave XLA; compile the whole training step if need be.
        u, gap, dual, prices, count = _solve(problem, planes, radius, begin, image, ())
    else:
        solve = _maybe_compiled(_solve, jit_compile, problem)
        adjoint = _adjoint(gradient, jit_compile, problem, backward_iterations, backward_tolerance)

        @tf.custom_gradient
        def differentiable(o, weight, *bounds):
            # Without this a tape that watches `o` makes the compiled function keep what its own gradient would need.
            o, weight, *bounds = (tf.stop_gradient(tensor) for tensor in (o, weight, *bounds))
            solution = solve(o, weight, begin, image, tuple(bounds))

            def back(upstream, *_):
                _, _, dual, prices, count = solution
                return adjoint(o, weight, dual, prices, image, tuple(bounds), count, upstream)

            return solution, back

        u, gap, dual, prices, count = differentiable(planes, radius, *shares)
    gap, dual, prices = tf.stop_gradient(gap), tf.stop_gradient(dual), tf.stop_gradient(prices)
    told = tf.transpose(tf.reshape(prices, [prices.shape[0], -1])) if shares else None
    return Regularised(from_planes(u), gap, dual, count, told)


def _check_operator(problem, logits, radius, guide):
    operator = problem.operator
    if operator is None:
        return
    if operator.needs_guide and guide is None:
        raise ValueError(f"{operator!r} needs an image, `guide`, that tells which pixels are alike.")
    if operator.is_coupled and radius.shape[0] != 1:
        raise ValueError(
            f"{operator!r} joins the classes in one length: `tv_weight` must be one number, or a map of one channel. "
            f"Received: {radius.shape[0]} numbers for the classes"
        )
    check_operator(operator, logits.shape.rank - 2, logits.shape[-1])


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


def _solve(problem, o, radius, start, image, shares):
    dual = problem.dual(o, radius, *image, shares=shares)
    if start and shares:
        start = (*start, tf.zeros_like(shares[0]))
    zeta, count = tv_solver.solve(problem, dual, start or None)
    zeta = settled(dual, zeta)
    prices = dual.price_scale * zeta[dual.parts] if shares else tf.zeros([], o.dtype)
    return dual.logits(zeta), dual.gap(zeta), tf.stack(zeta[: dual.parts]), prices, count


def _field(problem, o, radius, stacked, prices, image, shares):
    """Return the `DualProblem` and its field, of what `_solve` has returned."""
    dual = problem.dual(o, radius, *image, shares=shares)
    field = tuple(tf.unstack(stacked, num=dual.parts))
    return dual, (*field, prices / dual.price_scale) if shares else field


def _implicit(problem, iterations, tolerance, o, radius, stacked, prices, image, shares, count, upstream):
    dual, zeta = _field(problem, o, radius, stacked, prices, image, shares)
    return implicit_gradient(problem, dual, zeta, count, upstream, iterations, tolerance)


def _jacobian_free(problem, o, radius, stacked, prices, image, shares, count, upstream):
    del count
    dual, zeta = _field(problem, o, radius, stacked, prices, image, shares)
    return jacobian_free_gradient(dual, zeta, upstream)


def regularise_one_step(logits, tv_weight, problem, step=0.25, guide=None):
    """Regularise logits by one dual ascent step from zero (eqs. 3.20, 3.21).

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
        guide: As for `regularise_logits`.

    Returns:
        A `Regularised`; its gap is that of the dual lambda * eta, and has no gradient.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.20)-(3.23).
    """
    logits = tf.convert_to_tensor(logits)
    radius = weight_planes(tv_weight, logits)
    _check_operator(problem, logits, radius, guide)
    image = () if guide is None else (to_planes(tf.cast(guide, logits.dtype)),)
    one = tf.ones([], logits.dtype)
    # Differences of probabilities are at most 1, so a small step never reaches the ball's surface.
    steepest = (
        sum(1 / h**2 for h in problem.spacing) ** 0.5 if problem.isotropic else 1 / min(problem.spacing)
    )
    plain = problem.operator is None and not problem.huber and problem.potential in ("softmax", "sigmoid")
    inside = plain and step * steepest <= 1.0

    @tf.custom_gradient
    def forward(o, weight):
        dual, unit = problem.dual(o, weight, *image), problem.dual(o, one, *image)
        a = problem.phi.gradient(o)
        ascent = tuple(-step * slope for slope in dual.apply(a))
        eta = ascent if inside else unit.feasible(ascent, step)
        zeta = tuple(weight * e for e in eta)

        def gradient(upstream, *_):
            slope = dual.apply(upstream)
            tangent = tuple(weight * s for s in slope)
            projected = tangent if inside else project_derivative(unit, ascent, tangent, one, step)
            to_logits = upstream - problem.phi.jacobian(a, step * dual.adjoint(projected))
            each = tf.add_n([e * s for e, s in zip(eta, slope, strict=True)])
            return to_logits, reduce_like(each, weight)

        return (dual.logits(zeta), dual.gap(zeta), tf.stack(zeta)), gradient

    u, gap, dual_field = forward(to_planes(logits), radius)
    return Regularised(from_planes(u), tf.stop_gradient(gap), tf.stop_gradient(dual_field), tf.constant(1))
