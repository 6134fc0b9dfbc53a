"""Noisy training sets: noise on a fixed share of the images, put there once and not anew in every epoch."""

import numpy as np

from tfapp.data.noise import parse_noise
from tfapp.errors import InputError

DEFAULT_SHARE = 1 / 3


class NoisySet:
    """Noise on a random share of the images of a set, always the same images with the same noise.

    F. Jia, J. Liu, X.-C. Tai, "A regularized convolutional neural network for semantic image segmentation",
    2019, train on sets of which a random third is noisy.

    Args:
        names: Names of all images of the set.
        noise: The `Noise`.
        share: Share of the images that get it, in (0, 1].
        seed: Non-negative integer; it decides which images, and their noise.

    Raises:
        InputError: If the share comes to no image at all.
    """

    def __init__(self, names, noise, share, seed):
        rng = np.random.default_rng([seed, 0x4015E])
        chosen = rng.permutation(len(names))[: round(share * len(names))]
        if not len(chosen):
            raise InputError(
                f"--noisy-share {share:g} of {len(names)} training image(s) is none; choose a larger share."
            )
        self.noise = noise
        self.positions = {names[i]: int(i) for i in chosen}
        # Evaluations count their seeds from 0: a network must not have seen the very fields it is tested on.
        self.seed = int(rng.integers(2**32, 2**63))

    def image(self, name, image):
        """Return the image of this name as the set has it, float32 (height, width, channels) in [0, 1]."""
        if name not in self.positions:
            return image
        return self.noise.add(image, self.seed, self.positions[name])


def noisy_set(names, text, share, seed):
    """Return the `NoisySet` that the options describe, or None if `text` is None.

    Args:
        names: Names of the training images.
        text: `KIND=AMOUNT` or None.
        share: As in `NoisySet`.
        seed: As in `NoisySet`.
    """
    return None if text is None else NoisySet(names, parse_noise(text), share, seed)
