"""Frames: the windows of images as a sequence of arrays, of which what is decoded stays in memory."""

import copy

import numpy as np

from tfapp.data.framing import network_pair, weighted_labels

MEMORY_LIMIT_BYTES = 2 * 2**30


class Frames:
    """The windows of some items as a sequence of (image, target, weights), all of one size.

    Targets and weights are the labels and weights of `weighted_labels`; of image pairs the other image, and 1.
    Decoded images are kept in memory while they fit into 2 GiB.

    Args:
        dataset: The dataset.
        items: The items to take.
        framing: The framing.
        class_weights: One float per class, or None for 1.
        noisy_set: `NoisySet` that changes some of the images at network size, or None.
    """

    def __init__(self, dataset, items, framing, class_weights=None, noisy_set=None):
        self.dataset = dataset
        self.framing = framing
        self.class_weights = class_weights
        self.noisy_set = noisy_set
        self.items = tuple(items)
        # By sizes and not by images: a large dataset has millions of windows.
        self._windows = {size: framing.windows(size) for size in {item.size for item in self.items}}
        self._ends = np.cumsum([len(self._windows[item.size]) for item in self.items])
        self._cache, self._cached_bytes = {}, 0

    def __len__(self):
        return int(self._ends[-1]) if self.items else 0

    def window(self, index):
        """Return the item that a frame is cut from, and (top, left, height, width) in it."""
        if not 0 <= index < len(self):
            raise IndexError(f"Frame {index} of {len(self)}.")
        place = int(np.searchsorted(self._ends, index, side="right"))
        windows = self._windows[self.items[place].size]
        return self.items[place], windows[index - int(self._ends[place]) + len(windows)]

    @property
    def frame_shape(self):
        """(height, width, channels) of every image."""
        _, (_, _, height, width) = self.window(0)
        return height, width, self.dataset.channels

    @property
    def target_shape(self):
        """Shape of every target: (height, width) of labels, (height, width, channels) of images."""
        return self.frame_shape if self.dataset.image_pairs else self.frame_shape[:2]

    def __getitem__(self, index):
        item, (top, left, height, width) = self.window(index)
        image, target = (array[top : top + height, left : left + width] for array in self._pair(item))
        if self.dataset.image_pairs:
            return image, target, np.ones((height, width), np.float32)
        return image, *weighted_labels(target, self.dataset, self.class_weights)

    def read_all(self):
        """Read every image once, and return the labelled pixels by frame and class, int64; None of image pairs.

        What fits stays in memory for later.

        Raises:
            InputError: For what cannot be read, and for masks that do not fit.
        """
        counts = [self._label_counts(place) for place in range(len(self.items))]
        return None if self.dataset.image_pairs else np.concatenate(counts)

    def weighted(self, class_weights):
        """Return the same frames with other class weights; what is decoded already is shared."""
        shared = copy.copy(self)
        shared.class_weights = class_weights
        return shared

    def arrays(self, indices):
        """Return stacked images, targets and weights of the windows with these indices."""
        return tuple(np.stack(column) for column in zip(*(self[i] for i in indices), strict=True))

    def _label_counts(self, place):
        item = self.items[place]
        labels = self._pair(item)[1]
        if self.dataset.image_pairs:
            return None
        return np.stack(
            [
                self._counted(labels[top : top + height, left : left + width])
                for top, left, height, width in self._windows[item.size]
            ]
        )

    def _counted(self, labels):
        if self.dataset.ignore_value is not None:
            labels = labels[labels != self.dataset.ignore_value]
        return np.bincount(labels.ravel(), minlength=self.dataset.num_classes)

    def _pair(self, item):
        if item.name not in self._cache:
            pair = self._read(item)
            size = sum(array.nbytes for array in pair)
            if self._cached_bytes + size > MEMORY_LIMIT_BYTES:
                return pair
            self._cache[item.name] = pair
            self._cached_bytes += size
        return self._cache[item.name]

    def _read(self, item):
        image, target = network_pair(self.dataset, item, self.framing.resize)
        return image if self.noisy_set is None else self.noisy_set.image(item.name, image), target
