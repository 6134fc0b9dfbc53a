"""Labels of pixels: which of the instances that were found each belongs to."""

import tensorflow as tf

from tfapp.pose.refinement import fitting


def labels_of(points, part, verdict):
    """Return for each pixel the number of the instance whose model is nearest, uint8 `(B, pixels)`.

    Instances count from 1, in the order of the poses. 0 is where nothing was measured, and everywhere in a scene in
    which no instance was found.

    Args:
        points: float32 `(B, pixels, 3)`, metres, z 0 where nothing was measured.
        part: `Part`.
        verdict: `Verdict`.
    """
    seen = fitting.Observed(points, *[None] * 7)
    away = []
    # One after the other: all pixels and all instances together would need gigabytes.
    for number in range(verdict.found.shape[1]):
        pose = (one[:, number : number + 1] for one in (verdict.rotation, verdict.translation))
        distance = fitting.distances(seen, part.model, *pose)[:, 0]
        away.append(tf.where(verdict.found[:, number : number + 1], distance, float("inf")))
    away = tf.stack(away, 1)
    labels = tf.argmin(away, 1, output_type=tf.int32) + 1
    known = (points[..., 2] > 0) & tf.math.is_finite(tf.reduce_min(away, 1))
    return tf.cast(tf.where(known, labels, 0), tf.uint8)
