"""Dense anchors: boxes of some sizes and shapes around the middle of every cell of a feature map."""

import numpy as np
import tensorflow as tf


def anchor_shapes(sizes, ratios):
    """Return the heights and widths of the anchors of a cell, float32 (sizes * ratios, 2).

    Args:
        sizes: Sides in pixels of squares of the same area.
        ratios: Heights divided by widths; all of them for the first size, then for the next one.

    Reference:
        S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NIPS 2015, section 3.1.
    """
    sizes = np.repeat(np.asarray(sizes, np.float64), len(ratios))
    roots = np.tile(np.sqrt(np.asarray(ratios, np.float64)), len(sizes) // len(ratios))
    return np.stack([sizes * roots, sizes / roots], axis=1).astype(np.float32)


def anchor_grid(height, width, stride, sizes, ratios):
    """Return the anchors of an image, whose feature map has ceil(side / stride) cells along each side.

    Args:
        height, width: Of the image in pixels.
        stride: Pixels from one cell to the next.
        sizes, ratios: As of `anchor_shapes`.

    Returns:
        As of `anchors_of_cells`; anchors may reach beyond the image.
    """
    return anchors_of_cells(-(-height // stride), -(-width // stride), stride, anchor_shapes(sizes, ratios))


def anchors_of_cells(rows, columns, stride, shapes):
    """Return the anchors of a feature map; the middle of cell i is at (i + 1/2) * stride.

    Args:
        rows, columns: Of the feature map.
        stride: Pixels of the image from one cell to the next.
        shapes: `anchor_shapes`, (k, 2).

    Returns:
        float32 (rows * columns * k, 4), rows (y1, x1, y2, x2) in pixels: row by row of cells, in each cell all shapes.
    """
    y, x = ((np.arange(count, dtype=np.float32) + 0.5) * np.float32(stride) for count in (rows, columns))
    middles = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    halves = np.asarray(shapes, np.float32)[None] / 2
    return np.concatenate([middles - halves, middles + halves], axis=-1).reshape(-1, 4)


def anchor_tensor(rows, columns, stride, shapes):
    """Return what `anchors_of_cells` returns, as TensorFlow computes it of sides known only when the graph runs.

    Args:
        rows, columns: Scalar integer tensors, such as two entries of `tf.shape(features)`.
        stride, shapes: As of `anchors_of_cells`.
    """
    y, x = (
        (tf.range(count, dtype=tf.float32) + 0.5) * float(stride) for count in map(_as_float, (rows, columns))
    )
    middles = tf.reshape(tf.stack(tf.meshgrid(y, x, indexing="ij"), axis=-1), [-1, 1, 2])
    halves = tf.constant(shapes, tf.float32)[None] / 2
    return tf.reshape(tf.concat([middles - halves, middles + halves], axis=-1), [-1, 4])


def _as_float(count):
    return tf.cast(count, tf.float32)
