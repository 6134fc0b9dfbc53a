"""Loss at one point of the plane, and a bare forward pass to compare its time with, each as one graph."""

import inspect
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.precision import FLOAT32, computing_in, in_float32
from tfapp.landscape.samples import Batches
from tfapp.layers import TVLayer

# What layers draw at random in training, by the attribute that says how much.
_NOISE = ("rate", "stddev")


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


def predict_batch(model: keras.Model, x, compute_dtype: str = FLOAT32):
    """Return what a model predicts in inference mode, float32 whatever its layers computed in.

    Args:
        model: Keras model.
        x: inputs of one batch.
        compute_dtype: see `precision`.
    """
    with _compiled_heads(model), computing_in(model, compute_dtype):
        prediction = model(x, **inference(model.call))
    return in_float32(prediction) if compute_dtype != FLOAT32 else prediction


def make_bare_forward(model: keras.Model, batches: Batches, compute_dtype: str = FLOAT32):
    """Build the yardstick: a function without arguments that runs the compiled model over all batches."""

    @tf.function(autograph=False, reduce_retracing=False)
    def forward(start, size):
        return predict_batch(model, batches.slice(start, size)[0], compute_dtype)

    def run():
        for start, size in batches:
            prediction = forward(tf.constant(start), size)
        keras.tree.flatten(prediction)[0][0].numpy()  # waits for a device that runs asynchronously

    return run


def inference(function) -> dict:
    """Return the arguments that ask for inference where the (possibly overridden) function knows the question."""
    return {"training": False} if "training" in inspect.signature(function).parameters else {}


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


# The stored statistics belong to the solution: far from it activations are off their scale and the loss explodes,
# which says more of the statistics than of the weights. One more pass over the data finds those of the point.


def normalisations(model: keras.Model) -> list:
    """Return the batch normalisations of a model that keep moving statistics.

    Raises:
        InputError: there is none, or one never moves its statistics (a momentum of 1).
    """
    # Keras has no public walk through layers nested in models and wrappers.
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    if not layers:
        raise InputError(
            f"Expected a model with trainable batch normalisation to estimate its moving statistics anew. "
            f"Received: {model.name!r}, which has none."
        )
    still = next((layer.name for layer in layers if layer.momentum == 1), None)
    if still is not None:
        raise InputError(f"Layer {still!r} has a momentum of 1: its moving statistics cannot be estimated.")
    return layers


def batch_statistics(model: keras.Model, layers, state, x):
    """Return the means and variances of one batch in every batch normalisation, as a list of tensors.

    Dropout and noise layers are off; whatever else distinguishes training from inference is on.

    Args:
        model: Keras model.
        layers: its batch normalisations, from `normalisations`.
        state: (variable, value) pairs, the displaced weights.
        x: inputs of the batch.
    """
    variables = moving_variables(layers)
    momenta = [layer.momentum for layer in layers for _ in range(2)]
    zeros = [tf.zeros_like(variable) for variable in variables]
    scope = keras.StatelessScope(
        state_mapping=[*state, *zip(variables, zeros, strict=True)], initialize_variables=False
    )
    with scope, _without_noise(model):
        model(x, training=True)
        # From 0, one update leaves (1 - momentum) times the statistics of the batch.
        return [
            scope.get_current_value(variable) / (1.0 - momentum)
            for variable, momentum in zip(variables, momenta, strict=True)
        ]


def moving_variables(layers) -> list:
    """Return the moving mean and variance of every layer, in the order of `batch_statistics`."""
    return [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]


@contextmanager
def _without_noise(model):
    noisy = [
        (layer, name, getattr(layer, name))
        for layer in model._flatten_layers()
        for name in _NOISE
        if isinstance(getattr(layer, name, None), float)
    ]
    try:
        for layer, name, _ in noisy:
            setattr(layer, name, 0.0)
        yield
    finally:
        for layer, name, value in noisy:
            setattr(layer, name, value)
