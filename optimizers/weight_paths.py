"""Paths of weights along which the slopes of a loss are measured, and what is measured on them."""

import math
import random
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.optimizers.stateless_loss import loss_at

# Columns at a time: the whole in float64 would take twice the memory of the vectors.
_COLUMNS = 65536
# Below this share of their squares a squared distance is rounding.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class PathPoint:
    """What was measured at one point of a path.

    Attributes:
        loss: Of the batch of this point.
        gradient_norm: Of that loss, over all weights.
        distance: To the next point.
        next_loss: Of the same batch at the next point, or None.
        weights: float32 `(weights,)`, or None.
    """

    loss: float
    gradient_norm: float
    distance: float
    next_loss: float | None
    weights: np.ndarray | None


def measure_path(model, next_weights, batches, *, same_batch, keep_weights):
    """Yield a `PathPoint` after the other, without end; no variable of the model is written.

    Args:
        model: Compiled and built Keras model, whose weights are the first point.
        next_weights: Function from weights and gradients to the next weights, `descent` or `initialisations`.
        batches: Iterator of `(x, y, sample_weight)`, one for each point.
        same_batch: Whether to measure the loss of each batch at the next point too.
        keep_weights: Whether to hand out the weights.
    """
    gradients_of = tf.function(lambda *given: gradients_at(model, *given), autograph=False)
    loss_of = tf.function(lambda *given: loss_at(model, *given)[0], autograph=False)
    weights = [tf.convert_to_tensor(variable.value) for variable in model.trainable_variables]
    state = [tf.convert_to_tensor(variable.value) for variable in model.non_trainable_variables]
    for batch in batches:
        loss, gradients, next_state = gradients_of(weights, state, batch)
        there = next_weights(weights, gradients)
        distance = _norm([b - a for a, b in zip(weights, there, strict=True)])
        # With the same state, so the same seeds of dropout: one function at two points.
        next_loss = float(loss_of(there, state, batch)) if same_batch else None
        flat = np.concatenate([w.numpy().ravel() for w in weights]) if keep_weights else None
        yield PathPoint(float(loss), _norm(gradients), distance, next_loss, flat)
        weights, state = there, next_state


def descent(model, learning_rate, momentum):
    """Return a function from weights and gradients to the next weights of SGD with heavy-ball momentum.

    It keeps the velocity; constraints of the model's weights are applied.

    Args:
        model: Built Keras model.
        learning_rate: Positive.
        momentum: In [0, 1).
    """
    velocity = [tf.zeros(variable.shape, variable.dtype) for variable in model.trainable_variables]
    constraints = [variable.constraint or (lambda weights: weights) for variable in model.trainable_variables]

    def next_weights(weights, gradients):
        velocity[:] = [momentum * v - learning_rate * g for v, g in zip(velocity, gradients, strict=True)]
        steps = zip(constraints, weights, velocity, strict=True)
        return [constrained(w + v) for constrained, w, v in steps]

    return next_weights


def initialisations(model, seed):
    """Return a function, of what `descent` takes, to the weights of a new random initialisation each time.

    Python's generator, from which Keras draws the seed of an initialiser that was given none, is left as it was.

    Args:
        model: Sequential or functional Keras model.
        seed: Integer.

    Raises:
        ValueError: For another model.
    """
    if not getattr(model, "inputs", None):
        raise ValueError(
            f'`model` must be sequential or functional for mode="inits". Received: {type(model).__name__}.'
        )
    # One that is not compiled: what a loss is made of need not be something that can be cloned.
    original = keras.Model(model.inputs, model.outputs)
    # Not the seed itself: a model built after `random.seed(seed)` has its first initialisation already.
    own = random.Random(f"initialisations {seed}").getstate()

    def next_weights(weights, gradients):
        nonlocal own
        del weights, gradients
        others = random.getstate()
        random.setstate(own)
        try:
            clone = keras.models.clone_model(original)
            own = random.getstate()
        finally:
            random.setstate(others)
        return [tf.convert_to_tensor(variable.value) for variable in clone.trainable_variables]

    return next_weights


def _norm(tensors):
    return math.sqrt(sum(2 * float(tf.nn.l2_loss(tf.cast(t, tf.float64))) for t in tensors))


def gradients_at(model, weights, state, batch):
    """Return the loss, its gradients by the weights as dense tensors, and the state, as in `loss_at`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss, after = loss_at(model, weights, state, batch)
    gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients], after


def pair_distances(vectors):
    """Return the Euclidean distances of all pairs of vectors, in the order of `np.triu_indices(n, 1)`.

    Computed from inner products in float64, relative to the first vector. Vectors nearer to each other than 1e-7 of
    their distance to it are said to coincide; at ten times that, a distance has 2 correct digits.

    Args:
        vectors: Sequence of n float32 arrays `(weights,)`.
    """
    products = np.zeros((len(vectors), len(vectors)))
    for start in range(0, vectors[0].size, _COLUMNS):
        part = np.stack([vector[start : start + _COLUMNS] for vector in vectors]).astype(np.float64)
        part -= part[0]
        products += part @ part.T
    squares = np.diag(products)
    i, j = np.triu_indices(len(vectors), 1)
    found = squares[i] + squares[j] - 2 * products[i, j]
    return np.sqrt(np.where(found > _ROUNDING * (squares[i] + squares[j]), found, 0.0))
