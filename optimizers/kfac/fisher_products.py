"""Products of a model's Fisher matrix, exact, with directions in the space of its weights.

F = E[J' H J] with the Jacobian J of the logits by the weights and the Fisher matrix H of the distribution by its
logits. Everything here is in units of the compiled loss, c F (c is `OutputDistribution.scale`): where the model fits
the data, c F is the Hessian of that loss.
"""

import keras
import tensorflow as tf

from tfapp.optimizers.stateless_loss import training_argument


def logits_at(model, distribution, variables, values, x):
    """Return the logits with other values of some variables, as in training, without writing any variable."""
    with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
        return distribution.logits(model(x, **training_argument(model.call, True)))


def logit_tangents(model, distribution, variables, x, direction):
    """Return the logits and their derivative J d along a direction d.

    Args:
        model: Built Keras model with one output.
        distribution: `OutputDistribution`.
        variables: Variables of the model.
        x: Inputs, a nest of tensors.
        direction: Tensors of the variables' shapes.
    """
    values = [tf.identity(variable.value) for variable in variables]
    with tf.autodiff.ForwardAccumulator(values, direction) as accumulator:
        logits = logits_at(model, distribution, variables, values, x)
    return logits, accumulator.jvp(logits, tf.UnconnectedGradients.ZERO)


def fisher_grams(model, distribution, variables, x, directions):
    """Return the matrix of c d_i' F d_j of directions, `(directions, directions)`."""
    found = [logit_tangents(model, distribution, variables, x, direction) for direction in directions]
    logits = found[0][0]
    scale = distribution.scale(logits) / tf.cast(tf.shape(logits)[0], logits.dtype)
    tangents = [tangent for _, tangent in found]
    products = [distribution.fisher_product(logits, tangent) for tangent in tangents]
    return scale * tf.stack([tf.stack([tf.reduce_sum(a * b) for b in products]) for a in tangents])


def fisher_product(model, distribution, variables, x, direction):
    """Return c F d as tensors of the variables' shapes."""
    values = [tf.identity(variable.value) for variable in variables]
    with tf.autodiff.ForwardAccumulator(values, direction) as accumulator:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logits = logits_at(model, distribution, variables, values, x)
    tangent = accumulator.jvp(logits, tf.UnconnectedGradients.ZERO)
    scale = distribution.scale(logits) / tf.cast(tf.shape(logits)[0], logits.dtype)
    product = scale * distribution.fisher_product(logits, tangent)
    return tape.gradient(logits, values, product, tf.UnconnectedGradients.ZERO)
