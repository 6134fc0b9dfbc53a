"""Word of losses that depend on a batch size that nobody said, the same for all that measures a loss."""

import warnings

import keras
import tensorflow as tf

from tfapp.landscape.flatness.derivatives import batch_losses
from tfapp.landscape.measure import figures_at
from tfapp.landscape.point_loss import has_own_test_step
from tfapp.landscape.samples import Batches, Source

# What `model.evaluate` takes of itself.
USUAL = 32
# Two ways to add up one loss differ by rounding, far less than this share of it; where the losses of layers are taken
# off a sum of float32 numbers, by its rounding too.
TOLERANCE, ROUNDING = 1e-3, 1e-6
# How far from the solution it is looked too, in shares of the root mean square of each variable: a loss of 0 is 0 in
# batches of any size.
NEAR, LEAST = 0.01, 0.01
# Above so many batches a graph takes less time than none.
_MANY = 64


def warn_of_batch_size(model: keras.Model, batches: Batches, *, regularisation: bool) -> None:
    """Warn if the loss of arrays is another one at the batch size that `model.evaluate` takes of itself.

    Nothing is computed where the batch size was said, or the data bring their own batches.

    Args:
        model: compiled and built Keras model whose loss was computed before, so that it has its state.
        batches: the data; that they were warned of is kept with them.
        regularisation: whether what is measured counts weight decay and all else in `model.losses`.
    """
    if not batches.size_assumed or batches.num_samples <= batches.batch_size:
        return
    sizes = batches.batch_size, USUAL
    if regularisation and has_own_test_step(model):
        found = [[_evaluated(model, batches, size)] for size in sizes]
    else:
        found = [_losses(model, Batches(*batches.content, size), regularisation) for size in sizes]
    for where, (own, total), (usual, _) in zip(("", ", near the solution,"), *found, strict=False):
        if abs(own - usual) > TOLERANCE * max(abs(usual), 1e-6) + ROUNDING * abs(total):
            batches.size_assumed = False
            warnings.warn(
                f"The loss depends on the batches: it is{where} {own:.6g} at `batch_size={sizes[0]}` and {usual:.6g} "
                f"at {USUAL}, which `model.evaluate` takes of itself. Give `batch_size`, or a dataset, which keeps "
                "its batches.",
                stacklevel=3,
            )
            return


def warn_of_statistics(point_loss_of, batches: Batches, place: tuple[float, float]) -> None:
    """Warn if moving statistics that are estimated anew make another loss at the batch size of `model.evaluate`.

    They are means over batches, whose variances are the smaller the fewer samples a batch has.

    Args:
        point_loss_of: function of `Batches` that returns what `make_point_loss` builds with `reestimate`.
        batches: the data.
        place: (alpha, beta) of a point far from the solution.
    """
    if not batches.size_assumed or batches.num_samples <= batches.batch_size:
        return
    every = batches, Batches(*batches.content, USUAL)
    own, usual = (figures_at(point_loss_of(one), *place)["loss"] for one in every)
    if abs(own - usual) > TOLERANCE * max(abs(usual), 1e-6):
        batches.size_assumed = False
        warnings.warn(
            f"With `reestimate` the loss depends on the batches, over which the moving statistics are means: at "
            f"{place} it is {own:.6g} at `batch_size={batches.batch_size}` and {usual:.6g} at {USUAL}. Give "
            "`batch_size`: the larger, the nearer the statistics are to those of all data.",
            stacklevel=3,
        )


def _evaluated(model, batches, batch_size):
    loss = Source(None, batches.content).evaluated_by(model, batch_size)["loss"]
    return loss, loss


def _losses(model, batches, regularisation):
    """Return (loss that counts, whole loss) at the solution and beside it, means over the samples."""
    variables = model.trainable_variables

    def add(weights, batch, size, totals):
        values = zip(variables, weights, strict=True)
        return (totals + size * tf.stack(batch_losses(model, list(values), batch)),)

    few = {"eager": batches.num_samples <= _MANY * batches.batch_size}
    over_batches = batches.folded(add, **few)

    def mean_losses(*weights):
        (totals,) = over_batches(list(weights), tf.zeros(2, tf.float64))
        return totals / batches.num_samples

    mean = batches.compiled(mean_losses, *(tf.TensorSpec(w.shape, w.dtype) for w in variables), **few)
    solution = [tf.convert_to_tensor(variable.value) for variable in variables]
    places = solution, [_beside(weights, index) for index, weights in enumerate(solution)]
    pairs = (mean(*place).numpy().tolist() for place in places)
    return [(whole if regularisation else whole - layers, whole) for whole, layers in pairs]


def _beside(weights, seed):
    length = tf.maximum(tf.sqrt(tf.reduce_mean(tf.square(tf.cast(weights, tf.float32)))), LEAST)
    step = NEAR * length * tf.random.stateless_normal(weights.shape, (0, seed))
    return weights + tf.cast(step, weights.dtype)
