"""Palettes of masks compared across files: whether an index is the same class in all of them, and colours if it is not.

Programs that save with few colours make a palette for each picture (PNG-8, GIF, pngquant): its index 1 is another
class in each file, and only the colour tells which.
"""

from collections import Counter, defaultdict
from functools import lru_cache

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
        self._one_colour = True
        # Colours that stand for several classes in one mask, and where all palettes that use a colour have it.
        self._repeated, self._everywhere = set(), {}

    def add(self, mask: StoredMask):
        """Compare a mask with a palette, with or without its pixels, with those before."""
        if len(self._palettes) < 2:
            self._palettes.add(mask.palette)
        used = mask.used_colours()
        self._repeated |= {colour for colour, count in Counter(used.values()).items() if count > 1}
        places, end = _places_of_colours(mask.palette), _black_end(mask)
        for index, colour in used.items():
            self._one_colour &= self._by_index.setdefault(index, colour) == colour
            self._by_colour.setdefault(colour, set()).add(index)
            here = places[colour].union(end)
            self._everywhere[colour] = self._everywhere.get(colour, here) & here

    @property
    def holds(self):
        return len(self._palettes) < 2 or self._one_colour and self._one_index

    @property
    def _one_index(self):
        # A colour for several classes, such as all black, says nothing of them if all palettes have it for all of them.
        return all(
            len(indices) == 1 or colour in self._repeated and indices <= self._everywhere[colour]
            for colour, indices in self._by_colour.items()
        )


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
        InputError: If a colour that occurs stands for two values in the first palette or is not in it, or there are
            masks without a palette, whose values have no colour.
    """
    first = masks[0]
    advice = "write 'NAME:R,G,B' lines into classes.txt, a colour for each class"
    plain = next((mask for mask in every if mask.palette is None), None)
    if plain is not None:
        raise InputError(
            f"The palettes of the masks in {first.path.parent} disagree, and {plain.path.name} has none; save all "
            "masks with one palette, or as 8-bit grey pictures of class numbers."
        )
    # Colours that it does not use may stand for the classes of other files.
    colours = list(first.palette)
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
    occurring = sorted({colour for mask in masks for colour in mask.used_colours().values()})
    return tuple(colours[: 1 + max(_only_place(first, colour) for colour in occurring)])


def _only_place(mask, colour):
    """Return the index that a colour stands for in the palette of a mask: the first of those that have it.

    Raises:
        InputError: It may be another one, as the mask uses another, or several, or none of several.
    """
    every = sorted(_places_of_colours(mask.palette)[colour])
    end = _black_end(mask)
    places = [place for place in every if place not in end] or every[:1]
    used = [place for place in places if place in mask.counts]
    if len(places) == 1 or used == places[:1]:
        return places[0]
    doubtful = " and ".join(map(str, used if len(used) > 1 else places))
    raise InputError(
        f"The palettes of the masks in {mask.path.parent} disagree, so their colours must tell the classes, but that "
        f"of {mask.path.name} has the colour {_shown(colour)} twice, at the indices {doubtful}; save all masks with "
        "one palette, or write 'NAME:R,G,B' lines into classes.txt, where a colour is one class."
    )


@lru_cache(maxsize=16)
def _places_of_colours(palette):
    """Return the indices that have each colour."""
    found = defaultdict(set)
    for place, colour in enumerate(palette):
        found[colour].add(place)
    return {colour: frozenset(places) for colour, places in found.items()}


def _black_end(mask):
    """Return the unused indices behind all others whose colour is black: files may end before them."""
    end = len(mask.palette)
    while end and mask.palette[end - 1] == (0, 0, 0) and end - 1 not in mask.counts:
        end -= 1
    return range(end, len(mask.palette))


def _shown(colour):
    return ",".join(map(str, colour))
