"""Internal covariate shift as Santurkar et al. (2018) define it: by the gradient of a layer, not by its input.

Layer i of k with the weights W_1 ... W_k before an update and W'_1 ... W'_k after it has, on the batch of the update,

    G  = the gradient of L(W_1, ..., W_k) with respect to W_i,
    G' = the gradient of L(W'_1, ..., W'_{i-1}, W_i, ..., W_k) with respect to W_i,

and its internal covariate shift is |G - G'|: by how much the problem that the layer solves has changed because the
layers before it were updated. The cosine of the angle between both is 1 where the direction stayed.

Reference:
    S. Santurkar, D. Tsipras, A. Ilyas, A. Madry, "How Does Batch Normalization Help Optimization?", NeurIPS 2018,
    arXiv:1805.11604, definition 2.1.
"""

import math
from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.gradient_steps import BatchGradient, length
from tfapp.landscape.propagation import layers_in_order


@dataclass(frozen=True)
class LayerShift:
    """Internal covariate shift of one layer.

    Attributes:
        name: of the layer.
        kind: its class.
        gradient: |G|.
        shift: |G - G'|; infinite where G' is not finite.
        cosine: of the angle between G and G'; NaN where one of them is 0 or not finite.
    """

    name: str
    kind: str
    gradient: float
    shift: float
    cosine: float

    @property
    def relative(self) -> float:
        """The shift as a share of |G|; NaN where that is 0."""
        return self.shift / self.gradient if self.gradient else math.nan


def covariate_shift(
    model, x, y=None, sample_weight=None, *, rate=None, after=None, layers=None, gradient=None
) -> list[LayerShift]:
    """Measure the internal covariate shift of layers with a kernel, over one update.

    Args:
        model: compiled and built Keras model of any kind, with the weights before the update; it is not changed.
        x, y, sample_weight: the batch of the update, as for `model.train_on_batch`.
        rate: step size of a plain gradient step on this batch, above 0, which is the update if there is no `after`.
        after: arrays, one for each of `model.trainable_variables`: the weights after the update, by whatever solver.
        layers: how many of the layers with a kernel to measure, evenly chosen from the second to the last; each
            takes a gradient of the whole model. None for all of them but the first, which has none before it.
        gradient: the `BatchGradient` of the model, for many batches; None makes one.

    Returns:
        `LayerShift`s in the order in which the model calls the layers. Layers without a kernel, such as batch
        normalisation, count among those that are updated before.

    Raises:
        InputError: for neither or both of `rate` and `after`, numbers out of range, a model with fewer than two layers
            with a kernel, or as `BatchGradient` and its `at`.
    """
    _check(model, rate, after, layers)
    gradient = gradient or BatchGradient(model)
    batch = (x, y, sample_weight)
    _, here = gradient.at(batch)
    variables = model.trainable_variables
    before = [np.asarray(variable.value) for variable in variables]
    if after is None:
        after = [one - (rate * slope).astype(one.dtype) for one, slope in zip(before, here, strict=True)]
    places = {id(variable): place for place, variable in enumerate(variables)}
    ordered = [
        (layer, [places[id(one)] for one in layer.trainable_variables if id(one) in places])
        for layer in layers_in_order(model, x)
    ]
    with_kernel = [
        number
        for number, (_, own) in enumerate(ordered)
        if any(len(variables[place].shape) > 1 for place in own)
    ]
    if len(with_kernel) < 2:
        raise InputError(
            "Expected a model with at least two layers with a kernel. "
            f"Received: {model.name!r} with {len(with_kernel)}."
        )
    found = []
    for number in _chosen(with_kernel[1:], layers):
        layer, own = ordered[number]
        updated = {place for _, places_of in ordered[:number] for place in places_of} - set(own)
        mixed = [after[place] if place in updated else one for place, one in enumerate(before)]
        _, there = gradient.at(batch, mixed)
        found.append(_shift(layer, [here[place] for place in own], [there[place] for place in own]))
    return found


def _shift(layer, before, after):
    norms = length(before), length(after)
    distance = length([one - other for one, other in zip(before, after, strict=True)])
    cosine = math.nan
    if all(math.isfinite(norm) and norm > 0 for norm in norms):
        product = sum(float(np.sum(one * other)) for one, other in zip(before, after, strict=True))
        cosine = min(1.0, max(-1.0, product / (norms[0] * norms[1])))
    shift = distance if math.isfinite(distance) else math.inf
    return LayerShift(layer.name, type(layer).__name__, norms[0], shift, cosine)


def _chosen(numbers, count):
    if count is None or count >= len(numbers):
        return numbers
    # The last layer alone where there is one, otherwise from the second layer to the last.
    places = np.linspace(len(numbers) - 1 if count == 1 else 0, len(numbers) - 1, count)
    return [numbers[place] for place in np.round(places).astype(int)]


def _check(model, rate, after, layers):
    if (rate is None) == (after is None):
        raise InputError(
            "Expected either `rate`, of a plain gradient step, or `after`, the weights after the update. Received: "
            f"{'neither' if rate is None else 'both'}."
        )
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise InputError(f"`rate` must be a finite number above 0. Received: rate={rate!r}.")
    if after is not None:
        expected = [tuple(variable.shape) for variable in model.trainable_variables]
        given = [np.shape(one) for one in after]
        if given != expected:
            raise InputError(
                f"`after` must be one array for each of the {len(expected)} trainable variables, of its shape. "
                f"Received: {len(given)} arrays of the shapes {given[:3]}{' ...' if len(given) > 3 else ''}."
            )
    if layers is not None and not (isinstance(layers, int) and layers >= 1):
        raise InputError(f"`layers` must be an integer of at least 1, or None. Received: layers={layers!r}.")
