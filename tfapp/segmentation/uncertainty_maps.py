"""Maps of how unsure a network is, as grey pictures beside the labels, also of images that are cut into tiles."""

import math
from contextlib import ExitStack

import numpy as np

from tfapp.segmentation.own_pictures import picture_rows

# What is put between the name of an image and the suffix of its maps, in the order of `SampledNetwork`'s answer.
MAPS = ("entropy", "mutual-information")


class UncertaintyMaps:
    """The maps of an image, and their means.

    A map is grey, 8 bits: 0 is no uncertainty, 255 the largest that there is, ln(classes).

    Args:
        files: Paths to write to, one for each of `MAPS`.
        num_classes: Number of classes.
    """

    def __init__(self, files, num_classes):
        self._files, self._largest = files, math.log(num_classes)
        self._sums, self._pixels = np.zeros(len(files)), 0

    @property
    def means(self) -> tuple[float, ...]:
        """Mean over the pixels of each map, in nats, of what was coded."""
        return tuple(float(one) for one in self._sums / self._pixels)

    def coded(self, answer):
        """Return an answer of a `SampledNetwork` `(height, width, classes + 2)` as uint8: labels and both maps.

        Each pixel of the image is to be in one answer.
        """
        # Before they are rounded: means are often below a step of the map.
        self._sums += answer[..., -2:].sum((0, 1), dtype=np.float64)
        self._pixels += answer[..., 0].size
        maps = np.rint(255 / self._largest * np.clip(answer[..., -2:], 0, self._largest))
        return np.concatenate([np.argmax(answer[..., :-2], -1)[..., None], maps], -1).astype(np.uint8)

    def written(self, bands, size):
        """Yield (first row, labels) of bands of what `coded` returns, and write the maps.

        Args:
            bands: Pairs (first row, uint8 `(rows, width, 3)`) from the top to the bottom of the image.
            size: (height, width) of the image.
        """
        with ExitStack() as stack:
            writers = [stack.enter_context(picture_rows(file, size)) for file in self._files]
            for begin, band in bands:
                for number, write in enumerate(writers):
                    write(np.ascontiguousarray(band[..., 1 + number]))
                yield begin, band[..., 0]
