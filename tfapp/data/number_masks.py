"""Masks of published layouts, whose values are numbers of classes, also where a program saved them with palettes.

The published files are grey pictures. A copy that some program saved with few colours (PNG-8, pngquant) has a palette
for each file: its indices are other numbers, and the grey levels of its colours are the published ones. A copy that was
given colours has one palette for all, and its indices are the numbers.
"""

from threading import Lock

import numpy as np

from tfapp.data.mask_files import read_stored
from tfapp.data.palettes import PaletteAgreement
from tfapp.errors import InputError


class NumberMasks:
    """The masks of one dataset, which are compared as they are read.

    Args:
        highest: The largest number that a mask may hold.
    """

    def __init__(self, highest):
        self._highest = highest
        self._agreement, self._first, self._lock = PaletteAgreement(), None, Lock()

    def read(self, path):
        """Return the numbers of a mask, int32 (height, width).

        Raises:
            InputError: As `read_mask`, and if its palette and that of a mask read before give one number two colours,
                or one colour two numbers; or it has fewer than 256 grey levels, which may be other numbers.
        """
        mask = read_stored(path)
        if mask.white is not None and mask.counts.keys() - {0}:
            raise InputError(
                f"Mask {path} has {mask.white + 1} grey levels, so its values may be numbers or parts of white; "
                "expected a grey or palette picture of 8 bits: restore the published one, or save the numbers so."
            )
        if mask.palette is None:
            return mask.pixels.astype(np.int32)
        if self._levels_are_numbers(mask.used_colours()):
            return np.array([red for red, _, _ in mask.palette], np.int32)[mask.pixels]
        with self._lock:
            self._first = self._first or path
            self._agreement.add(mask)
            agreed = self._agreement.holds
        if not agreed:
            raise InputError(
                f"The palettes of the masks {self._first} and {path} disagree, so their values do not tell the "
                "classes; restore the published grey pictures, or save all masks with one palette."
            )
        return mask.pixels.astype(np.int32)

    def _levels_are_numbers(self, used):
        levels = {red for red, green, blue in used.values() if red == green == blue <= self._highest}
        # A palette that is black throughout says nothing.
        return len(levels) == len(used) and (len(used) > 1 or levels != {0})
