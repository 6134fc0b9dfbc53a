"""Reference requests: images whose answers the Keras model itself computes, outside any endpoint."""

import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError
from tfapp.export.requests import BYTES, DEFAULT, UINT8, Request, decided, sample_image
from tfapp.export.segmenter import outputs_of
from tfapp.export.signatures import decode_image, encode_labels


def stored_requests(segmenter):
    """The requests that go with the artifact: a size that fits the stride, one that does not, and
    three files of different sizes in one call."""
    fitting = -(-32 // segmenter.stride) * segmenter.stride
    odd = (fitting + 1, fitting + 15)
    return [
        *(float_request(segmenter, scaled(segmenter, size)) for size in ((fitting, fitting), odd)),
        *(integer_request(segmenter, pixels(segmenter, size)) for size in ((fitting, fitting), odd)),
        files_request(
            segmenter,
            [
                encode(pixels(segmenter, (33, 47)), "png"),
                encode(pixels(segmenter, (64, 20)), "jpeg"),
                encode(pixels(segmenter, (48, 49)), "png"),
            ],
        ),
    ]


def warmup_requests(segmenter, sizes):
    """One request per signature and size `(height, width)`, each of a single image."""
    return [
        request
        for size in sizes
        for request in (
            float_request(segmenter, scaled(segmenter, size)),
            integer_request(segmenter, pixels(segmenter, size)),
            files_request(segmenter, [encode(pixels(segmenter, size)[0], "jpeg")]),
        )
    ]


def example_requests(segmenter, images):
    """One `serving_default` request per image of `images`, float32 `(height, width, channels)`.

    Raises:
        ExportError: an image has another rank or number of channels.
    """
    found = []
    for image in images:
        image = np.asarray(image, np.float32)
        if image.ndim != 3 or image.shape[2] != segmenter.num_channels:
            raise ExportError(
                f"`extra_examples` must be images (height, width, {segmenter.num_channels}). "
                f"Received: an array of shape {image.shape}."
            )
        found.append(float_request(segmenter, image[np.newaxis]))
    return found


def float_request(segmenter, images):
    """`serving_default` on float32 `images` `(batch, height, width, channels)`."""
    return Request(DEFAULT, {"images": images}, _labelled(*keras_answer(segmenter, images)))


def integer_request(segmenter, images):
    """`serving_uint8` on uint8 `images` `(batch, height, width, channels)`."""
    low, high = segmenter.value_range
    floats = (images.astype(np.float32) / 255 * np.float32(high - low) + np.float32(low)).astype(np.float32)
    return Request(UINT8, {"images": images}, _labelled(*keras_answer(segmenter, floats)))


def files_request(segmenter, files):
    """`serving_bytes` on a list of encoded images (bytes) of any sizes."""
    labels, masks = [], []
    for contents in files:
        image = decode_image(contents, segmenter.num_channels, segmenter.value_range)
        probabilities = keras_answer(segmenter, image.numpy()[np.newaxis])[0][0]
        labels.append(encode_labels(probabilities.argmax(-1), segmenter.num_classes).numpy())
        masks.append(encode_labels(decided(probabilities, segmenter.tolerance), 2).numpy())
    # An S array drops trailing zero bytes; PNG ends in a constant 0x82 and JPEG in 0xD9.
    return Request(
        BYTES,
        {"image_bytes": np.array(files, "S")},
        {"labels_png_bytes": np.array(labels, "S"), "decided_png_bytes": np.array(masks, "S")},
    )


def keras_answer(segmenter, images):
    """What the Keras model says, float32: a list of probabilities and, where it gives it, the gap.

    Padding and cropping are NumPy's, not the endpoint's.

    On the CPU, as the check runs there: a GPU's TF32 convolutions differ by more than the tolerance.
    """
    height, width = images.shape[1:3]
    missing = [-size % segmenter.stride for size in (height, width)]
    margins = [(lack // 2, lack - lack // 2) for lack in missing]
    padded = np.pad(images, [(0, 0), *margins, (0, 0)], mode="symmetric")
    top, left = (before for before, _ in margins)
    with tf.device("cpu:0"):
        outputs = outputs_of(segmenter.model, padded)
    probabilities, *gap = (tf.cast(output, tf.float32).numpy() for output in outputs)
    return [probabilities[:, top : top + height, left : left + width], *gap]


def pixels(segmenter, size):
    """One test image of `size` as a uint8 batch `(1, height, width, channels)`."""
    return sample_image(size, segmenter.num_channels)[np.newaxis]


def scaled(segmenter, size):
    """One test image of `size` as a float32 batch over the model's value range."""
    low, high = segmenter.value_range
    return (pixels(segmenter, size) / 255 * (high - low) + low).astype(np.float32)


def encode(image, kind):
    """Bytes of a uint8 image `(height, width, channels)`, or a batch of one, as "png" or "jpeg"."""
    image = image.reshape(image.shape[-3:])
    return (tf.io.encode_png if kind == "png" else tf.io.encode_jpeg)(image).numpy()


def _labelled(probabilities, *gap):
    answer = {"probabilities": probabilities, "labels": probabilities.argmax(-1).astype(np.int32)}
    return {**answer, "gap": gap[0]} if gap else answer
