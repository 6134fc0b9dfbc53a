"""Linear operators whose output TV layers make short: differences of neighbours, second-order, non-local, by class."""

import itertools
import json

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers.tv.operators import adjoint_differences, forward_differences, unit_spacing


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
        self.spacing = None if spacing is None else tuple(float(h) for h in spacing)

    def apply(self, planes):
        return forward_differences(planes, unit_spacing(planes, self.spacing))

    def adjoint(self, field):
        return adjoint_differences(field, unit_spacing(field[0], self.spacing))

    def norm_squared(self, axes):
        return sum(4.0 / h**2 for h in self.spacing or (1.0,) * axes)

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


@keras.saving.register_keras_serializable(package="tfapp")
class SecondDifferences(LinearOperator):
    """Differences of first and of second order: lambda * (|D a| + weight * |D^2 a|), against staircases.

    The second length is that of all second derivatives at a pixel, the mixed ones twice; those that would read beyond
    the border are 0.

    Args:
        weight: Float > 0, the weight of the second order beside the first, in units of a pixel.
        spacing: Distance of neighbours along each spatial axis, or None for 1.

    Reference:
        K. Papafitsoros, C.-B. Schoenlieb, "A Combined First and Second Order Variational Approach for Image
        Reconstruction", Journal of Mathematical Imaging and Vision 48, 2014, eq. (1.4). It is simpler than the total
        generalised variation of Bredies, Kunisch and Pock (2010), with the same effect on slopes.
    """

    reach = 2

    def __init__(self, weight=1.0, spacing=None):
        if not (np.isfinite(weight) and weight > 0):
            raise ValueError(f"`weight` must be a finite number > 0. Received: weight={weight!r}")
        self.weight = float(weight)
        self.spacing = None if spacing is None else tuple(float(h) for h in spacing)

    def apply(self, planes):
        spacing = unit_spacing(planes, self.spacing)
        first = forward_differences(planes, spacing)
        parts = list(first)
        for one, other in itertools.combinations_with_replacement(range(len(spacing)), 2):
            if one == other:
                parts.append(self.weight * _change(first[one], one, spacing))
            else:
                mixed = forward_differences(first[one], spacing)[other]
                parts.append(self.weight * 2**0.5 * mixed)
        return tuple(parts)

    def adjoint(self, field):
        spacing = unit_spacing(field[0], self.spacing)
        axes = len(spacing)
        first = list(field[:axes])
        seconds = itertools.combinations_with_replacement(range(axes), 2)
        for (one, other), part in zip(seconds, field[axes:], strict=True):
            if one == other:
                first[one] += self.weight * _change_adjoint(part, one, spacing)
            else:
                alone = [tf.zeros_like(part)] * axes
                alone[other] = part
                first[one] += self.weight * 2**0.5 * adjoint_differences(alone, spacing)
        return adjoint_differences(first, spacing)

    def norm_squared(self, axes):
        first = sum(4.0 / h**2 for h in self.spacing or (1.0,) * axes)
        return first + self.weight**2 * first**2

    def groups(self, axes):
        return (axes, axes * (axes + 1) // 2)

    def get_config(self):
        return {"weight": self.weight, "spacing": self.spacing}


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
        if int(radius) != radius or radius < 1:
            raise ValueError(f"`radius` must be an integer >= 1. Received: radius={radius!r}")
        if not (np.isfinite(contrast) and contrast > 0):
            raise ValueError(f"`contrast` must be a finite number > 0. Received: contrast={contrast!r}")
        if int(patch) != patch or patch < 1 or patch % 2 == 0:
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
            squared = tf.reduce_sum(tf.square(_beyond(guide, offset) - guide), axis=0, keepdims=True)
            alike = tf.exp(-_patch_sum(squared, self.patch) / (2 * self.contrast**2))
            inside = _beyond(tf.ones_like(squared), offset)
            bound._roots.append(tf.sqrt(inside * alike / len(offsets)))
        return bound

    def apply(self, planes):
        offsets = self._offsets(planes.shape.rank - 2)
        return tuple(
            root * (_beyond(planes, offset) - planes)
            for root, offset in zip(self._known(), offsets, strict=True)
        )

    def adjoint(self, field):
        total = 0.0
        offsets = self._offsets(field[0].shape.rank - 2)
        for root, offset, part in zip(self._known(), offsets, field, strict=True):
            weighted = root * part
            total += _beyond(weighted, [-step for step in offset]) - weighted
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


@keras.saving.register_keras_serializable(package="tfapp")
class ClassDistances(LinearOperator):
    """Borders that cost by the two classes they part: lambda * distance(a, b) for a unit of length between a and b.

    The distances must be those of points in a space with a Euclidean distance: then the length of the differences of
    A, moved to these points, is the tightest that such an embedding gives. The total variation of the plain layer is
    the one with a distance of 2 between any two classes, but counts by class and is a little larger where classes mix.

    Args:
        distances: Symmetric matrix (classes, classes) of numbers >= 0 with zeros on its diagonal.
        spacing: Distance of neighbours along each spatial axis, or None for 1.

    Reference:
        J. Lellmann, C. Schnoerr, "Continuous Multiclass Labeling Approaches and Algorithms", SIAM Journal on Imaging
        Sciences 4, 2011, section 4.2, "Euclidean metric methods".
    """

    is_coupled = True
    reach = 1

    def __init__(self, distances, spacing=None):
        table = np.asarray(distances, np.float64)
        if (
            table.ndim != 2
            or table.shape[0] != table.shape[1]
            or len(table) < 2
            or not np.isfinite(table).all()
        ):
            raise ValueError(
                "`distances` must be a square matrix of finite numbers, one row for each class. "
                f"Received: {distances!r}"
            )
        if (table < 0).any() or np.diag(table).any() or not np.allclose(table, table.T, rtol=1e-6, atol=0):
            raise ValueError(
                "`distances` must be symmetric and >= 0, with zeros on the diagonal. "
                f"Received: {table.tolist()}"
            )
        self._points = _embedded(table)
        self.distances = table.tolist()
        self.spacing = None if spacing is None else tuple(float(h) for h in spacing)

    def apply(self, planes):
        if planes.shape[0] != len(self._points):
            raise ValueError(
                f"`distances` has {len(self._points)} classes, the logits have {planes.shape[0]}; give one row and one "
                "column for each class."
            )
        moved = tf.tensordot(tf.constant(self._points.T, planes.dtype), planes, 1)
        return forward_differences(moved, unit_spacing(planes, self.spacing))

    def adjoint(self, field):
        planes = adjoint_differences(field, unit_spacing(field[0], self.spacing))
        return tf.tensordot(tf.constant(self._points, planes.dtype), planes, 1)

    def norm_squared(self, axes):
        largest = np.linalg.norm(self._points, 2) ** 2
        return float(largest) * sum(4.0 / h**2 for h in self.spacing or (1.0,) * axes)

    def groups(self, axes):
        return (axes,)

    def get_config(self):
        return {"distances": self.distances, "spacing": self.spacing}


def _embedded(distances):
    """Return points (classes, dimensions) around 0 with these distances, by classical multidimensional scaling."""
    centre = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    largest = max(values.max(), np.finfo(float).tiny)
    if values.min() < -1e-6 * largest:
        raise ValueError(
            "`distances` cannot be those of points in a space with a Euclidean distance; their square roots often can. "
            f"Received: {distances.tolist()}"
        )
    kept = values > 1e-9 * largest
    if not kept.any():
        raise ValueError(f"`distances` must not be all 0. Received: {distances.tolist()}")
    return vectors[:, kept] * np.sqrt(values[kept])


def _change(first, axis, spacing):
    """Return the change of forward differences along their own axis, 0 at both ends."""
    before = _beyond(first, _unit(axis, len(spacing), -1))
    return _inner_mask(first, axis, len(spacing)) * (first - before) / spacing[axis]


def _change_adjoint(part, axis, spacing):
    live = _inner_mask(part, axis, len(spacing)) * part / spacing[axis]
    return live - _beyond(live, _unit(axis, len(spacing), 1))


def _inner_mask(planes, axis, axes):
    """Return 1 where an index along an axis is neither the first nor the last, else 0."""
    size = tf.shape(planes)[2 + axis]
    index = tf.range(size)
    inner = tf.cast((index > 0) & (index < size - 1), planes.dtype)
    return tf.reshape(inner, [-1 if other == axis else 1 for other in range(axes)])


def _unit(axis, axes, step):
    return [step if other == axis else 0 for other in range(axes)]


def _beyond(planes, offset):
    """Return at each pixel the value `offset` further, 0 beyond the border."""
    rank, axes = planes.shape.rank, len(offset)
    cut, paddings = [slice(None)] * (rank - axes), [(0, 0)] * (rank - axes)
    for axis, step in zip(range(rank - axes, rank), offset, strict=True):
        # An image that is smaller than the step has nothing there.
        known = planes.shape[axis]
        moved = tf.minimum(abs(step), tf.shape(planes)[axis]) if known is None else min(abs(step), known)
        if step > 0:
            cut.append(slice(moved, None))
            paddings.append((0, moved))
        elif step < 0:
            end = tf.shape(planes)[axis] - moved if known is None else known - moved
            cut.append(slice(None, end))
            paddings.append((moved, 0))
        else:
            cut.append(slice(None))
            paddings.append((0, 0))
    return tf.ensure_shape(tf.pad(planes[tuple(cut)], paddings), planes.shape)


def _patch_sum(planes, patch):
    if patch == 1:
        return planes
    axes = planes.shape.rank - 2
    half = patch // 2
    for axis in range(axes):
        planes = tf.add_n([_beyond(planes, _unit(axis, axes, step)) for step in range(-half, half + 1)])
    return planes
