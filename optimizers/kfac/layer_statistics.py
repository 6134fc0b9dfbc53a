"""Inputs of layers, and derivatives by what they give before their activations, of one pass through a model."""

import contextlib

import keras
import tensorflow as tf

from tfapp.optimizers.stateless_loss import training_argument


def inputs_and_derivatives(model, blocks, x, distribution, targets_of):
    """Return what the Kronecker factors are made of, without writing a variable of the model.

    Args:
        model: Built Keras model with one output.
        blocks: `LayerBlock`s.
        x: Inputs of the model, a nest of tensors.
        distribution: `OutputDistribution`.
        targets_of: Function from the logits to targets, as `OutputDistribution.draw` returns them.

    Returns:
        For each block its inputs and the derivatives of -log p of each example, or None if it was not called; and
        the logits.

    Raises:
        ValueError: For a layer that was called more than once.
    """
    calls = [[] for _ in blocks]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        with keras.StatelessScope(), _recorded(blocks, calls, tape):
            outputs = model(x, **training_argument(model.call, True))
        logits = distribution.logits(outputs)
    for block, found in zip(blocks, calls, strict=True):
        if len(found) > 1:
            raise ValueError(
                f"K-FAC needs layers that are called once in a pass of the model. Received: {block.layer.name!r}, a "
                f"shared layer, which is called {len(found)} times. Train the model by another optimizer."
            )
    residual = distribution.residual(logits, targets_of(logits))
    sources = [found[0][1] if found else None for found in calls]
    called = [source for source in sources if source is not None]
    found_gradients = iter(tape.gradient(logits, called, tf.stop_gradient(residual), "zero"))
    gradients = [None if source is None else next(found_gradients) for source in sources]
    return [
        None if not found else (found[0][0], gradient)
        for found, gradient in zip(calls, gradients, strict=True)
    ], logits


@contextlib.contextmanager
def _recorded(blocks, calls, tape):
    """Have layers note their inputs and what they hand to their activations, which the tape watches."""
    with contextlib.ExitStack() as stack:
        for block, found in zip(blocks, calls, strict=True):
            stack.enter_context(_noted(block.layer, found, tape))
        yield


@contextlib.contextmanager
def _noted(layer, found, tape):
    call, activation = layer.call, layer.activation

    def noting_call(inputs, *args, **kwargs):
        def noting_activation(values):
            values = tf.identity(values)
            tape.watch(values)
            found.append((inputs, values))
            return activation(values)

        layer.__dict__["activation"] = noting_activation
        try:
            return call(inputs, *args, **kwargs)
        finally:
            layer.__dict__["activation"] = activation

    # Not by `setattr`, which Keras watches for parts of a layer.
    layer.__dict__["call"] = noting_call
    try:
        yield
    finally:
        del layer.__dict__["call"]
