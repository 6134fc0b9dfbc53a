"""Images resized, and made worse as a poor camera makes them: high and low resolution.

Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", ICCV Workshops
2019, arXiv:1908.10012: high resolution is 224x224 pixels, low resolution 32x32, enlarged to 224x224 again.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.data.noise import Noise, parse_noise
from tfapp.errors import InputError


def resize_images(images, size):
    """Resize float images (batch, height, width, channels) bilinearly, with anti-aliasing."""
    return tf.image.resize(images, size, method="bilinear", antialias=True)


def resize_bicubic(images, size):
    """Resize images bicubically with anti-aliasing, as Pillow and `keras.layers.Resizing(antialias=True)` do.

    The kernel is Keys' with a = -1/2 (R. G. Keys, "Cubic Convolution Interpolation for Digital Image Processing",
    IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6), 1981), widened where images are reduced. Where
    it overshoots the result is clipped.

    Args:
        images: Float tensor or array (batch, height, width, channels), or without batch, in [0, 1].
        size: `(height, width)` of the result.

    Returns:
        float32 tensor (batch, *size, channels), or without batch, in [0, 1].
    """
    return tf.clip_by_value(tf.image.resize(images, size, method="bicubic", antialias=True), 0.0, 1.0)


@dataclass(frozen=True)
class Resolution:
    """The sizes of high and of low resolution, in pixels along both sides, and how images are made worse between them.

    Attributes:
        high: Side of the images that a network sees, at least 1.
        low: Side of a poor camera's images, from 1 to `high`; None leaves the size and only makes the images worse.
        degradations: `Noise` that the images of low resolution get, in this order.
        straight: Whether the small image is made of the image itself, as Wu (2020), section 5.3.1, says it; otherwise
            of that in high resolution, as version 0.1 did.
        further: Sides of other poor cameras: each image has one of these and `low`, see `low_of`.

    Raises:
        InputError: For sizes outside these ranges.
    """

    high: int
    low: int | None
    degradations: tuple[Noise, ...] = ()
    straight: bool = True
    further: tuple[int, ...] = ()

    def __post_init__(self):
        if self.high < 1:
            raise InputError(f"The high resolution must be at least 1 pixel; got {self.high}.")
        if self.low is None and self.further:
            raise InputError(
                f"Images that keep their size have no further ones; got {self.further} without a low resolution."
            )
        for low in self.lows:
            if not 1 <= low <= self.high:
                raise InputError(
                    f"The low resolution must be from 1 to {self.high} pixels, the high resolution; got {low}."
                )
        if len(set(self.lows)) < len(self.lows):
            raise InputError(f"Each low resolution is given once; got {', '.join(map(str, self.lows))}.")

    @property
    def lows(self):
        """All sides of low resolution, rising; none where images keep their size."""
        return () if self.low is None else tuple(sorted((self.low, *self.further)))

    def low_of(self, index):
        """Return the side in pixels of the small image of the image at a position, by chance one of `lows`.

        The chance is that of the position alone, so that all networks and all draws see each image at one size.
        """
        if not self.further:
            return self.low or self.high
        # It is drawn apart from what is random in degradations, which shall be the same at every size.
        return self.lows[np.random.default_rng([index, 0x51DE]).integers(len(self.lows))]

    def sharp(self, image):
        """Return the image in high resolution, float32 (high, high, channels) in [0, 1].

        Args:
            image: float32 (height, width, channels) in [0, 1]; of that size it stays as it is.
        """
        return _resized(image, self.high)

    def small(self, image, seed, index):
        """Return what the file of a poor camera holds of an image, uint8 (side, side, channels) with `low_of(index)`.

        Args:
            image: float32 (height, width, channels) in [0, 1].
            seed: Non-negative integer.
            index: Non-negative integer, the image's position; what is random depends on (seed, index) only.
        """
        small = _resized(image if self.straight else self.sharp(image), self.low_of(index))
        for degradation in self.degradations:
            small = degradation.add(small, seed, index)
        return np.rint(255 * small).astype(np.uint8)

    def enlarged(self, image):
        """Return an image of any size in the size of high resolution, as `sharp`: what an exported network does too."""
        return _resized(image, self.high)

    def low_resolution(self, image, seed, index):
        """Return the image in low resolution as a network sees it: `enlarged(small(image, seed, index) / 255)`."""
        return self.enlarged(self.small(image, seed, index) / np.float32(255))


def parse_degradations(texts):
    """Turn `blur=2`, `jpeg=10` and the like into a tuple of `Noise`, in their order.

    Raises:
        InputError: As `parse_noise`.
    """
    return tuple(parse_noise(text) for text in texts)


def _resized(image, side):
    # Equal sizes are frequent (CIFAR-10 at 32 pixels), and the values of an image shall then stay what they are.
    if image.shape[:2] == (side, side):
        return image
    return resize_bicubic(image, (side, side)).numpy()
