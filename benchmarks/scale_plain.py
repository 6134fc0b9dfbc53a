"""The pipeline that one writes by hand in tf.data for `scale.py`: decode, crop, turn; and one reading of all files."""

import numpy as np
import tensorflow as tf
from PIL import Image


class PlainPipeline:
    """Shuffled, turned patches of images and masks, with weights of 1, as `tfapp.data.training_stream` gives them.

    Args:
        folder: With `images/` and `masks/`, masks in PNG.
        windows: int (n, 5): the number of the image in its folder, then top, left, height and width of each patch.
        resize: (height, width) that images and masks are resized to first, or None.
        kept: Whether all images are decoded once and kept; otherwise each patch decodes its image.
    """

    def __init__(self, folder, windows, resize=None, kept=False):
        self.images, self.masks = (
            sorted(map(str, (folder / name).iterdir())) for name in ("images", "masks")
        )
        self.windows, self.resize = windows, resize
        self._kept = self._decode_all() if kept else None

    def batches(self, batch_size, first, count):
        """Return the batches of patches `first` to `first + count` of an endless shuffled order."""
        order = np.random.default_rng(0).permutation(len(self.windows))
        chosen = [order[position % len(order)] for position in range(first, first + count)]
        numbers = np.arange(first, first + count)
        stream = tf.data.Dataset.from_tensor_slices((numbers, self.windows[chosen].astype(np.int32)))
        stream = stream.map(self._patch, num_parallel_calls=tf.data.AUTOTUNE)
        return stream.batch(batch_size, drop_remainder=True).prefetch(2)

    def _patch(self, number, window):
        place, top, left, height, width = tf.unstack(window)
        if self._kept is not None:
            # Slices of the stack itself: indexing it first would copy the whole image.
            image, mask = (
                tf.slice(stack, [place, top, left, 0], [1, height, width, -1])[0] for stack in self._kept
            )
        else:
            image, mask = (array[top : top + height, left : left + width] for array in self._decoded(place))
        image = tf.cast(image, tf.float32) / 255.0 if image.dtype == tf.uint8 else image
        return _turned(image, mask, number, tuple(self.windows[0][3:]))

    def _decoded(self, place):
        image, mask = (
            tf.io.decode_image(tf.io.read_file(tf.gather(files, place)), channels, expand_animations=False)
            for files, channels in ((self.images, 3), (self.masks, 1))
        )
        if self.resize is None:
            return image, mask
        image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, self.resize, antialias=True)
        return image, tf.image.resize(mask, self.resize, method="nearest")

    def _decode_all(self):
        pairs = [self._decoded(place) for place in range(len(self.images))]
        return tuple(tf.stack(arrays) for arrays in zip(*pairs, strict=True))


def _turned(image, mask, number, shape):
    seed = [0, number]
    flips = (tf.image.stateless_random_flip_left_right, tf.image.stateless_random_flip_up_down)
    for flip in flips:
        image, mask = flip(image, seed), flip(mask, seed)
    if shape[0] == shape[1]:
        turns = tf.random.stateless_uniform([], seed, 0, 4, tf.int32)
        image, mask = tf.image.rot90(image, turns), tf.image.rot90(mask, turns)
    image = tf.ensure_shape(image, (*shape, 3))
    labels = tf.ensure_shape(tf.cast(mask, tf.int32)[..., 0], shape)
    return image, labels, tf.ones(shape)


def read_once(folder):
    """Decode every image and every mask of a folder, one after the other, into arrays that are let go."""
    for name in ("images", "masks"):
        for file in sorted((folder / name).iterdir()):
            with Image.open(file) as image:
                np.asarray(image)


def read_once_in_parallel(folder):
    """Decode every image and every mask of a folder in tf.data, as many at a time as it likes."""
    files = [str(file) for name in ("images", "masks") for file in sorted((folder / name).iterdir())]
    stream = tf.data.Dataset.from_tensor_slices(files).map(
        lambda file: tf.io.decode_image(tf.io.read_file(file), expand_animations=False)[:1, :1],
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    for _ in stream:
        pass
