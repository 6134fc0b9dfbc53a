"""From a depth image to the picture that the pose network sees."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfapp")
class PointMap(keras.layers.Layer):
    """Turns depth into a picture of the points it shows: x, y, z and whether there is one.

    Input: depth `(batch, height, width)` in metres along the optical axis, of the parts alone; 0, NaN and infinity are
    places without one. Output: `(batch, size, size, 4)`: the coordinates in the camera's frame, as
    (point - centre) / unit, and 1 where a part was measured; all 0 elsewhere.

    A pixel is taken or left out, never mixed with its neighbours: a mean over an edge is a point in the air.

    Args:
        camera: Dictionary of `fx`, `fy`, `cx`, `cy` in pixels of the depth image, pixel centres at +0.5.
        centre: Point (x, y, z) of the camera's frame in metres that becomes the origin.
        unit: Length in metres that becomes 1.
        size: Height and width of the output in pixels.
    """

    def __init__(self, camera, centre, unit, size, **kwargs):
        super().__init__(**kwargs)
        self.camera = {name: float(camera[name]) for name in ("fx", "fy", "cx", "cy")}
        self.centre = tuple(map(float, centre))
        self.unit = float(unit)
        self.size = size

    def call(self, depth):
        depth = tf.cast(depth, self.compute_dtype)
        depth = tf.where(tf.math.is_finite(depth), depth, 0.0)
        rows, columns = (_taken(tf.shape(depth)[axis], self.size) for axis in (1, 2))
        z = tf.gather(tf.gather(depth, rows, axis=1), columns, axis=2)
        x = (tf.cast(columns, z.dtype) + 0.5 - self.camera["cx"]) / self.camera["fx"]
        y = (tf.cast(rows, z.dtype) + 0.5 - self.camera["cy"]) / self.camera["fy"]
        points = tf.stack([z * x, z * y[:, None], z], -1)
        measured = tf.cast(z > 0, z.dtype)[..., None]
        return tf.concat([measured * (points - tf.constant(self.centre, z.dtype)) / self.unit, measured], -1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 4)

    def get_config(self):
        own = {"camera": self.camera, "centre": list(self.centre), "unit": self.unit, "size": self.size}
        return super().get_config() | own


def _taken(count, size):
    """Return the pixels in the middle of `size` equal parts of a side."""
    return tf.cast((tf.range(size, dtype="float32") + 0.5) * tf.cast(count, "float32") / size, "int32")
