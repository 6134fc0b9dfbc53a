"""Softmax with soft threshold dynamics: short class borders by a few smoothings of the probabilities."""

import keras
import tensorflow as tf

from tfapp.layers.arguments import (
    at_least_float32,
    check_channels_last,
    check_count,
    check_float,
    check_places,
    check_positive,
    check_values,
    inverse_softplus,
)
from tfapp.layers.options import CheckedOptions
from tfapp.layers.tv.activations import with_logits

_LEARNED = ("tv_weight", "temperature", "width")


@keras.saving.register_keras_serializable(package="tfapp")
class SoftThresholdDynamics(CheckedOptions, keras.layers.Layer):
    """Softmax that counts the length of class borders by a Gaussian kernel k: soft threshold dynamics (STD).

    The output A goes down, iteration by iteration, on

        <-o, A> + epsilon <A, log A> + lambda <A, k * (1 - A)>      over the simplex at every pixel,

    whose last term tends to the length of the borders as the kernel becomes narrow. An iteration takes the tangent of
    that concave term: A <- softmax((o - lambda k * (1 - 2 A)) / epsilon), beginning with softmax(o / epsilon). It is
    cheaper than `TVSoftmax` and finds a local minimum, without a certificate. Beyond the border the image is mirrored,
    so that the smoothing is symmetric and the energy does not rise, up to the kernel's truncation.

    Args:
        tv_weight: Float > 0, initial lambda, in units of the logits.
        temperature: Float > 0, initial epsilon.
        width: Float > 0, initial standard deviation of the kernel, in pixels.
        kernel_size: Odd integer >= 3, edge of the kernel in pixels; it stays when the width is learned.
        iterations: Integer >= 1.
        learn: Whether lambda, epsilon and the width are trained, each through softplus.

    Call arguments:
        logits: Float tensor `(batch, *spatial, classes)`, at least 2 classes, 1 to 3 spatial axes of any size.

    Output shape:
        `(batch, *spatial, classes)` probabilities, in float32 under mixed precision.

    Reference:
        J. Liu, X. Wang, X.-C. Tai, "Deep Convolutional Neural Networks with Spatial Regularization, Volume and
        Star-Shape Priors for Image Segmentation", Journal of Mathematical Imaging and Vision 64, 2022, section 3.2.

    Example:
        >>> SoftThresholdDynamics(tv_weight=1.0)(keras.random.normal((1, 32, 32, 3))).shape
        TensorShape([1, 32, 32, 3])
    """

    OPTIONS = ("tv_weight", "temperature", "width", "kernel_size", "iterations", "learn")
    BUILT_IN = ("learn",)

    def __init__(
        self,
        tv_weight=1.0,
        temperature=1.0,
        width=1.0,
        *,
        kernel_size=5,
        iterations=10,
        learn=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self._raw = {}
        self.tv_weight, self.temperature, self.width = tv_weight, temperature, width
        self.kernel_size, self.iterations, self.learn = kernel_size, iterations, learn

    def checked(self, name, value):
        if name in _LEARNED:
            check_positive(**{name: value})
            return float(value)
        if name == "learn":
            return bool(value)
        check_count(**{name: value})
        if name == "kernel_size" and (value < 3 or value % 2 == 0):
            raise ValueError(f"`kernel_size` must be an odd integer >= 3. Received: kernel_size={value}")
        return int(value)

    def is_traced(self, name):
        # Every graph reads a variable anew.
        return not (name in _LEARNED and self._raw) and super().is_traced(name)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in _LEARNED and name in self.__dict__.get("_raw", ()):
            self._raw[name].assign(inverse_softplus(getattr(self, name)))

    @property
    def halo(self):
        """How many pixels around a pixel the output of its place looks."""
        return self.iterations * (self.kernel_size // 2)

    def build(self, logits_shape):
        self._check_shape(tuple(logits_shape))
        if self.learn:
            for name in _LEARNED:
                self._raw[name] = self.add_weight(
                    name=f"raw_{name}",
                    shape=(),
                    initializer=keras.initializers.Constant(inverse_softplus(getattr(self, name))),
                    trainable=True,
                    autocast=False,
                )
        self.built = True

    def call(self, logits):
        u = self.regularised_logits(logits)
        return with_logits(tf.nn.softmax(u), u)

    def regularised_logits(self, logits):
        """Return u = (o - lambda k * (1 - 2 A)) / epsilon of the last iteration, whose softmax is the output."""
        logits = at_least_float32(logits)
        check_float(type(self).__name__, logits)
        check_values(type(self).__name__, logits, None, may_forbid=True)
        check_places(type(self).__name__, logits, None)
        self.note_graph()
        if not self.built:
            self.build(logits.shape)
        weight, temperature, width = (tf.cast(self.current(name), logits.dtype) for name in _LEARNED)
        half = self.kernel_size // 2
        kernel = tf.exp(-0.5 * tf.square(tf.range(-half, half + 1, dtype=logits.dtype) / width))
        kernel = tf.unstack(kernel / tf.reduce_sum(kernel))
        u = logits / temperature
        for _ in range(self.iterations):
            smooth = 1.0 - 2.0 * tf.nn.softmax(u)
            for axis in range(1, logits.shape.rank - 1):
                smooth = _smoothed(smooth, kernel, axis)
            u = (logits - weight * smooth) / temperature
        return u

    def current(self, name):
        """Return `"tv_weight"`, `"temperature"` or `"width"` as it stands now, a scalar tensor."""
        if name not in self._raw:
            return tf.constant(getattr(self, name))
        return tf.nn.softplus(tf.convert_to_tensor(self._raw[name]))

    def compute_output_spec(self, logits):
        check_float(type(self).__name__, logits)
        return keras.KerasTensor(logits.shape, "float64" if logits.dtype == "float64" else "float32")

    def compute_output_shape(self, logits_shape):
        return tuple(logits_shape)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.OPTIONS}}

    def _check_shape(self, shape):
        check_channels_last(type(self).__name__)
        if not 3 <= len(shape) <= 5 or shape[-1] is None or shape[-1] < 2:
            raise ValueError(
                "SoftThresholdDynamics expects logits of shape (batch, *spatial, classes) with 1 to 3 spatial axes and "
                f"at least 2 classes. Received: input_shape={shape}"
            )


def _smoothed(planes, kernel, axis):
    """Return the convolution along an axis with a symmetric kernel, of an image that is mirrored at its borders."""
    half = len(kernel) // 2
    size = tf.shape(planes)[axis]
    index = tf.math.floormod(tf.range(-half, size + half), 2 * size)
    padded = tf.gather(planes, tf.minimum(index, 2 * size - 1 - index), axis=axis)
    shifted = []
    for start, share in enumerate(kernel):
        begin = [start if other == axis else 0 for other in range(planes.shape.rank)]
        shifted.append(share * tf.slice(padded, begin, tf.shape(planes)))
    return tf.ensure_shape(tf.add_n(shifted), planes.shape)
