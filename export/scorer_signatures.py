"""The three endpoints of an exported scorer."""

import tensorflow as tf

from tfapp.export.image_files import decode_image, of_size
from tfapp.export.image_model import ANY_SIZE
from tfapp.export.signatures import image_endpoints


def scorer_endpoints(scorer):
    """Functions to export by signature name.

    Args:
        scorer: `Scorer`, with N images of H x W x C and K classes.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `scores` float32 `(N, K)`
        and `labels` int32 `(N,)`, the class of the largest score;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)`, files of which each has its own size unless the model takes
        one only, to the same. One bad file fails its whole request with INVALID_ARGUMENT.
    """

    def answer(images):
        return labelled(scorer.answer(images))

    def labelled(scores):
        return {"scores": scores, "labels": tf.argmax(scores, axis=-1, output_type=tf.int32)}

    def score_one(contents):
        image = decode_image(contents, scorer.num_channels, scorer.value_range)
        if scorer.size != ANY_SIZE:
            image = of_size(image, scorer.size, "image_bytes")
        return scorer.answer(image[tf.newaxis])[0]

    def from_files(image_bytes):
        row = tf.TensorSpec((scorer.num_classes,), tf.float32)
        return labelled(tf.map_fn(score_one, image_bytes, fn_output_signature=row))

    return image_endpoints(scorer, answer, from_files)
