"""Symmetries of an object model, found from the model and from what the scenes show.

A rotation about an axis is a symmetry where the model, turned by it, lies on itself better than turned by a little more
or less, and where no scene contradicts the turned model. A model that was fused from one side shows only some of the
rotations about an axis: those that lay half of it onto itself tell the order, and the scenes decide on the others.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from tfapp.pose.refinement import candidates as sources
from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.fusion import CONTRADICTED, VOXEL, contradiction, voxel_means
from tfapp.pose.refinement.placement import model_of

# The highest order that is told from a continuous axis.
HIGHEST_ORDER = 8
# Rotations of a continuous symmetry that a model is completed by.
_WHOLE_TURN = 24
# Random rotations that self-registration begins from, about 25 degrees apart, those of them that lay the model onto
# itself best after its first steps, of few points, and so go on to the last ones.
_STARTS, _STEPS, _GO_ON, _LAST_STEPS = 480, 10, 160, 6
# Of the points of the last steps the first ones have one in so many.
_THIN = 4
# Points of the model that are laid onto it, those of them that may be contradicted, and instances that are asked.
_POINTS, _SOME, _INSTANCES = 1000, 200, 100
# Points count as laid onto the model within so many voxels.
_NEAR = 1.5
# Share of the points that must be laid onto the model, and share that the scenes may contradict.
_LEAST_OVERLAP, _MOST_CONTRADICTED = 0.5, 0.05
# Turned points may stand no farther in front of what was measured than those of the model itself do.
_FRONT = 0.0
# Of a whole model nearly all points must be laid onto it, within less.
_WHOLE_NEAR, _WHOLE_OVERLAP = 0.5, 0.95
# Between two rotations of a symmetry the model lies farther from itself, at least by this share of that distance.
_CONTRAST = 0.15
# Two rotations or axes are the same within this angle.
_SAME = np.radians(8)
# Registrations that end within this angle of one that the scenes contradict ended in the same minimum.
_ALIKE = np.radians(2)
# Rotations by less are none: noise of the registration of a model that is nearly round.
_LEAST_ANGLE = 2 * np.pi / HIGHEST_ORDER - _SAME
# Shares of a whole turn that no order up to the highest has in common: a continuous axis has them all.
_IRREGULAR = (0.09, 0.155, 0.31, 0.43)
# Axes that are looked at, those of the rotations that lay most of the model onto itself.
_AXES = 6
# Rounds in which an axis is put where the registered rotations have it, and angles at which half turns are tried.
_AXIS_ROUNDS, _ACROSS = 3, 60


@dataclass(frozen=True, eq=False)
class ModelSymmetries:
    """A group of rotations about one point.

    Attributes:
        rotations: float64 `(k, 3, 3)`, the identity first; of a continuous axis some that are evenly spaced.
        centre: float64 `(3,)`, the point that all of them leave where it is, metres in the frame of the model.
        axis: float64 `(3,)`, unit vector of the axis of the highest order; None without any symmetry.
        order: Of this axis: rotations by 360 / order degrees; 0 where it is continuous, 1 without any symmetry.
        flips: Whether half turns about axes across it are symmetries too.
    """

    rotations: np.ndarray
    centre: np.ndarray
    axis: np.ndarray | None = None
    order: int = 1
    flips: bool = False

    @classmethod
    def none(cls):
        """Return those of a part without any."""
        return cls(np.eye(3)[None], np.zeros(3))

    @classmethod
    def about(cls, axis, centre, order, across=None):
        """Return the group of an axis through a point, with half turns about an axis across it if that is given."""
        count = order or _WHOLE_TURN
        turns = _turn(axis, 2 * np.pi * np.arange(count) / count)
        if across is not None:
            turns = np.concatenate([turns, turns @ _turn(across, np.pi)])
        return cls(turns, centre, axis, order, across is not None)

    def moved(self, points):
        """Return points `(m, 3)` of the model carried along by each rotation, `(k, m, 3)`."""
        return (points - self.centre) @ np.swapaxes(self.rotations, 1, 2) + self.centre

    def to_arrays(self):
        """Return arrays by name, to be kept in a file."""
        axis = np.zeros(0) if self.axis is None else self.axis
        return {
            "rotations": self.rotations,
            "centre": self.centre,
            "axis": axis,
            "order": self.order,
            "flips": self.flips,
        }

    @classmethod
    def from_arrays(cls, arrays):
        """Return those that `to_arrays` kept; none where a file has no such arrays.

        Raises:
            ValueError: They are no rotations about a point.
        """
        if "rotations" not in arrays:
            return cls.none()
        rotations, centre, axis = (
            np.asarray(arrays[name], np.float64) for name in ("rotations", "centre", "axis")
        )
        shapes = rotations.ndim == 3 and rotations.shape[1:] == (3, 3) and centre.shape == (3,)
        if not shapes or axis.shape not in ((0,), (3,)):
            raise ValueError("its symmetries are no rotations (k, 3, 3) about a point")
        if not np.allclose(rotations @ np.swapaxes(rotations, 1, 2), np.eye(3), atol=1e-6):
            raise ValueError("its symmetries are no rotations")
        return cls(
            rotations, centre, axis if len(axis) else None, int(arrays["order"]), bool(arrays["flips"])
        )

    def describe(self):
        """Return a phrase."""
        if self.axis is None:
            return "none"
        turn = "any angle" if self.order == 0 else f"{360 / self.order:g}°"
        return f"rotation by {turn} about one axis" + (", half turns across it" if self.flips else "")


def find_symmetries(scenes, instances, points, extent, seed=0):
    """Return the `ModelSymmetries` of an object model: those of its axis of the highest order, and across it.

    Args:
        scenes: `SceneSet` whose instances are placed.
        instances: List of (scene, instance, measured points), of which some are asked for contradiction.
        points: `(m, 3)`, the model in metres.
        extent: Largest extent of the part in metres.
        seed: Of starts and draws.
    """
    rng = np.random.default_rng(seed)
    asked = [instances[number] for number in rng.permutation(len(instances))[:_INSTANCES]]
    return _found(_Search(scenes, asked, points, extent, rng), seed)


def symmetries_of_whole(points, extent, seed=0):
    """Return the `ModelSymmetries` of a part of which all sides are known; arguments as for `find_symmetries`."""
    return _found(_Search(None, [], points, extent, np.random.default_rng(seed), whole=True), seed)


def _found(search, seed):
    axes = search.axes(sources.random_turns(_STARTS, seed))
    found = [one for one in (search.order_about(*axis) for axis in axes) if one is not None]
    if not found:
        return ModelSymmetries.none()
    order, _, axis, centre = max(found, key=lambda one: (one[0] == 0, one[0], one[1]))
    across, centre = search.across(axis, centre) or (None, centre)
    return ModelSymmetries.about(axis, centre, order, across)


class _Search:
    """What rotations of a model are judged by: how it lies on itself, and what the scenes say to it."""

    def __init__(self, scenes, instances, points, extent, rng, whole=False):
        self.scenes, self.instances, self.extent = scenes, instances, extent
        self.centre, self.whole = points.mean(0), whole
        near, self.least = (_WHOLE_NEAR, _WHOLE_OVERLAP) if whole else (_NEAR, _LEAST_OVERLAP)
        self.near = near * VOXEL * extent
        few = voxel_means([points], VOXEL * extent)
        self.few = few[np.sort(rng.permutation(len(few))[:_POINTS])]
        self.model = model_of(points, extent, VOXEL * extent)._replace(cap=tf.constant(self.near, tf.float32))
        self.wide = self.model._replace(cap=tf.constant(4 * _NEAR * VOXEL * extent, tf.float32))
        self.usual = self._contradicted(np.eye(3)[None], self.centre)[0]

    def axes(self, rotations):
        """Return axes (direction, point) of symmetries near given rotations about the middle, best first."""
        rotations, translations = self._registered(rotations, self.centre - rotations @ self.centre)
        overlap, found, refused = self._on_itself(rotations, translations)[1], [], []
        for number in np.argsort(-overlap):
            if overlap[number] < self.least or len(found) == _AXES:
                break
            rotation = rotations[number]
            if _angle(rotation) < _LEAST_ANGLE or any(_angle(rotation.T @ one) < _ALIKE for one in refused):
                continue
            direction = Rotation.from_matrix(rotation).as_rotvec() / _angle(rotation)
            if any(abs(direction @ one) > np.cos(_SAME) for one, _ in found):
                continue
            centre = _fixed(rotation[None], translations[number][None])
            if self._free(rotation[None], centre):
                found.append((direction, centre))
            else:
                refused.append(rotation)
        return found

    def order_about(self, axis, centre):
        """Return (order, contrast, axis, centre) of the symmetry about an axis, as registrations place it; or None."""
        found = []
        for order in range(2, HIGHEST_ORDER + 1):
            angles = 2 * np.pi * np.arange(1, order) / order
            placed = self._axis_at(axis, centre, angles)
            if placed is None:
                continue
            contrast = self._contrast(*placed, angles, np.pi / order)
            if contrast > _CONTRAST and self._free(_turn(placed[0], angles), placed[1]):
                found.append((order, contrast, *placed))
        if found:
            return _highest(found)
        return self._continuous(axis, centre)

    def across(self, axis, centre):
        """Return (axis, centre) of the half turn across a main axis that lays the model onto itself best, or None."""
        first = np.linalg.svd(axis[None])[2][1]
        axes = first @ np.swapaxes(_turn(axis, np.pi * np.arange(_ACROSS) / _ACROSS), 1, 2)
        turns = np.concatenate([_turn(one, np.pi)[None] for one in axes])
        # The main axis leaves open at which height on it the half turn lies.
        registered = zip(*self._registered(turns, self.centre - turns @ self.centre), strict=True)
        heights = [_fixed(turn[None], shift[None]) @ axis for turn, shift in registered]
        centres = centre + np.subtract(heights, centre @ axis)[:, None] * axis
        shifts = centres - np.einsum("kxy,ky->kx", turns, centres)
        distance, overlap = self._on_itself(turns, shifts)
        for number in np.argsort(distance)[:3]:
            if overlap[number] >= self.least and self._free(turns[number][None], centres[number]):
                return axes[number], centres[number]
        return None

    def _continuous(self, axis, centre):
        angles = 2 * np.pi * np.array(_IRREGULAR)
        placed = self._axis_at(axis, centre, angles)
        if placed is None:
            return None
        turns = _turn(placed[0], angles)
        overlap = self._on_itself(turns, placed[1] - turns @ placed[1])[1]
        lies = overlap >= self.least
        is_round = (lies.all() if self.whole else lies.any()) and self._free(turns, placed[1])
        return (0, 0.0, *placed) if is_round else None

    def _axis_at(self, axis, centre, angles):
        """Return axis and centre where registrations near rotations by some angles have them, or None."""
        for _ in range(_AXIS_ROUNDS):
            turns = _turn(axis, angles)
            shifts = centre - turns @ centre
            shown = self._on_itself(turns, shifts)[1] >= _LEAST_OVERLAP * self.least
            if not shown.any():
                return None
            turns, shifts = self._registered(turns[shown], shifts[shown], coarse=False)
            found = Rotation.from_matrix(turns).as_rotvec()
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
            new = np.linalg.eigh(found.T @ found)[1][:, -1]
            axis, centre = new * np.sign(new @ axis), _fixed(turns, shifts)
        return axis, centre

    def _contrast(self, axis, centre, angles, half_step):
        """Return by what share the model lies farther from itself half a step before and after the rotations."""
        at, before, after = (
            self._lengths(axis, centre, angles + step) for step in (0, -half_step, half_step)
        )
        shown = (at < self.near).mean(-1) >= self.least
        if not (shown.all() if self.whole else shown.any()):
            return 0.0
        # Points that leave the model on the way, as it was seen from one side only, tell nothing.
        stay = (np.maximum(np.maximum(at, before), after) < self.near) & shown[:, None]
        # The mean of both sides: the farther it turns, the less exactly the axis keeps it.
        between = ((before + after)[stay] / 2).sum()
        return float(1 - at[stay].sum() / max(between, 1e-9))

    def _lengths(self, axis, centre, angles):
        turns = _turn(axis, angles)
        return self._away(turns, centre - turns @ centre)

    def _on_itself(self, rotations, translations):
        """Return the mean distance of the turned model to itself, no point farther than near, and the share within."""
        lengths = self._away(rotations, translations)
        return np.minimum(lengths, self.near).mean(-1), (lengths < self.near).mean(-1)

    def _away(self, rotations, translations):
        poses = (tf.constant(one[None], tf.float32) for one in (rotations, translations))
        return _distances(_without_pictures(self.few), self.model, *poses)[0].numpy()

    def _registered(self, rotations, translations, coarse=True):
        """Return registrations that begin at some poses; of more than `_GO_ON` coarse ones the best."""
        if coarse:
            thin = _without_pictures(self.few[::_THIN])
            rotations, translations = _numbers(_steps, thin, self.wide, rotations, translations, _STEPS)
            if len(rotations) > _GO_ON:
                chosen = np.argsort(self._on_itself(rotations, translations)[0], kind="stable")[:_GO_ON]
                rotations, translations = rotations[chosen], translations[chosen]
        return _numbers(
            _settled, _without_pictures(self.few), self.wide, rotations, translations, _LAST_STEPS
        )

    def _free(self, rotations, centre):
        return bool((self._contradicted(rotations, centre) <= self.usual + _MOST_CONTRADICTED).all())

    def _contradicted(self, rotations, centre):
        """Return the share of the points that the scenes contradict, for each rotation about a centre."""
        few = self.few[:: max(1, len(self.few) // _SOME)]
        moved = (few - centre) @ np.swapaxes(rotations, 1, 2) + centre
        shares = contradiction(self.scenes, self.instances, moved.reshape(-1, 3), self.extent, _FRONT)
        return (shares.reshape(len(rotations), -1) > CONTRADICTED).mean(1)


def _highest(found):
    """Return the order that those found about one axis come from, as of `order_about`.

    An order has its divisors with it, with contrasts like its own, of a whole model even larger. Another order may show
    as well where a model is blurred, of few scenes, such as 7 beside 6; but then less.
    """
    most = max(contrast for _, contrast, *_ in found)
    chosen = max(found, key=lambda one: one[1])
    while True:
        multiples = [
            one for one in found if one[0] > chosen[0] and one[0] % chosen[0] == 0 and one[1] >= most / 2
        ]
        if not multiples:
            return chosen
        chosen = max(multiples, key=lambda one: one[1])


@tf.function(reduce_retracing=True, autograph=False)
def _steps(observed, model, rotation, translation, *, steps):
    return fitting.refine(observed, model, rotation, translation, steps)


@tf.function(reduce_retracing=True, autograph=False)
def _settled(observed, model, rotation, translation, *, steps):
    return fitting.settle(observed, model, rotation, translation, steps)


@tf.function(reduce_retracing=True, autograph=False)
def _distances(observed, model, rotation, translation):
    return fitting.distances(observed, model, rotation, translation)


def _numbers(steps_of, observed, model, rotations, translations, steps):
    poses = (tf.constant(one[None], tf.float32) for one in (rotations, translations))
    return tuple(part[0].numpy().astype(float) for part in steps_of(observed, model, *poses, steps=steps))


def _fixed(rotations, translations):
    """Return the point nearest to the origin that rigid motions about one axis leave where it is: least squares."""
    system = np.concatenate(np.eye(3) - rotations)
    return np.linalg.lstsq(system, np.concatenate(translations), rcond=0.05)[0]


def _turn(axis, angles):
    return Rotation.from_rotvec(np.multiply.outer(angles, axis)).as_matrix()


def _angle(rotation):
    return float(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))


def _without_pictures(points):
    """Return `fitting.Observed` of one instance of which nothing contradicts any pose."""
    nothing = tf.zeros((1, 1, 1))
    return fitting.Observed(
        points=tf.constant(points[None], tf.float32),
        weights=tf.ones((1, len(points))),
        scene=tf.zeros(1, tf.int32),
        front=nothing,
        gap=nothing,
        behind=nothing,
        nearest=tf.zeros((1, 1, 1, 3)),
        intrinsics=tf.constant([[1.0, 1.0, 0.0, 0.0]]),
    )
