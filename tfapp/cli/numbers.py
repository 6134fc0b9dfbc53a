"""Ranges of all numeric options: a slip of the hand is told before anything is read, allocated or trained.

What is right within them, such as a batch size above 0, is checked by the library, which also knows its own users.
"""

import math
import re

from typer.core import TyperGroup

from tfapp.errors import InputError

SEEDS = (0, 2**32 - 1)
LARGEST_SIDE = 16_384
_SIDE, _SHARE = (0, LARGEST_SIDE), (0, 1)
LIMITS = {
    "base_width": (0, 4096),
    "batch_size": (0, 1_000_000),
    "budget": (0, 10**8),
    "channels": (0, 16),
    "clusters": (0, 65_536),
    "count": (0, 10_000),
    "decay_every": (0, 10**9),
    "depth": (0, 12),
    "dropout": _SHARE,
    "epochs": (0, 10**6),
    "exponent": (0, 10),
    "frames": (0, 10**7),
    "grid": (0, 2001),
    "grid_epochs": (0, 10**6),
    "half_width": (0, 1000),
    "held_out": _SHARE,
    "hidden": (0, 65_536),
    "high": _SIDE,
    "hypotheses": (0, 1000),
    "instance": (0, 1000),
    "instances": (0, 1000),
    "longest_side": _SIDE,
    "low": _SIDE,
    "min_side": _SIDE,
    "most_classes": (0, 1000),
    "n": (0, 2001),
    "noisy_share": _SHARE,
    "observed": (0, 65_536),
    "overlap": _SIDE,
    "patch": _SIDE,
    "points": (0, 65_536),
    "processes": (0, 1024),
    "quantile": _SHARE,
    "repeats": (0, 10_000),
    "rho": _SHARE,
    "samples": (0, 10**6),
    "scenes": (0, 10**6),
    "seed": SEEDS,
    "side": (0, 1000),
    "size": (0, 8192),
    "split_seed": SEEDS,
    "steps": (0, 10**7),
    "stride": _SIDE,
    "subspace": (0, 10**6),
    "test_share": _SHARE,
    "threads": (0, 1024),
    "tilt": (0, 90),
    "validation_share": _SHARE,
    # The number of a version is an int64 of TensorFlow Serving.
    "version": (0, 2**63 - 1),
}
# Where a name means something else: the angles of a surface are steps by steps.
_OF_COMMANDS = {("pose landscape", "steps"): (0, 1440)}
# Of options that have no line above: what an int32 and, about, a float32 can hold.
WHOLE, REAL = (0, 2**31 - 1), (0, 10**38)


def limit_numbers(group, path=()):
    """Have every command below a group refuse numbers out of range as they are parsed.

    Args:
        group: A Typer group; its parameters are changed.
        path: Words that lead to it.
    """
    for name, command in group.commands.items():
        here = (*path, name)
        if isinstance(command, TyperGroup):
            limit_numbers(command, here)
            continue
        for parameter in command.params:
            limits = _OF_COMMANDS.get((" ".join(here), parameter.name), LIMITS.get(parameter.name))
            parameter.callback = _checking(parameter.callback, limits)


def no_number(error, words):
    """Return a sentence on what was typed for a numeric option and is no such number, or None for another error.

    Args:
        error: `typer.BadParameter`; its own message, which has other words in each version of Typer, may not say what
            came.
        words: All words that were typed.
    """
    flags = getattr(error.param, "opts", ())
    if not re.search("number|integer|float", error.message):
        return None
    typed = [after for word, after in zip(words, words[1:], strict=False) if word in flags]
    typed += [word.partition("=")[2] for word in words if "=" in word and word.partition("=")[0] in flags]
    for text in typed:
        if not _is(float, text):
            pointed = text.replace(",", ".")
            mend = f" Write a decimal point: {pointed}." if _is(float, pointed) else ""
            return f"{flags[0]} must be a number; got {text!r}.{mend}"
        if not _is(int, text):
            return f"{flags[0]} must be a whole number; got {text!r}."
    return None


def _is(kind, text):
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _checking(callback, limits):
    """Return the callback of a parameter that refuses numbers out of range, and then does what it did before."""

    def check(context, parameter, value):
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, (int, float)) and not isinstance(one, bool):
                _check(parameter.name, one, limits)
        return value if callback is None else callback(context, parameter, value)

    return check


def _check(name, value, limits):
    least, most = limits or (WHOLE if isinstance(value, int) else REAL)
    # Not a comparison with the opposite: NaN is out of every range.
    if not least <= value <= most or not math.isfinite(value):
        raise InputError(f"`{name}` must be a number from {_short(least)} to {_short(most)}; got {value}.")


def _short(number):
    return f"{number:,}" if number < 10**12 else f"{number:g}"
