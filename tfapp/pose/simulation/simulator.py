"""One simulated scene after another, each decided by the seed and its number alone."""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError, WorkFailed
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.simulation.measurement import measure
from tfapp.pose.simulation.parts import ROOM, Part, bin_mesh
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster, Rendering
from tfapp.pose.simulation.sensors import Sensor

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
        half_width: Of the bin's floor in metres; by default 1.4 times the largest side of the part.
        sensor: `Sensor` that the scenes are seen with, None for the ideal one.
        true_mask: Whether the scenes have masks of the parts; by default only those of the ideal sensor.

    Raises:
        InputError: A number is out of its range, the part is larger than the half-width of the bin, or the bin is
            too large for the sensor.
    """

    part: Part
    instances: int
    size: int = 224
    tilt: float = 0.0
    seed: int = 0
    half_width: float | None = None
    sensor: Sensor | None = None
    true_mask: bool | None = None

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
        if self.true_mask is None:
            object.__setattr__(self, "true_mask", self.sensor is None)
        if self.sensor is not None:
            farthest = self.distance + _reach(self.cone)[1] * self.half_width
            if farthest > self.sensor.farthest:
                raise InputError(
                    f"The {self.sensor.name} measures up to {self.sensor.farthest:g} m, and this bin reaches to "
                    f"{farthest:.3g} m from it; give a smaller bin, or another sensor."
                )

    @property
    def cone(self):
        """The tilt in radians."""
        return np.deg2rad(self.tilt)

    @property
    def stand_off(self):
        """From the camera to the floor's centre in half-widths: so far that the sensor can measure all of the bin."""
        if self.sensor is None:
            return DISTANCE
        # Parts may reach above the walls, by about their own size.
        above = self.part.extent / self.half_width
        return max(DISTANCE, self.sensor.nearest / self.half_width + _reach(self.cone)[0] + above)

    @property
    def distance(self):
        """The same in metres."""
        return self.stand_off * self.half_width

    @property
    def finest(self):
        """Largest size of the pictures that is no finer than the sensor's own; None of the ideal one."""
        return None if self.sensor is None else int(self.size * self.sensor.focal / self.camera().fx)

    def camera(self):
        """Return the `Camera` of all scenes."""
        return bin_camera(self.size, self.cone, self.stand_off)


@dataclass(frozen=True, eq=False)
class Scene:
    """A view of the bin and the true poses.

    Attributes:
        view: `Rendering`.
        rotation: float64 (N, 3, 3), from the part into the frame of the camera.
        translation: float64 (N, 3) in metres.
        region: bool (height, width), where the floor is seen while the bin is empty; None of scenes with a true mask,
            and of those that are all seen from above, which have it in common.
    """

    view: Rendering
    rotation: np.ndarray
    translation: np.ndarray
    region: np.ndarray | None = None


class Simulator:
    """Drops parts into a bin and looks at them.

    Args:
        settings: `SceneSettings`.

    """

    def __init__(self, settings):
        self._settings = settings
        self._world = DropWorld(settings.part, settings.instances, settings.half_width)
        self._camera = settings.camera()
        self._caster = DepthCaster(settings.part, settings.half_width, self._camera)

    @property
    def true_mask(self):
        """Whether the scenes have masks of the parts."""
        return self._settings.true_mask

    def scene(self, number) -> Scene:
        """Return the scene of a number.

        A drop is repeated, with the next random numbers of this scene, if its parts do not come to rest in the bin, or
        if fewer than 20 pixels of one are seen.

        Raises:
            WorkFailed: After 50 drops.
        """
        for attempt in range(_MOST_TRIES):
            scene = self._try([self._settings.seed, number, attempt])
            if scene is not None:
                return scene
        raise WorkFailed(
            f"Scene {number} failed {_MOST_TRIES} times: a part did not come to rest in the bin, or was seen in fewer "
            f"than {FEWEST_PIXELS} pixels; use fewer instances, larger pictures or a larger bin."
        )

    def _try(self, entropy):
        settings, rng = self._settings, np.random.default_rng(entropy)
        drop = self._world.drop(rng)
        if drop is None:
            return None
        bin_pose = turn, shift = random_view(settings.half_width, settings.cone, rng, settings.stand_off)
        poses = turn @ drop.rotation, drop.translation @ turn.T + shift
        view = self._look(bin_pose, *poses, entropy)
        if np.bincount(view.labels.ravel(), minlength=1 + settings.instances).min() < FEWEST_PIXELS:
            return None
        own_region = settings.tilt and not settings.true_mask
        return Scene(view, *poses, _region(self._caster, bin_pose) if own_region else None)

    def _look(self, bin_pose, rotations, translations, entropy):
        sensor = self._settings.sensor
        if sensor is None:
            return self._caster.cast(bin_pose, rotations, translations)
        return measure(sensor, self._caster, self._camera, (bin_pose, rotations, translations), entropy)


def common_region(settings):
    """Return the `region` that all scenes have in common; None if they have masks, or one each."""
    if settings.true_mask or settings.tilt:
        return None
    caster = DepthCaster(settings.part, settings.half_width, settings.camera())
    return _region(caster, view_from(settings.half_width, 0.0, 0.0, settings.stand_off))


def _region(caster, bin_pose):
    """Return where the floor is seen, without the pixels at its edge: what a person would draw around the floor."""
    return binary_erosion(caster.floor(bin_pose), np.ones((3, 3)))


def _check(name, value, low, high):
    if not low <= value <= high:
        raise InputError(f"{name} must be from {low} to {high}. Received: {value}.")


def bin_camera(size, tilt=0.0, distance=DISTANCE) -> Camera:
    """Return the camera of square pictures, size x size pixels, that the bin fills from any direction of the cone.

    Args:
        size: Height and width in pixels.
        tilt: Largest angle from the vertical in radians.
        distance: From the centre of the floor, in half-widths of the floor.
    """
    focal = size / 2 / _half_picture(tilt, distance)
    return Camera(size, size, focal, focal, size / 2, size / 2)


def random_view(half_width, tilt, rng, distance=DISTANCE):
    """Return a transformation from the bin to a camera that looks at the centre of its floor.

    The direction is uniform in a cone around the vertical: uniform in the cosine, and about the axis. From above, x of
    the picture is x of the bin; from there the camera is moved along a great circle.

    Args:
        half_width: Of the bin's floor, in metres.
        tilt: Largest angle from the vertical in radians; 0: from above.
        rng: NumPy `Generator`.
        distance: From the centre of the floor, in half-widths.

    Returns:
        rotation: float64 (3, 3).
        translation: float64 (3,) in metres.
    """
    return view_from(
        half_width, np.arccos(rng.uniform(np.cos(tilt), 1.0)), rng.uniform(0, 2 * np.pi), distance
    )


def view_from(half_width, away, about, distance=DISTANCE):
    """Return the transformation as `random_view` does, for a direction in spherical coordinates, in radians."""
    tilted = Rotation.from_rotvec(away * np.array([-np.sin(about), np.cos(about), 0.0])).as_matrix()
    # Columns: the axes of the camera in the bin, of which y and z turn round as it looks down.
    axes = tilted @ np.diag([1.0, -1.0, -1.0])
    return axes.T, np.array([0.0, 0.0, distance * half_width])


def _half_picture(tilt, distance):
    """Return the tangent of half the angle of view that holds the bin from everywhere in the cone."""
    return max(np.abs(points[:, :2] / points[:, 2:]).max() for points in _corners_seen(tilt, distance))


@cache
def _reach(tilt):
    """Return how much nearer than the floor's centre, and how much farther, the bin is at most, in half-widths."""
    depths = np.stack([points[:, 2] for points in _corners_seen(tilt, 0.0)])
    return -depths.min(), depths.max()


def _corners_seen(tilt, distance):
    """Yield the corners of a bin of half-width 1, (v, 3), as they are seen from everywhere in the cone."""
    corners, _ = bin_mesh(1.0)
    views = itertools.product(
        np.linspace(0, tilt, _ANGLES), np.linspace(0, 2 * np.pi, _TURNS, endpoint=False)
    )
    for away, about in views:
        turn, shift = view_from(1.0, away, about, distance)
        yield corners @ turn.T + shift
