"""Reference requests of a segmenter: images whose answers the Keras model itself computes."""

import numpy as np
import tensorflow as tf

from tfapp.export.image_files import encode_labels
from tfapp.export.image_requests import ImageRequests
from tfapp.export.keras_model import outputs_of
from tfapp.export.requests import decided

_FILES = (((33, 47), "png"), ((64, 20), "jpeg"), ((48, 49), "png"))


def stored_requests(segmenter):
    """The requests that go with the artifact: a size that fits the stride, one that does not, and
    three files of different sizes in one call."""
    fitting = -(-32 // segmenter.stride) * segmenter.stride
    sizes = ((fitting, fitting), (fitting + 1, fitting + 15))
    return SegmenterRequests(segmenter).stored(sizes, _FILES)


class SegmenterRequests(ImageRequests):
    """Makes requests of a `Segmenter`."""

    def answer(self, images):
        probabilities, *gap = keras_answer(self.image_model, images)
        answer = {"probabilities": probabilities, "labels": probabilities.argmax(-1).astype(np.int32)}
        return {**answer, "gap": gap[0]} if gap else answer

    def answer_files(self, files):
        segmenter, labels, masks = self.image_model, [], []
        for contents in files:
            probabilities = keras_answer(segmenter, self.decoded(contents))[0][0]
            labels.append(encode_labels(probabilities.argmax(-1), segmenter.num_classes).numpy())
            masks.append(encode_labels(decided(probabilities, segmenter.tolerance), 2).numpy())
        return {"labels_png_bytes": np.array(labels, "S"), "decided_png_bytes": np.array(masks, "S")}


def keras_answer(segmenter, images):
    """What the Keras model says, float32: a list of probabilities and, where it gives it, the gap.

    Padding and cropping are NumPy's, not the endpoint's.
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
