"""Observations that a pose model is trained on: depth of the parts alone, and points that it shows."""

from dataclasses import dataclass, fields

import numpy as np

from tfapp.data.splits import share_out
from tfapp.errors import InputError
from tfapp.pose.scenes.other_view import seen_by


@dataclass(frozen=True, eq=False)
class Observations:
    """Some scenes of a folder.

    Attributes:
        indices: int64 `(scenes,)`, their numbers in the folder.
        depth: float32 `(scenes, height, width)` in metres, 0 where no part is.
        points: float32 `(scenes, n, 3)` in metres, in the frame of the camera.
        pixels: int64 `(scenes, n, 2)`, row and column of each point.
        intrinsics: float64 `(scenes, 4)`: fx, fy, cx, cy in pixels of each scene's camera.
    """

    indices: np.ndarray
    depth: np.ndarray
    points: np.ndarray
    pixels: np.ndarray
    intrinsics: np.ndarray

    def __len__(self):
        return len(self.indices)

    def select(self, chosen):
        """Return the scenes of these positions."""
        return Observations(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def seen_by(self, camera):
        """Return the depth float32 `(scenes, height, width)` as another `Camera` at their place sees it."""
        return seen_by(camera, self.depth, self.intrinsics)


def observe(folder, count, *, indices=None, seed=0, progress=None):
    """Read scenes.

    Args:
        folder: `SceneFolder`.
        count: Points n of each scene.
        indices: Numbers of the scenes, all by default.
        seed: Of the points that are drawn.
        progress: Function of (scenes read, scenes in all), or None.

    Raises:
        InputError: A scene cannot be read, shows no part, or too few points.
    """
    indices = np.arange(len(folder)) if indices is None else np.asarray(indices)
    drawn = []
    for done, index in enumerate(indices, 1):
        drawn.append(sample_points(folder, int(index), count, seed=seed))
        if progress:
            progress(done, len(indices))
    names = ("depth", "points", "pixels")
    return Observations(
        indices,
        *(np.stack([getattr(one, name) for one in drawn]) for name in names),
        np.stack([folder.camera_of(int(index)).intrinsics for index in indices]),
    )


def check_shown(folder, indices):
    """Raise InputError if scenes show no part, or other numbers of parts than their folder says.

    Args:
        folder: `SceneFolder`.
        indices: Numbers of the scenes.
    """
    folder.check_masks(indices)
    folder.check_counts(indices)


def split_scenes(count, held_out, seed):
    """Return the numbers of the scenes to train on and of those held out, both sorted.

    Raises:
        InputError: Nothing would be left to train on.
    """
    away = round(held_out * count)
    if away >= count:
        raise InputError(
            f"`held_out` {held_out} of {count} scenes leaves none to train on; make it smaller, or simulate more."
        )
    shares = share_out([[number] for number in range(count)], [away], np.random.default_rng(seed))
    training, held_out = (np.sort(np.array(share, np.int64)) for share in shares)
    return training, held_out


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
    points, pixels = folder.camera_of(index).back_project(depth)
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
