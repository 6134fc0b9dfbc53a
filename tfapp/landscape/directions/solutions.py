"""Solutions of one architecture; the line through two of them and the plane through three."""

import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.structure import check_same_structure, parameters_of

# Below this sine of their angle two float32 differences are one line, not a plane.
_COLLINEAR = 1e-4


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


# References:
#     Ian J. Goodfellow, Oriol Vinyals, Andrew M. Saxe: Qualitatively Characterizing Neural Network
#     Optimization Problems. ICLR 2015, arXiv:1412.6544 (the line).
#     Timur Garipov, Pavel Izmailov, Dmitrii Podoprikhin, Dmitry Vetrov, Andrew Gordon Wilson: Loss Surfaces,
#     Mode Connectivity, and Fast Ensembling of DNNs. NeurIPS 2018, arXiv:1802.10026 (the plane, appendix).


def line_through(first: keras.Model, second, *, names: tuple[str, str] = ("first", "second")) -> Directions:
    """Return the line (1 - alpha) * first + alpha * second through two solutions.

    Moving statistics are not trainable, so along the whole line they are those of the first solution: where
    the networks have batch normalisation, the loss at alpha = 1 is that of the second solution only if the
    statistics are estimated again at every point.

    Args:
        first: the solution at alpha = 0, a model at its weights; it is read only.
        second: the solution at alpha = 1, reached up to the last bit of float32: a model of the same
            architecture, a list of weights, or a path, as for `solution_weights`.
        names: what figures and messages call them.

    Returns:
        `Directions` of kind "line" with `points` [[0], [1]].

    Raises:
        InputError: a solution of another architecture, that is not finite or that cannot be read, or two
            solutions that are the same.
    """
    u = _difference(first, second, names[1])
    _length(u, names)
    return Directions.through(
        first,
        "line",
        u,
        labels=(f"from {names[0]} to {names[1]}",),
        points=np.array([[0.0], [1.0]]),
        point_names=tuple(names),
    )


def plane_through(
    first: keras.Model, second, third, *, names: tuple[str, str, str] = ("first", "second", "third")
) -> Directions:
    """Return the plane through three solutions.

    u = second - first, and v is third - first without its part along u (Gram-Schmidt), as long as u, so that
    the plane is drawn to scale. The solutions are at (0, 0), (1, 0) and (c, d), in `points`:

        c = <third - first, u> / <u, u>,    d = |third - first - c * u| / |u|.

    Args:
        first: the solution at (0, 0), a model at its weights; it is read only.
        second, third: the other two, each as for `line_through`, whose remark on moving statistics holds too.
        names: what figures and messages call them.

    Returns:
        `Directions` of kind "plane".

    Raises:
        InputError: as for `line_through`, or three solutions on one line.
    """
    u = _difference(first, second, names[1])
    length = _length(u, names)
    side = _difference(first, third, names[2])
    c = sum(float(np.vdot(s, a)) for s, a in zip(side, u, strict=True)) / length**2
    v = [s - c * a for s, a in zip(side, u, strict=True)]
    if _norm(v) <= _COLLINEAR * _norm(side):
        raise InputError(
            f"Expected three solutions that are not on one line. Received: {names[2]!r} on the line through "
            f"{names[0]!r} and {names[1]!r}; draw that line instead."
        )
    d = _norm(v) / length
    return Directions.through(
        first,
        "plane",
        u,
        [array / d for array in v],
        labels=(f"from {names[0]} to {names[1]}", f"towards {names[2]}, at right angles"),
        points=np.array([[0.0, 0.0], [1.0, 0.0], [c, d]]),
        point_names=tuple(names),
    )


def _difference(first, other, name):
    """Return other - first in float64, where the difference of two float32 numbers is exact enough."""
    weights = solution_weights(first, other, name)
    return [
        np.asarray(array, np.float64) - variable.numpy()
        for array, variable in zip(weights, first.trainable_variables, strict=True)
    ]


def _length(u, names):
    length = _norm(u)
    if length == 0:
        raise InputError(
            f"Expected two different solutions. Received: {names[0]!r} and {names[1]!r} with the same weights."
        )
    return length


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))
