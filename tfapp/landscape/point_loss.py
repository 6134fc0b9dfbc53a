"""Loss at one point of the plane, and a bare forward pass to compare its time with, each as one graph."""

from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.attached import with_attached
from tfapp.landscape.moving_statistics import batch_statistics, moving_variables, normalisations
from tfapp.landscape.one_line import one_line
from tfapp.landscape.precision import FLOAT32, computing_in, in_float32
from tfapp.landscape.samples import Batches, ListedBatches, packed
from tfapp.layers import TVLayer
from tfapp.optimizers.stateless_loss import (
    collecting_scope,
    computed_loss,
    training_argument,
    with_regularised,
)

# How Python code says that it cannot be part of a graph.
_UNTRACEABLE = (TypeError, ValueError, NotImplementedError, AttributeError, tf.errors.OpError)


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
    eager: bool = False,
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
        eager: without a graph, for metrics that are written in NumPy.

    A model with a `test_step` of its own is measured through that, and its loss is what it calls "loss".

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
    own_step = has_own_test_step(model)
    if own_step:
        _refuse_with_own_step(model, sample_errors=sample_errors, compute_dtype=compute_dtype != FLOAT32)
    last_says = own_step and _last_batch_says(model, batches)
    variables = [variable for variable, _, _ in moved] + moving_variables(layers)
    options = {"eager": eager, "jit_compile": jit_compile}

    def add(values, batch, size, sums, metrics, last):
        state = list(zip(variables, values, strict=True))
        if own_step:
            return _step_sums(model, state, batch, size, sums, metrics, last)
        found, metrics = _batch_sums(model, state, metrics, batch, size, sample_errors, compute_dtype)
        return sums + found, metrics, last

    def add_statistics(values, batch, size, *sums):
        state = list(zip(variables, values, strict=False))
        with computing_in(model, compute_dtype):
            found = batch_statistics(model, layers, state, batch[0])
        return tuple(total + size * value for total, value in zip(sums, found, strict=True))

    over_batches = batches.folded(add, **options)
    statistics_over_batches = batches.folded(add_statistics, **options)

    def point_loss(alpha, beta):
        values = [w.value + tf.cast(alpha, a.dtype) * a + tf.cast(beta, b.dtype) * b for w, a, b in moved]
        if layers:
            nothing = [tf.zeros_like(variable) for variable in moving_variables(layers)]
            values = values + [
                total / batches.num_samples for total in statistics_over_batches(values, *nothing)
            ]
        # Own metrics of a `test_step` begin at 0, as after `reset_metrics`.
        nothing = tf.zeros(4, tf.float64), [tf.zeros_like(w) for w in model.metrics_variables]
        sums, metrics, last = over_batches(values, *nothing, tf.zeros((), tf.float64))
        figures = _figures(model, sums / batches.num_samples, metrics, batches.num_samples)
        if own_step:
            figures["loss"] = last if last_says else _loss_of(model, metrics)
        return figures if sample_errors else figures | {"standard_error": tf.constant(np.nan, tf.float64)}

    scalar = tf.TensorSpec((), tf.float32)
    return batches.compiled(point_loss, scalar, scalar, **options)


def point_loss_that_runs(model: keras.Model, batches: Batches, *directions, **options):
    """Return what `make_point_loss` builds, of a model compiled with `run_eagerly` without a graph if it needs that.

    Raises:
        InputError: the model can be evaluated, but not at other weights than its own.
    """
    origin = tf.zeros(()), tf.zeros(())
    try:
        point_loss = make_point_loss(model, batches, *directions, **options)
        point_loss(*origin)
        return point_loss
    except _UNTRACEABLE as error:
        failure = error
    if model.run_eagerly:
        try:
            point_loss = make_point_loss(model, batches, *directions, eager=True, **options)
            point_loss(*origin)
            return point_loss
        except _UNTRACEABLE as error:
            failure = error
    raise InputError(
        f"Expected a model whose loss and metrics can be computed at other weights than its own, by operations of "
        f"TensorFlow. Received: {model.name!r} ({one_line(failure)}); NumPy in metrics needs `run_eagerly=True`."
    ) from failure


def has_own_test_step(model: keras.Model) -> bool:
    """Return whether a model evaluates itself in another way than Keras's."""
    return type(model).test_step is not keras.Model.test_step


def step_logs(model: keras.Model, batch) -> dict:
    """Return what the model's own `test_step` says of a batch after metrics at 0, without writing a variable.

    Raises:
        InputError: it does not return a dictionary with a loss.
    """
    zeros = [(variable, tf.zeros_like(variable)) for variable in model.metrics_variables]
    with collecting_scope(model, zeros):
        logs = model.test_step(packed(*batch))
    if not isinstance(logs, dict) or "loss" not in logs:
        raise InputError(
            f'Expected a `test_step` that returns a dictionary with "loss". Received: {model.name!r}, which returns '
            f"{sorted(logs) if isinstance(logs, dict) else type(logs).__name__}."
        )
    return logs


def _last_batch_says(model, batches):
    """Return whether `evaluate` reports the figures of the last batch: those that are no metrics of the model."""
    return set(step_logs(model, batches.slice(0, 1))) != set(model.get_metrics_result())


def _refuse_with_own_step(model, **asked):
    names = [f"`{name}`" for name, value in asked.items() if value]
    if names:
        raise InputError(
            f"{' and '.join(names)} cannot be had of a model with a `test_step` of its own, which gives one loss for a "
            f"whole batch in its own precision. Received: {model.name!r}."
        )


def _step_sums(model, weights, batch, size, sums, metrics, last):
    """Return the totals after a batch that the model's own `test_step` has seen."""
    state = weights + list(zip(model.metrics_variables, metrics, strict=True))
    with _compiled_heads(model), collecting_scope(model, state) as scope:
        logs = model.test_step(packed(*batch))
        regularisation = sum_of(model.losses)
        metrics = [scope.get_current_value(variable) for variable in model.metrics_variables]
    del last
    zero = tf.zeros((), tf.float64)
    found = tf.stack([zero, size * regularisation, zero, zero])
    return sums + found, metrics, tf.cast(logs["loss"], tf.float64)


def sum_of(losses):
    """Return the float64 sum of a list of losses of any shape, 0 of an empty one."""
    terms = [tf.reduce_sum(tf.cast(term, tf.float64)) for term in losses]
    return tf.add_n(terms) if terms else tf.zeros((), tf.float64)


def _batch_sums(model, weights, metrics, batch, size, sample_errors, compute_dtype):
    """Return float64 (4,), size times the loss of one batch, its part that does not come from the data, and
    the sums of the samples' losses and of their squares; and the state of the metrics after the batch."""
    x, y, sample_weight = batch
    state = weights + list(zip(model.metrics_variables, metrics, strict=True))
    # Each batch has its own scope: what a layer writes (a seed, a metric) must not leave the loop's body.
    with collecting_scope(model, state) as scope:
        prediction = predict_batch(model, x, compute_dtype)
        loss = _loss(model, x, y, prediction, sample_weight)
        regularisation = sum_of(model.losses)
        model.compute_metrics(x, y, prediction, sample_weight)
        metrics = [scope.get_current_value(variable) for variable in model.metrics_variables]
    alone = tf.zeros(size, tf.float64)
    if sample_errors:
        # In a scope of its own, which knows of no losses that layers added to the whole batch.
        alone_state = with_regularised(model, state)
        with keras.StatelessScope(state_mapping=alone_state, initialize_variables=False):
            alone = _sample_losses(model, x, y, prediction, sample_weight, size) - sum_of(model.losses)
    sums = [size * loss, size * regularisation, tf.reduce_sum(alone), tf.reduce_sum(tf.square(alone))]
    return tf.stack(sums), metrics


def _sample_losses(model, x, y, prediction, sample_weight, size):
    """Return float64 (size,): the loss of every sample as a batch of its own, of one forward pass."""

    def cut(nest, index):
        def alone(tensor):
            return tensor[index : index + 1]

        return keras.tree.map_structure(
            lambda leaf: None if leaf is None else with_attached(alone, leaf), nest
        )

    parts = (x, y, prediction, sample_weight)
    return tf.stack([_loss(model, *(cut(part, index) for part in parts)) for index in range(size)])


def _loss(model, x, y, prediction, sample_weight):
    return tf.cast(computed_loss(model, x, y, prediction, sample_weight, training=False), tf.float64)


def _loss_of(model, metrics):
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, metrics, strict=True))):
        return tf.cast(model.get_metrics_result()["loss"], tf.float64)


def _figures(model, means, metrics, count):
    loss, regularisation, mean, square = tf.unstack(means)
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, metrics, strict=True))):
        results = model.get_metrics_result()
    variance = tf.maximum(square - tf.square(mean), 0.0) / max(count - 1, 1)
    return {
        "loss": loss,
        "regularisation": regularisation,
        "standard_error": tf.sqrt(variance),
        "metrics": {name: tf.cast(value, tf.float64) for name, value in scalar_metrics(results)},
    }


def scalar_metrics(results):
    """Yield the names and values of metrics that are one number; the loss has a place of its own.

    Args:
        results: what `model.get_metrics_result()` returns.
    """
    for name, value in results.items():
        if isinstance(value, dict):
            yield from scalar_metrics({f"{name}/{inner}": part for inner, part in value.items()})
        elif name != "loss" and tf.convert_to_tensor(value).shape.rank == 0:
            yield name, value


def predict_batch(model: keras.Model, x, compute_dtype: str = FLOAT32):
    """Return what a model predicts in inference mode, float32 whatever its layers computed in.

    Args:
        model: Keras model.
        x: inputs of one batch.
        compute_dtype: see `precision`.
    """
    with _compiled_heads(model), computing_in(model, compute_dtype):
        prediction = model(x, **training_argument(model.call, False))
    return in_float32(prediction) if compute_dtype != FLOAT32 else prediction


def make_bare_forward(
    model: keras.Model, batches: Batches, compute_dtype: str = FLOAT32, *, eager: bool = False
):
    """Build the yardstick: a function without arguments that runs the compiled model over all batches."""

    def forward(start, size):
        return predict_batch(model, batches.slice(start, size)[0], compute_dtype)

    def forward_of(x):
        return predict_batch(model, x, compute_dtype)

    listed = eager or isinstance(batches, ListedBatches)
    if not eager:
        forward = tf.function(forward, autograph=False, reduce_retracing=False)
        forward_of = tf.function(forward_of, autograph=False, reduce_retracing=True)

    def run():
        for start, size in batches:
            prediction = (
                forward_of(batches.slice(start, size)[0]) if listed else forward(tf.constant(start), size)
            )
        keras.tree.flatten(prediction)[0][0].numpy()  # waits for a device that runs asynchronously

    return run


@contextmanager
def _compiled_heads(model):
    """Let total-variation layers compile by XLA, which they leave in inference because servers may lack it.

    A point of a network with such a head is then measured in less than half the time.
    """
    heads = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, TVLayer) and layer.jit_compile == "auto"
    ]
    try:
        for layer in heads:
            layer.jit_compile = True
        yield
    finally:
        for layer in heads:
            layer.jit_compile = "auto"
