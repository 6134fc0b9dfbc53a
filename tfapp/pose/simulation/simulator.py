"""One simulated scene after another, each decided by the seed and its number alone."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError, WorkFailed
from tfapp.pose.simulation.bin_shape import ROOM
from tfapp.pose.simulation.parts import Part
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster, View
from tfapp.pose.simulation.viewpoint import bin_camera, random_view

FEWEST_PIXELS = 20
_MOST_TRIES = 50
_MOST_INSTANCES = 50
_SIZES = 32, 4096
_STEEPEST = 80


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
        view: `View`.
        rotation: float64 (N, 3, 3), from the part into the frame of the camera.
        translation: float64 (N, 3) in metres.
    """

    view: View
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
