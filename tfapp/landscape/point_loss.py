"""The loss at one point of the plane, as one graph.

f(alpha, beta) = loss of the model with weights w + alpha*u + beta*v, averaged over the data exactly as
`model.evaluate` averages it. The weights are combined inside the graph and handed to the layers through
`keras.StatelessScope`; the variables of the model are read and never written, so that there is nothing
to restore after an interruption and no rounding accumulates from point to point.
"""

import keras
import numpy as np
import tensorflow as tf

from tfapp.landscape.batches import Batches
from tfapp.landscape.forward import inference, predict_batch
from tfapp.landscape.moving_statistics import batch_statistics, moving_variables, normalisations
from tfapp.landscape.precision import FLOAT32, computing_in


def make_point_loss(
    model: keras.Model,
    batches: Batches,
    u,
    v,
    *,
    sample_errors: bool = False,
    reestimate: bool = False,
    jit_compile: bool = False,
    compute_dtype: str = FLOAT32,
):
    """Build the compiled function f(alpha, beta).

    Args:
        model: compiled and built Keras model that was evaluated before, so that its metrics have their state.
        batches: the data.
        u, v: directions, one array per entry of `model.trainable_variables`.
        sample_errors: also evaluate the loss of every sample by itself, from the same forward pass.
        reestimate: estimate the moving statistics of batch normalisation anew at every point, by one more pass.
        jit_compile: compile by XLA. Slower than TensorFlow's own kernels on the CPUs measured so far.
        compute_dtype: "bfloat16" lets the layers compute in it; weights are combined in float32 and cast, the
            loss is float32 and its sums float64. "float32" leaves every layer its own precision.

    Returns:
        A `tf.function` that takes two float32 scalars and returns a dictionary of float64 scalars. `loss`: that
        of `model.evaluate`; `regularisation`: the part of it that does not come from the data (weight decay
        and all else in `model.losses`); `standard_error`: of the mean loss over samples, NaN without
        `sample_errors`; `metrics`: a dictionary of the compiled metrics. It is traced once.
    """
    moved = [
        (variable, tf.constant(a, variable.dtype), tf.constant(b, variable.dtype))
        for variable, a, b in zip(model.trainable_variables, u, v, strict=True)
        if a.any() or b.any()
    ]
    layers = normalisations(model) if reestimate else []
    scalar = tf.TensorSpec((), tf.float32)

    @tf.function(input_signature=(scalar, scalar), autograph=False, jit_compile=jit_compile)
    def point_loss(alpha, beta):
        state = [(w, w.value + tf.cast(alpha, a.dtype) * a + tf.cast(beta, b.dtype) * b) for w, a, b in moved]
        if layers:
            state = state + _moving_statistics(model, layers, state, batches, compute_dtype)

        def add(start, size, sums, metrics):
            batch = batches.slice(start, size)
            found, metrics = _batch_sums(model, state, metrics, batch, size, sample_errors, compute_dtype)
            return sums + found, metrics

        nothing = tf.zeros(4, tf.float64), [tf.zeros_like(w) for w in model.metrics_variables]
        sums, metrics = _over_batches(batches, add, *nothing)
        figures = _figures(model, sums / batches.num_samples, metrics, batches.num_samples)
        return figures if sample_errors else figures | {"standard_error": tf.constant(np.nan, tf.float64)}

    return point_loss


def _over_batches(batches, add, *totals):
    """Return what `add(start, size, *totals)` makes of the totals, batch after batch."""
    batch_size, end = batches.batch_size, batches.num_full * batches.batch_size
    # One batch after the other: two at once would double the memory, not the speed.
    _, *totals = tf.while_loop(
        lambda start, *_: start < end,
        lambda start, *totals: (start + batch_size, *add(start, batch_size, *totals)),
        (tf.constant(0), *totals),
        parallel_iterations=1,
    )
    return add(end, batches.remainder, *totals) if batches.remainder else totals


def _moving_statistics(model, layers, state, batches, compute_dtype):
    """Return (variable, value) pairs of moving statistics: the means of those of all batches."""
    variables = moving_variables(layers)

    def add(start, size, sums):
        with computing_in(model, compute_dtype):
            found = batch_statistics(model, layers, state, batches.slice(start, size)[0])
        return ([total + size * value for total, value in zip(sums, found, strict=True)],)

    (sums,) = _over_batches(batches, add, [tf.zeros_like(variable) for variable in variables])
    return [(variable, total / batches.num_samples) for variable, total in zip(variables, sums, strict=True)]


def _batch_sums(model, weights, metrics, batch, size, sample_errors, compute_dtype):
    """Return float64 (4,), size times the loss of one batch, its part that does not come from the data, and
    the sums of the samples' losses and of their squares; and the state of the metrics after the batch."""
    x, y, sample_weight = batch
    state = weights + list(zip(model.metrics_variables, metrics, strict=True))
    # Each batch has its own scope: what a layer writes (a seed, a metric) must not leave the loop's body.
    with keras.StatelessScope(state_mapping=state, initialize_variables=False) as scope:
        prediction = predict_batch(model, x, compute_dtype)
        loss = _loss(model, x, y, prediction, sample_weight)
        added = [tf.reduce_sum(tf.cast(term, tf.float64)) for term in model.losses]
        model.compute_metrics(x, y, prediction, sample_weight)
        metrics = [scope.get_current_value(variable) for variable in model.metrics_variables]
    regularisation = tf.add_n(added) if added else tf.zeros((), tf.float64)
    alone = tf.zeros(size, tf.float64)
    if sample_errors:
        with keras.StatelessScope(state_mapping=state, initialize_variables=False):
            alone = _sample_losses(model, x, y, prediction, sample_weight, size) - regularisation
    sums = [size * loss, size * regularisation, tf.reduce_sum(alone), tf.reduce_sum(tf.square(alone))]
    return tf.stack(sums), metrics


def _sample_losses(model, x, y, prediction, sample_weight, size):
    """Return float64 (size,): the loss of every sample as a batch of its own, of one forward pass."""

    def cut(nest, index):
        if nest is None:
            return None
        return keras.tree.map_structure(lambda leaf: leaf[index : index + 1], nest)

    parts = (x, y, prediction, sample_weight)
    return tf.stack([_loss(model, *(cut(part, index) for part in parts)) for index in range(size)])


def _loss(model, x, y, prediction, sample_weight):
    options = inference(model.compute_loss)
    loss = model.compute_loss(x=x, y=y, y_pred=prediction, sample_weight=sample_weight, **options)
    return tf.cast(loss, tf.float64)


def _figures(model, means, metrics, count):
    loss, regularisation, mean, square = tf.unstack(means)
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, metrics, strict=True))):
        results = model.get_metrics_result()
    variance = tf.maximum(square - tf.square(mean), 0.0) / max(count - 1, 1)
    return {
        "loss": loss,
        "regularisation": regularisation,
        "standard_error": tf.sqrt(variance),
        "metrics": {name: tf.cast(value, tf.float64) for name, value in _scalars(results)},
    }


def _scalars(results):
    """Yield the names and values of metrics that are one number; the loss has a place of its own."""
    for name, value in results.items():
        if isinstance(value, dict):
            yield from _scalars({f"{name}/{inner}": part for inner, part in value.items()})
        elif name != "loss" and tf.convert_to_tensor(value).shape.rank == 0:
            yield name, value
