"""How near an image comes to the one that it should be: PSNR and SSIM, by scikit-image."""

from typing import NamedTuple

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfapp.errors import InputError

# The Gaussian window of standard deviation 1.5 that SSIM is defined with, cut off at 3.5 of these.
SSIM_WINDOW = 11


class ImageQuality(NamedTuple):
    """Likeness of two images.

    Attributes:
        psnr: Peak signal-to-noise ratio in decibels, infinite for equal images.
        ssim: Structural similarity index, at most 1; the mean over pixels and channels.
    """

    psnr: float
    ssim: float


def image_quality(image, target):
    """Return the `ImageQuality` of an image.

    SSIM is that of Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, channel by channel.

    Args:
        image: Floats (height, width, channels); values outside [0, 1] are clipped.
        target: Floats of the same shape in [0, 1].

    Raises:
        InputError: For images that are smaller than SSIM's window of 11x11 pixels.
    """
    if min(target.shape[:2]) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels; got "
            f"{target.shape[1]}x{target.shape[0]}."
        )
    image, target = (np.clip(part, 0, 1).astype(np.float64) for part in (image, target))
    similarity = structural_similarity(
        target,
        image,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    if np.array_equal(image, target):
        return ImageQuality(np.inf, float(similarity))
    return ImageQuality(float(peak_signal_noise_ratio(target, image, data_range=1.0)), float(similarity))
