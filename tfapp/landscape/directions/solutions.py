"""Solutions: trained weights of one architecture, from wherever they are."""

import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.structure import check_same_structure, parameters_of


def solution_weights(model: keras.Model, solution, name: str = "The solution") -> list[np.ndarray]:
    """Return the trainable weights of a solution, one array per entry of `model.trainable_variables`.

    Args:
        model: built Keras model of the same architecture; it is read only.
        solution: a model; a list of arrays, of all trainable weights or of all weights as `get_weights()`
            returns them; or the path of a `.keras` or `.weights.h5` file.
        name: what messages call it.

    Raises:
        InputError: another architecture, a file that cannot be read, or weights that are not finite.
    """
    if isinstance(solution, str | Path):
        weights = _from_file(model, Path(solution))
    elif isinstance(solution, keras.Model):
        weights = _from_model(model, solution, name)
    else:
        weights = _from_list(model, solution, name)
    for array, variable in zip(weights, model.trainable_variables, strict=True):
        if not np.isfinite(array).all():
            raise InputError(
                f"Expected finite weights. Received: NaN or infinity in {variable.path!r} of {name}."
            )
    return weights


def _from_model(model, other, name):
    if not other.built:
        raise InputError(f"{name} is a model without weights; call it on one batch first.")
    check_same_structure(parameters_of(other), model, name)
    return [variable.numpy() for variable in other.trainable_variables]


def _from_list(model, arrays, name):
    arrays = [np.asarray(array) for array in arrays]
    for variables in (model.trainable_variables, model.weights):
        if [array.shape for array in arrays] == [tuple(variable.shape) for variable in variables]:
            found = {id(variable): array for variable, array in zip(variables, arrays, strict=True)}
            return [found[id(variable)] for variable in model.trainable_variables]
    raise InputError(
        f"{name} must be a list of the {len(model.trainable_variables)} trainable or all {len(model.weights)} weights "
        f"of {model.name!r}, in their shapes. Received: {len(arrays)} arrays, the first of which has shape "
        f"{arrays[0].shape if arrays else None}."
    )


def _from_file(model, path):
    if not path.is_file():
        raise InputError(f"Expected the file of a solution. Received: {path}, which does not exist.")
    if path.name.endswith(".weights.h5"):
        return _from_weights_file(model, path)
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a .keras or .weights.h5 file that Keras wrote.")
    # Registers the layers of this package, which the file may need.
    import tfapp.layers  # noqa: F401

    try:
        other = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a file may hold anything, and layers raise what they like
        raise InputError(
            f"{path} cannot be loaded ({_first_line(error)}); give the model itself or its list of weights."
        ) from error
    return _from_model(model, other, str(path))


def _from_weights_file(model, path):
    # Within the scope, assignments are recorded and not carried out: the model keeps its weights.
    with warnings.catch_warnings(), keras.StatelessScope() as scope:
        # Keras only warns of layers that the file does not have.
        warnings.simplefilter("error", UserWarning)
        try:
            model.load_weights(path, objects_to_skip=[getattr(model, "optimizer", None)])
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise InputError(
                f"{path} does not hold weights of {model.name!r} ({_first_line(error)}); give those of the same "
                "architecture."
            ) from error
        return [np.asarray(scope.get_current_value(variable)) for variable in model.trainable_variables]


def _first_line(error):
    return str(error).strip().partition("\n")[0].rstrip(".")[:200]
