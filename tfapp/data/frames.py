"""Frames: the windows of images as a sequence of arrays; what is decoded stays in memory while there is room."""

import copy
import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from tfapp.data.cropping import VOID, crop_window, cut, pixels_within, with_void
from tfapp.data.disk_cache import DiskCache
from tfapp.data.framing import decoded_pair, resize_labels, resize_pair, weighted_labels
from tfapp.data.image_cache import ImageCache, nbytes
from tfapp.data.images import as_floats
from tfapp.data.read_ahead import read_ahead, threads_for

# Decoded images that a `Frames` keeps, unless another number is given.
MEMORY_BYTES = 2 * 2**30
# Of the memory, what images whose windows are shuffled together may take: some are larger than their mean.
_SHARE = 0.9
# So many comparisons of bytes are faster than `np.bincount`, which makes 64-bit numbers of them.
_FEW_CLASSES = 16


@dataclass(frozen=True)
class AllRead:
    """What is known of frames once all their images were read.

    Attributes:
        label_counts: Labelled pixels by frame and class, int64 (frames, classes); None of image pairs.
        nbytes: Bytes of all images and targets as they are kept.
    """

    label_counts: np.ndarray | None
    nbytes: int


class Frames:
    """The windows of some items as a sequence of (image, target, weights), all of one size.

    Targets and weights are the labels and weights of `weighted_labels`; of image pairs the other image, and 1. Weights
    are 0 beyond an image whose crop is larger, if the framing's `crop_border` is `void`.
    Several threads may read them at a time.

    Args:
        dataset: The dataset.
        items: The items to take.
        framing: The framing.
        class_weights: One float per class, or None for 1.
        noisy_set: `NoisySet` that changes some of the images at network size, or None.
        memory: Bytes of decoded images that are kept: a pixel takes a byte in each channel that its file has and one
            for its label; of more than 8 bits two in each channel, of floats, resized or noisy images four.
        cache: Folder in which decoded images are kept, but for noisy and generated ones, or None.
    """

    def __init__(
        self, dataset, items, framing, class_weights=None, noisy_set=None, memory=MEMORY_BYTES, cache=None
    ):
        self.dataset = dataset
        self.framing = framing
        self.class_weights = class_weights
        self.noisy_set = noisy_set
        self.items = tuple(items)
        # By sizes and not by images: a large dataset has millions of windows.
        self._windows = {size: framing.windows(size) for size in {item.size for item in self.items}}
        counts = [len(self._windows[item.size]) for item in self.items]
        self._ends = np.cumsum(counts, dtype=np.int64)
        self._memory = memory
        self._cache = ImageCache(memory, evicting=max(counts, default=1) > 1)
        self._disk = None if cache is None else DiskCache(cache, dataset, framing.resize)

    def __len__(self):
        return int(self._ends[-1]) if self.items else 0

    def window(self, index, place=None):
        """Return the item that a frame is cut from, and (top, left, height, width) in it.

        Args:
            index: Number of the frame.
            place: `tfapp.data.cropping.Place` of a crop, or None for the middle; of other frames None.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Frame {index} of {len(self)}.")
        number = int(np.searchsorted(self._ends, index, side="right"))
        item = self.items[number]
        if place is not None:
            return item, crop_window(self.framing.resize or item.size, self.framing.crop, place)
        windows = self._windows[item.size]
        return item, windows[index - int(self._ends[number]) + len(windows)]

    @property
    def ranges(self):
        """`range`s of the frames of each item."""
        return [range(begin, end) for begin, end in zip([0, *self._ends[:-1]], self._ends, strict=True)]

    @cached_property
    def threads(self):
        """How many threads may read frames at a time."""
        return threads_for(max((math.prod(item.size) for item in self.items), default=0))

    @cached_property
    def frame_shape(self):
        """(height, width, channels) of every image."""
        _, (_, _, height, width) = self.window(0)
        return height, width, self.dataset.channels

    @property
    def target_shape(self):
        """Shape of every target: (height, width) of labels, (height, width, channels) of images."""
        return self.frame_shape if self.dataset.image_pairs else self.frame_shape[:2]

    def __getitem__(self, index):
        return self.turned(index)

    def turned(self, index, mirror=False, flip=False, turns=0, place=None):
        """Return a frame that is mirrored (left-right), flipped (up-down), then turned by quarters to the left.

        Args:
            index: Number of the frame.
            mirror, flip, turns: Whether, whether, and how often.
            place: As of `window`; a crop of a scaled image is resized, bilinearly, and its labels to the nearest.
        """
        item, window = self.window(index, place)
        image, target = (cut(array, window) for array in self._pair(item))
        within = self._within(item, window)
        if self.framing.crop is not None and window[2:] != self.framing.crop:
            image, target = resize_pair(self.dataset, image, target, self.framing.crop)
        image, target = (_turned(array, mirror, flip, turns) for array in (image, target))
        image = as_floats(image, self.dataset.channels)
        if self.dataset.image_pairs:
            target, weights = as_floats(target, self.dataset.channels), np.ones(target.shape[:2], np.float32)
        else:
            labels = target.astype(np.int32, order="C")
            target, weights = weighted_labels(labels, self.dataset, self.class_weights)
        if within is not None:
            image, weights = with_void(image, weights, _turned(within, mirror, flip, turns))
        return image, target, weights

    def _within(self, item, window):
        """Return which pixels of a crop lie in the image, bool (height, width); None if all do, or all count."""
        if self.framing.crop is None or self.framing.crop_border != VOID:
            return None
        within = pixels_within(self.framing.resize or item.size, window)
        return within if within is None else resize_labels(within, self.framing.crop)

    def read_all(self):
        """Read every image once, keep what fits for later, and return `AllRead`.

        Raises:
            InputError: For what cannot be read, and for masks that do not fit.
        """
        counts, sizes = zip(*read_ahead(self._counted, self.items, self.threads), strict=True)
        return AllRead(None if self.dataset.image_pairs else np.concatenate(counts), sum(sizes))

    def images_together(self, all_nbytes):
        """Return how many images at a time there is memory for, so that each need be decoded once in a pass.

        None for all of them, and where that would spare no decoding: of images that are one frame each, or all on disk.

        Args:
            all_nbytes: `AllRead.nbytes` of these frames.
        """
        if all_nbytes <= self._memory or len(self) == len(self.items) or all(map(self._on_disk, self.items)):
            return None
        return max(1, int(_SHARE * self._memory * len(self.items) / all_nbytes))

    def weighted(self, class_weights):
        """Return the same frames with other class weights; what is decoded already is shared."""
        shared = copy.copy(self)
        shared.class_weights = class_weights
        return shared

    def arrays(self, indices):
        """Return stacked images, targets and weights of the windows with these indices."""
        return tuple(np.stack(column) for column in zip(*(self[i] for i in indices), strict=True))

    def _counted(self, item):
        """Return the labelled pixels of an item by window and class, None of a pair, and its bytes."""
        pair = self._pair(item)
        if self.dataset.image_pairs:
            return None, nbytes(pair)
        if self.framing.crop is None:
            parts = [cut(pair[1], window) for window in self._windows[item.size]]
        else:
            # Crops lie anywhere, over many passes.
            parts = [pair[1]]
        return np.stack([self._label_counts(part) for part in parts]), nbytes(pair)

    def _label_counts(self, labels):
        classes = self.dataset.num_classes
        if classes <= _FEW_CLASSES:
            return np.array([np.count_nonzero(labels == index) for index in range(classes)], np.int64)
        if self.dataset.ignore_value is not None:
            labels = labels[labels != self.dataset.ignore_value]
        return np.bincount(labels.ravel(), minlength=classes)

    def _pair(self, item):
        return self._cache.get(item.name, partial(self._read, item))

    def _on_disk(self, item):
        return self._disk is not None and bool(item.files) and not self._is_noisy(item)

    def _is_noisy(self, item):
        return self.noisy_set is not None and item.name in self.noisy_set.positions

    def _read(self, item):
        return (
            self._disk.get(item, partial(self._decoded, item)) if self._on_disk(item) else self._decoded(item)
        )

    def _decoded(self, item):
        image, target = decoded_pair(self.dataset, item, self.framing.resize)
        if not self.dataset.image_pairs:
            target = target.astype(self._label_type, copy=False)
        if self._is_noisy(item):
            image = self.noisy_set.image(item.name, as_floats(image, self.dataset.channels))
        return image, target

    @cached_property
    def _label_type(self):
        return np.min_scalar_type(max(self.dataset.num_classes - 1, self.dataset.ignore_value or 0))


def _turned(array, mirror, flip, turns):
    """Return a view of an array (height, width, ...); turned as `tf.image.rot90` does."""
    if mirror:
        array = array[:, ::-1]
    if flip:
        array = array[::-1]
    return np.rot90(array, turns) if turns else array
