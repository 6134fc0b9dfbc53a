"""The forward pass of a point, and by itself as the yardstick of what a point costs."""

import inspect
from contextlib import contextmanager

import keras
import tensorflow as tf

from tfapp.landscape.batches import Batches
from tfapp.landscape.precision import FLOAT32, computing_in, in_float32
from tfapp.layers import TVLayer


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
