"""Weight decay as a term of the objective, the same for every solver."""

import keras


def add_weight_decay(model, weight_decay, kernels_only=False):
    """Add `weight_decay / 2 * ||w||^2` to the losses of a model.

    Args:
        model: Built Keras model; each of its layers names a variable `x` and its regulariser `x_regularizer`, as
            Keras's own do, so that a saved model keeps the term.
        weight_decay: Its coefficient, at least 0.
        kernels_only: Whether w is the kernels alone. Otherwise it is all that is trained: kernels, biases, and the
            scales and shifts of batch normalisation.
    """
    for layer in model.layers:
        for variable in layer.trainable_variables:
            if weight_decay and (variable.name == "kernel" or not kernels_only):
                # Keras's L2 is its coefficient times the sum of squares, without the half.
                variable.regularizer = keras.regularizers.L2(weight_decay / 2)
                setattr(layer, f"{variable.name}_regularizer", variable.regularizer)
