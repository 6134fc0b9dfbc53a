"""Directions by name, among them those that the loss itself chooses: gradient and eigenvectors of the Hessian."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.batch_size import warn_of_batch_size
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.filters import norm_axes
from tfapp.landscape.directions.random_directions import (
    LABELS,
    check_seed,
    gaussian,
    normalised,
    orthogonalised,
    random_directions,
)
from tfapp.landscape.flatness.curvature import top_eigenvectors
from tfapp.landscape.flatness.derivatives import make_gradient, prepare, unflatten
from tfapp.landscape.flatness.slopes import warn_of_gradient
from tfapp.landscape.samples import Batches

KINDS = (*LABELS, "gradient", "hessian")


def make_directions(
    model: keras.Model,
    directions: str | Path | Directions = "filter",
    *,
    batches: Batches | None = None,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    biases: bool = False,
) -> Directions:
    """Return the directions of a name, of a file or of the caller, fit for a model.

    Args:
        model: built Keras model, compiled for "gradient" and "hessian"; it is read only.
        directions: "filter", "unit-filter", "lu-tong" or "layer" (`random_directions`), "gradient"
            (`gradient_directions`), "hessian" (`hessian_directions`); the path of a file that
            `Directions.save` wrote; or `Directions`, such as `line_through`, `plane_through` and
            `pca_directions` return.
        batches: the data, for "gradient" and "hessian".
        seed: integer >= 0.
        layers: names of layers that they are limited to, None for all; not for "hessian", files and
            `Directions`.
        biases: move biases and parameters of normalisation layers too; "hessian" does in any case.

    Raises:
        InputError: an unknown name, an argument that does not go with it, or directions of another model.
    """
    if isinstance(directions, Directions):
        directions.check(model)
        found = directions
    elif Path(directions).suffix == ".npz":
        found = Directions.load(directions, model)
    else:
        return _make(model, directions, batches, seed, layers, biases)
    _refuse_choice(layers, biases, "directions that are made already")
    return found


def _make(model, kind, batches, seed, layers, biases):
    if kind not in KINDS:
        raise InputError(
            f"`directions` must be one of {', '.join(KINDS)}, the path of an .npz file, or what line_through, "
            f"plane_through or pca_directions returns. Received: directions={str(kind)!r}."
        )
    if kind in LABELS:
        return random_directions(model, kind, seed=seed, layers=layers, biases=biases)
    if batches is None:
        raise InputError(f"Directions of kind {kind!r} need data. Received: batches=None.")
    if kind == "gradient":
        return gradient_directions(model, batches, seed=seed, layers=layers, biases=biases)
    _refuse_choice(layers, False, "eigenvectors; freeze the other layers instead")
    return hessian_directions(model, batches, seed=seed)


def _refuse_choice(layers, biases, what):
    if layers is not None or biases:
        raise InputError(
            f"`layers` and `biases` do not apply to {what}. Received: layers={layers}, biases={biases}."
        )


def gradient_directions(
    model: keras.Model,
    batches: Batches,
    *,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    biases: bool = False,
) -> Directions:
    """Return the plane of the gradient of the data loss and of a random direction orthogonal to it.

    u points uphill and is as long as the weights it moves. v is filter-normalised (Li et al. 2018) and
    orthogonal to u in every filter, up to filters of a single weight. Layers run in inference mode; weight
    decay and all else in `model.losses` is left out.

    Args:
        model: compiled and built Keras model; it is read only.
        batches: the data.
        seed: integer >= 0; v is drawn with 2*seed + 1.
        layers: names of layers that the directions are limited to; None for all.
        biases: move biases and parameters of normalisation layers too.

    Returns:
        `Directions`, both of relative length 1; `metadata["gradient_norm"]` is the norm of the gradient
        with respect to the weights that are moved, before scaling.

    Raises:
        InputError: as for `random_directions`, a model that is not compiled, or a gradient that is 0 or not
            finite.
    """
    seed = check_seed(seed)
    axes = norm_axes(model, layers=layers, biases=biases)
    gradient = [
        np.zeros_like(g) if entry is None else g
        for g, entry in zip(data_gradient(model, batches), axes, strict=True)
    ]
    norm = _norm(gradient)
    if not (np.isfinite(norm) and norm > 0):
        raise InputError(
            f"Expected a gradient of the data loss that is finite and not 0. Received: a gradient of norm {norm} "
            f"for {model.name!r}; draw random directions instead."
        )
    v = orthogonalised(gaussian(model, axes, 2 * seed + 1), gradient, axes)
    return Directions.through(
        model,
        "gradient",
        _scaled(gradient, _moved_weights(model, axes)),
        normalised(model, v, axes),
        labels=("gradient of the data loss", "random direction orthogonal to it"),
        metadata={
            "gradient_norm": norm,
            "direction_seeds": [2 * seed + 1],
            "layers": [layers] if isinstance(layers, str) else layers and list(layers),
            "biases": biases,
        },
    )


def hessian_directions(model: keras.Model, batches: Batches, *, seed: int = 0) -> Directions:
    """Return the plane of the two top eigenvectors of the Hessian of the loss, weight decay included.

    An eigenvector is one of the whole Hessian, so it moves all trainable parameters, biases and parameters of
    normalisation layers included; freeze layers to have the eigenvectors of a block.

    Args:
        model: compiled and built Keras model; it is read only.
        batches: the data.
        seed: integer >= 0 of the start of the iteration.

    Returns:
        `Directions`, both of relative length 1; `metadata["eigenvalues"]` are those of u and v.

    Raises:
        InputError: a seed that is not an integer >= 0, or a model that is not compiled or built.
        WorkFailed: the eigenvectors did not converge.
    """
    seed = check_seed(seed)
    eigenvalues, vectors = top_eigenvectors(model, batches, k=2, seed=seed)
    weights = [variable.numpy() for variable in model.trainable_variables]
    return Directions.through(
        model,
        "hessian",
        *(_scaled(vector, weights) for vector in vectors),
        labels=[f"Hessian eigenvector of {value:.3g}" for value in eigenvalues],
        metadata={"eigenvalues": [float(value) for value in eigenvalues], "eigenvector_seed": seed},
    )


def data_gradient(model: keras.Model, batches: Batches) -> list[np.ndarray]:
    """Return the gradient of the data loss at the solution, one float32 array per trainable variable.

    Raises:
        InputError: the model is not compiled, not built, or has nothing to train.
    """
    n = prepare(model, batches)
    warn_of_batch_size(model, batches, regularisation=False)
    value_and_gradient = make_gradient(model, batches, regularisation=False)
    warn_of_gradient(model, value_and_gradient, "The gradient direction")
    _, gradient = value_and_gradient(np.zeros(n))
    return unflatten(gradient.numpy(), model.trainable_variables)


def _moved_weights(model, axes):
    pairs = zip(model.trainable_variables, axes, strict=True)
    return [variable.numpy() for variable, entry in pairs if entry is not None]


def _scaled(direction, weights):
    """Scale a direction as a whole to the norm of the weights that it moves."""
    scale = (_norm(weights) or 1.0) / _norm(direction)
    return [scale * array for array in direction]


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=np.float64)) for array in arrays)))
