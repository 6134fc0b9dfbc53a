"""Features of regions of interest: maxima and averages over the cells of boxes."""

import keras
import tensorflow as tf

from tfapp.layers.arguments import at_least_float32, check_channels_last, check_count, check_positive
from tfapp.layers.options import CheckedOptions
from tfapp.layers.pooling import axis_lengths, checked_window

# Tables of maxima of feature maps whose sides are unknown while the graph is built: up to 4,096 rows and columns.
_MOST_LEVELS = 13


def roi_align(features, boxes, size, stride, sampling=2, aligned=True):
    """Return averages of bilinear samples over the cells of boxes.

    Each box is cut into `size` cells and each cell is sampled at `sampling` x `sampling` places; a place more than one
    pixel of the features outside of them counts as 0. It is linear in the features, and one product of matrices.

    Args:
        features: Float tensor `(batch, height, width, channels)`.
        boxes: Float tensor `(batch, count, 4)`, rows (y1, x1, y2, x2) in pixels of the image. A row whose y2 < y1 or
            x2 < x1 is no box, as those behind the last box of an image; its features are 0.
        size: Pair of positive integers, rows and columns of cells.
        stride: Pixels of the image between neighbouring features, > 0.
        sampling: Positive integer, places along each side of a cell.
        aligned: Whether the middle of the first pixel is at .5, as He et al. mean it; otherwise half a pixel is lost,
            and no box is smaller than one pixel of the features.

    Returns:
        `(batch, count, size[0], size[1], channels)`. The boxes have no gradient.

    Reference:
        K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017, section 3.
    """
    _, height, width, _ = axis_lengths(features)
    wide = at_least_float32(features)
    boxes, exists = _split(boxes, wide.dtype)
    rows, columns = (
        _sampling_matrix(low, high, count, length, stride, sampling, aligned)
        for (low, high), count, length in zip(boxes, size, (height, width), strict=True)
    )
    rows *= exists[:, :, None, None]
    return tf.cast(tf.einsum("bnph,bhwc,bnqw->bnpqc", rows, wide, columns), features.dtype)


def _sampling_matrix(low, high, count, length, stride, sampling, aligned):
    """Return the share of each feature along an axis in the mean of a cell, `(batch, boxes, count, length)`."""
    start, extent = low / stride - (0.5 if aligned else 0.0), (high - low) / stride
    if not aligned:
        extent = tf.maximum(extent, 1.0)
    steps = (tf.range(count * sampling, dtype=low.dtype) + 0.5) / (count * sampling)
    places = start[..., None] + extent[..., None] * steps
    last = tf.cast(length, low.dtype) - 1.0
    is_inside = (places >= -1.0) & (places <= last + 1.0)
    distances = tf.abs(tf.clip_by_value(places, 0.0, last)[..., None] - tf.range(last + 1.0))
    shares = tf.maximum(1.0 - distances, 0.0) * tf.cast(is_inside, low.dtype)[..., None]
    batch, boxes, _ = axis_lengths(start[..., None])
    return tf.reduce_mean(tf.reshape(shares, (batch, boxes, count, sampling, length)), axis=3)


def roi_pool(features, boxes, size, stride):
    """Return the maxima over the cells of boxes, whose corners are rounded to the features.

    A cell that lies outside of the features has 0. The derivative goes to one of equal maxima.

    Args:
        features, boxes, size, stride: As for `roi_align`; corners are inclusive.

    Returns:
        `(batch, count, size[0], size[1], channels)`. The boxes have no gradient.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1.
    """
    _, height, width, _ = axis_lengths(features)
    boxes, exists = _split(boxes, tf.float32)
    rows, columns = (
        _cells(low, high, count, length, stride)
        for (low, high), count, length in zip(boxes, size, (height, width), strict=True)
    )
    # Only cells of boxes that reach far out of the features span more than this.
    usual = [length // count + 2 for length, count in zip((height, width), size, strict=True)]
    fits = tf.reduce_all(
        [tf.reduce_max(high - low) <= most for (low, high), most in zip((rows, columns), usual, strict=True)]
    )
    maxima = tf.cond(
        fits,
        lambda: _maxima_of_cells(features, rows, columns, usual),
        lambda: _maxima_of_cells(features, rows, columns, (height, width)),
    )
    (top, bottom), (left, right) = rows, columns
    holds = (bottom > top)[:, :, :, None] & (right > left)[:, :, None, :] & (exists > 0)[:, :, None, None]
    # NaN where a corner is NaN, as `exists` is there.
    nothing = tf.cast(0.0 * exists, features.dtype)[:, :, None, None, None]
    return tf.where(holds[..., None], maxima, nothing)


def _split(boxes, dtype):
    """Return ((y1, y2), (x1, x2)), each `(batch, count)`, and 1 for a box, 0 for none, NaN where a corner is NaN."""
    y1, x1, y2, x2 = tf.unstack(tf.cast(tf.stop_gradient(boxes), dtype), axis=-1)
    exists = (y2 >= y1) & (x2 >= x1)
    unknown = 0.0 * (y1 + x1 + y2 + x2)
    zeros = tf.zeros_like(y1)
    corners = [tf.where(exists, corner, zeros) for corner in (y1, y2, x1, x2)]
    return (corners[:2], corners[2:]), tf.cast(exists, dtype) + tf.where(
        tf.math.is_nan(unknown), unknown, zeros
    )


def _cells(low, high, count, length, stride):
    """Return the first feature of each cell along an axis and the one behind its last, int32 (batch, boxes, count)."""
    # Halves are rounded up, as C rounds them; TensorFlow rounds them to even numbers.
    first, last = (tf.cast(tf.floor(corner / stride + 0.5), tf.int32)[..., None] for corner in (low, high))
    extent = tf.maximum(last - first + 1, 1)
    # In whole numbers: a graph multiplies by 1 / 7 where it is told to divide by 7, and 7 / 7 is then more than 1.
    steps = tf.range(count)
    ends = first + steps * extent // count, first - (-(steps + 1) * extent) // count
    return [tf.clip_by_value(end, 0, length) for end in ends]


def _maxima_of_cells(features, rows, columns, most):
    """Return the maxima of cells, `(batch, boxes, rows of cells, columns of cells, channels)`; of empty ones anything.

    Tables have the maxima of windows of 2^i rows and 2^j columns from every place on. Two windows of 2^i rows, one at
    the first row of a cell and one at its last, hold any number of rows from 2^i to 2^(i + 1): four hold any cell
    (M. A. Bender, M. Farach-Colton, "The LCA problem revisited", 2000, for one axis).

    Args:
        features: Float tensor `(batch, height, width, channels)`.
        rows, columns: First row or column of each cell and the one behind the last, int32 (batch, boxes, cells).
        most: Rows and columns of the largest cell, or more; integers, or scalar tensors.
    """
    batch, height, width, channels = axis_lengths(features)
    tables = [
        table
        for by_rows in _window_maxima(features, 1, most[0])
        for table in _window_maxima(by_rows, 2, most[1])
    ]
    tables = tf.concat([tf.reshape(table, (batch, -1, channels)) for table in tables], axis=1)
    # One image behind the other: the gradient of a gather with `batch_dims` is slower.
    images = tf.range(batch)[:, None, None, None] * axis_lengths(tables)[1]
    flat = tf.reshape(tables, (-1, channels))
    (row_level, *row_starts), (column_level, *column_starts) = (
        _two_windows(low, high, length)
        for (low, high), length in zip((rows, columns), (height, width), strict=True)
    )
    table = row_level[:, :, :, None] * _levels(most[1]) + column_level[:, :, None, :]
    windows = [
        images + (table * height + row[:, :, :, None]) * width + column[:, :, None, :]
        for row in row_starts
        for column in column_starts
    ]
    first, second, third, fourth = (tf.gather(flat, window) for window in windows)
    return tf.maximum(tf.maximum(first, second), tf.maximum(third, fourth))


def _levels(most):
    """Return how many powers of two there are up to a positive integer, 1 among them; of a tensor a tensor."""
    if isinstance(most, int):
        return most.bit_length()
    return sum(tf.cast(most >= 2**power, tf.int32) for power in range(_MOST_LEVELS))


def _window_maxima(values, axis, most):
    """Return tables of the maxima of 1, 2, 4, ... values along an axis, from each on; near the end of fewer.

    Windows of more than `most` values have no table, or an empty one where `most` is a tensor.
    """
    tables = [values]
    for level in range(1, _levels(most) if isinstance(most, int) else _MOST_LEVELS):
        last = tables[-1]
        kept = length = axis_lengths(last)[axis]
        if not isinstance(most, int):
            kept = tf.where(most >= 2**level, length, 0)
        reach = tf.minimum(2 ** (level - 1), kept)
        # The gradient of `split` is far faster than that of slices.
        first, ends, _ = tf.split(last, [kept - reach, reach, length - kept], axis)
        _, ahead, _ = tf.split(last, [reach, kept - reach, length - kept], axis)
        tables.append(tf.concat([tf.maximum(first, ahead), ends], axis))
    return tables


def _two_windows(low, high, length):
    """Return the level of the two windows that hold each cell along an axis, and the first place of both."""
    count = tf.maximum(high - low, 1)
    level = _levels(count) - 1
    starts = low, high - tf.bitwise.left_shift(tf.ones_like(level), level)
    return level, *(tf.clip_by_value(start, 0, length - 1) for start in starts)


class _OfRegions(CheckedOptions):
    """What both layers have, in front of `keras.layers.Layer`."""

    def __init__(self, size=7, stride=16, **kwargs):
        # Places in pixels cannot be told in half precision: from 256 on bfloat16 knows every other one.
        super().__init__(autocast=False, **kwargs)
        self.size, self.stride = size, stride

    def checked(self, name, value):
        if name == "size":
            return checked_window("size", value)
        if name == "stride":
            check_positive(stride=value)
        if name == "sampling":
            check_count(sampling=value)
            return int(value)
        return value

    def cast_features(self, features, boxes):
        """Return features in the precision of the layer, once they and the boxes have shapes that fit.

        Raises:
            ValueError: Unless they are `(batch, height, width, channels)` and `(batch, count, 4)`.
        """
        name = type(self).__name__
        check_channels_last(name)
        shapes = tf.TensorShape(features.shape), tf.TensorShape(boxes.shape)
        expected = tf.TensorShape([None, None, None, None]), tf.TensorShape([shapes[0][0], None, 4])
        if not all(shape.is_compatible_with(one) for shape, one in zip(shapes, expected, strict=True)):
            raise ValueError(
                f"{name} takes features `(batch, height, width, channels)` and boxes `(batch, count, 4)` of the same "
                f"batch. Received: features.shape={tuple(features.shape)}, boxes.shape={tuple(boxes.shape)}"
            )
        return tf.cast(features, self.compute_dtype)

    def compute_output_shape(self, features_shape, boxes_shape):
        return (*boxes_shape[:2], *self.size, features_shape[-1])

    def get_config(self):
        return super().get_config() | {name: getattr(self, name) for name in self.OPTIONS}


@keras.saving.register_keras_serializable(package="tfapp")
class RoIPool(_OfRegions, keras.layers.Layer):
    """Maxima of features over the cells of boxes, as Fast R-CNN has them; `roi_pool` has the formula.

    Args:
        size: Positive integer, or a pair of them: rows and columns of cells.
        stride: Pixels of the image between neighbouring features, > 0.

    Call arguments:
        features: Float tensor `(batch, height, width, channels)`.
        boxes: Float tensor `(batch, count, 4)`, rows (y1, x1, y2, x2) in pixels of the image, corners inclusive; a row
            whose y2 < y1 or x2 < x1 is no box, and its features are 0.

    Output shape:
        `(batch, count, rows, columns, channels)`.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1.
    """

    OPTIONS = BUILT_IN = ("size", "stride")

    def call(self, features, boxes):
        return roi_pool(self.cast_features(features, boxes), boxes, self.size, self.stride)


@keras.saving.register_keras_serializable(package="tfapp")
class RoIAlign(_OfRegions, keras.layers.Layer):
    """Averages of bilinear samples of features over the cells of boxes; `roi_align` has the formula.

    Args:
        size, stride: As for `RoIPool`.
        sampling: Positive integer, places along each side of a cell.
        aligned: Whether the middle of the first pixel is at .5.

    Call arguments:
        features: Float tensor `(batch, height, width, channels)`.
        boxes: Float tensor `(batch, count, 4)`, rows (y1, x1, y2, x2) in pixels of the image; a row whose y2 < y1 or
            x2 < x1 is no box, and its features are 0.

    Output shape:
        `(batch, count, rows, columns, channels)`.

    Reference:
        K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017, section 3.
    """

    OPTIONS = BUILT_IN = ("size", "stride", "sampling", "aligned")

    def __init__(self, size=7, stride=16, sampling=2, aligned=True, **kwargs):
        super().__init__(size, stride, **kwargs)
        self.sampling, self.aligned = sampling, bool(aligned)

    def call(self, features, boxes):
        features = self.cast_features(features, boxes)
        return roi_align(features, boxes, self.size, self.stride, self.sampling, self.aligned)
