"""What lies between an image and its boxes beside the network: size, proposals, suppression; as Keras layers.

With them a trained detector is one model from images of any size to boxes, which is evaluated, exported, and loaded by
`keras.saving.load_model` once `tfapp.detection.layers` is imported.
"""

import keras
import tensorflow as tf

from tfapp.detection.decoding import detected, proposed
from tfapp.detection.framing import padded_side, resized, scale_of
from tfapp.detection.proposals.anchors import anchor_shapes, anchor_tensor

_registered = keras.saving.register_keras_serializable(package="tfapp")


class _Configured(keras.layers.Layer):
    """A layer whose options are what it is made with."""

    def __init__(self, options, **kwargs):
        # Places in pixels cannot be told in half precision.
        super().__init__(dtype="float32", **{key: value for key, value in kwargs.items() if key != "dtype"})
        self._options = options

    def get_config(self):
        return super().get_config() | self._options


@_registered
class DetectorFrame(_Configured):
    """Images as a detector sees them: scaled as it was trained, with zeros below and to the right.

    Args:
        shorter, longer: Sides in pixels, as of `tfapp.detection.framing.scale_of`.
        stride: What divides the sides.

    Call arguments:
        images: float32 `(batch, height, width, 3)` in [0, 1].

    Returns:
        images: float32 `(batch, rows, columns, 3)`.
        sizes: float32 `(batch, 2)`, heights and widths without the zeros.
        factors: float32 `(batch, 2)`, how many times higher and wider the images have become.
    """

    def __init__(self, shorter, longer, stride, **kwargs):
        super().__init__({"shorter": shorter, "longer": longer, "stride": stride}, **kwargs)
        self.shorter, self.longer, self.stride = shorter, longer, stride

    def call(self, images):
        batch, height, width, _ = tf.unstack(tf.shape(images))
        scaled = resized(images, scale_of(height, width, float(self.shorter), float(self.longer)))
        rows, columns = tf.shape(scaled)[1], tf.shape(scaled)[2]
        below, right = (padded_side(length, self.stride) - length for length in (rows, columns))
        padded = tf.pad(scaled, [[0, 0], [0, below], [0, right], [0, 0]])
        size = tf.cast(tf.stack([rows, columns]), tf.float32)
        before = tf.cast(tf.stack([height, width]), tf.float32)
        sizes, factors = (tf.tile(one[None], (batch, 1)) for one in (size, size / before))
        return tf.ensure_shape(padded, (None, None, None, 3)), sizes, factors

    def compute_output_shape(self, images_shape):
        batch = images_shape[0]
        return (batch, None, None, 3), (batch, 2), (batch, 2)


@_registered
class ScaledRegions(_Configured):
    """Regions of the pixels that were sent as regions of those that the detector sees.

    Call arguments:
        regions: float32 `(batch, count, 4)`; rows whose corners are swapped are none.
        factors: float32 `(batch, 2)`, as of `DetectorFrame`.
    """

    def __init__(self, **kwargs):
        super().__init__({}, **kwargs)

    def call(self, regions, factors):
        return regions * tf.tile(factors, (1, 2))[:, None]

    def compute_output_shape(self, regions_shape, factors_shape):
        return regions_shape


@_registered
class AnchorRegions(_Configured):
    """Anchors as the regions that are looked at, each cut to its image.

    Args:
        sizes, ratios: As of `tfapp.detection.proposals.anchors.anchor_shapes`.
        stride: Pixels from one place of the features to the next.

    Call arguments:
        features: `(batch, rows, columns, channels)`.
        image_sizes: float32 `(batch, 2)`, as of `DetectorFrame`.

    Returns:
        float32 `(batch, anchors, 4)`.
    """

    def __init__(self, sizes, ratios, stride, **kwargs):
        super().__init__({"sizes": list(sizes), "ratios": list(ratios), "stride": stride}, **kwargs)
        self.shapes, self.stride = anchor_shapes(sizes, ratios), stride

    def call(self, features, image_sizes):
        anchors = anchor_tensor(*tf.unstack(tf.shape(features)[1:3]), self.stride, self.shapes)
        limits = tf.tile(image_sizes, (1, 2))[:, None]
        return tf.clip_by_value(anchors[None], 0.0, limits)

    def compute_output_shape(self, features_shape, image_sizes_shape):
        return features_shape[0], None, 4


@_registered
class ProposedRegions(_Configured):
    """Regions that a proposal network finds; `tfapp.detection.decoding.proposed` says how.

    Args:
        sizes, ratios: As of `tfapp.detection.proposals.anchors.anchor_shapes`.
        stride: Pixels from one place of the features to the next.
        most: Regions of an image, at most.

    Call arguments:
        objectness: `(batch, anchors)`.
        offsets: `(batch, anchors, 4)`.
        features: `(batch, rows, columns, channels)`.
        image_sizes: float32 `(batch, 2)`, as of `DetectorFrame`.

    Returns:
        float32 `(batch, most, 4)`; rows behind the last are no boxes.
    """

    def __init__(self, sizes, ratios, stride, most, **kwargs):
        super().__init__(
            {"sizes": list(sizes), "ratios": list(ratios), "stride": stride, "most": most}, **kwargs
        )
        self.shapes, self.stride, self.most = anchor_shapes(sizes, ratios), stride, most

    def call(self, objectness, offsets, features, image_sizes):
        anchors = anchor_tensor(*tf.unstack(tf.shape(features)[1:3]), self.stride, self.shapes)
        return proposed(objectness, offsets, anchors, image_sizes, most=self.most)

    def compute_output_shape(self, objectness_shape, offsets_shape, features_shape, image_sizes_shape):
        return objectness_shape[0], self.most, 4


@_registered
class DetectedObjects(_Configured):
    """Boxes of the objects, in pixels of the images that were sent; `tfapp.detection.decoding.detected` says how.

    Args:
        means, deviations: Lists (classes, 4), as of `tfapp.detection.sampling.OffsetScale`.
        overlap, least_score, most: As of `detected`.

    Call arguments:
        scores, offsets, regions: As of `detected`, offsets normalised.
        image_sizes, factors: As of `DetectorFrame`.

    Returns:
        boxes, scores, classes, counts: As of `detected`.
    """

    def __init__(self, means, deviations, overlap, least_score, most, **kwargs):
        options = {"means": means, "deviations": deviations}
        options |= {"overlap": overlap, "least_score": least_score, "most": most}
        super().__init__(options, **kwargs)
        self.means, self.deviations = means, deviations
        self.rules = {"overlap": overlap, "least_score": least_score, "most": most}

    def call(self, scores, offsets, regions, image_sizes, factors):
        offsets = offsets * tf.constant(self.deviations) + tf.constant(self.means)
        boxes, *others = detected(scores, offsets, regions, image_sizes, **self.rules)
        return boxes / tf.tile(factors, (1, 2))[:, None], *others

    def compute_output_spec(self, scores, offsets, regions, image_sizes, factors):
        batch, most = scores.shape[0], self.rules["most"]
        shapes = (batch, most, 4), (batch, most), (batch, most), (batch,)
        kinds = ("float32", "float32", "int32", "int32")
        return tuple(keras.KerasTensor(shape, kind) for shape, kind in zip(shapes, kinds, strict=True))
