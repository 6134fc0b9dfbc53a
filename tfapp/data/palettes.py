"""Palettes of masks compared across files: whether an index is the same class in all of them, and colours if it is not.

Programs that save with few colours make a palette for each picture (PNG-8, GIF, pngquant): its index 1 is another
class in each file, and only the colour tells which.
"""

from collections import Counter

from tfapp.data.mask_files import Colour, StoredMask
from tfapp.errors import InputError

# More colours than that in a message tell nothing.
_SHOWN = 6


class PaletteAgreement:
    """Whether the palettes of masks give each index that occurs one colour, and each colour one index.

    Attributes:
        holds: The answer for the masks that were added.
    """

    def __init__(self):
        self._palettes, self._by_index, self._by_colour = set(), {}, {}
        self._one_colour = self._one_index = True
        self._repeated = False

    def add(self, mask: StoredMask):
        """Compare a mask with a palette, with or without its pixels, with those before."""
        if len(self._palettes) < 2:
            self._palettes.add(mask.palette)
        used = mask.used_colours()
        # A palette of one colour for several classes, such as all black, says nothing of them.
        self._repeated |= len(set(used.values())) < len(used)
        for index, colour in used.items():
            self._one_colour &= self._by_index.setdefault(index, colour) == colour
            self._one_index &= self._by_colour.setdefault(colour, index) == index

    @property
    def holds(self):
        return len(self._palettes) < 2 or self._one_colour and (self._one_index or self._repeated)


def agreeing(masks: list[StoredMask]) -> bool:
    """Return whether the palettes of all masks agree, as `PaletteAgreement` says."""
    agreement = PaletteAgreement()
    for mask in masks:
        agreement.add(mask)
    return agreement.holds


def colours_by_index(masks: list[StoredMask]) -> dict[int, Colour]:
    """Return the colour that each index that occurs has in the palettes of masks, which agree."""
    found = {}
    for mask in masks:
        for index, colour in mask.used_colours().items():
            found.setdefault(index, colour)
    return found


def reference_colours(masks: list[StoredMask], every: list[StoredMask]) -> tuple[Colour, ...]:
    """Return the colours that the values 0, 1, 2, ... stand for: those of the first palette, as far as it is used.

    Args:
        masks: Masks with palettes, which disagree.
        every: All masks of the dataset.

    Raises:
        InputError: If a colour stands for two values in the first palette, a colour occurs that is not in it, or there
            are masks without a palette, whose values have no colour.
    """
    first = masks[0]
    used = first.used_colours()
    advice = "write 'NAME:R,G,B' lines into classes.txt, a colour for each class"
    twice = next((colour for colour, count in Counter(used.values()).items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"The palettes of the masks in {first.path.parent} disagree, and that of {first.path.name} has the colour "
            f"{_shown(twice)} twice, so colours do not tell the classes; save all masks with one palette."
        )
    plain = next((mask for mask in every if mask.palette is None), None)
    if plain is not None:
        raise InputError(
            f"The palettes of the masks in {first.path.parent} disagree, and {plain.path.name} has none; save all "
            "masks with one palette, or as 8-bit grey pictures of class numbers."
        )
    # Colours that it does not use may stand for the classes of other files; its unused end is black.
    colours = [used.get(index) or colour for index, colour in enumerate(first.palette)]
    known = set(colours)
    unknown = Counter()
    for mask in masks:
        for index, colour in mask.used_colours().items():
            if colour not in known:
                unknown[colour] += mask.counts[index]
    if unknown:
        shown = ", ".join(
            f"{_shown(colour)} ({count} pixels)" for colour, count in unknown.most_common(_SHOWN)
        )
        raise InputError(
            f"The palettes of the masks in {first.path.parent} disagree, so their colours must tell the classes, but "
            f"{len(unknown)} colour(s) are not in the first palette, that of {first.path.name}: {shown}; {advice}."
        )
    return tuple(colours[: 1 + max(colours.index(colour) for colour in _occurring(masks))])


def _occurring(masks):
    return {colour for mask in masks for colour in mask.used_colours().values()}


def _shown(colour):
    return ",".join(map(str, colour))
