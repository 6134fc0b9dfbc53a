"""Copies of a part dropped into a bin until they lie still (MuJoCo)."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.libraries import import_mujoco
from tfapp.pose.simulation.parts import wall_boxes

# Every part falls as one of 5 cm would: how it comes to rest does not depend on its size, nor do the tolerances.
_EXTENT = 0.05
_SECONDS_PER_STEP = 0.002
_SECONDS_BETWEEN_LOOKS = 0.05
_MOST_SECONDS = 4.0
_LOOKS_AT_REST = 2
# At rest: metres and radians a second.
_SPEED, _SPIN = 0.002, 0.05
_TOLERANCE = 0.001


@dataclass(frozen=True, eq=False)
class Drop:
    """Where parts lie in the bin, whose floor is at z = 0 with its centre at the origin.

    Attributes:
        rotation: float64 (N, 3, 3), from the part to the bin.
        translation: float64 (N, 3) in metres.
    """

    rotation: np.ndarray
    translation: np.ndarray


class DropWorld:
    """A bin and copies of a part, built once; every drop begins anew.

    Args:
        part: `Part`.
        instances: How many copies fall.
        half_width: Of the bin's floor, in metres.
    """

    def __init__(self, part, instances, half_width):
        self._mujoco = import_mujoco()
        self._instances = instances
        self._scale = _EXTENT / part.extent
        self._half_width = half_width * self._scale
        pieces = [piece * self._scale for piece in part.pieces]
        self._corners = np.concatenate(pieces)
        self._model = self._mujoco.MjModel.from_xml_string(_world(pieces, instances, self._half_width))
        self._data = self._mujoco.MjData(self._model)

    def drop(self, rng) -> Drop | None:
        """Let all copies fall, one above the other, turned and spinning at random.

        Args:
            rng: NumPy `Generator`, from which alone the drop depends.

        Returns:
            Where they lie, or None if one still moves after four seconds, or is not within the walls.
        """
        self._mujoco.mj_resetData(self._model, self._data)
        self._release(rng)
        if not self._settle():
            return None
        rotation = self._data.xmat[1:].reshape(-1, 3, 3).copy()
        translation = self._data.xpos[1:].copy()
        if not self._all_inside(rotation, translation):
            return None
        return Drop(rotation, translation / self._scale)

    def _release(self, rng):
        count = self._instances
        position = self._data.qpos.reshape(count, 7)
        velocity = self._data.qvel.reshape(count, 6)
        reach = self._half_width - 0.6 * _EXTENT
        position[:, :2] = rng.uniform(-reach, reach, (count, 2))
        position[:, 2] = _EXTENT * (1 + 1.2 * np.arange(count))
        position[:, 3:] = Rotation.random(count, rng=rng).as_quat(scalar_first=True)
        velocity[:, :3] = rng.normal(0, 0.05, (count, 3))
        velocity[:, 3:] = rng.normal(0, 3, (count, 3))

    def _settle(self):
        """Step until two looks in a row find all at rest; return whether that came in time."""
        steps = round(_SECONDS_BETWEEN_LOOKS / _SECONDS_PER_STEP)
        still = 0
        for _ in range(round(_MOST_SECONDS / _SECONDS_BETWEEN_LOOKS)):
            self._mujoco.mj_step(self._model, self._data, steps)
            velocity = np.abs(self._data.qvel.reshape(-1, 2, 3)).max(axis=(0, 2))
            still = still + 1 if (velocity < (_SPEED, _SPIN)).all() else 0
            if still == _LOOKS_AT_REST:
                return True
        return False

    def _all_inside(self, rotation, translation):
        """Return whether all of every part is within the walls and above the floor, up to a millimetre."""
        corners = self._corners @ rotation.transpose(0, 2, 1) + translation[:, None]
        within = np.abs(corners[..., :2]).max() < self._half_width + _TOLERANCE
        return bool(within and corners[..., 2].min() > -_TOLERANCE)


def _world(pieces, instances, half_width):
    meshes = "".join(
        f'<mesh name="piece{k}" maxhullvert="64" vertex="{_numbers(piece)}"/>'
        for k, piece in enumerate(pieces)
    )
    geoms = "".join(f'<geom type="mesh" mesh="piece{k}"/>' for k in range(len(pieces)))
    bodies = f"<body><freejoint/>{geoms}</body>" * instances
    return f"""
        <mujoco>
          <option timestep="{_SECONDS_PER_STEP}" integrator="implicitfast"><flag multiccd="enable"/></option>
          <default>
            <geom condim="6" friction="0.6 0.002 0.0005" solref="0.01 1" solimp="0.95 0.99 0.0005"/>
          </default>
          <asset>{meshes}</asset>
          <worldbody><geom type="plane" size="1 1 1"/>{_walls(half_width)}{bodies}</worldbody>
        </mujoco>"""


def _walls(half_width):
    return "".join(
        f'<geom type="box" pos="{_numbers(centre)}" size="{_numbers(size)}"/>'
        for centre, size in wall_boxes(half_width)
    )


def _numbers(array):
    return " ".join(repr(float(value)) for value in np.ravel(array))
