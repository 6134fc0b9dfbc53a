"""A bin with parts and a gripper that picks one (MuJoCo): what `pose_picks.py` executes grasps in."""

import mujoco
import numpy as np
import open3d
from scipy.spatial.transform import Rotation

from tfapp.pose.grasps.suction import below_lip
from tfapp.pose.simulation.parts import wall_boxes

STEP = 0.002
# Of a finger, so that both close with a tenth of a metre a second, N s/m.
DAMPING = 200
# Parts of aluminium; fingers close with this force, a cup holds with the vacuum below it.
DENSITY, FORCE, VACUUM = 2700, 20.0, 60e3
# Where the gripper begins, before the grasp against its approach; how far it lifts; how far a part must have risen.
BEFORE, LIFT, RISEN = 0.10, 0.10, 0.08
# What the cup's bellows make up for: the surface may be so far before or behind the lip, metres.
STROKE = 0.002
SETTLE, APPROACH, WAIT, CLOSE, RAISE, HOLD = 0.2, 0.8, 0.1, 0.5, 1.0, 0.5
# The weld of a cup tears when its mean over so many steps is above what the vacuum holds.
MEAN_STEPS = 10


class PickWorld:
    """Parts that lie in a bin, of which a gripper picks one.

    Args:
        part: `Part`.
        half_width: Of the bin's floor, metres.
        gripper: `ParallelGripper` or `SuctionGripper`.
        drop: `Drop`, where the parts lie.
    """

    def __init__(self, part, half_width, gripper, drop):
        self._part, self._half_width, self._gripper, self._drop = part, half_width, gripper, drop

    def pick(self, rotation, translation, width):
        """Return which parts are held in the air in the end, bool (N,), and why none may be, a word.

        Args:
            rotation, translation: (3, 3) and (3,) in metres, from the gripper's frame into the bin's.
            width: Between the contacts, metres.
        """
        self._model = mujoco.MjModel.from_xml_string(self._xml(rotation, width))
        self._data = mujoco.MjData(self._model)
        count = len(self._drop.rotation)
        poses = self._data.qpos[: 7 * count].reshape(count, 7)
        poses[:, :3] = self._drop.translation
        poses[:, 3:] = Rotation.from_matrix(self._drop.rotation).as_quat(scalar_first=True)
        start = translation - BEFORE * rotation[:, 2]
        self._data.qpos[7 * count : 7 * count + 3] = start
        self._move(start, start, SETTLE)
        before = self._heights()
        self._move(start, translation, APPROACH)
        self._move(translation, translation, WAIT)
        held_by = self._close(translation)
        if held_by is not None:
            return np.zeros(count, bool), held_by
        self._move(translation, translation + [0, 0, LIFT], RAISE)
        self._move(translation + [0, 0, LIFT], translation + [0, 0, LIFT], HOLD)
        risen = self._heights() - before > RISEN
        return risen, "" if risen.any() else "lost"

    def _heights(self):
        return np.array([self._data.body(f"part{k}").xpos[2] for k in range(len(self._drop.rotation))])

    def _move(self, start, end, seconds):
        steps = round(seconds / STEP)
        for step in range(steps):
            self._data.ctrl[:3] = start + (end - start) * (step + 1) / steps
            mujoco.mj_step(self._model, self._data)
            if self._gripper.kind == "suction":
                self._tear()

    def _close(self, place):
        """Close the fingers, or the lip; return why nothing is held, or None."""
        if self._gripper.kind == "parallel":
            self._data.ctrl[3:5] = -FORCE
            self._move(place, place, CLOSE)
            return None
        body = self._data.body("gripper")
        return self._suck(body.xmat.reshape(3, 3).copy(), body.xpos.copy())

    def _suck(self, rotation, place):
        depths = np.stack(
            [
                below_lip(hits, rotation[None], place[None], self._gripper.cup_diameter)[0]
                for hits in self._rays()
            ]
        )
        nearest = depths.min(0)
        if not np.isfinite(nearest).all():
            return "leak"
        [part, *others] = np.unique(depths.argmin(0))
        offset = np.median(nearest)
        if others or np.abs(nearest - offset).max() > self._gripper.seal or abs(offset) > STROKE:
            return "leak"
        body = self._data.body(f"part{part}")
        turned = rotation.T @ body.xmat.reshape(3, 3)
        # anchor, place and quaternion of the part in the gripper's frame, weight of the turn
        self._model.eq_data[part, :3] = 0
        self._model.eq_data[part, 3:6] = rotation.T @ (body.xpos - place)
        self._model.eq_data[part, 6:10] = Rotation.from_matrix(turned).as_quat(scalar_first=True)
        self._data.eq_active[part] = 1
        self._pulls = []
        return None

    def _rays(self):
        """Yield for each part a function as `first_hits` of `below_lip`, in the bin's frame."""
        scene = open3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(self._part.vertices.astype(np.float32), self._part.triangles.astype(np.uint32))
        for number in range(len(self._drop.rotation)):
            body = self._data.body(f"part{number}")
            turn, place = body.xmat.reshape(3, 3), body.xpos

            def hits(origins, directions, turn=turn, place=place):
                rays = np.concatenate([(origins - place) @ turn, directions @ turn], 1).astype(np.float32)
                return scene.cast_rays(rays)["t_hit"].numpy().astype(float)

            yield hits

    def _tear(self):
        """Let go where the weld pulls or bends more than the vacuum can hold."""
        for part in np.flatnonzero(self._data.eq_active):
            rows = (self._data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY) & (
                self._data.efc_id == part
            )
            self._pulls.append(self._data.efc_force[rows][:6])
            mean = np.mean(self._pulls[-MEAN_STEPS:], axis=0)
            radius = self._gripper.cup_diameter / 2
            most = VACUUM * np.pi * radius**2
            if np.linalg.norm(mean[:3]) > most or np.linalg.norm(mean[3:]) > most * radius:
                self._data.eq_active[part] = 0

    def _xml(self, rotation, width):
        pieces = "".join(
            f'<mesh name="piece{k}" maxhullvert="64" vertex="{_numbers(piece)}"/>'
            for k, piece in enumerate(self._part.pieces)
        )
        geoms = "".join(f'<geom type="mesh" mesh="piece{k}"/>' for k in range(len(self._part.pieces)))
        count = len(self._drop.rotation)
        bodies = "".join(f'<body name="part{k}"><freejoint/>{geoms}</body>' for k in range(count))
        walls = "".join(
            f'<geom type="box" pos="{_numbers(centre)}" size="{_numbers(size)}"/>'
            for centre, size in wall_boxes(self._half_width)
        )
        quaternion = _numbers(Rotation.from_matrix(rotation).as_quat(scalar_first=True))
        slides = "".join(
            f'<joint name="{name}" type="slide" axis="{_numbers(rotation.T @ axis)}"/>'
            for name, axis in zip("xyz", np.eye(3), strict=True)
        )
        servos = "".join(f'<position joint="{name}" kp="4000" kv="120"/>' for name in "xyz")
        tool, equalities, motors = (
            self._fingers(width) if self._gripper.kind == "parallel" else self._cup(count)
        )
        return f"""
            <mujoco>
              <option timestep="{STEP}" integrator="implicitfast" cone="elliptic" impratio="10">
                <flag multiccd="enable"/></option>
              <default>
                <geom condim="6" friction="0.6 0.002 0.0005" solref="0.01 1" solimp="0.95 0.99 0.0005"
                  density="{DENSITY}"/>
              </default>
              <asset>{pieces}</asset>
              <worldbody><geom type="plane" size="1 1 1"/>{walls}{bodies}
                <body name="gripper" quat="{quaternion}" gravcomp="1">{slides}{tool}</body></worldbody>
              <equality>{equalities}</equality>
              <actuator>{servos}{motors}</actuator>
            </mujoco>"""

    def _fingers(self, width):
        one, other, palm = self._gripper.boxes(width)
        farthest = width / 2 + self._gripper.clearance
        fingers = "".join(
            f'<body gravcomp="1"><joint name="{name}" type="slide" axis="{sign} 0 0" range="{-farthest} 0.001" '
            f'limited="true" damping="{DAMPING}" armature="0.05"/>{_box(box)}</body>'
            for name, sign, box in (("right", 1, one), ("left", -1, other))
        )
        # Both move alike, as those of a gripper with one drive do.
        coupled = (
            '<joint joint1="left" joint2="right" polycoef="0 1 0 0 0" solref="0.004 1" '
            'solimp="0.99 0.999 0.0001"/>'
        )
        return _box(palm) + fingers, coupled, '<motor joint="right"/><motor joint="left"/>'

    def _cup(self, count):
        boxes = "".join(map(_box, self._gripper.boxes()))
        welds = "".join(f'<weld body1="gripper" body2="part{k}" active="false"/>' for k in range(count))
        return boxes, welds, ""


def _box(corners):
    low, high = corners
    return f'<geom type="box" pos="{_numbers((low + high) / 2)}" size="{_numbers((high - low) / 2)}"/>'


def _numbers(array):
    return " ".join(repr(float(value)) for value in np.ravel(array))
