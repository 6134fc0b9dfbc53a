"""Masks of people's own, looked at by value when a dataset is opened: what their values mean, and what cannot be meant.

Every mask is decoded once here. What is small enough is kept, so that the training does not decode it again.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.data.class_files import IGNORE_VALUE
from tfapp.data.dataset import Remark
from tfapp.data.images import ColouredMask
from tfapp.data.mask_conventions import (
    instance_remark,
    inverted_remarks,
    numbers_count,
    numbers_remark,
    white_remarks,
)
from tfapp.data.mask_files import read_colours, read_stored
from tfapp.data.palettes import agreeing, colours_by_index, reference_colours
from tfapp.data.read_ahead import read_ahead
from tfapp.data.strays import RARE, stray_sentence, unlisted_colours
from tfapp.errors import InputError, either

# Raw masks of a person's own that are kept from the first look to the first use, in bytes.
KEPT_BYTES = 256 * 2**20
_TABLE_SIZE = 2**16
# So many colours are found faster by comparing all pixels with each than by searching each pixel's.
_FEW_COLOURS, _NOWHERE = 16, 255
# What -1, which many lists call "no label", becomes in 8 bits is 255.
_MINUS_ONE, _LARGEST_BYTE = -1, 255


@dataclass(frozen=True)
class MaskCoding:
    """How mask values become class indices.

    Attributes:
        names: Name of each class.
        values: `values[i]` is class i.
        ignored: Values without a label.
        colours: Where masks count by their colours, the colour that each value stands for; otherwise empty.
        palette: Where they count by their values, (value, colour) of those that occur, as all palettes show them; empty
            if there is a mask without a palette.
        inferred: Whether the classes were made of the values that occur, and not listed by a person.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    ignored: tuple[int, ...]
    colours: tuple[tuple[int, int, int], ...] = ()
    palette: tuple[tuple[int, tuple[int, int, int]], ...] = ()
    inferred: bool = False

    @property
    def class_colours(self):
        """Return the colour of each class, or None if masks do not show each class in one of its own.

        Grey levels that are the values themselves, as some programs write palettes, are no colours.
        """
        shown = dict(enumerate(self.colours) if self.colours else self.palette)
        found = tuple(shown.get(value) for value in self.values)
        if None in found or len(set(found)) < len(found):
            return None
        if not self.colours and all(
            colour == (value,) * 3 for colour, value in zip(found, self.values, strict=True)
        ):
            return None
        return found

    @property
    def ignore_value(self):
        """Value of the label arrays for "no label", or None."""
        return IGNORE_VALUE if self.ignored else None

    def described(self):
        """Return the (name, value) of each class and the values without a label, colours in place of values."""
        meant = dict(enumerate(map(list, self.colours)))
        classes = [
            [name, meant.get(value, value)] for name, value in zip(self.names, self.values, strict=True)
        ]
        return classes, [meant.get(value, value) for value in self.ignored]

    def labels(self, raw):
        """Return labels of raw values, int32 with -1 where a value has no meaning, or the values if they are labels."""
        if self._in_order and raw.min(initial=0) >= 0 and raw.max(initial=0) < len(self.values):
            return raw
        if raw.dtype.itemsize > 2 and not (raw.min(initial=0) >= 0 and raw.max(initial=0) < _TABLE_SIZE):
            labels = np.full(raw.shape, -1, np.int32)
            for value, label in self._meanings.items():
                labels[raw == value] = label
            return labels
        return self._table[raw]

    @cached_property
    def _in_order(self):
        return self.values == tuple(range(len(self.values)))

    @cached_property
    def _meanings(self):
        return {
            **dict.fromkeys(self.ignored, IGNORE_VALUE),
            **{value: index for index, value in enumerate(self.values)},
        }

    @cached_property
    def _table(self):
        table = np.full(_TABLE_SIZE, -1, np.int32)
        for value, label in self._meanings.items():
            if 0 <= value < _TABLE_SIZE:
                table[value] = label
        return table


class OwnMasks:
    """Masks of one dataset, all of one coding.

    Args:
        paths: Files of the masks.
        class_list: `ClassList`, or None to infer the classes from the values 0, 1, 2, ... or 0 and 255.
        place: Folder of the dataset, for messages.
        threads: Masks that are read at a time.

    Attributes:
        coding: `MaskCoding`.
        remarks: `Remark`s.
        sizes: (height, width) of each mask.

    Raises:
        InputError: For a file that is no mask, values or colours outside the classes, values that cannot be classes,
            palettes that do not identify the classes, black and white masks among others, or fewer than two classes
            that occur.
    """

    def __init__(self, paths, class_list, place, threads=1):
        self._place, self._list_file = Path(place), Path(place) / "classes.txt"
        self._listed_colours = class_list.colours if class_list else ()
        self._kept, self.sizes, self.remarks = {}, [], []
        stored, room = [], KEPT_BYTES
        for path, one in zip(paths, read_ahead(self._stored, paths, threads), strict=True):
            self.sizes.append(one.pixels.shape)
            stored.append(one.summary())
            room -= one.pixels.nbytes
            if room > 0:
                self._kept[path] = one
        self.remarks += inverted_remarks(stored)
        colours = self._listed_colours or self._palette_colours(stored)
        self._codes = _colour_table(colours)
        self._numbered = not colours and numbers_count(class_list, stored)
        if self._numbered:
            self.remarks.append(numbers_remark(stored))
            stored = [one.numbered() for one in stored]
        counts = [self._counts(one, colours) for one in stored]
        coding = self._resolved(class_list, stored, counts, colours)
        unshown = colours or any(one.palette is None for one in stored)
        palette = () if unshown else tuple(sorted(colours_by_index(stored).items()))
        self.coding = replace(coding, palette=palette, inferred=class_list is None)
        counted = (
            instance_remark(counts, self._place / "masks") if class_list is None and not colours else None
        )
        if counted:
            self.remarks.append(counted)
        self._check_strays(stored, counts)
        said = class_list is not None and IGNORE_VALUE in class_list.ignored
        if IGNORE_VALUE in self.coding.ignored and not colours and not said:
            self.remarks += white_remarks(stored, counts, self._place / "masks")
        self._check_occurring(counts, deep=any(one.mode[0] in "IF" for one in stored))
        if colours and not self._listed_colours:
            self._say_palettes()
        if class_list is None and len(self._kept) == len(stored):
            self._doubt_thin_classes(sum(counts, Counter()))

    def read(self, path):
        """Return the labels of one of the masks, integers (height, width).

        Raises:
            InputError: It changed since it was first looked at, and holds a value outside the classes.
        """
        one = self._kept.pop(path, None)
        if one is None:
            one = self._stored(path)
        raw = self._raw(one)
        labels = self.coding.labels(raw)
        if labels.min(initial=0) < 0:
            raise InputError(self._outside(path, Counter(raw[labels < 0].tolist()), raw.size, one.lossy))
        return labels

    def _stored(self, path):
        if self._listed_colours:
            return read_colours(path)
        try:
            return read_stored(path)
        except ColouredMask as error:
            raise InputError(f"{error} {unlisted_colours(error.codes, self._list_file)}") from None

    def _palette_colours(self, stored):
        """Return the colours that the values stand for where palettes disagree, or () where a value is the class."""
        indexed = [one for one in stored if one.palette is not None]
        return () if agreeing(indexed) else reference_colours(indexed, stored)

    def _raw(self, one):
        """Return the values of a mask: as they are stored, or of its colours."""
        if not len(self._codes):
            return one.numbered().pixels if self._numbered else one.pixels
        return _places(one.colour_codes(), self._codes)

    def _counts(self, one, colours):
        """Return the pixels of each value of a mask; of a colour that no value stands for, by its code, negative."""
        if not colours:
            return one.counts
        by_colour = Counter()
        for code, count in one.colour_counts().items():
            place = int(_places(np.array([code]), self._codes)[0])
            by_colour[place if place >= 0 else -1 - code] += count
        return by_colour

    def _resolved(self, class_list, stored, counts, colours):
        found = sorted(set().union(*counts))
        lossy = next((one.path for one in stored if one.lossy), None)
        if class_list is None:
            return self._inferred(found, counts, lossy, colours)
        values, ignored = class_list.values, class_list.ignored
        if not class_list.given and not ignored and values == (0, 1) and found == [0, IGNORE_VALUE]:
            second = class_list.names[1]
            self.remarks.append(
                Remark(
                    f"The masks hold 0 and 255 only, and {self._list_file} names two classes: 255 is read as {second}.",
                    doubt=False,
                )
            )
            values, ignored = (0, IGNORE_VALUE), ()
        elif not ignored and IGNORE_VALUE not in values and not colours:
            ignored = (IGNORE_VALUE,)
        elif not colours and self._hold_minus_one(values, ignored, found):
            self.remarks.append(
                Remark(
                    f"{self._list_file} says that {_MINUS_ONE} has no label, which 8 bits hold as {IGNORE_VALUE}: "
                    f"{IGNORE_VALUE} has no label.",
                    doubt=False,
                )
            )
            ignored = (*ignored, IGNORE_VALUE)
        if lossy:
            self.remarks.append(
                Remark(
                    f"Mask {lossy} is stored with loss (JPEG, or WebP or JPEG 2000 of that kind), which changes "
                    "classes where they meet; export the masks again as PNG."
                )
            )
        return MaskCoding(class_list.names, values, ignored, tuple(colours))

    @staticmethod
    def _hold_minus_one(values, ignored, found):
        """Return whether the 255 of masks is a -1 without a label: that is listed, and 255 is not."""
        if _MINUS_ONE not in ignored or IGNORE_VALUE in (*values, *ignored):
            return False
        return IGNORE_VALUE in found and _MINUS_ONE not in found

    def _inferred(self, found, counts, lossy, colours):
        if found == [0, IGNORE_VALUE]:
            return MaskCoding(("background", "foreground"), (0, IGNORE_VALUE), ())
        values = [value for value in found if value != IGNORE_VALUE]
        regular = len(values) >= 2 and values == list(range(len(values)))
        if regular and not lossy:
            names = tuple(f"class {value}" for value in values)
            ignored = (IGNORE_VALUE,) if IGNORE_VALUE in found or not colours else ()
            return MaskCoding(names, tuple(values), ignored, tuple(colours))
        total = sum(counts, Counter())
        raise InputError(stray_sentence(self._place / "masks", total, lossy))

    def _check_strays(self, stored, counts):
        known = {*self.coding.values, *self.coding.ignored}
        strays = sum((Counter({v: n for v, n in one.items() if v not in known}) for one in counts), Counter())
        if strays:
            first = next(place for place, one in enumerate(counts) if one.keys() - known)
            own = [value for value in counts[first] if value not in known]
            ordered = {value: strays[value] for value in [*sorted(own), *sorted(strays.keys() - set(own))]}
            total = sum(sum(one.values()) for one in counts)
            lossy = any(one.lossy for one in stored)
            raise InputError(self._outside(stored[first].path, ordered, total, lossy))

    def _outside(self, path, strays, total, lossy):
        known = self.coding.colours or self.coding.values
        return stray_sentence(path, strays, lossy, classes=known, total=total)

    def _check_occurring(self, counts, deep):
        """Look whether all classes occur; `deep`: whether there are masks of more than 8 bits."""
        present = set().union(*counts)
        coding = self.coding
        if not deep and not coding.colours:
            self._refuse_impossible()
        missing = [n for n, v in zip(coding.names, coding.values, strict=True) if v not in present]
        if not missing:
            return
        unlabelled = sorted(present & set(coding.ignored))
        also = ""
        if unlabelled and not coding.colours:
            shown = ", ".join(map(str, unlabelled))
            also = f" The value {shown} occurs and has no label: if it is a class, give it a line '{shown} NAME'."
        if len(coding.names) - len(missing) < 2:
            raise InputError(
                f"No pixel of the masks in {self._place / 'masks'} is {either(missing)}, so fewer than two classes "
                f"are left to learn; expected the values of {self._list_file.name} ({self._meaning()})."
                f"{also}"
            )
        self.remarks.append(
            Remark(
                f"No pixel of any mask in {self._place / 'masks'} is {either(missing)} of classes.txt.{also}"
            )
        )

    def _refuse_impossible(self):
        """Refuse a class whose value masks of 8 bits cannot hold."""
        for name, value in zip(self.coding.names, self.coding.values, strict=True):
            if not 0 <= value <= _LARGEST_BYTE:
                raise InputError(
                    f"{self._list_file} has the line '{value} {name}', but the masks in {self._place / 'masks'} have 8 "
                    f"bits, which hold 0 to {_LARGEST_BYTE}; if such pixels have no label write '{value} ignore', "
                    "otherwise the value that the masks have for it, or leave the line out."
                )

    def _doubt_thin_classes(self, counts):
        """Remark on rare classes between others that nowhere cover 2x2 pixels: an interpolation makes such ones."""
        total = sum(counts.values())
        for name, value in zip(self.coding.names[1:-1], self.coding.values[1:-1], strict=True):
            if counts[value] >= RARE * total:
                continue
            if any(_has_square(self._raw(mask) == value) for mask in self._kept.values()):
                continue
            self.remarks.append(
                Remark(
                    f"The value {value} ({name}) stands in lines one pixel wide only, between smaller and larger "
                    f"values ({counts[value]} pixels, {100 * counts[value] / total:.2g} %). If nobody drew it, "
                    "the masks were resized with interpolation: make them again with nearest neighbour; otherwise "
                    "name it in classes.txt."
                )
            )

    def _say_palettes(self):
        self.remarks.append(
            Remark(
                f"The palettes of the masks in {self._place / 'masks'} disagree, so their colours count, in the order "
                f"of the first palette: {self._meaning()}. To set the order, write 'NAME:R,G,B' lines into classes.txt."
            )
        )

    def _meaning(self):
        classes, _ = self.coding.described()
        return ", ".join(
            f"{','.join(map(str, value)) if isinstance(value, list) else value} = {name}"
            for name, value in classes
        )


def _has_square(mask):
    return bool((mask[:-1, :-1] & mask[1:, :-1] & mask[:-1, 1:] & mask[1:, 1:]).any())


def _colour_table(colours):
    return np.array([red << 16 | green << 8 | blue for red, green, blue in colours], np.int64)


def _places(codes, table):
    """Return the place of each colour in a table of colours, -1 - its code where it is not in it."""
    if len(table) <= _FEW_COLOURS:
        places = np.full(codes.shape, _NOWHERE, np.uint8)
        for place in reversed(range(len(table))):
            places[codes == table[place]] = place
        if (places < _NOWHERE).all():
            return places
    order = np.argsort(table, kind="stable")
    found = np.searchsorted(table, codes, sorter=order).clip(max=len(table) - 1)
    places = order[found]
    return np.where(table[places] == codes, places, -1 - codes)
