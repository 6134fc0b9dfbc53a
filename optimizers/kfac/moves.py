"""What a step of K-FAC is made of: the natural direction and the last step, and the quadratic model along them."""

import tensorflow as tf

from tfapp.optimizers.kfac.factors import preconditioned
from tfapp.optimizers.kfac.fisher_products import fisher_grams


class Moves:
    """Directions of a step for inverses of the factors, and the quadratic model of the loss along them.

    Args:
        handed: `ModelBatch` with the model, the distribution of its labels, and the blocks of its layers.
        variables: Those with factors, block by block.
        velocities: Their last steps.
        gradients: Their gradients.
        x: Inputs of the examples that the Fisher matrix is estimated on.
    """

    def __init__(self, handed, variables, velocities, gradients, x):
        self._handed, self._variables, self._velocities = handed, variables, velocities
        self._gradients, self._x = gradients, x

    def directions(self, inverses):
        """Return the natural direction and the last step, each a list of tensors, one for each variable.

        Args:
            inverses: List of the inverses of A and G, by turns, block by block.
        """
        natural, gradients, inverses = [], iter(self._gradients), iter(inverses)
        for block in self._handed.blocks:
            matrix = block.matrix([next(gradients) for _ in block.variables])
            natural += block.tensors(preconditioned(matrix, next(inverses), next(inverses)))
        return [natural, self._velocities]

    def quadratic(self, directions, damping):
        """Return the matrix of d_i' (c F + damping I) d_j, and the slopes g' d_i."""
        handed = self._handed
        gram = fisher_grams(handed.model, handed.distribution, self._variables, self._x, directions)
        gram += damping * tf.stack([tf.stack([_inner(a, b) for b in directions]) for a in directions])
        return gram, tf.stack([_inner(self._gradients, direction) for direction in directions])


def _inner(a, b):
    return tf.add_n([tf.reduce_sum(x * y) for x, y in zip(a, b, strict=True)])
