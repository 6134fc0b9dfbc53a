"""Trainable parameters of a model: whose they are, and whether a file was made for them."""

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import keras

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError


class Parameter(NamedTuple):
    """One entry of `model.trainable_variables`.

    Attributes:
        path: where it is in the model, for people; not compared.
        layer: class name of the innermost layer that created it.
        name: its name within that layer, such as "kernel".
        shape: its shape.
    """

    path: str
    layer: str
    name: str
    shape: tuple[int, ...]

    def __str__(self):
        return f"{self.path!r} ({self.layer}) of shape {self.shape}"


def layers_of_parameters(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the innermost layer that created each entry of `model.trainable_variables`."""
    owners = {}
    # Keras has no public walk through layers nested in models, wrappers and composite layers.
    for layer in model._flatten_layers():
        nested = layer._flatten_layers(include_self=False)
        inner = {id(variable) for sublayer in nested for variable in sublayer.variables}
        owners |= {id(w): layer for w in layer.trainable_variables if id(w) not in inner}
    return [owners[id(variable)] for variable in model.trainable_variables]


def parameters_of(model: keras.Model) -> tuple[Parameter, ...]:
    """Describe the entries of `model.trainable_variables`, in their order."""
    return tuple(
        Parameter(variable.path, type(layer).__name__, variable.name, tuple(variable.shape))
        for variable, layer in zip(model.trainable_variables, layers_of_parameters(model), strict=True)
    )


def parameters_from_json(rows) -> tuple[Parameter, ...]:
    """Return the parameters that JSON has made lists of."""
    return tuple(Parameter(path, layer, name, tuple(shape)) for path, layer, name, shape in rows)


def structure_hash(parameters: Sequence[Parameter]) -> str:
    """Return the SHA-256 (hexadecimal) of what two models of the same structure share."""
    return hashlib.sha256(json.dumps([_compared(p) for p in parameters]).encode()).hexdigest()


def check_same_structure(parameters: Sequence[Parameter], model: keras.Model, what: str) -> None:
    """Compare recorded parameters with those of a model.

    Args:
        parameters: what a file or another model has.
        model: the model it is to be used with.
        what: the subject of the message, such as a path.

    Raises:
        InputError: they differ; the message names the first parameter that does.
    """
    own = parameters_of(model)
    for number, (there, here) in enumerate(zip_longest(parameters, own), 1):
        if there is None or here is None or _compared(there) != _compared(here):
            raise InputError(
                f"{what} has other parameters than model {model.name!r}: parameter {number} is "
                f"{there or 'missing'} there and {here or 'missing'} here; expected the same architecture with the "
                "same layers frozen."
            )


def _compared(parameter):
    return [parameter.layer, parameter.name, list(parameter.shape)]


@contextmanager
def open_archive(path, what: str):
    """Open an `.npz` file without unpickling; whatever goes wrong inside the block is the file's fault.

    Args:
        path: the file.
        what: what it should be, such as "file of directions".

    Raises:
        InputError: it does not exist, is damaged or holds something else.
    """
    if not Path(path).is_file():
        raise InputError(f"Expected a {what}. Received: {path}, which does not exist.")
    try:
        # Directions have as many numbers as the model, which may be one of gigabytes: what is refused are arrays that
        # are larger than their file.
        with open_arrays(path, most=sys.maxsize) as archive:
            yield archive
    except DAMAGED as error:
        raise InputError(f"{path} is not a {what} that this version can read ({error}).") from error
