"""What the axes of a figure say: the direction, and the length of a step in both units."""

from collections.abc import Sequence
from textwrap import fill

from tfapp.landscape.surface import Surface

_LETTERS = ("α", "β")
_WIDTH = 46  # characters of a line, which fits under a picture


def axis_labels(surface: Surface) -> tuple[str, str]:
    """Return the labels of the axes of alpha and beta.

    The first lines name the direction; the last says how long a step of 1 is, as a share of the norm of the
    weights that are moved, |w|, and in the unit of the weights: "(1 = 100 % of |w| = 12.3)". Surfaces of
    0.1.0, which do not know their directions, get "α (relative)" and "β (relative)".
    """
    return tuple(
        _label(f"{letter} · {name}", unit) if name else f"{letter} (relative)"
        for letter, name, unit in zip(_LETTERS, _names(surface), step_units(surface), strict=True)
    )


def common_label(surfaces: Sequence[Surface]) -> str:
    """Return the label of the axis of alpha of several lines.

    Lines of different networks share what a step of 1 is called at most; their `step_units` differ.
    """
    labels = {axis_labels(surface)[0] for surface in surfaces}
    if len(labels) == 1:
        return labels.pop()
    names = {_names(surface)[0] for surface in surfaces}
    name = names.pop() if len(names) == 1 else ""
    return f"α · {name}" if name else "α (relative)"


def step_units(surface: Surface) -> tuple[str, str]:
    """Return the lengths of steps of 1 along both axes, "1 = 100 % of |w| = 12.3"; empty if unknown."""
    directions = surface.metadata.get("directions", {})
    lengths = zip(_pair(directions, "relative"), _pair(directions, "absolute"), strict=True)
    return tuple(
        "" if relative is None or absolute is None else f"1 = {100 * relative:.3g} % of |w| = {absolute:.3g}"
        for relative, absolute in lengths
    )


def _names(surface):
    return tuple(name or "" for name in _pair(surface.metadata.get("directions", {}), "labels"))


def _pair(directions, entry):
    first, second = [*(directions.get(entry) or ()), None, None][:2]
    return first, second


def _label(name, unit):
    return "\n".join([fill(name, _WIDTH), *([f"({unit})"] if unit else [])])
