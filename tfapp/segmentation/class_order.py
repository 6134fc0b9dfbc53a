"""Classes of data that a run was not trained on, matched with its own by names and colours.

A number in a mask means something within its dataset alone. Where a person listed the classes their names tell; where
the numbers were taken as they came (`class 0`, `class 1`) only colours can, of the palettes or of the masks that count
by them.
"""

import re
import warnings
from dataclasses import replace
from functools import partial

import numpy as np

from tfapp.errors import InputError

_UNNAMED = re.compile(r"class \d+")
_LABELS = 256


def in_order_of(run, dataset):
    """Return a dataset with masks so that its labels mean the classes of a run.

    Args:
        run: `Run` of a segmenter.
        dataset: `Dataset` of the same channels.

    Returns:
        (the dataset, itself where its order is the run's; a sentence on how it is read then, or None).

    Raises:
        InputError: The classes are others, or their colours do not tell which is which.
    """
    names, theirs = run.class_names, tuple(dataset.class_names)
    then, now = run.class_colours, dataset.class_colours
    coding = dataset.mask_coding
    listed = coding is None or not coding.inferred
    if listed and sorted(names) == sorted(theirs):
        _doubt_colours(run, dataset)
        order = [names.index(name) for name in theirs]
        by = "their names"
    elif not (listed and _are_named(names)) and then and now and set(now) <= set(then):
        order = [then.index(colour) for colour in now]
        by = "the colours of their masks"
    elif names == theirs:
        _doubt_numbers(run, dataset)
        return dataset, None
    else:
        raise InputError(
            f"{dataset.spec} has the classes {', '.join(theirs)}; {run.path} was trained for {', '.join(names)}."
        )
    if order == list(range(len(names))) and theirs == names:
        return dataset, None
    shown = ", ".join(
        f"{_shown(now[place]) if by != 'their names' else theirs[place]} = {names[index]} ({index})"
        for place, index in enumerate(order)
    )
    return _relabelled(dataset, names, order), (
        f"The classes of {dataset.spec} are read in the order of {run.path}, by {by}: {shown}."
    )


def _doubt_colours(run, dataset):
    """Warn if a colour stands for a class of another name than in the training, or has no label in one of them."""
    then = _meanings(run.class_names, run.class_colours, run.record["data"].get("coding") or {})
    now = _meanings(dataset.class_names, dataset.class_colours, dataset.coding)
    moved = [
        f"{_shown(colour)} was {then[colour]}, here it is {now[colour]}"
        for colour in now
        if then.get(colour, now[colour]) != now[colour]
    ]
    if moved:
        warnings.warn(
            f"The names of the classes of {dataset.spec} are those of {run.path}, but their colours are not: "
            f"{'; '.join(moved)}. The names count; if the colours are right, mend classes.txt.",
            stacklevel=4,
        )


def _doubt_numbers(run, dataset):
    """Warn, or refuse, where classes have numbers in place of names and colours do not say that they are the same."""
    then, now = run.class_colours, dataset.class_colours
    by_colour = dataset.mask_coding is not None and bool(dataset.mask_coding.colours)
    if not (then and now):
        # Of masks that count by colour, the order is that of the first palette.
        if by_colour or run.counts_by_colour:
            warnings.warn(_unclear(run, dataset, "only one of them has colours"), stacklevel=4)
        return
    moved = [colour for index, colour in enumerate(now) if colour in then and then.index(colour) != index]
    if _are_named(run.class_names) and not moved:
        # Background and foreground of black and white masks: whatever colour shows the foreground.
        return
    others = [
        f"{_shown(colour)} ({name})"
        for colour, name in zip(now, dataset.class_names, strict=True)
        if colour not in then
    ]
    reason = (
        f"the colour {', '.join(others[:4])} of its masks is none of the {len(then)} colours of the training, "
        f"{' and '.join(_shown(colour) for colour in then[:4])}{' ...' if len(then) > 4 else ''}"
    )
    if by_colour or run.counts_by_colour:
        raise InputError(_unclear(run, dataset, reason))
    warnings.warn(_unclear(run, dataset, reason), stacklevel=4)


def _unclear(run, dataset, reason):
    lines = ", ".join(f"'{name}:R,G,B'" for name in run.class_names[:3])
    return (
        f"Whether the classes of {dataset.spec} are those of {run.path} cannot be told: they have numbers and no "
        f"names, and {reason}. Write the classes of the run with the colours of these masks into the "
        f"classes.txt of the data: {lines}{', ...' if len(run.class_names) > 3 else ''}; for masks without colours "
        "'VALUE NAME'."
    )


def _relabelled(dataset, names, order):
    table = np.arange(_LABELS, dtype=np.int32)
    table[: len(order)] = order
    items = tuple(
        replace(item, read_labels=partial(_read, item.read_labels, table)) for item in dataset.items
    )
    # What its files' values mean is no longer what its labels are.
    return replace(dataset, class_names=tuple(names), items=items, mask_coding=None)


def _read(read_labels, table):
    return table[read_labels()]


def _are_named(names):
    return not all(_UNNAMED.fullmatch(name) for name in names)


def _meanings(names, colours, coding):
    ignored = [tuple(value) for value in coding.get("ignored", ()) if isinstance(value, (list, tuple))]
    return {**dict.fromkeys(ignored, "without a label"), **dict(zip(colours or (), names, strict=False))}


def _shown(colour):
    return ",".join(map(str, colour))
