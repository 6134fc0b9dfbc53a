"""What the pose network sees of a depth image: the points that it shows, or the depth itself."""

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
        z, rows, columns = _sampled(tf.cast(depth, self.compute_dtype), self.size)
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


@keras.saving.register_keras_serializable("tfapp")
class DepthChannels(keras.layers.Layer):
    """Turns depth into a picture of three equal channels, as a network for colour images takes it.

    Input: as of `PointMap`. Output: `(batch, size, size, 3)`, (depth - distance) / unit between -1 and 1, and 1 where
    no part was measured, as a floor behind the parts would have it.

    Args:
        distance: Depth in metres that becomes 0.
        unit: Length in metres that becomes 1.
        size: Height and width of the output in pixels.

    Reference:
        Y. Wu, dissertation, section 4.3.2: the depth image three times. How depth is scaled is not said there.
    """

    def __init__(self, distance, unit, size, **kwargs):
        super().__init__(**kwargs)
        self.distance, self.unit, self.size = float(distance), float(unit), size

    def call(self, depth):
        z, _, _ = _sampled(tf.cast(depth, self.compute_dtype), self.size)
        scaled = tf.where(z > 0, tf.clip_by_value((z - self.distance) / self.unit, -1.0, 1.0), 1.0)
        return tf.repeat(scaled[..., None], 3, -1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self):
        own = {"distance": self.distance, "unit": self.unit, "size": self.size}
        return super().get_config() | own


def _sampled(depth, size):
    """Return the depth at `(size, size)` of its pixels, 0 where it is not finite, and their rows and columns."""
    depth = tf.where(tf.math.is_finite(depth), depth, 0.0)
    rows, columns = (_taken(tf.shape(depth)[axis], size) for axis in (1, 2))
    return tf.gather(tf.gather(depth, rows, axis=1), columns, axis=2), rows, columns


def _taken(count, size):
    """Return the pixels in the middle of `size` equal parts of a side."""
    return tf.cast((tf.range(size, dtype="float32") + 0.5) * tf.cast(count, "float32") / size, "int32")
