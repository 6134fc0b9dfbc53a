"""Labels and overlays of images that are cut into tiles: written band by band, never whole in memory."""

import numpy as np

from tfapp.segmentation.own_pictures import picture_rows, save_pixels
from tfapp.segmentation.pictures import overlay, palette

# Larger overlays are made smaller, by a whole factor: they are to be looked at, and most programs show no larger ones.
OVERLAY_PIXELS = 16_000_000
_BAND_PIXELS = 1 << 20


def write_labels(bands, source, label_file, overlay_file, num_classes):
    """Write the label picture of an image, and its overlay, from bands of labels.

    An overlay of more than `OVERLAY_PIXELS` pixels is made smaller by a whole factor: its colours are means, its labels
    those in the middle of what becomes one pixel.

    Args:
        bands: Pairs (first row, uint8 (rows, width)) from the top to the bottom of the image.
        source: Reader of parts of the image, as `open_windows` yields it.
        label_file, overlay_file: Paths to write to.
        num_classes: Number of classes.

    Returns:
        int64 (num_classes,): how many pixels each class has.
    """
    height, width = source.size
    factor = overlay_factor(source.size)
    reduced = np.zeros((height // factor, width // factor), np.uint8)
    counts = np.zeros(num_classes, np.int64)
    with picture_rows(label_file, source.size, palette=palette(256)) as write:
        for begin, labels in bands:
            write(labels)
            counts += np.bincount(labels.ravel(), minlength=num_classes)
            first = -(-(begin - factor // 2) // factor)  # the first reduced row whose middle is in this band
            chosen = labels[first * factor + factor // 2 - begin :: factor, factor // 2 :: factor]
            into = reduced[first : first + len(chosen)]
            into[:] = chosen[: len(into), : into.shape[1]]
    save_pixels(_overlay(source, reduced, factor, num_classes), overlay_file)
    return counts


def write_restored(bands, size, channels, file):
    """Write an image that a network makes, in 8 bits, from bands uint8 (rows, width) or (rows, width, 3)."""
    with picture_rows(file, size, channels) as write:
        for _, pixels in bands:
            write(pixels)


def overlay_factor(size):
    """Return the whole factor by which the overlay of an image (height, width) is smaller than it, at least 1."""
    return max(1, int(np.ceil(np.sqrt(size[0] * size[1] / OVERLAY_PIXELS))))


def _overlay(source, labels, factor, num_classes):
    height, width = labels.shape
    picture = np.empty((height, width, 3), np.uint8)
    step = max(1, _BAND_PIXELS // (width * factor * factor))
    for begin in range(0, height, step):
        end = min(begin + step, height)
        # With one row more, as the border between two classes is seen from the upper one.
        until = min(end + 1, height)
        image = source.window(begin * factor, until * factor, 0, width * factor)
        blocks = image.reshape(until - begin, factor, width, factor, image.shape[-1])
        image = blocks.mean((1, 3)) if factor > 1 else image
        picture[begin:end] = overlay(image, labels[begin:until], num_classes)[: end - begin]
    return picture
