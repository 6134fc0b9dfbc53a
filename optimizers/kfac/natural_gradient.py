"""Natural gradient descent with the exact Fisher matrix of each batch, by conjugate gradients."""

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import in_unit_interval, positive_integer
from tfapp.optimizers.kfac.conjugate_gradients import conjugate_gradients
from tfapp.optimizers.kfac.curvature import CurvatureOptimizer
from tfapp.optimizers.kfac.fisher_products import fisher_product


@keras.saving.register_keras_serializable("tfapp")
class NaturalGradient(CurvatureOptimizer):
    """Natural gradient descent: w <- w - learning_rate (c F + damping I)^-1 g.

    F = E[J' H J] is the exact Fisher matrix of the batch (its first `fisher_share`), with the Jacobian J of the logits
    by all trainable weights and the Fisher matrix H of the labels' distribution by the logits, whose labels are summed
    over and not drawn; g is the gradient of the loss, and c the factor between the negative log-likelihood and the
    compiled loss: 1 but for means over channels and places. F is never formed: each of the conjugate gradients'
    iterations takes a forward and a backward pass. For nets of any layers that can be differentiated twice; it is meant
    for small ones.

    It runs in plain `fit()`, with XLA or without; `tfapp.optimizers.KFAC` says how, what losses it takes, and what it
    refuses.

    Args:
        learning_rate: A number or a schedule. Defaults to 1, the natural step.
        damping: Float > 0, in units of the loss per squared length of the weights.
        num_iterations: Largest number of iterations, positive.
        tolerance: Of the residual, relative to the gradient, in [0, 1).
        fisher_share: In (0, 1], the share of each batch that F is taken on.
        **kwargs: Those of every Keras optimizer, but for `gradient_accumulation_steps`.

    Raises:
        ValueError: For an argument out of its range.

    References:
        S. Amari, "Natural Gradient Works Efficiently in Learning", Neural Computation 10(2), 1998; J. Martens, "New
        insights and perspectives on the natural gradient method", 2014, arXiv:1412.1193.
    """

    MEASURED = ("iterations",)

    def __init__(
        self,
        learning_rate=1.0,
        damping=1e-3,
        num_iterations=100,
        tolerance=1e-4,
        fisher_share=1.0,
        name="natural_gradient",
        **kwargs,
    ):
        super().__init__(learning_rate, damping, fisher_share, name=name, **kwargs)
        self.num_iterations = positive_integer("num_iterations", num_iterations)
        self.tolerance = in_unit_interval("tolerance", tolerance)

    def advance(self, gradients, batch, share):
        variables, handed = self._trainable_variables, self._handed
        sizes = [variable.shape for variable in variables]

        def damped_product(vector):
            direction = _parts(vector, sizes)
            product = fisher_product(handed.model, handed.distribution, variables, share[0], direction)
            return _vector(product) + self.damping * vector

        direction, count = conjugate_gradients(
            damped_product, _vector(gradients), self.num_iterations, self.tolerance
        )
        for variable, part in zip(variables, _parts(direction, sizes), strict=True):
            self.assign_sub(variable, tf.cast(self.learning_rate, part.dtype) * part)
        self._scalars.assign([tf.cast(count, self._scalars.dtype)])

    def get_config(self):
        return super().get_config() | {"num_iterations": self.num_iterations, "tolerance": self.tolerance}


def _vector(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)


def _parts(vector, shapes):
    parts = tf.split(vector, [tf.TensorShape(shape).num_elements() for shape in shapes])
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
