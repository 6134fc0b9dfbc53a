"""Files of a refinement under way: after each round all that the next one begins with, and the best attempt so far."""

import json
from dataclasses import dataclass

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path, write_text
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.rounds import Round
from tfapp.pose.refinement.symmetry import ModelSymmetries

STATE, BEST, HISTORY = "state.npz", "best.npz", "history.csv"
_SCENE_ARRAYS = ("present", "rotation", "translation", "residual", "margin")


@dataclass(frozen=True)
class KeptState:
    """A refinement as it stood after a round.

    Attributes:
        model: `RefinedModel`.
        rounds: List of `Round`.
        settings: JSON content that it was begun with.
    """

    model: RefinedModel
    rounds: list
    settings: dict


def write_state(folder, state, scenes):
    """Write a `KeptState`, and what is thought of a `SceneSet`, into a folder, and the history beside it."""
    folder.mkdir(exist_ok=True)
    lines = [",".join(Round._fields), *(",".join(map(str, one)) for one in state.rounds)]
    write_text(folder / HISTORY, "\n".join(lines) + "\n")
    save_arrays(
        folder / STATE,
        **model_arrays(state.model),
        rounds=np.array(state.rounds, np.float64),
        labels=np.concatenate(scenes.labels),
        settings=np.array(json.dumps(state.settings)),
        **{name: getattr(scenes, name) for name in _SCENE_ARRAYS},
    )


def read_state(folder, scenes):
    """Return the `KeptState` of a folder and set the scenes to what they were; None where there is none.

    Raises:
        InputError: The file is damaged, or of other scenes.
    """
    if not (folder / STATE).is_file():
        return None
    try:
        with open_arrays(folder / STATE) as arrays:
            settings = dict(json.loads(str(arrays["settings"])))
            lengths = [len(points) for points in scenes.points]
            labels = arrays["labels"]
            kept = {name: arrays[name] for name in _SCENE_ARRAYS}
            if labels.shape != (sum(lengths),) or any(
                kept[name].shape != getattr(scenes, name).shape for name in _SCENE_ARRAYS
            ):
                raise ValueError("it is of other scenes")
            rounds = [Round(int(a), int(b), float(c), int(d), float(e)) for a, b, c, d, e in arrays["rounds"]]
            model = model_from(arrays)
    except DAMAGED as error:
        raise InputError(f"{folder / STATE} is damaged ({error}); start again with `overwrite`.") from None
    scenes.labels = [one.astype(np.int64) for one in np.split(labels, np.cumsum(lengths)[:-1])]
    for name, value in kept.items():
        setattr(scenes, name, value)
    return KeptState(model, rounds, settings)


def write_best(folder, model):
    """Keep the model of the best attempt that has ended."""
    save_arrays(folder / BEST, **model_arrays(model))


def read_best(folder):
    """Return the model of the best attempt that has ended.

    Raises:
        InputError: The file is damaged or absent.
    """
    try:
        with open_arrays(folder / BEST) as arrays:
            return model_from(arrays)
    except (*DAMAGED, FileNotFoundError) as error:
        raise InputError(f"{folder / BEST} is damaged ({error}); start again with `overwrite`.") from None


def remove_state(folder):
    """Remove what only a refinement under way needs."""
    for name in (STATE, BEST):
        (folder / name).unlink(missing_ok=True)


def model_arrays(model):
    """Return the arrays of a `RefinedModel` by name."""
    return {"points": model.points, "extent": np.float64(model.extent), **model.symmetries.to_arrays()}


def model_from(arrays, extent=None):
    """Return the `RefinedModel` of arrays as of `model_arrays`.

    Args:
        arrays: Arrays by name.
        extent: Metres, for files of earlier versions, which do not hold it.

    Raises:
        ValueError: They are none.
    """
    points = arrays["points"]
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise ValueError("its points are no finite numbers (m, 3)")
    extent = float(arrays["extent"]) if extent is None else extent
    return RefinedModel(points.astype(np.float64), extent, symmetries=ModelSymmetries.from_arrays(arrays))


def save_arrays(path, **arrays):
    """Write an .npz file, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
