"""A fully connected network with one hidden layer."""

from keras import layers


def two_layer(inputs, num_classes, *, hidden=100):
    """Apply a two-layer ReLU network: 10,302 parameters from 100 inputs to 2 classes.

    Args:
        inputs: Vectors `(batch, length)`, or images, which are flattened.
        num_classes: Number of classes.
        hidden: Width of the hidden layer.

    Returns:
        Logits `(batch, num_classes)`.
    """
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.Dense(hidden, activation="relu", kernel_initializer="he_normal", name="dense1")(x)
    return layers.Dense(num_classes, name="scores")(x)
