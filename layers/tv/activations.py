"""TV-regularised softmax, sigmoid, ReLU, and any other activation, as Keras layers."""

import keras
import tensorflow as tf

from tfapp.layers.tv.layer import TVLayer
from tfapp.layers.tv.operators import from_planes, to_planes
from tfapp.layers.tv.potentials import find_potential


def with_logits(probabilities, logits):
    """Attach the logits to probabilities where Keras's cross-entropies look for them in eager mode.

    Keras's own softmax does the same: a loss with `from_logits=False` then never takes the logarithm of
    rounded probabilities.
    """
    try:
        probabilities._keras_logits = logits
    except AttributeError:  # a symbolic tensor, whose graph the losses search instead
        pass
    return probabilities


@keras.saving.register_keras_serializable(package="tfapp")
class TVSoftmax(TVLayer):
    """Softmax whose output minimises a total-variation problem: a spatially regular segmentation.

    The output A solves  min -<o, A> + <A, log A> + lambda * TV(A)  over the simplex at every pixel,
    where o are the logits. `lambda -> 0` gives the plain softmax; a larger lambda shortens the class
    borders. The problem is solved by a fixed number of iterations or to a tolerance on the duality gap,
    which certifies the solution; training differentiates the solution (`gradient="implicit"`).

    Keras's cross-entropies recover the regularised logits from this layer's output as they do for the
    ordinary softmax, so a model that ends in it trains stably with `from_logits=False`.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, classes)`, at least 2 classes, 1 to 3 spatial axes of any size. -inf
            forbids a class at a pixel, of which another one must stay finite.
        guide: Optional image `(batch, *spatial, channels)` in [0, 1] whose edges the class borders should follow. One
            of other numbers, such as 0 to 255, needs an `edge_contrast` in their units; without it hardly anything is
            regularised, of which eager calls warn.
        tv_weight: Optional tensor >= 0 in place of lambda: a scalar, `(classes,)`, or a map
            `(batch, *spatial, 1 or classes)`.
        volumes: Optional shares of the pixels that the classes take, `(classes,)` or `(batch, classes)`, which sum to
            1, or a pair of such, `(least, largest)`.
        training: Python boolean; matters for `gradient="one-step"` and `jit_compile="auto"` only.

    Output shape:
        `(batch, *spatial, classes)` probabilities. Computed and returned in float32 under mixed
        precision: float16 is off by 5e-3 after the iterations.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.4), (3.8), (3.20), (3.21).

    Example:
        >>> logits = keras.random.normal((1, 32, 32, 3))
        >>> TVSoftmax(tv_weight=1.0)(logits).shape
        TensorShape([1, 32, 32, 3])
    """

    potential = "softmax"
    least_classes = 2

    def _output(self, regularised):
        return with_logits(tf.nn.softmax(regularised), regularised)


@keras.saving.register_keras_serializable(package="tfapp")
class TVSigmoid(TVLayer):
    """Sigmoid whose output minimises a total-variation problem: for one class, or several that may overlap.

    Every channel of the output A solves, independently of the others,

        min  -<o, A> + <A, log A> + <1 - A, log(1 - A)> + lambda * TV(A)    over [0, 1] at every pixel.

    With one channel it equals `TVSoftmax` on the logits (o, 0) with lambda / 2.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, channels)`, at least 1 channel, 1 to 3 spatial axes of any size.
        guide, tv_weight, volumes, training: As for `TVSoftmax`; shares of the channels need not sum to 1.

    Output shape:
        `(batch, *spatial, channels)` probabilities, in float32 under mixed precision.

    Reference:
        The two-class case of F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for
        Semantic Image Segmentation", 2019, arXiv:1907.05287, eq. (3.4).
    """

    potential = "sigmoid"

    def _output(self, regularised):
        return with_logits(tf.math.sigmoid(regularised), regularised)


@keras.saving.register_keras_serializable(package="tfapp")
class TVReLU(TVLayer):
    """ReLU whose output minimises a total-variation problem: a smooth activation map, for use inside a network.

    Every channel of the output A solves the non-negative denoising problem of Rudin, Osher and Fatemi

        min  1/2 |A - o|^2 + lambda * TV(A)    over A >= 0.

    Anisotropically it equals the ReLU of the denoised input; isotropically it does not, and this layer
    solves the constrained problem.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, channels)`, the input of the activation.
        guide, tv_weight, training: As for `TVSoftmax`.

    Output shape:
        `(batch, *spatial, channels)` >= 0. Computed in float32, returned in the layer's compute type.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.11)-(3.15).
    """

    potential = "relu"

    def _output(self, regularised):
        return tf.cast(tf.nn.relu(regularised), self.compute_dtype)

    def _output_dtype(self, dtype):
        del dtype
        return self.compute_dtype


@keras.saving.register_keras_serializable(package="tfapp")
class TVActivation(TVLayer):
    """The activation of any potential whose output minimises a total-variation problem.

    The output A = phi'(u) solves  min  phi*(A) - <o, A> + lambda * TV(A),  where phi is the potential, phi* its
    conjugate and o the input.

    Args:
        potential: `"tanh"`, or the name of a potential of your own, known by `register_potential`; also `"softmax"`,
            `"sigmoid"` and `"relu"`, whose own layers hand their logits to Keras's losses too.
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, channels)`, the input of the activation.
        guide, tv_weight, training: As for `TVSoftmax`.

    Output shape:
        `(batch, *spatial, channels)`. Computed in float32, returned in the layer's compute type.

    Example:
        >>> TVActivation("tanh", tv_weight=0.5)(keras.random.normal((1, 16, 16, 4))).shape
        TensorShape([1, 16, 16, 4])
    """

    def __init__(self, potential="tanh", *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.potential = potential

    def get_config(self):
        return {**super().get_config(), "potential": self.potential}

    def _checked_potential(self, value):
        find_potential(value)
        return value

    def _output(self, regularised):
        output = find_potential(self.potential).gradient(to_planes(regularised))
        return tf.cast(from_planes(output), self.compute_dtype)

    def _output_dtype(self, dtype):
        del dtype
        return self.compute_dtype
