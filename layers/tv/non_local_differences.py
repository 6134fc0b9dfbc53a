"""Differences of pixels that look alike in an image: non-local total variation."""

import itertools

import keras
import tensorflow as tf

from tfapp.layers.arguments import check_count, check_positive
from tfapp.layers.tv.linear_operator import LinearOperator
from tfapp.layers.tv.shifts import along, beyond


@keras.saving.register_keras_serializable(package="tfapp")
class NonLocalDifferences(LinearOperator):
    """Differences of pixels that look alike in an image, near each other or not: non-local total variation.

    The pair of pixels i and j, at most `radius` apart along each axis, counts by the square root of

        w_ij = exp(-|I_i - I_j|^2 / (2 contrast^2)) / (number of pairs of a pixel),

    where I is the image, called as `layer(logits, guide=image)`, at the pixel or over a patch around it. The length at
    a pixel is that of all its pairs. Time and memory grow with the number of pairs, ((2 radius + 1)^axes - 1) / 2.

    Args:
        radius: Integer >= 1, the largest distance in pixels.
        contrast: Float > 0, the difference at which pixels are still alike, in units of the image.
        patch: Odd integer >= 1, the edge of the patches that are compared, in pixels.

    Reference:
        G. Gilboa, S. Osher, "Nonlocal Operators with Applications to Image Processing", Multiscale Modeling and
        Simulation 7, 2008, section 2; in a softmax: F. Jia, X.-C. Tai, J. Liu, "Nonlocal Regularized CNN for Image
        Segmentation", Inverse Problems and Imaging 14, 2020.
    """

    needs_guide = True

    def __init__(self, radius=2, contrast=0.1, patch=1):
        check_count(radius=radius, patch=patch)
        check_positive(contrast=contrast)
        if patch % 2 == 0:
            raise ValueError(f"`patch` must be an odd integer >= 1. Received: patch={patch!r}")
        self.radius, self.contrast, self.patch = int(radius), float(contrast), int(patch)
        self._roots = None

    @property
    def reach(self):
        return 2 * self.radius

    @property
    def guide_reach(self):
        return self.radius + self.patch // 2

    def given(self, guide):
        offsets = self._offsets(guide.shape.rank - 2)
        bound = type(self)(**self.get_config())
        bound._roots = []
        for offset in offsets:
            squared = tf.reduce_sum(tf.square(beyond(guide, offset) - guide), axis=0, keepdims=True)
            alike = tf.exp(-_patch_sum(squared, self.patch) / (2 * self.contrast**2))
            inside = beyond(tf.ones_like(squared), offset)
            bound._roots.append(tf.sqrt(inside * alike / len(offsets)))
        return bound

    def apply(self, planes):
        offsets = self._offsets(planes.shape.rank - 2)
        return tuple(
            root * (beyond(planes, offset) - planes)
            for root, offset in zip(self._known(), offsets, strict=True)
        )

    def adjoint(self, field):
        total = 0.0
        offsets = self._offsets(field[0].shape.rank - 2)
        for root, offset, part in zip(self._known(), offsets, field, strict=True):
            weighted = root * part
            total += beyond(weighted, [-step for step in offset]) - weighted
        return total

    def norm_squared(self, axes):
        # Gershgorin: twice the largest sum of the weights of a pixel, which has as many pairs behind it as before it.
        return 4.0

    def groups(self, axes):
        return (len(self._offsets(axes)),)

    def get_config(self):
        return {"radius": self.radius, "contrast": self.contrast, "patch": self.patch}

    def _known(self):
        if self._roots is None:
            raise ValueError(
                "NonLocalDifferences needs an image that tells which pixels are alike: call the layer as "
                "`layer(logits, guide=image)`."
            )
        return self._roots

    def _offsets(self, axes):
        """Return one of each pair of opposite offsets."""
        steps = range(-self.radius, self.radius + 1)
        return [offset for offset in itertools.product(steps, repeat=axes) if offset > (0,) * axes]


def _patch_sum(planes, patch):
    if patch == 1:
        return planes
    axes = planes.shape.rank - 2
    half = patch // 2
    for axis in range(axes):
        planes = tf.add_n([beyond(planes, along(axis, axes, step)) for step in range(-half, half + 1)])
    return planes
