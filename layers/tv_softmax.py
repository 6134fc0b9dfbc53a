"""The TV-regularised softmax as a Keras layer."""

import keras
import tensorflow as tf

from tfapp.layers.tv_layer import TVLayer, with_logits


@keras.saving.register_keras_serializable(package="tfapp")
class TVSoftmax(TVLayer):
    """Softmax whose output minimises a total-variation problem: a spatially regular segmentation.

    The output A solves  min -<o, A> + <A, log A> + lambda * TV(A)  over the simplex at every pixel,
    where o are the logits. `lambda -> 0` gives the plain softmax; a larger lambda shortens the class
    borders. The problem is solved by a fixed number of iterations or to a tolerance on the duality gap,
    which certifies the solution; training differentiates it exactly (`gradient="implicit"`).

    Keras's cross-entropies recover the regularised logits from this layer's output as they do for the
    ordinary softmax, so a model that ends in it trains stably with `from_logits=False`.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, classes)`, at least 2 classes, 1 to 3 spatial axes of any size.
        guide: Optional image `(batch, *spatial, channels)` whose edges the class borders should follow.
        tv_weight: Optional tensor >= 0 in place of lambda: a scalar, `(classes,)`, or a map
            `(batch, *spatial, 1 or classes)`.
        training: Python boolean; matters for `gradient="one-step"` and `jit_compile="auto"` only.

    Output shape:
        `(batch, *spatial, classes)` probabilities. Computed and returned in float32 under mixed
        precision: float16 is off by 5e-3 after the iterations.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.5), (3.6).

    Example:
        >>> logits = keras.random.normal((1, 32, 32, 3))
        >>> TVSoftmax(tv_weight=1.0)(logits).shape
        TensorShape([1, 32, 32, 3])
    """

    link = "softmax"
    least_classes = 2

    def _output(self, regularised):
        return with_logits(tf.nn.softmax(regularised), regularised)
