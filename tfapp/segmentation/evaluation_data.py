"""Test images of a run or a model, read as they are needed."""

import math
from functools import cached_property

from tfapp.data import network_pair
from tfapp.errors import InputError
from tfapp.segmentation.class_order import in_order_of
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.tested_images import images_to_test

BATCH_PIXELS = 8 * 128 * 128
# Of images in colours 192 MiB, and as many masks.
KEPT_PIXELS = 1 << 24


class EvaluationData:
    """The test images of a run or a model at network size, read once for all noises and segmenters if they are few.

    Images, and masks, of more than `KEPT_PIXELS` pixels in all are read each time that they are needed, and one of each
    is kept. Masks of a dataset that is given are read in the order of the run's classes, as `in_order_of` says.

    Args:
        source: `Run` or `KerasFile`.
        dataset: `Dataset` to test on; None for the test images of the run.
        items: Its `Item`s to test on; None for what `images_to_test` says of them.

    Attributes:
        order_remark: Sentence on how its classes are read, if their order is not that of the run; otherwise None.
    """

    def __init__(self, source, dataset=None, items=None):
        self.source = source
        self.dataset, self.order_remark = dataset or source.dataset, None
        if dataset is None:
            self.items = source.items("test")
        else:
            _check_compatible(source, dataset)
            run = None if isinstance(source, KerasFile) else source
            self.items = images_to_test(run, dataset) if items is None else items
            if run is not None:
                self.dataset, self.order_remark = in_order_of(run, dataset)
            if self.dataset is not dataset:
                self.items = self.dataset.select([item.name for item in self.items])
        self.resize = source.framing.resize

    @cached_property
    def pairs(self):
        """Sequence of images and labels at network size."""
        return self._read(lambda item: network_pair(self.dataset, item, self.resize), self.size_of)

    @cached_property
    def images(self):
        """Sequence of the images of `pairs`."""
        return _Read(range(len(self.items)), lambda index: self.pairs[index][0], keep=0)

    @cached_property
    def masks(self):
        """Sequence of masks at original size."""
        return self._read(lambda item: item.read_mask(), lambda item: item.size)

    def _read(self, read, size_of):
        are_few = sum(math.prod(size_of(item)) for item in self.items) <= KEPT_PIXELS
        return _Read(self.items, read, keep=len(self.items) if are_few else 1)

    def size_of(self, item):
        """Return the (height, width) of an item at the network."""
        return tuple(self.resize or item.size)

    def batches(self):
        """Return lists of indices; the images of one list have one size at the network."""
        by_size = {}
        for index, item in enumerate(self.items):
            by_size.setdefault(self.size_of(item), []).append(index)
        for shape, indices in by_size.items():
            step = max(1, BATCH_PIXELS // (shape[0] * shape[1]))
            yield from (indices[i : i + step] for i in range(0, len(indices), step))


class _Read:
    """Sequence of what is read of items when it is needed, of which so many are kept."""

    def __init__(self, items, read, keep):
        self._items, self._reader, self._keep, self._kept = items, read, keep, {}

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        if index in self._kept:
            return self._kept[index]
        if self._keep and len(self._kept) >= self._keep:
            self._kept.clear()  # before the next one takes its memory
        found = self._reader(self._items[index])
        if self._keep:
            self._kept[index] = found
        return found


def _check_compatible(source, dataset):
    if dataset.image_pairs:
        raise InputError(f"{dataset.spec} holds image pairs; {source.path} labels images.")
    if isinstance(source, KerasFile):
        if (dataset.num_classes, dataset.channels) != (source.num_classes, source.channels):
            raise InputError(
                f"{dataset.spec} has {dataset.num_classes} classes and {dataset.channels} channel(s); "
                f"{source.path} gives {source.num_classes} and takes {source.channels}."
            )
    elif dataset.channels != source.channels:
        raise InputError(
            f"{dataset.spec} has images of {dataset.channels} channel(s); {source.path} was trained for "
            f"{source.channels}."
        )
