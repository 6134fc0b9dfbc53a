"""One simulated scene after another, each decided by the seed and its number alone."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError, WorkFailed
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.simulation.parts import ROOM, Part, bin_mesh
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster, Rendering

FEWEST_PIXELS = 20
_MOST_TRIES = 50
_MOST_INSTANCES = 50
_SIZES = 32, 4096
_STEEPEST = 80
# Of the half-width of the bin's floor: how far the camera is from its centre.
DISTANCE = 6.7
_ANGLES, _TURNS = 9, 72


@dataclass(frozen=True, eq=False)
class SceneSettings:
    """What decides the scenes.

    Attributes:
        part: `Part`.
        instances: Copies in each scene, 1 to 50.
        size: Height and width of the pictures in pixels, 32 to 4096.
        tilt: Largest angle between the camera's axis and the vertical in degrees, 0 to 80.
        seed: Whole number from 0.
        half_width: Of the bin's floor in metres; by default 1.8 times the largest side of the part.

    Raises:
        InputError: A number is out of its range, or the part is larger than the half-width of the bin.
    """

    part: Part
    instances: int
    size: int = 224
    tilt: float = 0.0
    seed: int = 0
    half_width: float | None = None

    def __post_init__(self):
        _check("Number of instances", self.instances, 1, _MOST_INSTANCES)
        _check("Size of the pictures in pixels", self.size, *_SIZES)
        _check("Tilt of the camera in degrees", self.tilt, 0, _STEEPEST)
        _check("Seed", self.seed, 0, 2**63 - 1)
        if self.half_width is None:
            object.__setattr__(self, "half_width", ROOM * self.part.extent)
        if not self.part.extent <= self.half_width:
            raise InputError(
                f"{self.part.name} is {self.part.extent:.4g} m large and does not fit a bin of half-width "
                f"{self.half_width:.4g} m, which must be no smaller; check the units, or give a larger "
                "bin."
            )

    @property
    def cone(self):
        """The tilt in radians."""
        return np.deg2rad(self.tilt)

    def camera(self):
        """Return the `Camera` of all scenes."""
        return bin_camera(self.size, self.cone)


@dataclass(frozen=True, eq=False)
class Scene:
    """A view of the bin and the true poses.

    Attributes:
        view: `Rendering`.
        rotation: float64 (N, 3, 3), from the part into the frame of the camera.
        translation: float64 (N, 3) in metres.
    """

    view: Rendering
    rotation: np.ndarray
    translation: np.ndarray


class Simulator:
    """Drops parts into a bin and looks at them.

    Args:
        settings: `SceneSettings`.

    """

    def __init__(self, settings):
        self._settings = settings
        self._world = DropWorld(settings.part, settings.instances, settings.half_width)
        self._caster = DepthCaster(settings.part, settings.half_width, settings.camera())

    def scene(self, number) -> Scene:
        """Return the scene of a number.

        A drop is repeated, with the next random numbers of this scene, if its parts do not come to rest in the bin, or
        if fewer than 20 pixels of one are seen.

        Raises:
            WorkFailed: After 50 drops.
        """
        for attempt in range(_MOST_TRIES):
            scene = self._try(np.random.default_rng([self._settings.seed, number, attempt]))
            if scene is not None:
                return scene
        raise WorkFailed(
            f"Scene {number} failed {_MOST_TRIES} times: a part did not come to rest in the bin, or was seen in fewer "
            f"than {FEWEST_PIXELS} pixels; use fewer instances, larger pictures or a larger bin."
        )

    def _try(self, rng):
        drop = self._world.drop(rng)
        if drop is None:
            return None
        turn, shift = random_view(self._settings.half_width, self._settings.cone, rng)
        rotation, translation = turn @ drop.rotation, drop.translation @ turn.T + shift
        view = self._caster.cast((turn, shift), rotation, translation)
        pixels = np.bincount(view.labels.ravel(), minlength=1 + self._settings.instances)
        return Scene(view, rotation, translation) if pixels.min() >= FEWEST_PIXELS else None


def _check(name, value, low, high):
    if not low <= value <= high:
        raise InputError(f"{name} must be from {low} to {high}. Received: {value}.")


def bin_camera(size, tilt=0.0) -> Camera:
    """Return the camera of square pictures, size x size pixels, that the bin fills from any direction of the cone.

    Args:
        size: Height and width in pixels.
        tilt: Largest angle from the vertical in radians.
    """
    focal = size / 2 / _half_picture(tilt)
    return Camera(size, size, focal, focal, size / 2, size / 2)


def random_view(half_width, tilt, rng):
    """Return a transformation from the bin to a camera that looks at the centre of its floor.

    The direction is uniform in a cone around the vertical: uniform in the cosine, and about the axis. From above, x of
    the picture is x of the bin; from there the camera is moved along a great circle.

    Args:
        half_width: Of the bin's floor, in metres.
        tilt: Largest angle from the vertical in radians; 0: from above.
        rng: NumPy `Generator`.

    Returns:
        rotation: float64 (3, 3).
        translation: float64 (3,) in metres.
    """
    return view_from(half_width, np.arccos(rng.uniform(np.cos(tilt), 1.0)), rng.uniform(0, 2 * np.pi))


def view_from(half_width, away, about):
    """Return the transformation as `random_view` does, for a direction in spherical coordinates, in radians."""
    tilted = Rotation.from_rotvec(away * np.array([-np.sin(about), np.cos(about), 0.0])).as_matrix()
    # Columns: the axes of the camera in the bin, of which y and z turn round as it looks down.
    axes = tilted @ np.diag([1.0, -1.0, -1.0])
    return axes.T, np.array([0.0, 0.0, DISTANCE * half_width])


def _half_picture(tilt):
    """Return the tangent of half the angle of view that holds the bin from everywhere in the cone."""
    corners, _ = bin_mesh(1.0)
    views = itertools.product(
        np.linspace(0, tilt, _ANGLES), np.linspace(0, 2 * np.pi, _TURNS, endpoint=False)
    )
    seen = (corners @ turn.T + shift for turn, shift in (view_from(1.0, *direction) for direction in views))
    return max(np.abs(points[:, :2] / points[:, 2:]).max() for points in seen)
