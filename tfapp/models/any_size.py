"""Segmenters that answer at each image's own size, whatever size the network works at."""

import keras
import tensorflow as tf

from tfapp.data.resolution import resize_images
from tfapp.errors import InputError, reason_of_call
from tfapp.layers import CropLike, PadToStride
from tfapp.layers.placement import misplacement

LARGEST_STRIDE = 128
_TRIAL_SIDE = 64


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


def fitted(model, channels, size=None, stride=1, input_scale=1.0):
    """Return a network for images in [0, 1] with an answer of two classes or more at the size of the image.

    Images are multiplied by `input_scale` and mirrored up to a multiple of the stride; probabilities of another
    resolution are resized bilinearly to that of the image. One probability p becomes the two classes 1 - p and p.

    Args:
        model: Keras model from images to probabilities `(batch, height, width, classes)`, or to
            `[probabilities, ...]`.
        channels: Image channels.
        size: `(height, width)` that the model takes, or None for any.
        stride: The multiple that height and width must be of.
        input_scale: The image value that the model takes for white.

    Returns:
        Keras model from `(batch, height, width, channels)` to probabilities, and the model's other outputs.
    """
    images = x = keras.Input((*(size or (None, None)), channels), name="images")
    if input_scale != 1.0:
        x = keras.layers.Rescaling(input_scale, name="input_scale")(x)
    if stride != 1:
        x = PadToStride(stride, name="pad")(x)
    dtype = keras.tree.flatten(model.input)[0].dtype
    if "int" in dtype:
        # 8-bit values divided by 255 and multiplied again are a little below or above what they were.
        x = keras.ops.cast(keras.ops.round(x), dtype)
    answer, *others = keras.tree.flatten(model(x))
    if size is None or answer.shape[1:3] != size:
        answer = ResizeLike(name="resolution", dtype="float32")([answer, x])
    if stride != 1:
        answer = CropLike(name="crop", dtype="float32")([answer, images])
    if answer.shape[-1] == 1:
        answer = keras.layers.Concatenate(name="classes", dtype="float32")([1.0 - answer, answer])
    return keras.Model(images, [answer, *others] if others else answer, name=model.name)


def find_stride(model, channels, source):
    """Return the multiple that a network wants the height and width of its images to be of.

    It is the smallest power of two for which the network takes an image of five times that size and answers at
    that size or a whole fraction of it: five, as no larger stride divides that, and no pooling leaves a multiple of
    it by chance.

    Args:
        model: Keras model that takes images of any size.
        channels: Image channels.
        source: Path of the model, for messages.

    Raises:
        InputError: If a layer cannot be computed of images whose size the graph does not know, or the network takes
            none of these images up to a stride of 128.
    """
    # With open sizes, as it is evaluated and exported.
    forward = tf.function(
        lambda images: keras.tree.flatten(model(images, training=False))[0],
        input_signature=[tf.TensorSpec((None, None, None, channels), tf.float32)],
        autograph=False,
    )
    try:
        forward.get_concrete_function()
    except Exception as error:  # anybody's layers may raise anything
        raise InputError(
            f"{source} declares images of any size, of which it cannot be computed ({reason_of_call(error)}); save it "
            f"with an input of one size, such as keras.Input((256, 256, {channels})), or without that layer."
        ) from error
    stride = 1
    while stride <= LARGEST_STRIDE:
        size = 5 * stride
        try:
            answer = forward(tf.zeros((1, size, size, channels)))
        except Exception as error:  # anybody's layers may raise anything
            reason = reason_of_call(error)
        else:
            if all(length and length % 5 == 0 and size % length == 0 for length in answer.shape[1:3]):
                return stride
            reason = f"it answers {tuple(answer.shape)}"
        stride *= 2
    raise InputError(
        f"{source} takes no image of up to {size}x{size} pixels ({reason}); expected a network for images "
        "of any size whose answer has their size or a whole fraction of it."
    )


def check_placement(model, channels, source, size=None, stride=1, input_scale=1.0):
    """Raise InputError if the answer of a network does not lie over all of its image, as by a crop; found by trial.

    Args:
        model: Keras model of images whose answer `fitted` would lay over the image.
        channels, size, stride, input_scale: As of `fitted`.
        source: Path of the model, for messages.
    """
    least = stride * -(-_TRIAL_SIDE // stride)
    # A crop to one size may be none at another.
    sizes = (
        [size] if size else [(least, least + stride * -(-_TRIAL_SIDE // (2 * stride))), (2 * least, least)]
    )
    for height, width in sizes:
        try:
            finding = misplacement(_trial_call(model, input_scale), (height, width), channels)
        except _NotTaken:
            continue
        if finding:
            raise InputError(
                f"{source} {finding}; expected an answer for each pixel of the image, in its place: convolutions with "
                "padding same, no crop, and rows before columns."
            )


class _NotTaken(Exception):
    """An image of a size that a model does not take, which is told when it is used."""


def _trial_call(model, input_scale):
    # Not `input`, which a loaded `Sequential` does not have.
    [taken] = model.inputs

    def answer(images):
        try:
            return keras.tree.flatten(model(images, training=False))[0]
        except Exception as error:  # anybody's layers may raise anything
            raise _NotTaken from error

    def call(images):
        images = tf.constant(images) * input_scale
        if "int" in taken.dtype:
            images = tf.round(images)
        images = tf.cast(images, taken.dtype)
        if taken.shape[0] is None:
            return answer(images)
        # Of a fixed batch each image fills one.
        return tf.concat([answer(tf.repeat(image[None], taken.shape[0], 0))[:1] for image in images], 0)

    return call
