"""Loss over all data with its gradient, and its Hessian times a vector, each as one graph.

The trainable weights are one vector of n numbers, in the order of `model.trainable_variables`, and f(y) is
the loss of the model with the weights w + y, averaged over the data as `model.evaluate` does. The
displacement y is combined with the weights inside the graph: the variables of the model are read and never
written. Vectors and sums are float64, the layers compute in their own precision.
"""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.inference_state import predict_and_warn
from tfapp.landscape.one_line import one_line
from tfapp.landscape.point_loss import has_own_test_step, step_logs, sum_of
from tfapp.landscape.samples import Batches, as_batches
from tfapp.layers.tv.layer import TVLayer
from tfapp.optimizers.stateless_loss import collecting_scope, computed_loss, training_argument

__all__ = [
    "as_batches",
    "batch_losses",
    "flatten",
    "make_gradient",
    "make_hessian_product",
    "prepare",
    "tv_layers_with_own_gradient",
    "unflatten",
]


# Conjugate-gradient iterations of TV layers. Their usual 8 are enough to train by; with them the slope of a small
# U-Net's loss was told as .094 where it is .072, with 30 it is within .01 of that.
_BACKWARD_ITERATIONS = 50
# Two ways to compute one loss differ by the rounding of float32.
_SAME_LOSS = 1e-4


def prepare(model: keras.Model, batches: Batches) -> int:
    """Check that the loss of a model can be differentiated; return n, the number of trainable parameters.

    Raises:
        InputError: the model is not compiled, not built, has nothing to train, or a loss that is no single number.
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
    first = batches.slice(0, 1)
    try:
        x, y, sample_weight = first
        prediction = predict_and_warn(model, x)
        loss = computed_loss(model, x, y, prediction, sample_weight, training=False)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"Expected a model and data whose loss `compute_loss` gives, to differentiate it. Received: "
            f"{model.name!r} ({one_line(error)})."
        ) from error
    if tf.convert_to_tensor(loss).shape.rank:
        raise InputError(
            f"Expected a loss of one number for a batch, to differentiate it. Received: {model.name!r}, whose loss has "
            f"the shape {tuple(loss.shape)} for one sample; compile it with a `reduction`."
        )
    if has_own_test_step(model):
        _refuse_other_loss(model, first)
    return n


def loss_at_solution(model: keras.Model, batches: Batches, *, regularisation: bool = False) -> float:
    """Return f(0) of `make_gradient`, computed without a graph of the whole."""
    parts = [
        (size, _batch_loss(model, [], batches.slice(start, size), regularisation)) for start, size in batches
    ]
    return sum(size * float(loss) for size, loss in parts) / batches.num_samples


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
    batch_gradient = _batch_gradient(model, batches.num_samples, regularisation)

    def add(displacement, batch, size, loss, gradient):
        found = batch_gradient(displacement, batch, size)
        return loss + found[0], gradient + found[1]

    over_batches = batches.folded(add)

    def gradient(displacement):
        return tuple(over_batches(displacement, tf.zeros((), tf.float64), tf.zeros(n, tf.float64)))

    return batches.compiled(gradient, tf.TensorSpec((n,), tf.float64))


def make_hessian_product(model: keras.Model, batches: Batches, *, regularisation: bool = False):
    """Build the compiled function v -> H v with the Hessian H of f at 0, by differentiating twice.

    The second derivative goes backwards, as the first: forward mode looks into custom gradients and past
    them, and takes three times as long to trace.

    Args and Returns as for `make_gradient`; the function goes from float64 (n,) to float64 (n,).

    Reference:
        B. Pearlmutter, "Fast Exact Multiplication by the Hessian", Neural Computation, 1994.
    """
    n = sum(_sizes(model.trainable_variables))
    batch_gradient = _batch_gradient(model, batches.num_samples, regularisation)

    def add(v, batch, size, total):
        origin = tf.zeros(n, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(origin)
            _, gradient = batch_gradient(origin, batch, size)
        return (total + tape.gradient(gradient, origin, output_gradients=v, unconnected_gradients="zero"),)

    over_batches = batches.folded(add)

    def product(v):
        (total,) = over_batches(v, tf.zeros(n, tf.float64))
        return total

    return batches.compiled(product, tf.TensorSpec((n,), tf.float64))


def batch_losses(model: keras.Model, weights, batch):
    """Return the loss of a batch and the part of it that is in `model.losses`, float64 scalars.

    Args:
        model: a model that `prepare` accepted.
        weights: pairs of a variable and its value; others have their own.
        batch: `(x, y, sample_weight)`.
    """
    x, y, sample_weight = batch
    # Each batch has its own scope: what a layer writes (a seed, a metric) must not leave the loop's body.
    with collecting_scope(model, weights):
        prediction = model(x, **training_argument(model.call, False))
        loss = computed_loss(model, x, y, prediction, sample_weight, training=False)
        return tf.cast(loss, tf.float64), sum_of(model.losses)


def flatten(arrays) -> np.ndarray:
    """Return arrays or variables as one float64 vector."""
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def unflatten(vector: np.ndarray, variables) -> list[np.ndarray]:
    """Cut a vector (n,) into float32 arrays of the shapes of `variables`."""
    parts = np.split(vector, np.cumsum(_sizes(variables))[:-1])
    return [p.reshape(tuple(w.shape)).astype(np.float32) for p, w in zip(parts, variables, strict=True)]


def _sizes(variables):
    return [int(np.prod(tuple(variable.shape))) for variable in variables]


def _batch_gradient(model, num_samples, regularisation):
    variables = model.trainable_variables
    sizes = _sizes(variables)

    def batch_gradient(displacement, batch, size):
        """Return the batch's share of the mean loss, and its gradient."""
        with tf.GradientTape() as tape:
            tape.watch(displacement)
            weights = [
                (w, w.value + tf.cast(tf.reshape(part, w.shape), w.dtype))
                for w, part in zip(variables, tf.split(displacement, sizes), strict=True)
            ]
            with _exact_tv_gradients(model):
                loss = _batch_loss(model, weights, batch, regularisation)
        gradient = tape.gradient(loss, displacement, unconnected_gradients="zero")
        # Only now, in float64: on its way back Keras casts the loss's own derivative to float32.
        share = size / num_samples
        return share * loss, share * gradient

    return batch_gradient


def tv_layers_with_own_gradient(model: keras.Model) -> list[TVLayer]:
    """Return the TV layers of a model that are not differentiated by what they do, but by what they solve."""
    # Keras has no public walk through layers nested in models, wrappers and composite layers.
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, TVLayer) and layer.gradient != "unrolled"]


@contextlib.contextmanager
def _exact_tv_gradients(model):
    """Within this, the gradient of TV layers is that of their solution, whatever they are trained by."""
    with contextlib.ExitStack() as stack:
        for layer in tv_layers_with_own_gradient(model):
            iterations = max(layer.backward_iterations, _BACKWARD_ITERATIONS)
            stack.enter_context(layer.with_options(gradient="implicit", backward_iterations=iterations))
        yield


def _batch_loss(model, weights, batch, regularisation):
    loss, layers = batch_losses(model, weights, batch)
    return loss if regularisation else loss - layers


def _refuse_other_loss(model, batch):
    """Refuse a model whose own `test_step` reports another loss than `compute_loss`, which is differentiated."""
    reported, computed = float(step_logs(model, batch)["loss"]), float(_batch_loss(model, [], batch, True))
    if not abs(reported - computed) <= _SAME_LOSS * max(abs(reported), abs(computed)):
        raise InputError(
            f"Expected a model whose `compute_loss` is the loss that its own `test_step` reports, to differentiate it. "
            f"Received: {model.name!r} with {computed:g} and {reported:g} for one sample; move the loss to "
            "`compute_loss`, or draw its landscape, which needs no derivatives."
        )
