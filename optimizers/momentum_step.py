"""Update of one variable with momentum, in one pass over its memory."""

import tensorflow as tf

from tfapp.optimizers.pending_loss import plain


def move_with_momentum(gradient, variable, velocity, scale, momentum, gate, *, nesterov=False):
    """Update v = momentum * v + scale * gradient, x = x - gate * v in place.

    With Nesterov's momentum x = x - (scale * gradient + gate * momentum * v).

    The slot holds the velocity with the opposite sign, which is what TensorFlow's fused kernel keeps. A step that
    is not taken has scale 0, momentum 1 and gate 0, and changes nothing even where the gradient is NaN.

    Args:
        gradient: Dense tensor of the variable's shape.
        variable: Variable to move.
        velocity: Slot of the same shape and type, or None without momentum.
        scale: Scalar factor of the gradient.
        momentum: Scalar.
        gate: Scalar, 1 or 0.
        nesterov: Whether the momentum is Nesterov's.
    """
    variable = plain(variable)
    dtype = variable.dtype
    scale, momentum, gate = (tf.cast(number, dtype) for number in (scale, momentum, gate))
    # Not `scale * gradient`: 0 * NaN is NaN.
    step = tf.math.multiply_no_nan(tf.cast(gradient, dtype), scale)
    if velocity is None:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=gate, delta=step)
    else:
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=plain(velocity).handle,
            lr=gate,
            grad=step,
            momentum=momentum,
            use_nesterov=nesterov,
        )
