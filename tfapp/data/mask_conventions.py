"""Masks of one folder that were written by different rules: numbers and grey levels, 255 as a class and as no label."""

from tfapp.data.class_files import IGNORE_VALUE
from tfapp.data.dataset import Remark
from tfapp.errors import InputError

_BLACK_AND_WHITE = {0, IGNORE_VALUE}
# Numbers that at least one mask must have, and differing numbers of them, to look like objects that were counted.
_COUNTED, _DIFFERING = 4, 3


def numbers_count(class_list, stored):
    """Return whether masks of fewer than 256 grey levels count by the numbers that their files hold.

    A file of one bit holds 0 and 1, which is black and white. The levels count where all masks are black and white, or
    where the list of classes has the levels and not the numbers.

    Args:
        class_list: `ClassList` or None.
        stored: `StoredMask` of every mask.
    """
    few = [one for one in stored if one.white is not None]
    levels = set().union(*(one.counts for one in few))
    if levels <= {0}:
        return False
    in_order_of_two = class_list is not None and not class_list.given and len(class_list.names) == 2
    if class_list is None or in_order_of_two:
        if set().union(*(one.counts for one in stored)) <= _BLACK_AND_WHITE:
            return False
    if class_list is None:
        return True
    numbers = set().union(*(one.numbered().counts for one in few))
    known = {*class_list.values, *class_list.ignored}
    return numbers <= known or not levels <= known | {IGNORE_VALUE}


def numbers_remark(stored):
    """Return the `Remark` that masks count as `numbers_count` says."""
    few = [one for one in stored if one.white is not None]
    highest = sorted({one.white for one in few})
    return Remark(
        f"{len(few)} mask(s) have fewer grey levels than 256, such as {few[0].path}, and count by the numbers that the "
        f"files hold (0 to {' or '.join(map(str, highest))}), as the values of the other masks or of classes.txt do.",
        doubt=False,
    )


def inverted_remarks(stored):
    """Return the `Remark` on masks whose lowest value is white, in a list; an empty one where there are none.

    They are read as the tag says, as pictures are. Who wrote booleans by tifffile never chose it, and has the array,
    which tifffile gives back as it was, the other way round.

    Args:
        stored: `StoredMask` of every mask.
    """
    count = sum(one.inverted for one in stored)
    if not count:
        return []
    found = (
        f"{count} of {len(stored)} masks are TIFFs whose" if len(stored) > 1 else "The mask is a TIFF whose"
    )
    return [
        Remark(
            f"{found} lowest value is white (MinIsWhite, as tifffile writes booleans), so what is stored as 0 is read "
            "as white and the highest number, such as 1 of booleans, as black; if that was meant to be the foreground, "
            "save them as 0 and 255 in PNG, or with photometric='minisblack'."
        )
    ]


def white_remarks(stored, counts, folder):
    """Return the `Remark`s on masks where 255, which has no label although nobody said so, may be a class in some.

    Args:
        stored: `StoredMask` of every mask.
        counts: Pixels of each value of every mask.
        folder: Their folder, for the sentence.

    Raises:
        InputError: Some masks are black and white, the others hold classes, and none holds both.
    """
    pairs = [(one.path.name, counted.keys()) for one, counted in zip(stored, counts, strict=True)]
    white = [
        (name, values) for name, values in pairs if IGNORE_VALUE in values and values <= _BLACK_AND_WHITE
    ]
    classes = [(name, values) for name, values in pairs if IGNORE_VALUE not in values and values - {0}]
    both = [name for name, values in pairs if IGNORE_VALUE in values and values - _BLACK_AND_WHITE]
    if not white or not classes:
        return []
    shown = ", ".join(map(str, sorted(set().union(*(values for _, values in classes)) - {0})[:4]))
    found = (
        f"{len(white)} mask(s) in {folder} hold 0 and 255 only, such as {white[0][0]}, and {len(classes)} hold classes "
        f"({shown}) and no 255, such as {classes[0][0]}"
    )
    remedy = (
        "If 255 is a class there, save these masks with its number; if it is no label, say so by the line '255 ignore' "
        "in classes.txt, with a line 'VALUE NAME' for each class."
    )
    # Masks that are white throughout have no label anywhere; masks with both show that 255 is no class.
    if both or all(0 not in values for _, values in white):
        return [Remark(f"{found}: 255 is read as no label in all of them. {remedy}")]
    raise InputError(f"{found}: what 255 means differs or cannot be told. {remedy}")


def instance_remark(counts, folder):
    """Return the `Remark` on masks that look as if their values were numbers of objects and no classes, or None.

    Objects are numbered from 1 on without a gap in every mask, and masks have different numbers of them.

    Args:
        counts: Pixels of each value of every mask.
        folder: Their folder, for the sentence.
    """
    numbers = [sorted(set(one) - {0, IGNORE_VALUE}) for one in counts]
    highest = {len(one) for one in numbers}
    gapless = all(one == list(range(1, len(one) + 1)) for one in numbers)
    if not gapless or max(highest, default=0) < _COUNTED or len(highest) < _DIFFERING:
        return None
    return Remark(
        f"Every mask in {folder} holds the values from 1 on without a gap, {min(highest)} to {max(highest)} of them, "
        "as masks do whose objects are numbered; here each value is a class of its own. If they are numbers of "
        "objects, save masks of 0 and 1 (mask > 0), or of the class of each object; if they are classes, name them in "
        "classes.txt."
    )
