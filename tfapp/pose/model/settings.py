"""Settings of a pose model: what it is made of."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import Camera
from tfapp.runs.precision import PRECISIONS

COMBINATIONS = ("min", "softmin")
VISIBILITIES = ("hidden-points", "soft", "none")
NETWORK_INPUTS = ("points", "depth")
ROTATIONS = ("quaternion", "ortho6d", "axis-angle")


_CHOICES = {
    "precision": PRECISIONS,
    "combination": COMBINATIONS,
    "visibility": VISIBILITIES,
    "network_input": NETWORK_INPUTS,
    "rotation": ROTATIONS,
}
# Than version 0.1.
_YOUNGER = ("network_input", "rotation", "base_poses", "precision")


def usual_exponent(points):
    """Return the exponent of the hidden-point removal that suits the density of so many points on a part.

    With few points 2.0 would suit a part that is known better, but of one that is being learned it hides so much that
    the points which are left hide all others.
    """
    return 2.4 if points <= 512 else 2.9


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What a user may choose of a pose model, whatever the scenes.

    Attributes:
        points: Number of points m of the object model.
        channels: 1 for one rotation of each instance, 2 for R and -R, eq. 4.2.
        combination: `min` or `softmin` over the channels.
        gamma_rate: What gamma of the softmin grows by in a step.
        hypotheses: Number K of poses that each instance takes the best of; 1 is that of Wu (2020).
        backbone: `small` or `resnet-18`.
        size: Height and width of what the backbone sees, in pixels.
        network_input: What the backbone sees: `points`, x, y, z and whether there is one, or `depth`, three times.
        rotation: `quaternion`, `ortho6d` or `axis-angle`: the numbers that the network gives for a rotation.
        base_poses: Whether fixed places side by side and random orientations are added to what the network gives.
            Without them it is the plain vector of Wu (2020), 7 numbers for each instance.
        translation: `direct`, or `centroid` for places around the centroids of the points.
        visibility: `hidden-points` for the removal of hidden points, `soft`, or `none`.
        exponent: Of the radius of that removal; None for 2.4 up to 512 points of the model and 2.9 above, which the
            density of the points asks for.
        squared: Whether the Chamfer distance has squared lengths; eq. 4.1 has not.
        precision: `float32` or `mixed_bfloat16`, what the backbone computes in; points and poses are float32.
        seed: Seed of points, weights and base orientations.
    """

    points: int = 256
    channels: int = 1
    combination: str = "min"
    gamma_rate: float = 0.002
    hypotheses: int = 8
    backbone: str = "small"
    size: int = 64
    network_input: str = "points"
    rotation: str = "quaternion"
    base_poses: bool = True
    translation: str = "direct"
    visibility: str = "hidden-points"
    exponent: float | None = None
    squared: bool = False
    precision: str = "float32"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class PoseSettings(ModelOptions):
    """Everything that decides the shape of a pose model and its loss: `ModelOptions`, and what its scenes ask for.

    Attributes:
        camera: `width`, `height`, `fx`, `fy`, `cx`, `cy` of the depth images, in pixels.
        centre: Point of the camera's frame, in metres, that is the network's origin.
        unit: Length in metres that is 1 to the network.
        instances: Number of instances N in every scene.
        side: Side of the cube that the points begin in, in units of the network.
    """

    camera: dict
    centre: tuple
    unit: float
    instances: int
    side: float = 0.5

    def __post_init__(self):
        least = {"instances": 1, "points": 5, "hypotheses": 1, "size": 16}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise InputError(f"`{name}` must be at least {low}; got {getattr(self, name)}.")
        if self.channels not in (1, 2):
            raise InputError(f"`channels` must be 1 or 2; got {self.channels}.")
        if not (self.side > 0 and self.unit > 0):
            raise InputError(f"The sides of the cube must be longer than 0; got {self.side * self.unit} m.")
        if self.squared and self.visibility == "soft":
            raise InputError("`squared` is for whole points; leave it out with `visibility` soft.")
        if self.translation == "centroid" and not self.base_poses:
            raise InputError(
                "`translation` centroid begins at places that are added to what the network gives; leave it out "
                "without `base_poses`."
            )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Unknown `{name}` {getattr(self, name)!r}; choose one of: {', '.join(allowed)}."
                )

    def to_config(self):
        """Return the settings as a dictionary, younger ones only where they differ from their default.

        So models of before have the same configuration, which surfaces and runs are recognised by.
        """
        config = asdict(self)
        for field in fields(self):
            if field.name in _YOUNGER and config[field.name] == field.default:
                del config[field.name]
        return config

    @property
    def lens(self):
        """The `Camera` that the network looks through."""
        return Camera(**self.camera)

    @property
    def radius_exponent(self):
        return usual_exponent(self.points) if self.exponent is None else self.exponent

    def in_metres(self, points):
        """Return points `(..., 3)` of the network's frame in that of the camera, in metres."""
        return np.asarray(points, float) * self.unit + np.array(self.centre)

    @property
    def camera_position(self):
        """Where the camera is, in units of the network."""
        return tuple(-coordinate / self.unit for coordinate in self.centre)
