"""A trained detector as one Keras model, from images of any size to boxes."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.detection.detections import Detections
from tfapp.detection.framing import check_image_size
from tfapp.detection.layers import (
    AnchorRegions,
    DetectedObjects,
    DetectorFrame,
    ProposedRegions,
    ScaledRegions,
)
from tfapp.detection.model import parts_of
from tfapp.detection.proposals.of_run import ANCHORS, RPN
from tfapp.errors import InputError

_MOST = 1000


@dataclass(frozen=True)
class Rules:
    """How boxes are taken from what a detector computes.

    Attributes:
        nms: Intersection over union from which the less likely of two boxes of a class goes, in (0, 1].
        min_score: Smallest probability of a box, in (0, 1).
        max_boxes: Boxes of an image, at most.
        max_proposals: Regions of a proposal network that are looked at, at most.
    """

    nms: float = 0.3
    min_score: float = 0.05
    max_boxes: int = 100
    max_proposals: int = 300

    def check(self):
        """Raise InputError for a value out of its range."""
        if not 0 < self.nms <= 1:
            raise InputError(f"`nms` must be above 0 and at most 1; got {self.nms}.")
        if not 0 < self.min_score < 1:
            raise InputError(f"`min_score` must be above 0 and below 1; got {self.min_score}.")
        for name in ("max_boxes", "max_proposals"):
            if not 1 <= getattr(self, name) <= _MOST:
                raise InputError(f"`{name}` must be from 1 to {_MOST:,}; got {getattr(self, name)}.")


def assemble(model, config, stride, offset_scale, rules):
    """Return a Keras model from images to boxes, which shares the weights of the trained one.

    Args:
        model: Of `tfapp.detection.model.build_detector`.
        config: `DetectionConfig` that it was trained with.
        stride: Of its backbone.
        offset_scale: `OffsetScale`.
        rules: `Rules`.

    Returns:
        Model of float32 images `(batch, height, width, 3)` in [0, 1], of one size in a batch, to `[boxes, scores,
        classes, counts]` as of `tfapp.detection.decoding.detected`, boxes in pixels of these images. Where proposals
        come from files its inputs are `[images, proposals]`, proposals float32 `(batch, count, 4)` in these pixels.
    """
    parts = parts_of(model)
    images = keras.Input((None, None, 3), name="images")
    frame = DetectorFrame(config.shorter_side, config.longer_side, stride, name="frame")
    framed, sizes, factors = frame(images)
    features = parts.features(framed)
    inputs = images
    grid = (config.anchor_sizes, config.anchor_ratios, stride)
    if config.proposals == RPN:
        regions = ProposedRegions(*grid, rules.max_proposals, name="proposals")(
            *parts.proposals(features), features, sizes
        )
    elif config.proposals == ANCHORS:
        regions = AnchorRegions(*grid, name="anchors")(features, sizes)
    else:
        sent = keras.Input((None, 4), name="proposals")
        inputs, regions = [images, sent], ScaledRegions(name="regions")(sent, factors)
    scores, offsets = parts.regions([features, regions])
    scale = offset_scale.to_json()
    objects = DetectedObjects(
        scale["means"],
        scale["deviations"],
        rules.nms,
        rules.min_score,
        rules.max_boxes,
        name="objects",
    )
    return keras.Model(inputs, list(objects(scores, offsets, regions, sizes, factors)), name="detector")


class Detector:
    """An assembled detector that images are given to one by one, in one graph for all sizes.

    Args:
        model: What `assemble` returns.
    """

    def __init__(self, model):
        self.model = model
        self.takes_proposals = len(model.inputs) == 2
        shapes = [(None, None, None, 3), (None, None, 4)] if self.takes_proposals else [(None, None, None, 3)]
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]

        def answer(*inputs):
            return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

        self._graph = tf.function(answer, signature, autograph=False)

    def __call__(self, image, proposals=None, name="The image"):
        """Return the `Detections` of an image, the likeliest first.

        Args:
            image: float32 (height, width, 3) in [0, 1].
            proposals: float32 (m, 4) in its pixels, where it takes them.
            name: Of the image, for the message.

        Raises:
            InputError: For an image of another shape or range, or that is too thin to be looked at, as
                `check_image_size` says.
        """
        image = _checked(image, name)
        frame = self.model.get_layer("frame")
        check_image_size(name, image.shape[:2], frame.shorter, frame.longer, frame.stride)
        inputs = [image[None]] if proposals is None else [image[None], np.float32(proposals)[None]]
        boxes, scores, classes, counts = self._graph(*inputs)
        count = int(counts[0])
        labels = classes.numpy()[0, :count].astype(np.int64)
        return Detections(boxes.numpy()[0, :count], labels, scores.numpy()[0, :count])


def _checked(image, name):
    """Return an image as float32, or raise InputError: values of 0..255 would be found to show nothing."""
    image = np.asarray(image)
    shape = "x".join(map(str, image.shape))
    if image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise InputError(f"{name} has the shape {shape}; expected one image, (height, width, 3).")
    if not np.issubdtype(image.dtype, np.floating):
        raise InputError(
            f"{name} has values of {image.dtype}; expected floats in [0, 1]: divide 0..255 by 255."
        )
    low, high = float(image.min()), float(image.max())
    # What resizing overshoots is let pass; NaN is in no range.
    if not (-0.5 <= low and high <= 1.5):
        raise InputError(
            f"{name} has values from {low:g} to {high:g}; expected floats in [0, 1]: divide 0..255 by 255."
        )
    return image.astype(np.float32)
