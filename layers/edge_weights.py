"""Weights that let borders fall onto the edges of an image."""

import tensorflow as tf

from tfapp.layers.total_variation import forward_differences, from_planes, to_planes, unit_spacing


def edge_weights(guide, contrast=0.1, spacing=None):
    """Return g = 1 / (1 + |grad I|^2 / kappa^2): near 0 on the edges of an image, 1 where it is flat.

    Multiplied to lambda, a class border costs less where the image has an edge. |grad I|^2 sums the squared
    forward differences of all channels, the same differences that the total variation is made of.

    Args:
        guide: Float tensor I (batch, *spatial, channels), usually in [0, 1].
        contrast: Float > 0, kappa: the difference at which the weight is 1/2, in units of the image.
        spacing: Distance of neighbours along each spatial axis; 1 if None.

    Returns:
        Tensor (batch, *spatial, 1) in (0, 1].

    Reference:
        P. Perona, J. Malik, "Scale-Space and Edge Detection Using Anisotropic Diffusion", PAMI 1990, section V.
    """
    planes = to_planes(tf.convert_to_tensor(guide))
    slopes = forward_differences(planes, unit_spacing(planes, spacing))
    squared = tf.reduce_sum(tf.add_n([tf.square(slope) for slope in slopes]), axis=0, keepdims=True)
    return from_planes(tf.math.reciprocal(1.0 + squared / contrast**2))
