"""Random directions in weight space, normalised filter by filter or layer by layer.

A plot of f(w + alpha*u + beta*v) compares two networks only if u and v have the networks' own scale:
ReLU and batch normalisation let one rescale a filter without changing the function. Li et al. give
every filter of a Gaussian direction the norm of the same filter of the solution,

    filter:       d_j <- d_j / (|d_j| + 1e-10) * |w_j|,

Lu and Tong (algorithm 1) give it the norm 1, which keeps the unit of the weights,

    unit-filter:  d_j <- d_j / (|d_j| + 1e-10),

where `lu-tong` is their algorithm to the letter, whose two directions are drawn independently of each other,
and layer normalisation, coarser, takes a whole kernel d_l in the place of the filter d_j.

References:
    Hao Li, Zheng Xu, Gavin Taylor, Christoph Studer, Tom Goldstein: Visualizing the Loss Landscape of
    Neural Nets. NeurIPS 2018, arXiv:1712.09913.
    Jianjie Lu, Kai-yu Tong: Visualized Insights into the Optimization Landscape of Fully Convolutional
    Networks. arXiv, January 2019.
"""

from collections.abc import Sequence

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.filters import group_size, norm_axes

_TINY = 1e-10
LABELS = {
    "filter": "filter-normalised",
    "unit-filter": "unit norm per filter",
    "lu-tong": "unit norm per filter, independent",
    "layer": "layer-normalised",
}
# Of length 1 in every filter, in the unit of the weights.
UNIT = ("unit-filter", "lu-tong")


def filter_normalised_direction(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Draw one Gaussian direction with the norm of every filter of the model.

    Biases, parameters of normalisation layers and all other parameters of rank 0 or 1 get zeros: they
    have no filter to be measured by. Moving statistics are not trainable and do not appear at all.

    Args:
        model: built Keras model; it is read only.
        seed: integer >= 0. Variable number k is drawn by `np.random.default_rng([seed, k])`, so that
            the direction of a layer does not depend on the sizes of the layers before it.

    Returns:
        One float32 array per entry of `model.trainable_variables`, in that order and of that shape.

    Raises:
        InputError: a parameter of rank 2 or more belongs to a layer whose filters are not known.
    """
    axes = norm_axes(model)
    return normalised(model, gaussian(model, axes, seed), axes)


def random_directions(
    model: keras.Model,
    kind: str = "filter",
    *,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    biases: bool = False,
) -> Directions:
    """Draw a plane of two random directions that are orthogonal in every filter, but for the kind `lu-tong`.

    The second is orthogonalised to the first (Gram-Schmidt) filter by filter and before normalising.
    Normalising rescales filters, so two directions that are only orthogonal as a whole come out at an
    angle again, the more so the more the norms of the filters differ; directions that are orthogonal in
    each filter stay so, and the cosine is 0 up to rounding. Filters of a single weight have no second
    direction and keep their random sign: what they leave is in `metadata["cosine"]`.

    Args:
        model: built Keras model; it is read only.
        kind: "filter" (Li et al.), "unit-filter" (Lu and Tong, with orthogonal directions), "lu-tong" (Lu and Tong,
            Algorithm 1: the second direction is not orthogonalised) or "layer".
        seed: integer >= 0. u is drawn with 2*seed and v with 2*seed + 1, as by `filter_normalised_direction`.
        layers: names of layers that the directions are limited to; None for all.
        biases: move biases and parameters of normalisation layers too, each scaled as one vector: to its own
            norm, so that offsets that are all 0 stay, or to 1 for "unit-filter" and "lu-tong".

    Returns:
        `Directions`; of kind "filter" and "layer" both have relative length 1.

    Raises:
        InputError: an unknown kind or layer, a seed that is not an integer >= 0, a kernel whose filters are
            not known (not for "layer"), or nothing to move.
    """
    seed = check_seed(seed)
    if kind not in LABELS:
        raise InputError(f"`kind` must be one of {', '.join(LABELS)}. Received: kind={kind!r}.")
    axes = norm_axes(model, by_filter=kind != "layer", layers=layers, biases=biases)
    first = gaussian(model, axes, 2 * seed)
    second = gaussian(model, axes, 2 * seed + 1)
    if kind != "lu-tong":
        second = orthogonalised(second, first, axes)
    u, v = (normalised(model, d, axes, unit=kind in UNIT) for d in (first, second))
    if not any(array.any() for array in u):
        raise InputError(
            f"{model.name!r} has no weights to move: no kernel that is trainable and not zero; "
            "move its biases too with biases=True, or unfreeze layers."
        )
    return Directions.through(
        model,
        kind,
        u,
        v,
        labels=[f"{LABELS[kind]} direction {number}" for number in (1, 2)],
        metadata={
            "direction_seeds": [2 * seed, 2 * seed + 1],
            "layers": [layers] if isinstance(layers, str) else layers and list(layers),
            "biases": biases,
        },
    )


def check_seed(seed) -> int:
    """Return a seed as a Python integer; refuse what is not an integer >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"`seed` must be an integer >= 0. Received: seed={seed!r}.")
    return int(seed)


def gaussian(model: keras.Model, axes, seed: int) -> list[np.ndarray]:
    """Return standard normal float64 arrays of the shapes of the trainable parameters, zeros where `axes`,
    as from `norm_axes`, is None."""
    return [
        np.zeros(tuple(variable.shape))
        if entry is None
        else np.random.default_rng([seed, index]).standard_normal(tuple(variable.shape))
        for index, (variable, entry) in enumerate(zip(model.trainable_variables, axes, strict=True))
    ]


def orthogonalised(direction, against, axes) -> list[np.ndarray]:
    """Take from every group of `direction` its part along the same group of `against` (Gram-Schmidt).

    Groups of one entry are left as they are.
    """
    return [
        d if entry is None or group_size(d.shape, entry) == 1 else _orthogonalise(d, a, entry)
        for d, a, entry in zip(direction, against, axes, strict=True)
    ]


def normalised(model: keras.Model, direction, axes, *, unit: bool = False) -> list[np.ndarray]:
    """Return float32 arrays whose groups have the norm of the same group of the model, or 1 if `unit`."""
    return [
        (
            d
            if entry is None
            else d / (_norm(d, entry) + _TINY) * (1.0 if unit else _norm(variable.numpy(), entry))
        ).astype(np.float32)
        for d, variable, entry in zip(direction, model.trainable_variables, axes, strict=True)
    ]


def _orthogonalise(array, against, axes):
    square = np.sum(np.square(against), axis=axes, keepdims=True)
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    # The second pass removes what cancellation leaves of the first: twice is enough (Kahan and Parlett).
    for _ in range(2):
        array = array - against * (np.sum(array * against, axis=axes, keepdims=True) * inverse)
    return array


def _norm(array, axes):
    return np.sqrt(np.sum(np.square(array, dtype=np.float64), axis=axes, keepdims=True))
