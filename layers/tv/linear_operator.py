"""Base of the linear operators whose output TV layers make short, and the one of plain total variation."""

import json

import keras
import tensorflow as tf

from tfapp.layers.arguments import checked_spacing
from tfapp.layers.tv.operators import (
    adjoint_differences,
    differences_norm_squared,
    forward_differences,
    unit_spacing,
)


class LinearOperator:
    """A linear map K from planes (classes, batch, *spatial) to a field, a tuple of planes of one shape.

    What a TV layer makes small is lambda times the sum, over all pixels, of the length of (K A) there. Derive from it
    for an operator of your own, decorate it with `keras.saving.register_keras_serializable(package="yours")`, and give
    an object of it to a layer as `operator=`. A layer tries it before it is used: `adjoint` must be the adjoint of
    `apply` and `norm_squared` a bound of the square of its norm.

    Attributes:
        is_coupled: Whether the length at a pixel joins all planes of a part (one length for all classes) or is taken
            in each plane by itself.
        needs_guide: Whether `given` must be called with an image.
        reach: How many pixels further K K^T looks along an axis, which an image that is labelled tile by tile must
            know; None if it is not told.
        guide_reach: How many pixels around a pixel of the image `given` looks at.
    """

    is_coupled = False
    needs_guide = False
    reach = None
    guide_reach = 0

    def apply(self, planes):
        """Return K a, a tuple of tensors of one shape (planes, batch, *spatial)."""
        raise NotImplementedError

    def adjoint(self, field):
        """Return K^T p, planes (classes, batch, *spatial)."""
        raise NotImplementedError

    def norm_squared(self, axes):
        """Return a bound of |K|^2 for images with this number of spatial axes."""
        raise NotImplementedError

    def groups(self, axes):
        """Return how many parts are joined in each length, a tuple whose sum is the number of parts."""
        raise NotImplementedError

    def given(self, guide):
        """Return the operator that goes with an image, planes (channels, batch, *spatial)."""
        del guide
        return self

    def mean_diagonal(self, weight):
        """Return about the diagonal of K diag(weight) K^T at each pixel, for a preconditioner: planes like `weight`.

        A constant is enough; a better guess saves iterations.
        """
        return tf.reshape(tf.reduce_mean(weight), [1] * weight.shape.rank)

    def zeros(self, planes):
        """Return the field of zeros that belongs to planes."""
        return tuple(tf.zeros_like(part) for part in self.apply(planes))

    def get_config(self):
        """Return the arguments of the constructor, as JSON can hold them."""
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return type(self) is type(other) and self._identity() == other._identity()

    def __hash__(self):
        return hash((type(self), self._identity()))

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def _identity(self):
        return json.dumps(self.get_config(), sort_keys=True)


def checked_operator(operator):
    """Return a linear operator, also one that was serialised by Keras, or None.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(operator, dict):
        operator = keras.saving.deserialize_keras_object(operator)
    if operator is not None and not isinstance(operator, LinearOperator):
        raise ValueError(
            "`operator` must be an object of a class derived from `tfapp.layers.LinearOperator`, or None. Received: "
            f"operator={operator!r}"
        )
    return operator


@keras.saving.register_keras_serializable(package="tfapp")
class ForwardDifferences(LinearOperator):
    """Differences of neighbours along each spatial axis, zero at its last index: those of total variation.

    Args:
        spacing: Distance of neighbours along each spatial axis, or None for 1.
    """

    reach = 1

    def __init__(self, spacing=None):
        self.spacing = checked_spacing(spacing=spacing)

    def apply(self, planes):
        return forward_differences(planes, unit_spacing(planes, self.spacing))

    def adjoint(self, field):
        return adjoint_differences(field, unit_spacing(field[0], self.spacing))

    def norm_squared(self, axes):
        return differences_norm_squared(axes, self.spacing)

    def groups(self, axes):
        return (axes,)

    def mean_diagonal(self, weight):
        spacing = unit_spacing(weight, self.spacing)
        # A weight + its forward difference is the weight of the next pixel.
        rises = forward_differences(weight, (1.0,) * len(spacing))
        rows = [(2 * weight + rise) / h**2 for rise, h in zip(rises, spacing, strict=True)]
        return tf.add_n(rows) / len(rows)

    def zeros(self, planes):
        return (tf.zeros_like(planes),) * (planes.shape.rank - 2)

    def get_config(self):
        return {"spacing": self.spacing}
