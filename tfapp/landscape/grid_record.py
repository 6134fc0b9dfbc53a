"""What the file of a surface holds: the shapes of its arrays, and the entries of its record."""

import numpy as np

from tfapp.records import AnyNumber, Entries, Flag, ListOf, Optional, TableOf, Text, Whole

_NUMBER, _PLACE = AnyNumber(), Optional(ListOf(AnyNumber(), 3))
_PAIR = ListOf(Optional(AnyNumber()))
_DIRECTIONS = {"labels": ListOf(Optional(Text())), "relative": _PAIR, "absolute": _PAIR}
_LATER_DIRECTIONS = {
    "kind": Text(),
    "metadata": TableOf(),
    "points": Optional(ListOf(ListOf(_NUMBER))),
    "point_names": ListOf(Optional(Text())),
}
_CHECK = {
    **dict.fromkeys(("evaluate", "centre", "centre_minus_evaluate"), _NUMBER),
    "weights_untouched": Flag(),
    "nan_cells": Whole(least=0),
    "minimum": _PLACE,
    "maximum": _PLACE,
}
_LATER_CHECK = {"share_perturbed": _NUMBER, "cosine": Optional(_NUMBER)}
_PREDICTION = {"points": Whole(least=0), "max_error": _NUMBER, "rms_error": _NUMBER, "failed": Flag()}
_SPOTS = {"points": Whole(least=0), "max_deviation": _NUMBER, "max_deviation_share": _NUMBER}
TIMING = TableOf(_NUMBER)
_WHOLE = Entries(
    {
        "key": TableOf(),
        "directions": Entries(_DIRECTIONS, _LATER_DIRECTIONS),
        "self_check": Entries(_CHECK, _LATER_CHECK),
        "prediction": Entries(_PREDICTION),
        "finished": Flag(),
    },
    {"spot_check": Optional(Entries(_SPOTS))},
)
# A surface that is still measured, one of version 0.1, and one that somebody made have less.
_BEGUN = Entries(
    {},
    {
        "key": TableOf(),
        "directions": Entries({}, _DIRECTIONS | _LATER_DIRECTIONS),
        "self_check": Entries({}, _CHECK | _LATER_CHECK),
        "prediction": Entries({}, _PREDICTION),
        "finished": Flag(),
        "spot_check": Optional(Entries(_SPOTS)),
    },
)


def check_record(metadata):
    """Raise ValueError if the record of a surface is not as `Grid` describes it."""
    is_whole = isinstance(metadata, dict) and metadata.get("finished") is True and "directions" in metadata
    fault = (_WHOLE if is_whole else _BEGUN).fault(metadata)
    if fault:
        raise ValueError(str(fault))


def check_arrays(axes, cells, status, centre):
    """Raise ValueError if the arrays of a surface do not fit each other.

    Args:
        axes: alphas and betas, by name.
        cells: Arrays of one number for each cell, by name.
        status: Of each cell.
        centre: The loss of the solution.
    """
    for name, axis in axes.items():
        if axis.dtype.kind != "f" or axis.ndim != 1 or not axis.size or not np.isfinite(axis).all():
            raise ValueError(f"its {name} are {axis.dtype} {axis.shape}, expected finite numbers in a row")
        if (np.diff(axis) <= 0).any():
            raise ValueError(f"its {name} do not rise")
    shape = tuple(axis.size for axis in axes.values())
    for name, values in {**cells, "status": status}.items():
        if values.dtype.kind != ("u" if name == "status" else "f") or values.shape != shape:
            raise ValueError(
                f"its {name} is {values.dtype} {values.shape}, expected one number for each of {shape}"
            )
    if status.max() > 3:
        raise ValueError(f"its status has the value {status.max()}, expected 0 to 3")
    if np.shape(centre) != ():
        raise ValueError("its centre is no number")
