"""Which points of a cloud a camera sees, as a Keras layer."""

import keras
import tensorflow as tf

from tfapp.layers.depth_buffer import visible_in_buffer
from tfapp.layers.outside_graph import refuse_xla
from tfapp.layers.spherical_flipping import (
    BACKENDS,
    checked_exponent,
    checked_place,
    hidden_point_mask,
    import_open3d,
)
from tfapp.layers.tv_arguments import check_choice, check_count, check_positive


@keras.saving.register_keras_serializable(package="tfapp")
class HiddenPointRemoval(keras.layers.Layer):
    """Tell which points of each cloud a camera sees, as a mask for `chamfer_distance`.

    A point is visible if, flipped to the outside of a large sphere around the camera, it is a vertex of the convex
    hull of all flipped points and the camera; `hidden_point_mask` has the formula. What is not finite is hidden, a
    point at the camera visible; with fewer than five others, or all in one plane with the camera, all are visible.
    The mask has no gradient.

    The hulls of `"scipy"` and `"open3d"` are computed in Python: not with XLA, nor in a SavedModel.

    Args:
        exponent: Number in [0, 10]: the sphere's radius is 10^exponent times the distance of the farthest point. The
            larger, the more points are visible: about 2.0 for 256 points on a part, 2.9 for 1024.
        camera: The camera's place (x, y, z) in the unit of the points.
        backend: `"scipy"`, hulls of several scenes at a time; `"open3d"`, the same one after the other, as a
            reference; or `"z-buffer"`, within the graph: visible is what is nearest in its pixel. It agrees with the
            hulls in only about .82 of the points (2048 on two parts, the default options) and takes no `exponent`.
        threads: Scenes at a time for `"scipy"`, or None for as many as TensorFlow takes for an operation.
        pixels: For `"z-buffer"`: side of the square picture that holds the cloud.
        splat: For `"z-buffer"`: odd number, a point covers a square of so many pixels a side.
        tolerance: For `"z-buffer"`: how much farther away than the nearest point in its pixel a visible one may be,
            as a share of the largest side of the cloud's box.

    Call arguments:
        points: Float tensor `(batch, n, 3)`; float32 is meant, and half precision is taken as it is.
        exists: Boolean `(batch, n)`, False for points that are none: they are hidden and hide nothing. All points if
            None.

    Output shape:
        Boolean `(batch, n)`, True for visible.

    Reference:
        S. Katz, A. Tal, R. Basri, "Direct Visibility of Point Sets", 2007, doi:10.1145/1276377.1276407.
    """

    def __init__(
        self,
        exponent=2.9,
        camera=(0.0, 0.0, 0.0),
        backend="scipy",
        threads=None,
        pixels=64,
        splat=3,
        tolerance=0.05,
        **kwargs,
    ):
        # Rounded to half precision many points would be in one place.
        super().__init__(autocast=False, **kwargs)
        check_choice("backend", backend, (*BACKENDS, "z-buffer"))
        self.exponent = checked_exponent(exponent)
        self.camera = checked_place(camera)
        self.backend = backend
        if threads is not None:
            check_count(threads=threads)
        self.threads = threads
        check_count(pixels=pixels, splat=splat)
        if splat % 2 == 0 or splat > pixels:
            raise ValueError(
                f"`splat` must be an odd integer up to `pixels`. Received: splat={splat}, pixels={pixels}"
            )
        self.pixels, self.splat = int(pixels), int(splat)
        check_positive(tolerance=tolerance)
        self.tolerance = float(tolerance)
        self.supports_jit = backend == "z-buffer"
        if backend == "open3d":
            import_open3d()

    def build(self, points_shape, exists_shape=None):
        del exists_shape
        if len(points_shape) != 3 or points_shape[-1] != 3:
            raise ValueError(
                "HiddenPointRemoval expects points of shape (batch, points, 3). "
                f"Received: input_shape={tuple(points_shape)}"
            )
        self.built = True

    def call(self, points, exists=None):
        points = tf.stop_gradient(points)
        exists = tf.ones(tf.shape(points)[:2], tf.bool) if exists is None else tf.cast(exists, tf.bool)
        if self.backend == "z-buffer":
            return visible_in_buffer(points, exists, self.camera, self.pixels, self.splat, self.tolerance)
        refuse_xla("backend", self.backend, "'z-buffer'")
        visible = tf.numpy_function(self._visible, [points, exists], tf.bool, stateful=False)
        return tf.ensure_shape(visible, points.shape[:2])

    def _visible(self, points, exists):
        return ~hidden_point_mask(
            points,
            exponent=self.exponent,
            camera=self.camera,
            exists=exists,
            backend=self.backend,
            threads=self.threads,
        )

    def compute_output_shape(self, points_shape, exists_shape=None):
        del exists_shape
        return tuple(points_shape[:-1])

    def compute_output_spec(self, points, exists=None):
        # From the shape alone Keras would take the mask for floats.
        del exists
        return keras.KerasTensor(self.compute_output_shape(points.shape), "bool")

    def get_config(self):
        names = ("exponent", "camera", "backend", "threads", "pixels", "splat", "tolerance")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
