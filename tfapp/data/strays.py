"""Sentences on values of masks that nobody drew: where they come from, how many there are, and the way out."""

import numpy as np

# Values that together take less than this share of the pixels look like the work of a compression or an interpolation.
RARE = 0.05
# Of masks in black and white that were compressed, nearly all pixels are nearly black or white.
_NEAR, _MOSTLY = 40, 0.9
_SHOWN = 8


def stray_sentence(where, counts, lossy, *, classes=None, total=None):
    """Return the sentence of an InputError on values outside the classes, or on values that cannot be classes.

    Args:
        where: The first mask with such values; without classes the folder of the masks.
        counts: Pixels of each stray value, in the order to name them; without classes of each value.
        lossy: Whether a format changes values, or the file of such a format.
        classes: Values or colours of the classes; None where they were to be inferred.
        total: Pixels of all masks; by default those counted.
    """
    total = total or sum(counts.values())
    if classes is None:
        return _uninferred(where, counts, lossy, total)
    coloured = isinstance(classes[0], tuple)
    first = next(iter(counts))
    strays = sum(counts.values())
    if coloured:
        what, known = "colour", "; ".join(",".join(map(str, colour)) for colour in classes[:_SHOWN])
        known += "; ..." if len(classes) > _SHOWN else ""
    else:
        what, known = "value", ", ".join(map(str, classes))
    sentence = (
        f"Mask {where} holds the {what} {_text(first, coloured)}, outside the classes ({known}); {strays} pixels "
        f"({_share(strays, total)}) are so: {_listed(counts, total, coloured)}."
    )
    if lossy:
        return f"{sentence} {_lossy(not coloured and set(classes) <= {0, 255})}"
    between = not coloured and all(min(classes) < value < max(classes) for value in counts)
    if strays < RARE * total and (coloured or between) and len(counts) > 1:
        return f"{sentence} {_resampled()}"
    form = ", each in a line 'NAME:R,G,B'" if coloured else ""
    return f"{sentence} Mend the mask or add the {what} to classes.txt{form}."


def unlisted_colours(codes, listed):
    """Return the sentence on a mask of colours where no list says what they mean.

    Args:
        codes: Integers, red * 65536 + green * 256 + blue of each pixel.
        listed: Path of the list of classes.
    """
    values, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    by_code = {-1 - int(values[place]): int(counts[place]) for place in order}
    return (
        f"If its colours are the classes, write {listed} with one line 'NAME:R,G,B' for each; it has "
        f"{len(by_code)} colour(s): {_listed(by_code, codes.size, coloured=True)}."
    )


def _uninferred(where, counts, lossy, total):
    found = sorted(counts)
    shown = ", ".join(map(str, found[:_SHOWN])) + (", ..." if len(found) > _SHOWN else "")
    start = f"The masks in {where} hold the values {shown}"
    if lossy:
        near = sum(count for value, count in counts.items() if min(abs(value), abs(value - 255)) <= _NEAR)
        return (
            f"{start}, of which those of {lossy} may be made by its format, which loses details. "
            + _lossy(len(found) > 2 and max(found) > 255 - _NEAR and near >= _MOSTLY * total)
        )
    expected = (
        "expected 0, 1, 2, ... (255 = no label): write classes.txt with one 'VALUE NAME' line per class."
    )
    rare = {value: count for value, count in sorted(counts.items()) if count < RARE / 5 * total}
    often = [value for value in found if value not in rare]
    if len(rare) > 1 and len(often) > 1 and all(min(often) < value < max(often) for value in rare):
        return (
            f"{start}; {sum(rare.values())} pixels ({_share(sum(rare.values()), total)}) have rare values between "
            f"{', '.join(map(str, often[:_SHOWN]))}: {_listed(rare, total, False)}. {_resampled()} If they are "
            "classes, write classes.txt with one 'VALUE NAME' line per class."
        )
    return f"{start}; {expected}"


def _lossy(binary):
    advice = "JPEG and lossy WebP change the values of a mask: export the masks again as PNG."
    if not binary:
        return f"{advice} Where only these files are left, the classes cannot be told from them for certain."
    return (
        f"{advice} Where only these black and white files are left, make a PNG of each and remove it: "
        "python -c \"from PIL import Image; Image.open('A.jpg').convert('L').point(lambda v: 255 * (v > 127))"
        ".save('A.png')\""
    )


def _resampled():
    return (
        "Rare values between the others come from resizing or smoothing: make the masks again from the originals with "
        "nearest-neighbour interpolation (Pillow: resize(size, Image.Resampling.NEAREST))."
    )


def _listed(counts, total, coloured):
    entries = [
        f"{_text(value, coloured)} ({count} pixels, {_share(count, total)})"
        for value, count in counts.items()
    ]
    return ", ".join(entries[:_SHOWN]) + (
        f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    )


def _text(value, coloured):
    if not coloured:
        return str(value)
    code = -1 - value
    return f"{code >> 16},{code >> 8 & 255},{code & 255}"


def _share(count, total):
    return f"{100 * count / total:.2g} %"
