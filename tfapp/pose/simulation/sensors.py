"""Depth sensors that the simulator can look through: their effects, and the numbers of each with their sources."""

from dataclasses import asdict, dataclass

from tfapp.errors import InputError, either

IDEAL = "ideal"
# Effect, and the parameters without which a sensor does not have it.
EFFECTS = {
    "noise": ("noise",),
    "jitter": ("jitter",),
    "flying-pixels": ("footprint",),
    "holes": ("grazing",),
    "shadow": ("baseline",),
    "quantisation": ("disparity_step", "depth_step"),
}


@dataclass(frozen=True)
class Sensor:
    """A depth camera that triangulates: two cameras, or a camera and a projector, a baseline apart.

    Its disparity in pixels is `focal` · `baseline` / depth, so that an error of the disparity makes one of the depth
    that grows with the square of the depth. Pixels are those of the sensor, not of the simulated picture, which is cut
    out of the sensor's and has fewer, or more.

    Attributes:
        name: Its name.
        effects: Those of `EFFECTS` that are simulated.
        baseline: Metres from the camera to the second camera or the projector, along x of the picture.
        focal: Focal length in pixels.
        nearest, farthest: Depths in metres between which it measures.
        noise: Standard deviation of the disparity in pixels.
        jitter: Standard deviation in pixels of where a pixel looks, along x and y each: what makes edges ragged.
        footprint: Side in pixels of the square over which a pixel's disparity is the mean.
        grazing: Two angles in degrees between ray and surface normal: up to the first all is measured, beyond the
            second nothing, and between them the share falls evenly.
        disparity_step: Of the disparities that it tells apart, in pixels; 0: all.
        depth_step: Of the depths that it writes, in metres; 0: all.
    """

    name: str
    effects: tuple
    baseline: float
    focal: float
    nearest: float
    farthest: float
    noise: float = 0.0
    jitter: float = 0.0
    footprint: float = 0.0
    grazing: tuple = ()
    disparity_step: float = 0.0
    depth_step: float = 0.0

    def has(self, effect):
        """Return whether an effect of `EFFECTS` is simulated."""
        return effect in self.effects

    @property
    def parameters(self):
        """What it is made of, without its name and its effects, as JSON holds it."""
        parameters = {name: value for name, value in asdict(self).items() if name not in ("name", "effects")}
        return parameters | {"grazing": list(self.grazing)}


def sensor_named(name, effects=None) -> Sensor | None:
    """Return a sensor of `SENSORS`, None for the ideal one, which measures every ray to the last digit.

    Args:
        name: ideal, realsense, photoneo or kinect.
        effects: Names of `EFFECTS` that are simulated; by default all that the sensor has.

    Raises:
        InputError: There is no such sensor, or it has no such effect.
    """
    if name not in (IDEAL, *SENSORS):
        raise InputError(f"Unknown sensor {name!r}; choose {either([IDEAL, *SENSORS])}.")
    known = () if name == IDEAL else SENSORS[name].effects
    if effects is not None:
        _check_effects(name, effects, known)
    if name == IDEAL:
        return None
    chosen = known if effects is None else tuple(effect for effect in known if effect in effects)
    return Sensor(name, chosen, **_values(name))


def _check_effects(name, effects, known):
    for effect in effects:
        if effect not in EFFECTS:
            raise InputError(f"Unknown effect {effect!r} in `effects`; choose of {', '.join(EFFECTS)}.")
        if effect not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"The sensor {name} has no effect {effect}: {has}.")
    if not effects and known:
        raise InputError(f"`effects` is empty; choose of {', '.join(known)}, or the sensor {IDEAL}.")


_INTEL = "Intel, white paper on the subpixel linearity of the D400 series"
_KHOSHELHAM = "Khoshelham and Elberink, Accuracy and resolution of Kinect depth data, Sensors 12, 2012"
_NGUYEN = "Nguyen, Izadi and Lovell, Modeling Kinect sensor noise, 3DIMPVT 2012"
_PHOXI = "data sheet of the PhoXi 3D Scanner S, as others cite it"
# Of every sensor each parameter: its value, and where it is from.
TABLE = {
    "realsense": {
        "baseline": (0.050, "Intel, data sheet of the D400 series: D435"),
        "focal": (424.0, f"{_INTEL}: half of 848 pixels by the tangent of half of 90 degrees, D435"),
        "nearest": (0.168, "focal length · baseline / 126, the largest disparity that is looked for"),
        "farthest": (10.0, "Intel, data sheet of the D400 series"),
        "noise": (
            0.08,
            "Intel, guide to tuning the D400 series, and its author in issue 3904 of librealsense",
        ),
        "jitter": (0.8, "assumed: as of the Kinect"),
        "footprint": (2.0, "assumed"),
        "grazing": ((70.0, 80.0), "assumed"),
        "disparity_step": (1 / 32, _INTEL),
        "depth_step": (0.001, "default unit of depth of librealsense"),
    },
    "photoneo": {
        "baseline": (0.230, _PHOXI),
        "focal": (2760.0, f"{_PHOXI}: points 0.16 mm apart at 442 mm"),
        "nearest": (0.384, _PHOXI),
        "farthest": (0.520, _PHOXI),
        "noise": (
            0.0975,
            f"{_PHOXI}: 0.03 mm at 442 mm; that it grows with the square of the depth is assumed",
        ),
        "jitter": (0.5, "assumed"),
        "footprint": (1.0, "assumed"),
        "grazing": ((70.0, 80.0), "assumed"),
        "disparity_step": (0.0, "it writes floating-point numbers"),
        "depth_step": (0.0, "it writes floating-point numbers"),
    },
    "kinect": {
        "baseline": (0.075, _KHOSHELHAM),
        "focal": (586.0, f"{_KHOSHELHAM}: 5.453 mm by 9.3 µm"),
        "nearest": (0.5, _KHOSHELHAM),
        "farthest": (5.0, _KHOSHELHAM),
        "noise": (1 / 16, f"{_KHOSHELHAM}: half a step of the disparity, about 40 mm at 5 m"),
        "jitter": (0.8, f"{_NGUYEN}, without the part that grows with the angle"),
        "footprint": (2.0, "assumed"),
        "grazing": ((70.0, 80.0), "assumed"),
        "disparity_step": (1 / 8, f"{_KHOSHELHAM}: 2.85e-5 z² centimetres"),
        "depth_step": (0.0, "depth is made from the disparity itself"),
    },
}


def _values(name):
    return {parameter: value for parameter, (value, _) in TABLE[name].items()}


def _whole(name):
    """Return a sensor with all effects that its parameters allow."""
    values = _values(name)
    effects = tuple(effect for effect, needs in EFFECTS.items() if any(values[need] for need in needs))
    return Sensor(name, effects, **values)


SENSORS = {name: _whole(name) for name in TABLE}
