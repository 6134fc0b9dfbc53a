"""What is printed with every surface, so that one can trust it."""

import warnings

import numpy as np

from tfapp.landscape.fingerprint import hash_weights

# Two compiled graphs of one float32 model differ by rounding, far less than this.
CENTRE_TOLERANCE = 1e-3


def check_surface(surface, evaluated: float, model) -> dict:
    """Return the self-check of a surface, in types that JSON knows.

    Args:
        surface: the `Surface`.
        evaluated: the loss of `model.evaluate`.
        model: the model, whose weights must be those of the start.
    """
    directions = surface.metadata["directions"]
    return {
        **directions["metadata"],
        "relative_length_u": directions["relative"][0],
        "relative_length_v": directions["relative"][1],
        "evaluate": evaluated,
        "centre": surface.centre,
        "centre_minus_evaluate": surface.centre - evaluated,
        "weights_untouched": hash_weights(model) == surface.metadata["key"]["weights"],
        "nan_cells": surface.num_nan,
        "minimum": surface.extreme(np.nanargmin),
        "maximum": surface.extreme(np.nanargmax),
    }


def warn_of(check: dict, reestimated: bool = False) -> None:
    """Warn of what makes a surface untrue; with re-estimated statistics the centre is not that of `evaluate`."""
    difference, scale = abs(check["centre_minus_evaluate"]), abs(check["evaluate"])
    if not reestimated and not difference <= CENTRE_TOLERANCE * max(scale, 1e-6):
        warnings.warn(
            f"The loss at the solution is {check['centre']:.6g}, but `model.evaluate` says "
            f"{check['evaluate']:.6g}; the surface does not show the loss that was trained. Does the model "
            "override `test_step`?",
            stacklevel=3,
        )
    if not check["weights_untouched"]:
        warnings.warn("The weights of the model changed while its surface was measured.", stacklevel=3)
