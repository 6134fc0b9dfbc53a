"""The TV-regularised softmax as a Keras layer."""

import math

import keras
import tensorflow as tf

from tfapp.layers.total_variation import converged_logits, one_step_logits

GRADIENTS = ("one-step",)


@keras.saving.register_keras_serializable(package="tfapp")
class TVSoftmax(keras.layers.Layer):
    """Softmax whose output minimises a total-variation problem: a spatially regular segmentation.

    The output A solves  min -<o, A> + <A, log A> + lambda * TV(A)  over the simplex at every pixel,
    where o are the logits. `lambda -> 0` gives the plain softmax; a larger lambda shortens the class
    borders. With `training=True` one dual step is taken and differentiated exactly; with
    `training=False` the problem is solved by a fixed number of FISTA iterations.

    Keras's cross-entropies recover the regularised logits from this layer's output as they do for the
    ordinary softmax, so a model that ends in it trains stably with `from_logits=False`.

    Args:
        tv_weight: Float >= 0, initial lambda, in units of the logits. Must be > 0 when learned.
        learn_tv_weight: Whether lambda is trained, as softplus of one scalar per layer.
        iterations: Integer >= 1, FISTA iterations of the converged form.
        gradient: How training differentiates; `"one-step"` is the form of the paper, corrected.
        isotropic: Euclidean length of the gradient (rotation-fair) if True, sum of absolute values if not.
        step: Float > 0, the constant c = tau * lambda of the one training step.

    Call arguments:
        logits: Float tensor `(batch, height, width, classes)`, at least 2 classes, any height and width.
        training: Python boolean; selects the one-step (True) or the converged form.

    Output shape:
        `(batch, height, width, classes)` probabilities. Computed and returned in float32 under mixed
        precision: float16 is off by 5e-3 after the iterations.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.5), (3.6).

    Example:
        >>> logits = keras.random.normal((1, 32, 32, 3))
        >>> TVSoftmax(tv_weight=1.0)(logits).shape
        TensorShape([1, 32, 32, 3])
    """

    def __init__(
        self,
        tv_weight=1.0,
        learn_tv_weight=True,
        iterations=30,
        gradient="one-step",
        isotropic=True,
        *,
        step=0.25,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if not (math.isfinite(tv_weight) and (tv_weight > 0 or (tv_weight == 0 and not learn_tv_weight))):
            raise ValueError(
                "`tv_weight` must be a finite number > 0 (0 is allowed with `learn_tv_weight=False`). "
                f"Received: tv_weight={tv_weight}, learn_tv_weight={learn_tv_weight}"
            )
        if int(iterations) != iterations or iterations < 1:
            raise ValueError(f"`iterations` must be a positive integer. Received: iterations={iterations}")
        if gradient not in GRADIENTS:
            raise ValueError(f"`gradient` must be one of {GRADIENTS}. Received: gradient={gradient!r}")
        if not (math.isfinite(step) and step > 0):
            raise ValueError(f"`step` must be a finite number > 0. Received: step={step}")
        self.tv_weight = float(tv_weight)
        self.learn_tv_weight = bool(learn_tv_weight)
        self.iterations = int(iterations)
        self.gradient = gradient
        self.isotropic = bool(isotropic)
        self.step = float(step)
        self.raw_tv_weight = None

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "TVSoftmax expects logits of shape (batch, height, width, classes). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        if input_shape[-1] is not None and input_shape[-1] < 2:
            raise ValueError(
                f"TVSoftmax needs at least 2 classes in the last axis. Received: input_shape={tuple(input_shape)}"
            )
        if self.learn_tv_weight:
            self.raw_tv_weight = self.add_weight(
                name="raw_tv_weight",
                shape=(),
                initializer=keras.initializers.Constant(_inverse_softplus(self.tv_weight)),
                trainable=True,
            )
        self.built = True

    def call(self, logits, training=None):
        regularised = self.regularised_logits(logits, training=training)
        probabilities = tf.nn.softmax(regularised)
        try:
            # Keras's convention (its own softmax does the same): in eager mode the cross-entropies
            # read the logits from here instead of taking the logarithm of rounded probabilities.
            probabilities._keras_logits = regularised
        except AttributeError:
            pass
        return probabilities

    def regularised_logits(self, logits, training=None):
        """Return u with softmax(u) = the layer's output, for a loss with `from_logits=True`.

        Args:
            logits: Float tensor `(batch, height, width, classes)`. For the symbolic tensors of a
                functional model call the layer itself instead: Keras's losses find u from there.
            training: Python boolean; one-step (True) or converged form.

        Returns:
            Float tensor of the same shape, at least float32.
        """
        if keras.backend.is_keras_tensor(logits):
            raise ValueError(
                "`regularised_logits` takes tensors, for subclassed models and custom loops. In a functional "
                "model call the layer: cross-entropy with `from_logits=False` recovers the logits from it. "
                f"Received: logits={logits}"
            )
        if not self.built:
            self.build(logits.shape)
        logits = _at_least_float32(logits)
        weight = tf.cast(self.current_tv_weight(), logits.dtype)
        if training:
            return one_step_logits(logits, weight, self.step, self.isotropic)
        return converged_logits(logits, weight, self.iterations, self.isotropic)

    def current_tv_weight(self):
        """Return lambda as it stands now, a scalar tensor."""
        if self.raw_tv_weight is None:
            return tf.constant(self.tv_weight)
        return tf.nn.softplus(tf.convert_to_tensor(self.raw_tv_weight))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "tv_weight": self.tv_weight,
            "learn_tv_weight": self.learn_tv_weight,
            "iterations": self.iterations,
            "gradient": self.gradient,
            "isotropic": self.isotropic,
            "step": self.step,
        }


def _inverse_softplus(value):
    # log(exp(v) - 1), written so that neither large nor small values lose digits.
    return value + math.log(-math.expm1(-value))


def _at_least_float32(tensor):
    tensor = tf.convert_to_tensor(tensor)
    return tf.cast(tensor, tf.float32) if tensor.dtype.size < 4 else tensor
