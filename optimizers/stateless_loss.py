"""Loss of a model at given values of its variables, with all that Keras counts and without writing any variable."""

import inspect

import keras
import tensorflow as tf


def with_regularised(model: keras.Model, state) -> list:
    """Return `(variable, value)` pairs with those of all other regularised variables at their own values.

    Inside a scope Keras hands to a regulariser what the scope has for a variable, which is None for one that it does
    not know. Call it outside of the scope.

    Args:
        model: Built Keras model.
        state: `(variable, value)` pairs of any of its variables.
    """
    given = {id(variable) for variable, _ in state}
    own = [
        (variable, variable.value)
        for variable in model.trainable_variables
        if variable.regularizer is not None and id(variable) not in given
    ]
    return [*state, *own]


def collecting_scope(
    model: keras.Model, state, *, initialize_variables: bool = False
) -> keras.StatelessScope:
    """Return a scope in which variables have other values and `model.losses` holds what layers add in `call`.

    Outside of a scope a layer keeps the losses that it adds (`add_loss`, `activity_regularizer`) itself. Inside of
    one, Keras drops them unless the scope collects them, and `compute_loss` then leaves them out without a word.

    Args:
        model: Built Keras model.
        state: `(variable, value)` pairs; all other variables have their own values.
        initialize_variables: whether Keras may initialise what is not yet built.
    """
    return keras.StatelessScope(
        state_mapping=with_regularised(model, state),
        collect_losses=True,
        initialize_variables=initialize_variables,
    )


def training_argument(function, training: bool) -> dict:
    """Return `{"training": training}` where the (possibly overridden) function knows the argument, else nothing."""
    return {"training": training} if "training" in inspect.signature(function).parameters else {}


def computed_loss(model: keras.Model, x, y, prediction, sample_weight, *, training: bool):
    """Return what `model.compute_loss` says, inside a `collecting_scope` in which the model made the prediction."""
    options = training_argument(model.compute_loss, training)
    return model.compute_loss(x=x, y=y, y_pred=prediction, sample_weight=sample_weight, **options)


def loss_at(model: keras.Model, weights, state, batch, loss=None):
    """Return the loss of a batch as a step of `fit()` computes it, at given weights.

    Args:
        model: Built Keras model; none of its variables is written.
        weights: Tensors, one for each of `model.trainable_variables`.
        state: Tensors, one for each of `model.non_trainable_variables`: moving statistics, seeds of dropout.
        batch: `(x, y, sample_weight)`, nests of tensors or None.
        loss: What `keras.losses.get` takes, the loss of a training loop of one's own, whose mean over the examples
            counts; by default that which the model is compiled with.

    Returns:
        The loss, scalar, regularisation and added losses included, and the state after the batch.
    """
    x, y, sample_weight = batch
    mapping = [
        *zip(model.trainable_variables, weights, strict=True),
        *zip(model.non_trainable_variables, state, strict=True),
    ]
    with collecting_scope(model, mapping, initialize_variables=True) as scope:
        outputs = model(x, **training_argument(model.call, True))
        if loss is None:
            value = computed_loss(model, x, y, outputs, sample_weight, training=True)
        else:
            value = tf.add_n([tf.reduce_mean(keras.losses.get(loss)(y, outputs)), *model.losses])
        after = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    return value, after
