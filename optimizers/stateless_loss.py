"""The loss of a Keras model at weights that the model does not have, which leaves the model alone."""

import inspect

import keras
import tensorflow as tf


def loss_at(model, weights, state, batch):
    """Return the loss of a batch as a step of `fit()` computes it, at given weights.

    Args:
        model: Compiled and built Keras model; none of its variables is written.
        weights: Tensors, one for each of `model.trainable_variables`.
        state: Tensors, one for each of `model.non_trainable_variables`: moving statistics, seeds of dropout.
        batch: `(x, y, sample_weight)`, nests of tensors or None.

    Returns:
        The loss, scalar, regularisation and added losses included, and the state after the batch.
    """
    x, y, sample_weight = batch
    mapping = [
        *zip(model.trainable_variables, weights, strict=True),
        *zip(model.non_trainable_variables, state, strict=True),
    ]
    with keras.StatelessScope(state_mapping=mapping) as scope:
        outputs = model(x, **_in_training(model.call))
        loss = model.compute_loss(
            x=x, y=y, y_pred=outputs, sample_weight=sample_weight, **_in_training(model.compute_loss)
        )
        after = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    return loss, after


def gradients_at(model, weights, state, batch):
    """Return the loss, its gradients by the weights as dense tensors, and the state, as in `loss_at`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss, after = loss_at(model, weights, state, batch)
    gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients], after


def _in_training(function):
    return {"training": True} if "training" in inspect.signature(function).parameters else {}
