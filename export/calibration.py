"""Probabilities of classes from the scores of a classifier, in the graph that is exported."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError


@dataclass(frozen=True)
class Calibration:
    """Platt's sigmoid for each class: p = 1 / (1 + exp(-(slope * score + offset))).

    J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999, fits it to scores of images that the classifier
    was not fitted to.

    Attributes:
        slopes, offsets: One finite number for each class; slopes are positive.
        exclusive: Whether each image has exactly one class: the probabilities are then divided by their sum.
    """

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    exclusive: bool = False

    def check(self, num_classes):
        """Raise ExportError unless it has usable numbers for so many classes."""
        for name, values in (("slopes", self.slopes), ("offsets", self.offsets)):
            if len(values) != num_classes or not np.isfinite(values).all():
                raise ExportError(
                    f"`calibration` must have {num_classes} finite {name}, one for each class. "
                    f"Received: {len(values)}, {values!r}."
                )
        if min(self.slopes) <= 0:
            raise ExportError(
                "`calibration` must have positive slopes, so that a higher score is a higher probability. "
                f"Received: {min(self.slopes)}."
            )

    def log_odds(self, scores):
        """Return the logarithms of the odds p / (1 - p) of scores `(batch, classes)`, a tensor."""
        return scores * tf.constant(self.slopes, scores.dtype) + tf.constant(self.offsets, scores.dtype)

    def probabilities(self, scores):
        """Return the probabilities of scores `(batch, classes)`, a tensor."""
        log_odds = self.log_odds(scores)
        if not self.exclusive:
            return tf.sigmoid(log_odds)
        # By logarithms: where all are tiny, their sum would be 0.
        return tf.nn.softmax(tf.math.log_sigmoid(log_odds))

    def answer(self, scores, top):
        """Return the outputs by alias: the probabilities, and the `top` largest with their classes."""
        probabilities = self.probabilities(scores)
        # By the odds, which do not tie where probabilities are 0 or 1 to the last bit.
        _, labels = tf.math.top_k(self.log_odds(scores), top)
        return {
            "probabilities": probabilities,
            "top_labels": labels,
            "top_probabilities": tf.gather(probabilities, labels, batch_dims=1),
        }
