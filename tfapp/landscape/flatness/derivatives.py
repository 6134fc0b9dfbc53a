"""Loss over all data with its gradient, and its Hessian times a vector, each as one graph.

The trainable weights are one vector of n numbers, in the order of `model.trainable_variables`, and f(y) is
the loss of the model with the weights w + y, averaged over the data as `model.evaluate` does. The
displacement y is combined with the weights inside the graph: the variables of the model are read and never
written. Vectors and sums are float64, the layers compute in their own precision.
"""

import inspect

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.samples import Batches, as_arrays


def as_batches(x, y=None, sample_weight=None, batch_size: int = 8) -> Batches:
    """Return `x` if it is `Batches` already, else arrays or a dataset as batches that stay in memory."""
    return x if isinstance(x, Batches) else Batches(*as_arrays(x, y, sample_weight), batch_size)


def prepare(model: keras.Model, batches: Batches) -> int:
    """Check that the loss of a model can be differentiated; return n, the number of trainable parameters.

    Raises:
        InputError: the model is not compiled, not built, or has nothing to train.
    """
    if not (model.built and model.compiled):
        raise InputError(
            f"Expected a compiled and built model. Received: {model.name!r} with compiled={model.compiled}, "
            f"built={model.built}; call `model.compile(loss=...)` and the model itself on one batch first."
        )
    n = sum(_sizes(model.trainable_variables))
    if n == 0:
        raise InputError(f"Expected a model with trainable parameters. Received: {model.name!r} with none.")
    # Keras makes the state of the loss at its first use, which must not happen inside a stateless scope.
    _loss(model, *batches.slice(0, 1))
    return n


def make_gradient(model: keras.Model, batches: Batches, *, regularisation: bool = False):
    """Build the compiled function y -> (f(y), gradient of f at y).

    Args:
        model: a model that `prepare` accepted.
        batches: the data.
        regularisation: count weight decay and all else in `model.losses`; without it f is the data loss.

    Returns:
        A `tf.function` from float64 (n,) to float64 () and (n,). It is traced once.
    """
    n = sum(_sizes(model.trainable_variables))
    batch_gradient = _batch_gradient(model, batches, regularisation)

    @tf.function(input_signature=(tf.TensorSpec((n,), tf.float64),), autograph=False)
    def gradient(displacement):
        zero = (tf.zeros((), tf.float64), tf.zeros(n, tf.float64))
        return _over_batches(batches, lambda *batch: batch_gradient(displacement, *batch), zero)

    return gradient


def make_hessian_product(model: keras.Model, batches: Batches, *, regularisation: bool = False):
    """Build the compiled function v -> H v with the Hessian H of f at 0, by differentiating twice.

    The second derivative goes backwards, as the first: forward mode looks into custom gradients and past
    them, and takes three times as long to trace.

    Args and Returns as for `make_gradient`; the function goes from float64 (n,) to float64 (n,).

    Reference:
        B. Pearlmutter, "Fast Exact Multiplication by the Hessian", Neural Computation, 1994.
    """
    n = sum(_sizes(model.trainable_variables))
    batch_gradient = _batch_gradient(model, batches, regularisation)

    @tf.function(input_signature=(tf.TensorSpec((n,), tf.float64),), autograph=False)
    def product(v):
        def of_batch(start, size):
            origin = tf.zeros(n, tf.float64)
            with tf.GradientTape() as tape:
                tape.watch(origin)
                _, gradient = batch_gradient(origin, start, size)
            return tape.gradient(gradient, origin, output_gradients=v, unconnected_gradients="zero")

        return _over_batches(batches, of_batch, tf.zeros(n, tf.float64))

    return product


def flatten(arrays) -> np.ndarray:
    """Return arrays or variables as one float64 vector."""
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def unflatten(vector: np.ndarray, variables) -> list[np.ndarray]:
    """Cut a vector (n,) into float32 arrays of the shapes of `variables`."""
    parts = np.split(vector, np.cumsum(_sizes(variables))[:-1])
    return [p.reshape(tuple(w.shape)).astype(np.float32) for p, w in zip(parts, variables, strict=True)]


def _sizes(variables):
    return [int(np.prod(tuple(variable.shape))) for variable in variables]


def _batch_gradient(model, batches, regularisation):
    variables = model.trainable_variables
    sizes = _sizes(variables)

    def batch_gradient(displacement, start, size):
        """Return the batch's share of the mean loss, and its gradient."""
        with tf.GradientTape() as tape:
            tape.watch(displacement)
            weights = [
                (w, w.value + tf.cast(tf.reshape(part, w.shape), w.dtype))
                for w, part in zip(variables, tf.split(displacement, sizes), strict=True)
            ]
            loss = _batch_loss(model, weights, batches.slice(start, size), regularisation)
        gradient = tape.gradient(loss, displacement, unconnected_gradients="zero")
        # Only now, in float64: on its way back Keras casts the loss's own derivative to float32.
        share = size / batches.num_samples
        return share * loss, share * gradient

    return batch_gradient


def _over_batches(batches, of_batch, zero):
    """Return the sum of `of_batch(start, size)`, a tensor or a tuple of them like `zero`."""
    batch_size, end = batches.batch_size, batches.num_full * batches.batch_size

    def add(total, start, size):
        return tf.nest.map_structure(tf.add, total, of_batch(start, size))

    # One batch after the other: two at once would double the memory, not the speed.
    _, total = tf.while_loop(
        lambda start, _: start < end,
        lambda start, total: (start + batch_size, add(total, start, batch_size)),
        (tf.constant(0), zero),
        parallel_iterations=1,
    )
    return add(total, end, batches.remainder) if batches.remainder else total


def _batch_loss(model, weights, batch, regularisation):
    # Each batch has its own scope: what a layer writes (a seed, a metric) must not leave the loop's body.
    with keras.StatelessScope(state_mapping=weights, initialize_variables=False):
        loss = _loss(model, *batch)
        added = [] if regularisation else [tf.reduce_sum(tf.cast(term, tf.float64)) for term in model.losses]
    return loss - tf.add_n(added) if added else loss


def _loss(model, x, y, sample_weight):
    prediction = model(x, **_inference(model.call))
    options = {"sample_weight": sample_weight, **_inference(model.compute_loss)}
    return tf.cast(model.compute_loss(x=x, y=y, y_pred=prediction, **options), tf.float64)


def _inference(function):
    """Ask for inference where the (possibly overridden) function knows the question."""
    return {"training": False} if "training" in inspect.signature(function).parameters else {}
