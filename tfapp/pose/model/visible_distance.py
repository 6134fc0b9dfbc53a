"""The Chamfer distance between what is visible of clouds and what was observed."""

import tensorflow as tf

from tfapp.layers import chamfer_distance
from tfapp.pose.model.soft_visibility import soft_chamfer_distance, soft_visibility


def visible_chamfer_distance(clouds, observed, visibility, removal, *, squared=False):
    """Return the distances of eq. 4.1 and how visible each point of the clouds is.

    Args:
        clouds: `(batch, n, 3)`, all instances of a scene together, as they hide each other.
        observed: `(batch, k, 3)`, in the same unit.
        visibility: One of `VISIBILITIES`.
        removal: `HiddenPointRemoval`, which also says where the camera is.
        squared: Whether lengths are squared; not for `soft`.

    Returns:
        (distances `(batch,)`, visibility `(batch, n)` from 0 to 1).

    Reference:
        Y. Wu, dissertation, section 4.2 and eq. 4.1.
    """
    if visibility == "soft":
        visible = soft_visibility(clouds, removal.camera)
        return soft_chamfer_distance(clouds, visible, observed), visible
    if visibility == "none":
        return chamfer_distance(clouds, observed, squared=squared), tf.ones(tf.shape(clouds)[:2])
    visible = removal(tf.stop_gradient(clouds))
    distances = chamfer_distance(clouds, observed, squared=squared, a_mask=visible)
    return distances, tf.cast(visible, clouds.dtype)
