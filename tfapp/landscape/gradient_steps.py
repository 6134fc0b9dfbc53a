"""How far a gradient tells of the loss along its own step: the measures of Santurkar et al. (2018).

At weights w with the gradient g of the loss L of a batch, a step of gradient descent goes to w - eta g. Along that line
are measured, for several step sizes eta, the loss, how far its gradient is from g, and the effective smoothness

    beta = max over eta of |grad L(w - eta g) - g| / (eta |g|),

which is at most the Lipschitz constant of the gradient. All is of the loss of a step of `fit()`: layers run in training
mode, batch normalisation by the statistics of the batch, dropout with the same draws everywhere, losses that layers add
counted. No variable of the model is written.

Reference:
    S. Santurkar, D. Tsipras, A. Ilyas, A. Madry, "How Does Batch Normalization Help Optimization?", NeurIPS 2018,
    arXiv:1805.11604, section 3.1 and figure 4.
"""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.one_line import one_line
from tfapp.optimizers.stateless_loss import loss_at


class NotFinite(InputError):
    """The loss, or its gradient, is not finite at the weights themselves."""


@dataclass(frozen=True, eq=False)
class GradientStep:
    """Loss and gradient along one step of gradient descent.

    Attributes:
        loss: at the weights.
        gradient: norm of the gradient there.
        rates: float64 (m,), the step sizes eta, rising.
        losses: float64 (m,), the loss at w - eta g; NaN or infinite where it overflowed.
        changes: float64 (m,), |grad L(w - eta g) - g|; infinite where that gradient is not finite.
    """

    loss: float
    gradient: float
    rates: np.ndarray
    losses: np.ndarray
    changes: np.ndarray

    @property
    def loss_range(self) -> tuple[float, float]:
        """The least and the largest loss over the step sizes; infinite where one is not finite."""
        losses = np.where(np.isfinite(self.losses), self.losses, math.inf)
        return float(losses.min()), float(losses.max())

    @property
    def change_range(self) -> tuple[float, float]:
        """The least and the largest change of the gradient over the step sizes."""
        return float(self.changes.min()), float(self.changes.max())

    @property
    def smoothness(self) -> float:
        """The effective smoothness beta, the largest change over the distance; NaN where the gradient is 0."""
        if self.gradient == 0:
            return math.nan
        return float((self.changes / (self.rates * self.gradient)).max())


class BatchGradient:
    """The loss of a batch with its gradient, as a compiled function of the weights.

    Args:
        model: compiled and built Keras model.

    Raises:
        InputError: for a model that is not compiled with a loss, not built, or has nothing to train.
    """

    def __init__(self, model):
        if not (model.built and model.compiled):
            raise InputError(
                f"Expected a compiled and built model. Received: {model.name!r} with compiled={model.compiled}, "
                f"built={model.built}; call `model.compile(loss=...)` and the model itself on one batch first."
            )
        if not model.trainable_variables:
            raise InputError(
                f"Expected a model with trainable parameters. Received: {model.name!r} with none."
            )
        self.model = model
        self._compiled = tf.function(self._differentiated, reduce_retracing=True)

    def at(self, batch, weights=None):
        """Return the loss, a float, and the gradient, a list of float64 arrays, one for each trainable variable.

        Args:
            batch: (x, y, sample_weight), nests of arrays or tensors, or None.
            weights: arrays or tensors, one for each of `model.trainable_variables`; None for their own values.

        Raises:
            InputError: for a batch that the model or its loss cannot take.
        """
        model = self.model
        given = (
            [tf.cast(one, of.dtype) for one, of in zip(weights, model.trainable_variables, strict=True)]
            if weights is not None
            else [variable.value for variable in model.trainable_variables]
        )
        state = [variable.value for variable in model.non_trainable_variables]
        batch = tf.nest.map_structure(lambda one: None if one is None else tf.convert_to_tensor(one), batch)
        try:
            loss, gradient = self._compiled(given, state, batch)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise InputError(
                f"Expected a batch whose loss {model.name!r} can compute. Received one with which it fails: "
                f"{one_line(error)}"
            ) from error
        return float(loss), [np.asarray(one, np.float64) for one in gradient]

    def _differentiated(self, weights, state, batch):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss, _ = loss_at(self.model, weights, state, batch)
        gradient = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, [tf.convert_to_tensor(one) for one in gradient]


def gradient_step(model, x, y=None, sample_weight=None, *, rates, gradient=None) -> GradientStep:
    """Measure loss and gradient of a batch along its step of gradient descent.

    Args:
        model: compiled and built Keras model of any kind; it is not changed.
        x, y, sample_weight: one batch as for `model.train_on_batch`.
        rates: step sizes eta, finite numbers above 0, such as .5, 1, 2 and 4 times a learning rate.
        gradient: the `BatchGradient` of the model, for many batches: it is traced once; None makes one.

    Returns:
        `GradientStep`.

    Raises:
        InputError: for step sizes out of range, or as `BatchGradient` and its `at`; as `NotFinite`, a loss or a
            gradient at the weights that is not finite.

    Example:
        For the loss w^2 at w = 1 the gradient is 2, and so is its change over the distance, everywhere:

        >>> import keras, numpy as np
        >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((1,)), layer])
        >>> model.compile("sgd", "mse")
        >>> step = gradient_step(model, np.ones((1, 1)), np.zeros((1, 1)), rates=[0.25, 0.5])
        >>> step.loss_range, step.smoothness
        ((0.0, 0.25), 2.0)
    """
    rates = _checked_rates(rates)
    gradient = gradient or BatchGradient(model)
    batch = (x, y, sample_weight)
    loss, here = gradient.at(batch)
    weights = [np.asarray(variable.value) for variable in model.trainable_variables]
    norm = length(here)
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise NotFinite(
            f"Expected a finite loss and gradient at the weights. Received: a loss of {loss:g} with a gradient of norm "
            f"{norm:g} of {model.name!r}."
        )
    losses, changes = [], []
    for rate in rates:
        # The weights, not their steps, have the precision of the layers.
        there = [one - (rate * step).astype(one.dtype) for one, step in zip(weights, here, strict=True)]
        found, slopes = gradient.at(batch, there)
        losses.append(found)
        change = length([one - other for one, other in zip(slopes, here, strict=True)])
        changes.append(change if math.isfinite(change) else math.inf)
    return GradientStep(loss, norm, rates, np.array(losses), np.array(changes))


def length(arrays) -> float:
    """Return the Euclidean norm of all numbers of a list of arrays together."""
    with np.errstate(over="ignore"):
        return float(np.sqrt(sum(np.sum(np.square(one)) for one in arrays)))


def _checked_rates(rates):
    found = np.sort(np.atleast_1d(np.asarray(rates, np.float64)))
    if found.ndim != 1 or not found.size or not (np.isfinite(found).all() and found[0] > 0):
        raise InputError(
            f"`rates` must be step sizes, one or more finite numbers above 0. Received: rates={rates!r}."
        )
    return found
