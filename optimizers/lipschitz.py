"""Estimate of the Lipschitz constant of a model's loss."""

import inspect
import itertools
import math
import warnings
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.optimizers.arguments import check_compiled, in_unit_interval, positive, positive_integer
from tfapp.optimizers.array_parts import array_fault
from tfapp.optimizers.weight_paths import descent, initialisations, measure_path, pair_distances

MODES = ("trajectory", "inits")
PAIRS = ("successive", "all")


@dataclass(frozen=True)
class LipschitzEstimate:
    """Slopes |f(x_i) - f(x_j)| / |x_i - x_j| of a loss (eq. 3.17), in units of the loss per length of the weights.

    No finite number of slopes bounds a Lipschitz constant from above. L is chosen smaller than the largest of them on
    purpose: by how much, `max` and `max_gradient_norm`, below which no Lipschitz constant can be, show.

    Attributes:
        slopes: float64 `(slopes,)`, in the order of the path; of all pairs, those of the first point with all later
            ones, then those of the second. Places that coincide have none.
        quantile: In (0, 1]: which quantile of the slopes is taken.
        momentum: In [0, 1): of the `BPGrad` that the estimate is for.
        max_gradient_norm: Largest norm of the gradient over all weights, at the points of the path. Where a layer has a
            gradient of its own (reversed, straight-through) it is that one's, and bounds nothing.
        mode: `"trajectory"` or `"inits"`.
        pairs: `"successive"` or `"all"`.
        same_batch: Whether both losses of a slope are of the same batch.
    """

    slopes: np.ndarray
    quantile: float
    momentum: float
    max_gradient_norm: float
    mode: str
    pairs: str
    same_batch: bool

    @property
    def quantile_slope(self) -> float:
        """The smallest slope that at least the share `quantile` of the slopes does not exceed."""
        return float(np.quantile(self.slopes, self.quantile, method="inverted_cdf"))

    @property
    def median(self) -> float:
        """Median of the slopes."""
        return float(np.median(self.slopes))

    @property
    def max(self) -> float:
        """Largest slope."""
        return float(self.slopes.max())

    @property
    def lipschitz(self) -> float:
        """L for `BPGrad`: `quantile_slope / (1 - momentum)`, since momentum lengthens the way by that factor."""
        return self.quantile_slope / (1 - self.momentum)


def estimate_lipschitz(
    model,
    x,
    y=None,
    sample_weight=None,
    *,
    steps: int = 100,
    batch_size: int = 32,
    learning_rate: float = 0.01,
    mode: str = "trajectory",
    pairs: str = "successive",
    same_batch: bool = True,
    quantile: float = 0.99,
    momentum: float = 0.9,
    seed: int = 0,
) -> LipschitzEstimate:
    """Estimate L for `BPGrad` from the slopes of the loss along a short training by SGD.

    The slopes are |f(x_i) - f(x_j)| / |x_i - x_j| (eq. 3.17), x_i the weights after i steps. The model is not
    trained: its weights, its moving statistics, its optimizer and all random generators stay as they are.

        estimate = estimate_lipschitz(model, x, y, batch_size=100)
        model.compile(BPGrad(estimate.lipschitz), "sparse_categorical_crossentropy")

    The official code takes the mean of the losses so far for the loss of a step, and all pairs of steps
    (`pairs="all"`). The nearest to it here is `same_batch=False`: each loss at the batch of its own step. The slope
    between two successive steps then holds the difference between two batches, which does not shrink with the step:
    it grows as the learning rate falls, without bound. With the same batch at both ends the slopes depend on the rate
    far less. An estimate is too small if the loss hardly falls along the trajectory.

    Args:
        model: Compiled and built Keras model; its `compute_loss` in training mode is f, regularisation and added
            losses included. The weight decay of an optimizer is not part of it.
        x: Array or nest of arrays, or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of batches, which
            repeats when it ends. Its batches may differ in shape.
        y, sample_weight: Arrays or nests of arrays; None with a dataset.
        steps: Number of steps, at least 1.
        batch_size: Samples in a batch of arrays; give that of the training, for L depends on it.
        learning_rate: Of the SGD; positive.
        mode: `"trajectory"`, or `"inits"`: x_i are new random initialisations instead, as Wu words it.
            They are so far apart, and so alike in their loss, that the slopes are thousands of times smaller than any
            L that works: to see it, not to use it. The model must be sequential or functional.
        pairs: `"successive"`, or `"all"` pairs of steps, which keeps `4 * (steps + 1)` bytes per weight in memory
            and needs `same_batch=False`.
        same_batch: Whether both losses of a slope are of the same batch, with the same dropout.
        quantile: In (0, 1]: which quantile of the slopes to take.
        momentum: In [0, 1): that of the `BPGrad` to come; the SGD has it too.
        seed: Of the order of the samples, and of the initialisations.

    Returns:
        `LipschitzEstimate`, with the slopes and the recommended `lipschitz`.

    Raises:
        ValueError: For an argument out of its range, a model that is not compiled, not built or without trainable
            weights, a loss that is only in the model's own `train_step`, fewer samples than one batch, a loss that
            is NaN or infinite, or that is constant on the path.

    References:
        Y. Wu, dissertation, chapter 3, eq. 3.17 and figure 3.15; `Estimate_L` in the code of Z. Zhang, Y. Wu, G. Wang,
        "BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning", 2018, arXiv:1711.06959.
    """
    _check_model(model)
    _check_numbers(steps, batch_size, learning_rate, quantile, momentum)
    _check_choices(mode, pairs, same_batch)
    batches = sample_batches(x, y, sample_weight, batch_size=batch_size, seed=seed)
    path = initialisations(model, seed) if mode == "inits" else descent(model, learning_rate, momentum)
    points = measure_path(model, path, batches, same_batch=same_batch, keep_weights=pairs == "all")
    points = _finite(itertools.islice(points, steps + (not same_batch)), mode, learning_rate)
    norms, slopes = [point.gradient_norm for point in points], _slopes(points, pairs, same_batch)
    if not slopes.any():
        cause = "its gradient is zero" if mode == "trajectory" else "its initialisers have seeds of their own"
        raise ValueError(
            f"`model` must have a loss that changes along the path; this one is constant, or {cause}. "
            f"Received: a loss of {points[0].loss:g} and no slope at {len(points)} places."
        )
    return LipschitzEstimate(slopes, quantile, momentum, max(norms), mode, pairs, same_batch)


def _finite(points, mode, learning_rate):
    """Return the points as a list, once all losses and gradients turned out to be finite."""
    known = []
    for step, point in enumerate(points):
        known.append(point)
        if math.isfinite(point.loss + point.gradient_norm + (point.next_loss or 0)):
            continue
        is_data = mode == "inits" or (not step and not math.isfinite(point.loss + point.gradient_norm))
        cure = "other data" if is_data else f"a smaller `learning_rate` than {learning_rate}"
        then = "" if point.next_loss is None else f", then a loss of {point.next_loss}"
        raise ValueError(
            f"`model` must have a finite loss and gradient on the path; try {cure}. Received: a loss of {point.loss} "
            f"with a gradient of norm {point.gradient_norm:g} at step {step}{then}."
        )
    if not known:
        raise ValueError("`x` must hold at least one batch. Received: a dataset without any.")
    return known


def _slopes(points, pairs, same_batch):
    losses = np.array([point.loss for point in points])
    if pairs == "all":
        earlier, later = np.triu_indices(len(points), 1)
        differences = losses[later] - losses[earlier]
        distances = pair_distances([point.weights for point in points])
    elif same_batch:
        differences = np.array([point.next_loss for point in points]) - losses
        distances = np.array([point.distance for point in points])
    else:
        differences = np.diff(losses)
        distances = np.array([point.distance for point in points[:-1]])
    moved = distances > 0
    return np.abs(differences[moved]) / distances[moved]


def _check_model(model):
    check_compiled(model)
    own_step = type(model).train_step is not keras.Model.train_step
    if not own_step or type(model).compute_loss is not keras.Model.compute_loss:
        return
    if model.loss is None:
        raise ValueError(
            "`model` must have a loss of `compile` or a `compute_loss` of its own. Received: a model whose loss is "
            "only in its own `train_step`, from which it cannot be had without training."
        )
    warnings.warn(
        "The model has a `train_step` of its own. The estimate is of the loss that `compile` was given and of those "
        "that layers add; move other terms to `compute_loss`.",
        stacklevel=3,
    )


def _check_numbers(steps, batch_size, learning_rate, quantile, momentum):
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        positive_integer(name, value)
    positive("learning_rate", learning_rate)
    if not 0 < quantile <= 1:
        raise ValueError(f"`quantile` must lie in (0, 1]. Received: quantile={quantile}.")
    in_unit_interval("momentum", momentum)


def _check_choices(mode, pairs, same_batch):
    if mode not in MODES:
        raise ValueError(f'`mode` must be "trajectory" or "inits". Received: mode={mode!r}.')
    if pairs not in PAIRS:
        raise ValueError(f'`pairs` must be "successive" or "all". Received: pairs={pairs!r}.')
    if pairs == "all" and same_batch:
        raise ValueError('`same_batch` must be False with pairs="all". Received: same_batch=True.')


def sample_batches(x, y=None, sample_weight=None, *, batch_size, seed):
    """Return an iterator of batches `(x, y, sample_weight)`, nests of tensors or None, without end.

    Args:
        x: Array, nest of arrays, or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of batches, which keeps
            its own order.
        y, sample_weight: Arrays, nests of arrays or None; None with a dataset.
        batch_size: Samples in a batch of arrays.
        seed: Of the order of arrays, drawn anew for each pass; samples that do not fill a batch wait for the next.

    Raises:
        ValueError: For targets beside a dataset, arrays of different lengths, or fewer samples than a batch.
    """
    own = isinstance(x, tf.data.Dataset | keras.utils.PyDataset) or inspect.isgenerator(x)
    if not own:
        return _array_batches((x, y, sample_weight), batch_size, seed)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "`y` and `sample_weight` must be None with a dataset, which yields its own. Received: both."
        )
    if isinstance(x, tf.data.Dataset):
        return map(keras.utils.unpack_x_y_sample_weight, iter(x.repeat()))
    batches = itertools.cycle(x) if inspect.isgenerator(x) else _passes(x)
    return (keras.utils.unpack_x_y_sample_weight(_tensors(batch)) for batch in batches)


def _passes(dataset):
    """Yield the batches of a `PyDataset` again and again."""
    while True:
        count = 0
        for index in itertools.count() if dataset.num_batches is None else range(dataset.num_batches):
            count += 1
            yield dataset[index]
        if not count:
            return
        dataset.on_epoch_end()


def _tensors(batch):
    # A list of inputs, targets and weights is what a tuple is.
    batch = tuple(batch) if isinstance(batch, list) else batch
    return _mapped(tf.convert_to_tensor, batch)


def _array_batches(data, batch_size, seed):
    fault = array_fault(x=data[0], y=data[1], sample_weight=data[2])
    if fault:
        raise ValueError(fault)
    arrays = [leaf for leaf in keras.tree.flatten(data) if leaf is not None]
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if not all(shapes) or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(
            "`x`, `y` and `sample_weight` must be arrays, or nests of arrays, of the same number of samples, or `x` "
            f"a `tf.data.Dataset`. Received: {type(data[0]).__name__} and others, of the shapes {shapes}."
        )
    length, batch_size = shapes[0][0], positive_integer("batch_size", batch_size)
    if length < batch_size:
        raise ValueError(
            f"`x` must hold at least one batch of samples. Received: {length} samples, batch_size={batch_size}."
        )
    return _shuffled(data, length, batch_size, seed)


def _shuffled(data, length, batch_size, seed):
    data = _mapped(np.asarray, data)
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(length)
        for start in range(0, length - batch_size + 1, batch_size):
            yield _rows(data, order[start : start + batch_size])


def _rows(data, rows):
    return _mapped(lambda array: tf.convert_to_tensor(array[rows]), data)


def _mapped(function, data):
    return keras.tree.map_structure(lambda leaf: None if leaf is None else function(leaf), data)
