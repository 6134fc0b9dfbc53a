"""Random functions >= 0 on a box with a known Lipschitz constant."""

import numpy as np


def random_function(rng, dimension):
    """Return (function of (..., dimension), its gradient or None, L, bounds), a smooth one or one with kinks."""
    bounds = np.sort(rng.uniform(-3, 3, (dimension, 2)), axis=1) + np.array([-0.5, 0.5])
    return (*(_cosines if rng.random() < 0.5 else _cones)(rng, bounds), bounds)


def _cosines(rng, bounds):
    count = rng.integers(1, 5)
    heights, waves = rng.uniform(0.2, 1.5, count), rng.normal(0, 1.5, (count, len(bounds)))
    phases, offset = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.01, 3)

    def function(x):
        return (heights * (1 + np.cos(x @ waves.T + phases))).sum(axis=-1) + offset

    def gradient(x):
        return -(heights * np.sin(x @ waves.T + phases)) @ waves

    return function, gradient, float(heights @ np.linalg.norm(waves, axis=1))


def _cones(rng, bounds):
    """Return the lower envelope of cones, whose minimum is the lowest apex."""
    count = rng.integers(1, 6)
    apexes, heights = rng.uniform(*bounds.T, (count, len(bounds))), rng.uniform(0.05, 3, count)
    slopes = rng.uniform(0.3, 3, count)

    def function(x):
        return (heights + slopes * np.linalg.norm(x[..., None, :] - apexes, axis=-1)).min(axis=-1)

    return function, None, float(slopes.max())


def dense_grid(bounds, side):
    """Return float64 (side ** dimension, dimension), walls included."""
    axes = [np.linspace(low, high, side) for low, high in bounds]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(bounds))
