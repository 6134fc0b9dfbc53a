"""Rules by which `BPGrad` finds L while it trains: the running mean of gradient norms, or the median of the first."""

import tensorflow as tf

from tfapp.optimizers.metrics import gain_of

# Saved configurations have the last name for "auto": in those of before, "auto" meant "auto-median".
AUTO, MEDIAN, SAVED_AUTO = "auto", "auto-median", "auto-running"
# Of "auto": steps over those of Polyak, and what the running means of loss and norm keep.
GAIN, KEPT_LOSS, KEPT_NORM = 1.5, 0.9, 0.99
# The root mean square of its longest step as a share of that of the weights, momentum counted in.
LONGEST_RUNNING_STEPS = 0.2
# How many numbers it keeps: of steps, running means of loss and norm, the largest of the latter, root mean square of
# the weights.
RUNNING_NUMBERS = 5
# Lengths of the first steps of "auto-median", and of the longest after them, as shares of the norm of the weights.
FIRST_STEPS, LONGEST_STEPS = 0.01, 0.02
# The least root mean square that weights count with: a share of all-zero weights would be no step at all.
LEAST_WEIGHT = 0.01


def first_memory(lipschitz, auto_steps):
    """Return what a rule keeps between steps, as it is in the beginning: a list of numbers, empty where L is given."""
    if lipschitz == AUTO:
        return [0.0] * RUNNING_NUMBERS
    if lipschitz == MEDIAN:
        # The longest step, and a place for each gradient norm; -1 is one that none was written to yet.
        return [0.0, *[-1.0] * auto_steps]
    return []


def running(loss, gradient_norm, memory, momentum, is_due, root_mean_square):
    """Find L by the largest running mean of the gradient norm.

    Args:
        loss: Scalar.
        gradient_norm: Scalar, in the metric.
        memory: `(RUNNING_NUMBERS,)`.
        momentum: Scalar.
        is_due: Whether to look at the weights again.
        root_mean_square: Function that returns that of the weights.

    Returns:
        L; the running mean of the loss; the shortest and the longest step; the memory with this step in it.
    """
    count, mean_loss, mean_norm, largest, root = tf.unstack(memory)
    mean_loss += gain_of(KEPT_LOSS, count) * (loss - mean_loss)
    mean_norm += gain_of(KEPT_NORM, count) * (gradient_norm - mean_norm)
    largest = tf.maximum(largest, mean_norm)
    root = tf.cond(is_due | tf.equal(root, 0), root_mean_square, lambda: root)
    # Momentum makes a way in one direction 1 / (1 - momentum) times as long.
    alone = tf.cast(1 - momentum, loss.dtype)
    # A direction whose root mean square is 1 in every weight has about the mean norm for its length.
    longest = alone * LONGEST_RUNNING_STEPS * root * mean_norm
    memory = tf.stack([count + 1, mean_loss, mean_norm, largest, root])
    return largest / (GAIN * alone), mean_loss, (tf.zeros_like(longest), longest), memory


def median(gradient_norm, memory, momentum, is_due, longest_step_size, quantile):
    """Find L by a quantile of the gradient norms of the first steps.

    Args:
        gradient_norm, momentum, is_due: As for `running`.
        memory: The longest step, and a place for the norm of each of the first steps.
        longest_step_size: Function that returns the longest step, as the weights are.
        quantile: In (0, 1].

    Returns:
        L, 0 while it is not known; the shortest and the longest step; the memory with this norm.
    """
    longest, norms = memory[0], memory[1:]
    is_known = is_complete(norms)
    longest = tf.cond(is_due | tf.logical_not(is_known), longest_step_size, lambda: longest)
    shortest = tf.where(is_known, tf.zeros_like(longest), FIRST_STEPS / LONGEST_STEPS * longest)
    independent = tf.sqrt(1 - momentum**2)
    lipschitz = quantile_of(norms, quantile) / tf.cast(independent, norms.dtype)
    memory = tf.concat([[longest], recorded(norms, gradient_norm)], 0)
    lipschitz = tf.where(is_known, lipschitz, tf.zeros_like(lipschitz))
    return lipschitz, shortest, tf.where(is_known, longest, shortest), memory


def recorded(norms, norm):
    """Return the norms `(n,)` with this one in the first free place; free places hold a negative number."""
    count = tf.reduce_sum(tf.cast(norms >= 0, tf.int32))
    return tf.where(tf.equal(tf.range(norms.shape[0]), count), norm, norms)


def is_complete(norms):
    """Return whether no place is free."""
    return norms[-1] >= 0


def quantile_of(norms, quantile):
    """Return the smallest norm that at least this share of the norms `(n,)` does not exceed."""
    rank = -int(-quantile * norms.shape[0] // 1) - 1
    return tf.sort(norms)[rank]
