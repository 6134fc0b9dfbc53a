"""The directions that can be asked for by name."""

from collections.abc import Sequence
from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.landscape.batches import Batches
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.loss_directions import gradient_directions, hessian_directions
from tfapp.landscape.directions.random_directions import LABELS, random_directions

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
        directions: "filter", "unit-filter" or "layer" (`random_directions`), "gradient"
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
