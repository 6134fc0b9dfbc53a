"""Frame of a learned model: where it lies on the CAD model of the part, and how far it is from it there."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ModelFrame:
    """Where points x of the learned model lie on the CAD model, y = s R x + t.

    Attributes:
        rotation: R, float64 (3, 3), determinant +1.
        translation: t, float64 (3,), metres.
        reflected: s is -1: the network learned the mirror image of the part.
    """

    rotation: np.ndarray
    translation: np.ndarray
    reflected: bool

    @property
    def matrix(self) -> np.ndarray:
        """s R, float64 (3, 3)."""
        return -self.rotation if self.reflected else self.rotation

    def apply(self, points) -> np.ndarray:
        """Return points (..., 3) of the learned model's frame in the frame of the CAD model."""
        return np.asarray(points, np.float64) @ self.matrix.T + self.translation

    def differences(self, others, symmetries):
        """Return how other frames would change the errors of all poses: by which angles and lengths.

        A pose of the learned model becomes another pose of the part in each frame. Frames that differ by a symmetry of
        the part are the same.

        Args:
            others: `ModelFrame`s, k >= 1.
            symmetries: `Symmetries` of the part.

        Returns:
            angles: float64 (k,), radians; NaN for a mirror image of this one that is none of the symmetries.
            lengths: float64 (k,), metres: between the places of the CAD model's origin in the learned model.
        """
        inverse = np.stack([one.matrix.T for one in others])
        origins = np.stack([-one.matrix.T @ one.translation for one in others])
        # Of two mirror images the relation is a rotation: the sign of this frame cancels.
        sign = -1.0 if self.reflected else 1.0
        angles = symmetries.rotation_error(
            sign * inverse, np.broadcast_to(sign * self.matrix.T, inverse.shape)
        )
        return angles, np.linalg.norm(origins + self.matrix.T @ self.translation, axis=1)


@dataclass(frozen=True)
class Distances:
    """One-sided distances between two sets of points: median and mean, metres."""

    median: float
    mean: float

    @classmethod
    def of(cls, distances) -> "Distances":
        return cls(float(np.median(distances)), float(np.mean(distances)))


@dataclass(frozen=True, eq=False)
class PlacedModel(ModelFrame):
    """A learned model laid onto the CAD model.

    Attributes:
        learned_to_cad: `Distances` of the learned points to the surface: is what was learned right?
        cad_to_learned: `Distances` of the surface to the learned points: was all of the part learned? Never 0,
            as the learned points are some way apart.
    """

    learned_to_cad: Distances
    cad_to_learned: Distances

    @property
    def distance(self) -> float:
        """Sum of the two mean distances, metres."""
        return self.learned_to_cad.mean + self.cad_to_learned.mean
