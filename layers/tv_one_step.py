"""One dual step with its exact gradient: the form that the paper trains with, corrected."""

import tensorflow as tf

from tfapp.layers import tv_solver
from tfapp.layers.total_variation import divergence, forward_differences, from_planes, project, to_planes
from tfapp.layers.tv_gradient import project_derivative, reduce_like
from tfapp.layers.tv_regularise import Regularised, weight_planes


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
        problem: A `TVProblem`; its link, its total variation and its spacing are used.
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
    inside = problem.link != "relu" and step * steepest <= 1.0

    @tf.custom_gradient
    def forward(o, weight):
        a = problem.phi.value(o)
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
