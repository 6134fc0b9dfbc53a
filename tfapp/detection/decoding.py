"""From what a detector computes to boxes: proposals, classes, and non-maximum suppression, in TensorFlow graphs."""

import tensorflow as tf

from tfapp.detection.geometry import NO_BOX, clipped, moved_by

# Ren et al. (2015), section 3.3, and their code: proposals before and behind the suppression, and its overlap.
BEFORE, PROPOSALS, PROPOSAL_OVERLAP = 1000, 300, 0.7
_LEAST_SIDE = 1.0
# Objectness of what is no box.
_NONE = -1.0


def proposed(objectness, offsets, anchors, sizes, *, before=BEFORE, most=PROPOSALS, overlap=PROPOSAL_OVERLAP):
    """Return the proposals of a proposal network, float32 (batch, most, 4); rows behind the last are no boxes.

    Args:
        objectness: float32 (batch, anchors), probabilities.
        offsets: float32 (batch, anchors, 4).
        anchors: float32 (anchors, 4).
        sizes: float32 (batch, 2), heights and widths of the images without what was padded.
        before: Boxes with the largest objectness that are looked at.
        most: Proposals of an image, at most.
        overlap: Intersection over union from which the less likely of two boxes goes.
    """
    found, indices = tf.math.top_k(objectness, tf.minimum(before, tf.shape(objectness)[1]))
    boxes = moved_by(tf.gather(anchors, indices), tf.gather(offsets, indices, batch_dims=1))
    boxes = clipped(boxes, sizes)
    is_box = tf.reduce_all(boxes[..., 2:] - boxes[..., :2] >= _LEAST_SIDE, axis=-1)
    likely = tf.where(is_box, found, _NONE)
    kept, _, _, counts = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        likely[..., None],
        max_output_size_per_class=most,
        max_total_size=most,
        iou_threshold=overlap,
        score_threshold=_NONE / 2,
        clip_boxes=False,
    )
    return _without_the_rest(kept, counts)


def _without_the_rest(boxes, counts):
    is_there = tf.sequence_mask(counts, tf.shape(boxes)[1])[..., None]
    return tf.where(is_there, boxes, tf.constant(NO_BOX))


def detected(scores, offsets, regions, sizes, *, overlap, least_score, most):
    """Return the boxes of the objects in images.

    Args:
        scores: float32 (batch, count, classes + 1), probabilities, the background first.
        offsets: float32 (batch, count, classes, 4), from regions, not normalised.
        regions: float32 (batch, count, 4); rows whose corners are swapped are none.
        sizes: float32 (batch, 2), heights and widths of the images.
        overlap: Intersection over union from which the less likely of two boxes of a class goes.
        least_score: Smallest probability of a box, above 0.
        most: Boxes of an image, at most.

    Returns:
        boxes: float32 (batch, most, 4), the likeliest first, zeros behind the last.
        scores: float32 (batch, most), 0 behind the last.
        classes: int32 (batch, most), -1 behind the last.
        counts: int32 (batch,), how many there are.
    """
    boxes = moved_by(regions[:, :, None], offsets)
    batch, count, classes = tf.unstack(tf.shape(boxes)[:3])
    boxes = tf.reshape(clipped(tf.reshape(boxes, (batch, count * classes, 4)), sizes), tf.shape(boxes))
    is_box = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    is_region = tf.reduce_all(regions[..., 2:] > regions[..., :2], axis=-1)
    likely = tf.where(is_box & is_region[..., None], scores[..., 1:], 0.0)
    found, likely, labels, counts = tf.image.combined_non_max_suppression(
        boxes,
        likely,
        max_output_size_per_class=most,
        max_total_size=most,
        iou_threshold=overlap,
        score_threshold=least_score,
        clip_boxes=False,
    )
    is_there = tf.sequence_mask(counts, tf.shape(found)[1])
    return found, likely, tf.where(is_there, tf.cast(labels, tf.int32), -1), counts
