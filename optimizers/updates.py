"""Formulas of steps that follow from the loss, and the update of one variable that the optimizers share."""

import keras
import tensorflow as tf


def step_size(loss, best_loss, lipschitz, rho, max_step=None):
    """Return eta_t = (f(x_t) - rho * min_i f(x_i)) / L, the step along the unit gradient.

    No point within this distance of x_t can have a loss below rho * min_i f(x_i) if f is Lipschitz
    continuous with constant L: these are the points that Algorithm 2 prunes (Wu's dissertation, chapter 3;
    Zhang, Wu, Wang, "BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning", 2018).

    Args:
        loss: f(x_t), scalar, at least 0.
        best_loss: The smallest loss so far, f(x_t) included.
        lipschitz: L, in units of the loss per length of the weight vector.
        rho: In [0, 1).
        max_step: Largest step, or None.
    """
    eta = (loss - rho * best_loss) / lipschitz
    return eta if max_step is None else tf.minimum(eta, tf.cast(max_step, eta.dtype))


def usable(loss, gradient_norm):
    """Return whether a rule for losses of at least 0 can use a step: nothing NaN, infinite or negative."""
    return tf.math.is_finite(loss) & (loss >= 0) & tf.math.is_finite(gradient_norm)


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


def global_norm(tensors, dtype):
    """Return the Euclidean norm of all tensors together."""
    return tf.sqrt(tf.add_n([sum_of_products(x, x) for x in (tf.cast(tensor, dtype) for tensor in tensors)]))


def plain(variable):
    """Return the TensorFlow variable behind a Keras variable."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def sum_of_products(one, other):
    """Return the scalar product of two tensors of the same shape."""
    products = one * other
    if products.shape.rank < 2:
        return tf.reduce_sum(products)
    # On a CPU XLA adds up one number after the other; as a product with ones it takes an eighth of the time.
    rows = tf.reshape(products, [-1, products.shape[-1]])
    return tf.reduce_sum(tf.linalg.matvec(rows, tf.ones(rows.shape[-1], products.dtype)))


def dense(gradient, variable):
    """Return a gradient as a dense tensor; rows that occur several times are added up."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
    return tf.convert_to_tensor(gradient)


def average_weights(optimizer):
    """Let the averages of an optimizer with `use_ema` follow the weights, as Keras does after its own updates."""
    variables = optimizer._trainable_variables
    optimizer._update_model_variables_moving_average(variables)
    if optimizer.ema_overwrite_frequency:
        keras.ops.cond(
            tf.equal((tf.convert_to_tensor(optimizer.iterations) + 1) % optimizer.ema_overwrite_frequency, 0),
            lambda: optimizer._overwrite_model_variables_with_average_value(variables),
            lambda: None,
        )
