"""Reference requests of a scorer: images whose scores the Keras model itself computes."""

import numpy as np
import tensorflow as tf

from tfapp.export.image_model import ANY_SIZE
from tfapp.export.image_requests import ImageRequests
from tfapp.export.scorer import check_finite

_SIZES = ((32, 32), (33, 47))
_FILES = (((33, 47), "png"), ((64, 20), "jpeg"), ((48, 49), "png"))


def stored_scorer_requests(scorer):
    """The requests that go with the artifact: two images at a time of two sizes, and three files of different
    sizes in one call; or all of the one size that the model takes."""
    requests = ScorerRequests(scorer)
    if scorer.size == ANY_SIZE:
        return requests.stored(_SIZES, _FILES, batch=2)
    return requests.stored((scorer.size,), ((scorer.size, "png"), (scorer.size, "jpeg")), batch=2)


class ScorerRequests(ImageRequests):
    """Makes requests of a `Scorer`."""

    def answer(self, images):
        with tf.device("cpu:0"):
            scores = self.image_model.answer(images).numpy()
        check_finite(scores, images)
        return {"scores": scores, "labels": scores.argmax(-1).astype(np.int32)}

    def answer_files(self, files):
        answers = [self.answer(self.decoded(contents)) for contents in files]
        return {alias: np.concatenate([answer[alias] for answer in answers]) for alias in answers[0]}


def largest_score(requests):
    """The largest absolute score that `requests` expect."""
    return max(float(np.abs(request.expected["scores"]).max()) for request in requests)
