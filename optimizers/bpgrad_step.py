"""The step of BPGrad, from tensors to tensors."""

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
