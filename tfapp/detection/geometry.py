"""Geometry of boxes: overlap, and the offsets that lead from one box to another.

Boxes are rows (y1, x1, y2, x2) in pixels, pixel i reaching from i to i + 1.
"""

import numpy as np
import tensorflow as tf

# A row that stands for no box, as the RoI layers know it.
NO_BOX = (0.0, 0.0, -1.0, -1.0)
# A box may grow by so much in one step, from 16 to 1000 pixels: offsets beyond would overflow in the exponential.
LARGEST_LOG_RATIO = float(np.log(1000 / 16))


def areas(boxes):
    """Return the areas of boxes (..., 4), 0 for one whose corners are swapped."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def intersections(first, second):
    """Return the areas (n, m) that boxes (n, 4) share with boxes (m, 4)."""
    return _shared(first[:, None], second[None])


def _shared(first, second):
    """Return the areas that boxes (..., 4) share with boxes of a shape that broadcasts with theirs."""
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    return areas(np.concatenate([low, high], axis=-1))


def overlaps(first, second):
    """Return the intersection over union (n, m) of boxes (n, 4) with boxes (m, 4); 0 where both have no area."""
    return pair_overlaps(first[:, None], second[None])


def pair_overlaps(first, second):
    """Return the intersection over union (...) of boxes (..., 4) with those at the same place of an array like it."""
    shared = _shared(first, second)
    union = areas(first) + areas(second) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def offsets_to(boxes, references):
    """Return the offsets (n, 4), rows (dy, dx, log of heights, log of widths), from references to boxes.

    Args:
        boxes: (n, 4), with an area.
        references: (n, 4), with an area: proposals or anchors.

    Reference:
        R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich feature hierarchies for accurate object detection and
        semantic segmentation", CVPR 2014, appendix C, equations 6 to 9.
    """
    sizes, reference_sizes = boxes[:, 2:] - boxes[:, :2], references[:, 2:] - references[:, :2]
    middles, reference_middles = (one[:, :2] + one[:, 2:] for one in (boxes, references))
    moves = (middles - reference_middles) / 2 / reference_sizes
    return np.concatenate([moves, np.log(sizes / reference_sizes)], axis=1)


def moved_by(references, offsets):
    """Return the boxes that offsets lead to, as TensorFlow computes them; the inverse of `offsets_to`.

    Args:
        references: Float tensor (..., 4).
        offsets: Float tensor (..., 4), of a shape that broadcasts with it; the ratios of sides are cut at 1000 / 16.
    """
    y1, x1, y2, x2 = tf.unstack(references, axis=-1)
    dy, dx, height, width = tf.unstack(offsets, axis=-1)
    corners = []
    for low, high, move, growth in ((y1, y2, dy, height), (x1, x2, dx, width)):
        middle = (low + high) / 2 + move * (high - low)
        half = (high - low) / 2 * tf.exp(tf.minimum(growth, LARGEST_LOG_RATIO))
        corners.append((middle - half, middle + half))
    (y1, y2), (x1, x2) = corners
    return tf.stack([y1, x1, y2, x2], axis=-1)


def clipped(boxes, sizes):
    """Return boxes (..., 4) cut to images, as TensorFlow computes it.

    Args:
        boxes: Float tensor (batch, count, 4).
        sizes: Float tensor (batch, 2), heights and widths.
    """
    limits = tf.concat([sizes, sizes], axis=-1)[:, None]
    return tf.clip_by_value(boxes, 0.0, tf.cast(limits, boxes.dtype))
