"""The three endpoints of an exported segmenter, and of any model of images."""

import tensorflow as tf

from tfapp.export.image_files import decode_image, encode_labels, scale_to
from tfapp.export.requests import BYTES, DEFAULT, UINT8


def endpoints(segmenter):
    """Functions to export by signature name.

    Args:
        segmenter: `Segmenter`, with N images of H x W x C and K classes.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `probabilities`
        float32 `(N, H, W, K)` and `labels` int32 `(N, H, W)` (int32, as it indexes arrays in any client), and
        where the model gives it `gap` float32 `(N,)`;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)` to `labels_png_bytes` string `(N,)`, 8-bit up to
        256 classes and 16-bit beyond. One bad file fails its whole request with INVALID_ARGUMENT.
    """

    def answer(images):
        probabilities, *gap = segmenter.answer(images)
        labels = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        found = {"probabilities": probabilities, "labels": labels}
        return {**found, "gap": gap[0]} if gap else found

    def from_files(image_bytes):
        def label_one(contents):
            image = decode_image(contents, segmenter.num_channels, segmenter.value_range)
            return encode_labels(answer(image[tf.newaxis])["labels"][0], segmenter.num_classes)

        return {"labels_png_bytes": tf.map_fn(label_one, image_bytes, fn_output_signature=tf.string)}

    return image_endpoints(segmenter, answer, from_files)


def image_endpoints(image_model, answer, from_files):
    """Functions to export by signature name, as `endpoints`, for any model of images.

    Args:
        image_model: `ImageModel`.
        answer: Function from float32 images `(batch, height, width, channels)` to a dict of tensors by alias.
        from_files: Function of the argument `image_bytes`, string `(batch,)`, to a dict of tensors by alias.
    """
    shape = (None, *image_model.size, image_model.num_channels)

    def from_integers(images):
        return answer(scale_to(images, image_model.value_range))

    return {
        DEFAULT: (answer, [tf.TensorSpec(shape, tf.float32, name="images")]),
        UINT8: (from_integers, [tf.TensorSpec(shape, tf.uint8, name="images")]),
        BYTES: (from_files, [tf.TensorSpec((None,), tf.string, name="image_bytes")]),
    }
