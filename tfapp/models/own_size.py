"""A segmenter that answers at each image's own size, whatever size its network works at."""

import keras
import tensorflow as tf


def resize_images(images, size):
    """Resize float images (batch, height, width, channels) bilinearly, with anti-aliasing."""
    return tf.image.resize(images, size, method="bilinear", antialias=True)


def resize_probabilities(probabilities, size):
    """Resize probabilities (batch, height, width, classes), or without batch, bilinearly; sums stay 1."""
    return tf.image.resize(probabilities, size, method="bilinear")


@keras.saving.register_keras_serializable(package="tfapp")
class ResizeTo(keras.layers.Layer):
    """Resize images to a fixed `(height, width)`, as the training data were."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(int(length) for length in size)

    def call(self, images):
        return resize_images(images, self.size)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="tfapp")
class ResizeLike(keras.layers.Layer):
    """Resize probabilities to the height and width of reference images; they still sum to 1."""

    def call(self, inputs):
        probabilities, reference = inputs
        return resize_probabilities(probabilities, tf.shape(reference)[1:3])

    def compute_output_shape(self, input_shape):
        probabilities, reference = input_shape
        return (probabilities[0], reference[1], reference[2], probabilities[3])


def at_own_size(model, size):
    """Wrap a segmenter trained on images resized to `size`, so that it takes and answers any size.

    Args:
        model: Keras model from images to probabilities, or to `[probabilities, ...]`.
        size: `(height, width)` that the training images were resized to, or None if they were not.

    Returns:
        Keras model from `(batch, height, width, channels)` to probabilities of that height and width; other
        outputs of the model stay as they are.
    """
    if size is None:
        return model
    images = keras.Input((None, None, model.input_shape[-1]), name="images")
    probabilities, *others = keras.tree.flatten(model(ResizeTo(size, name="resize")(images)))
    resized = ResizeLike(name="own_size")([probabilities, images])
    return keras.Model(images, [resized, *others] if others else resized, name=model.name)
