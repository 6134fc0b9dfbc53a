"""Discrete total variation with a Neumann border, and the softmax that minimises it.

The regularised softmax of F. Jia, J. Liu and X.-C. Tai, "A Regularized Convolutional Neural Network
for Semantic Image Segmentation" (2019, arXiv:1907.05287) is the minimiser A over the simplex of

    -<o, A> + <A, log A> + lambda * TV(A),      TV(A) = sum |D A|,

with logits o, forward differences D and the weight lambda of the total variation. It has the form
A = softmax(o - div zeta), where the dual field zeta solves

    minimise  sum log-sum-exp(o - div zeta)   over  |zeta| <= lambda,    div = -D^T.

`one_step_logits` and `converged_logits` take and return logits (batch, height, width, classes): the
*regularised logits* u = o - div zeta, so that a loss can stay on logits. Inside, and in the operators,
everything is in planes (..., height, width): with the few classes of a segmentation outermost, an
iteration is two to three times faster than with them innermost.
"""

import math

import numpy as np
import tensorflow as tf

# ||D||^2 < 8 and the softmax Jacobian's norm is at most 1/2, so 4 bounds the dual Hessian and 1/4 is safe.
DUAL_STEP = 0.25


def forward_differences(planes):
    """Return D a: vertical and horizontal forward differences, zero in the last row and column.

    Args:
        planes: float tensor a (..., height, width) of known rank.

    Returns:
        Pair of tensors of the shape of `planes`.
    """
    vertical = _pad(planes[..., 1:, :] - planes[..., :-1, :], rows=(0, 1))
    horizontal = _pad(planes[..., 1:] - planes[..., :-1], columns=(0, 1))
    return vertical, horizontal


def divergence(field):
    """Return div p = -D^T p for a field p = (vertical, horizontal) of planes (..., height, width).

    The last row of the vertical part and the last column of the horizontal part do not enter: D
    never produces them, and reading them would break <D a, p> = -<a, div p> at the border.
    """
    vertical, horizontal = field[0][..., :-1, :], field[1][..., :-1]
    down = _pad(vertical, rows=(0, 1)) - _pad(vertical, rows=(1, 0))
    right = _pad(horizontal, columns=(0, 1)) - _pad(horizontal, columns=(1, 0))
    return down + right


def _pad(planes, rows=(0, 0), columns=(0, 0)):
    return tf.pad(planes, [(0, 0)] * (planes.shape.rank - 2) + [rows, columns])


def total_variation(a, isotropic=True):
    """Return TV(a) per sample, shape (batch,): the sum of |D a| over pixels and classes.

    Args:
        a: float tensor (batch, height, width, classes).
        isotropic: Euclidean length of each 2-vector if True, sum of absolute values otherwise.
    """
    vertical, horizontal = forward_differences(_to_planes(a))
    if isotropic:
        length = tf.sqrt(tf.square(vertical) + tf.square(horizontal))
    else:
        length = tf.abs(vertical) + tf.abs(horizontal)
    return tf.reduce_sum(length, axis=[0, 2, 3])


def project(field, radius, isotropic=True):
    """Project every 2-vector of a field onto the ball (isotropic) or square of the given radius."""
    vertical, horizontal = field
    if not isotropic:
        return tf.clip_by_value(vertical, -radius, radius), tf.clip_by_value(horizontal, -radius, radius)
    squared = tf.square(vertical) + tf.square(horizontal)
    # The least positive number keeps radius 0 at 0 instead of 0/0.
    floor = tf.maximum(tf.square(radius), squared.dtype.as_numpy_dtype(np.finfo("float32").tiny))
    scale = radius * tf.math.rsqrt(tf.maximum(squared, floor))
    return vertical * scale, horizontal * scale


def _project_derivative(field, tangent, isotropic):
    """Apply the Jacobian of the projection of `field` onto the unit ball to `tangent`; it is symmetric."""
    if not isotropic:
        return tuple(tf.where(tf.abs(f) <= 1.0, t, 0.0) for f, t in zip(field, tangent, strict=True))
    squared = tf.square(field[0]) + tf.square(field[1])
    outside = squared > 1.0
    inverse = tf.math.rsqrt(tf.where(outside, squared, tf.ones_like(squared)))
    normal = (field[0] * inverse, field[1] * inverse)
    along = normal[0] * tangent[0] + normal[1] * tangent[1]
    return tuple(
        tf.where(outside, (t - n * along) * inverse, t) for n, t in zip(normal, tangent, strict=True)
    )


def _softmax(planes):
    """Softmax over the outermost axis; shifted by the maximum, so that no lambda overflows."""
    exponential = tf.exp(planes - tf.reduce_max(planes, axis=0, keepdims=True))
    return exponential * tf.math.reciprocal(tf.reduce_sum(exponential, axis=0, keepdims=True))


def _softmax_jacobian(a, v):
    """Apply the Jacobian of the softmax at its value `a` to `v`: J(A) v = A * (v - <A, v>)."""
    return a * (v - tf.reduce_sum(a * v, axis=0, keepdims=True))


def _to_planes(tensor):
    return tf.transpose(tensor, [3, 0, 1, 2])


def _from_planes(planes):
    return tf.transpose(planes, [1, 2, 3, 0])


def one_step_logits(logits, tv_weight, step=0.25, isotropic=True):
    """Regularise logits by one dual ascent step from zero, the training form of the paper (eq. 3.6).

        u = o - lambda * div eta,      eta = P(-c * D softmax(o)),      P onto the unit ball

    The vector-Jacobian product for an upstream gradient h = dL/du is

        dL/do = h + J(S) [ c * div( P'(xi) [ lambda * D h ] ) ],   xi = -c * D S,  S = softmax(o)
        dL/dlambda = -<h, div eta>

    The printed (3.22) omits the Jacobian J(S) of the inner softmax, and (3.23) is exact only when the
    constant c = tau * lambda is held constant, as it is here.

    Args:
        logits: float tensor (batch, height, width, classes).
        tv_weight: scalar tensor, lambda >= 0.
        step: Python float, the constant c = tau * lambda > 0.
        isotropic: isotropic or anisotropic total variation.

    Returns:
        Tensor of the shape of `logits`; its softmax is the regularised prediction.
    """
    logits = tf.convert_to_tensor(logits)
    tv_weight = tf.convert_to_tensor(tv_weight, dtype=logits.dtype)
    # Differences of probabilities are at most 1, so a small step never reaches the ball's surface.
    inside = step * (math.sqrt(2.0) if isotropic else 1.0) <= 1.0

    @tf.custom_gradient
    def forward(o, weight):
        plain = _softmax(o)
        ascent = tuple(-step * d for d in forward_differences(plain))
        curvature = divergence(ascent if inside else project(ascent, tf.ones_like(weight), isotropic))

        def gradient(upstream):
            tangent = tuple(weight * d for d in forward_differences(upstream))
            projected = tangent if inside else _project_derivative(ascent, tangent, isotropic)
            through_dual = step * divergence(projected)
            to_logits = upstream + _softmax_jacobian(plain, through_dual)
            return to_logits, -tf.reduce_sum(upstream * curvature)

        return o - weight * curvature, gradient

    return _from_planes(forward(_to_planes(logits), tv_weight))


def converged_logits(logits, tv_weight, iterations=30, isotropic=True):
    """Regularise logits by FISTA on the dual problem, with a fixed number of iterations.

    A. Beck and M. Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse
    Problems" (SIAM J. Imaging Sciences, 2009), on zeta = lambda * xi with the step 1/4:

        zeta_k = P_lambda( y_k - 1/4 * D softmax(o - div y_k) )

    Args:
        logits: float tensor (batch, height, width, classes).
        tv_weight: scalar tensor, lambda >= 0; 0 returns the logits unchanged.
        iterations: number of dual iterations, at least 1.
        isotropic: isotropic or anisotropic total variation.

    Returns:
        Tensor of the shape of `logits`; its softmax is the regularised prediction.
    """
    logits = tf.convert_to_tensor(logits)
    tv_weight = tf.convert_to_tensor(tv_weight, dtype=logits.dtype)
    planes = _to_planes(logits)
    zero = tf.zeros_like(planes)

    def iterate(zeta, y, t):
        slope = forward_differences(_softmax(planes - divergence(y)))
        new = project(tuple(a - DUAL_STEP * s for a, s in zip(y, slope, strict=True)), tv_weight, isotropic)
        t_new = 0.5 * (1.0 + tf.sqrt(1.0 + 4.0 * tf.square(t)))
        momentum = (t - 1.0) / t_new
        y = tuple(n + momentum * (n - old) for n, old in zip(new, zeta, strict=True))
        return new, y, t_new

    state = ((zero, zero), (zero, zero), tf.ones([], planes.dtype))
    zeta, _, _ = tf.while_loop(
        lambda *_: True, iterate, state, maximum_iterations=iterations, parallel_iterations=1
    )
    return _from_planes(planes - divergence(zeta))
