"""Solutions of one architecture; the line through two of them and the plane through three."""

import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.structure import check_same_structure, parameters_of
from tfapp.landscape.directions.untrained import other_options, other_weights, untrained_weights

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
    values, _ = _values(model, solution, name)
    return [values[id(variable)] for variable in model.trainable_variables]


def _values(model, solution, name):
    """Return the arrays of a solution by the `id` of the model's variables, and the model that it is, if it is one.

    A list of the trainable weights has no others.
    """
    other = None
    if isinstance(solution, str | Path):
        values, other = _from_file(model, Path(solution))
    elif isinstance(solution, keras.Model):
        values, other = _from_model(model, solution, name)
    else:
        values = _from_list(model, solution, name)
    for variable in model.trainable_variables:
        if not np.isfinite(values[id(variable)]).all():
            raise InputError(
                f"Expected finite weights. Received: NaN or infinity in {variable.path!r} of {name}."
            )
    return values, other


def _from_model(model, other, name):
    if not other.built:
        raise InputError(f"{name} is a model without weights; call it on one batch first.")
    check_same_structure(parameters_of(other), model, name)
    values = _paired(model.trainable_variables, other.trainable_variables)
    pairs = untrained_weights(model), untrained_weights(other)
    shapes = [[tuple(variable.shape) for variable in variables] for variables in pairs]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{name} has other weights that are not trained than {model.name!r}: {len(shapes[1])} of the shapes "
            f"{shapes[1]}, and here are {len(shapes[0])} of {shapes[0]}; expected the same architecture with the same "
            "layers frozen."
        )
    return values | _paired(*pairs), other


def _paired(variables, others):
    return {id(mine): its.numpy() for mine, its in zip(variables, others, strict=True)}


def _from_list(model, arrays, name):
    arrays = [np.asarray(array) for array in arrays]
    for variables in (model.trainable_variables, model.weights):
        if [array.shape for array in arrays] == [tuple(variable.shape) for variable in variables]:
            return {id(variable): array for variable, array in zip(variables, arrays, strict=True)}
    raise InputError(
        f"{name} must be a list of the {len(model.trainable_variables)} trainable or all {len(model.weights)} weights "
        f"of {model.name!r}, in their shapes. Received: {len(arrays)} arrays, the first of which has shape "
        f"{arrays[0].shape if arrays else None}."
    )


def _from_file(model, path):
    if not path.is_file():
        raise InputError(f"Expected the file of a solution. Received: {path}, which does not exist.")
    if path.name.endswith(".weights.h5"):
        return _from_weights_file(model, path), None
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
    with warnings.catch_warnings(), _unchanged(model), keras.StatelessScope() as scope:
        # Keras only warns of layers that the file does not have.
        warnings.simplefilter("error", UserWarning)
        try:
            model.load_weights(path, objects_to_skip=[getattr(model, "optimizer", None)])
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise InputError(
                f"{path} does not hold weights of {model.name!r} ({_first_line(error)}); give those of the same "
                "architecture."
            ) from error
        return {id(variable): np.asarray(_loaded(scope, variable)) for variable in model.weights}


@contextmanager
def _unchanged(model):
    """Give layers back what they hold beside variables, such as the constants that `Normalization` makes of its own."""
    before = [(layer, dict(vars(layer))) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, attributes in before:
            vars(layer).clear()
            vars(layer).update(attributes)


def _loaded(scope, variable):
    value = scope.get_current_value(variable)
    return variable.numpy() if value is None else value


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
    statistics are estimated again at every point. Of other weights that are not trained, such as those of frozen
    layers, the two must have the same; `landscape` refuses the line otherwise. A list of the trainable weights alone
    takes all else from the first solution. Other options of the layers, such as an activation, are warned of.

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
    u, unmoved = _difference(first, second, names[1])
    _length(u, names)
    return Directions.through(
        first,
        "line",
        u,
        labels=(f"from {names[0]} to {names[1]}",),
        points=np.array([[0.0], [1.0]]),
        point_names=tuple(names),
        unmoved=unmoved,
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
    u, unmoved = _difference(first, second, names[1])
    length = _length(u, names)
    side, unmoved_too = _difference(first, third, names[2])
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
        unmoved=tuple(dict.fromkeys(unmoved + unmoved_too)),
    )


def _difference(first, other, name):
    """Return other - first in float64, where the difference of two float32 numbers is exact enough.

    And the untrained weights in which they differ; of other options of layers it is warned.
    """
    values, model = _values(first, other, name)
    options = None if model is None else other_options(first, model)
    if options is not None:
        warnings.warn(
            f"{name!r} differs from the first solution in {options}, which directions do not move: the loss there is "
            "that of the first solution's layers at the weights of the other.",
            stacklevel=3,
        )
    known = all(id(variable) in values for variable in untrained_weights(first))
    difference = [np.asarray(values[id(w)], np.float64) - w.numpy() for w in first.trainable_variables]
    return difference, other_weights(first, values) if known else ()


def _length(u, names):
    length = _norm(u)
    if length == 0:
        raise InputError(
            f"Expected two different solutions. Received: {names[0]!r} and {names[1]!r} with the same weights."
        )
    return length


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))
