"""Generated depth images for requests: no scene needs to be at hand."""

import numpy as np


def sample_depth(camera, distance, seed=0):
    """Rough discs in front of nothing, float32 `(height, width)` in metres, 0 where there is none.

    Args:
        camera: Dict with `height` and `width`, in pixels.
        distance: Metres to about the middle of the discs.
        seed: The same image for the same arguments.
    """
    size = np.array([camera["height"], camera["width"]])
    generator = np.random.default_rng([seed, *size])
    rows, columns = np.ogrid[: size[0], : size[1]]
    depth = np.zeros(size, np.float32)
    for _ in range(4):
        (row, column), radius = (
            generator.uniform(0.15, 0.85, 2) * size,
            generator.uniform(0.1, 0.2) * size.min(),
        )
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        rough = generator.normal(generator.uniform(0.93, 1.02), 0.003, size)
        depth = np.where(inside, distance * rough, depth)
    return depth.astype(np.float32)
