"""Whether a model answers an image alone as it does beside another one, as whoever sends requests expects."""

import numpy as np

from tfapp.export.errors import ExportError

# Share of the range of the answers by which the two may differ: a TV head with a tolerance stops a little earlier or
# later for a neighbour.
_LITTLE = 0.05


def check_each_alone(answer, images):
    """Raise ExportError if the answer to an image depends on the other images of its batch.

    Args:
        answer: Function from float32 images `(batch, height, width, channels)` to an array `(batch, ...)`.
        images: Two images or more, unlike each other.
    """
    together = answer(images)
    alone = np.concatenate([answer(images[place : place + 1]) for place in range(len(images))])
    difference, reach = np.abs(together - alone).max(), np.ptp(together)
    if difference > _LITTLE * reach:
        raise ExportError(
            "`model` must answer an image whatever else is in its batch. Received: a model whose answer to an image "
            f"alone differs by {difference:.3g}, of answers that differ by {reach:.3g} at most; what it takes from the "
            "batch must be fixed when it serves."
        )


def unlike_images(size, channels, value_range):
    """Return two float32 images `(2, *size, channels)` of noise, a dark and a bright one."""
    low, high = value_range
    noise = np.random.default_rng(0).random((2, *size, channels))
    return (low + (high - low) * (noise / 2 + [[[[0.0]]], [[[0.5]]]])).astype(np.float32)
