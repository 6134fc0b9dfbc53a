"""As many points as a network wants of what a scene shows of the parts."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError

MOST_REPEATS = 8


@dataclass(frozen=True)
class ScenePoints:
    """Points of a scene's foreground.

    Attributes:
        depth: float32 (height, width) in metres, 0 where no part is.
        points: float32 (n, 3) in metres, in the frame of the camera.
        pixels: int64 (n, 2), the row and column where each was measured.
    """

    depth: np.ndarray
    points: np.ndarray
    pixels: np.ndarray


def sample_points(folder, index, count, *, seed=0) -> ScenePoints:
    """Draw points of a scene's foreground, each as often as the others: once or not at all if there are enough.

    Args:
        folder: `SceneFolder`.
        index: Of the scene.
        count: Number of points.
        seed: The same seed draws the same points of a scene.

    Raises:
        InputError: The foreground has so few points that one would be drawn more than eight times.
    """
    depth = folder.parts(index)
    points, pixels = folder.camera.back_project(depth)
    if count > MOST_REPEATS * len(points):
        raise InputError(
            f"Scene {folder.stems[index]} of {folder.path} shows {len(points)} points of parts, too few for {count}; "
            "take fewer points, or depth images with more pixels."
        )
    chosen = draw(len(points), count, np.random.default_rng([seed, index]))
    return ScenePoints(depth, points[chosen], pixels[chosen])


def draw(available, count, rng):
    """Return int64 (count,): indices below `available`, none drawn once more than another."""
    rounds = [rng.permutation(available) for _ in range(-(-count // available))]
    return np.concatenate(rounds)[:count]
