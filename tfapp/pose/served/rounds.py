"""Rounds of registration and division that lead from hypotheses of a request, or from nothing, to refined poses."""

from typing import NamedTuple

import tensorflow as tf

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.scene_set import LEAST_POINTS
from tfapp.pose.served.drawn_points import first_of
from tfapp.pose.served.explaining import NEAR, choose, pool_of, worthwhile

# Points of a scene that are divided, for each instance; those of an instance that decide which candidates go on, and
# that the last steps use.
DIVIDED, FEW, MANY = 512, 64, 256
# Candidates that are refined by some steps, and those of them that are refined to the end.
PROMISING, FINAL = 12, 3
FIRST_STEPS, MIDDLE_STEPS, LAST_STEPS = 4, 4, 6
# Points of a scene that tell which hypotheses explain it, and steps that these take before.
ASKED, HYPOTHESIS_STEPS = 256, 4
# Radii of a neighbourhood, by turns, in caps: .36 and .6 of the part's extent.
_RADII = (3.0, 5.0)
# What is left of a place's claim to be looked at where another one was taken.
_TAKEN = 0.1


class Scenes(NamedTuple):
    """Scenes of a request.

    Attributes:
        points: float32 `(B, n, 3)`, measured points in scattered order, metres.
        there: bool `(B, n)`, False where a scene has fewer.
        pictures: `Pictures`.
        least: How many instances each has at least.
    """

    points: tf.Tensor
    there: tf.Tensor
    pictures: tf.Tensor
    least: int

    def whole(self, count=None):
        """Return `fitting.Observed` of the points of each scene, or some of them, whichever instance they belong to."""
        return self._observed(self.points[:, :count], self.there[:, :count], 1)

    def of_instances(self, own, count):
        """Return `fitting.Observed` of some points of instances, those of a scene one after the other.

        Args:
            own: bool `(B, N, n)`, which points are of which instance.
            count: Points of each.
        """
        instances, size = own.shape[1:]
        place, there = first_of(tf.reshape(own, (-1, size)), count)
        place = tf.reshape(place, (-1, instances * count))
        points = tf.reshape(tf.gather(self.points, place, batch_dims=1), (-1, count, 3))
        return self._observed(tf.where(there[..., None], points, 0.0), there, instances)

    def _observed(self, points, there, instances):
        front, gap, behind, nearest, intrinsics = self.pictures
        count = tf.shape(self.points)[0]
        scene = tf.repeat(tf.range(count), instances)
        intrinsics = tf.broadcast_to(intrinsics, tf.stack([count, 4]))
        weights = tf.cast(there, points.dtype)
        return fitting.Observed(points, weights, scene, front, gap, behind, nearest, intrinsics)


class Placed(NamedTuple):
    """Poses of N instances of B scenes.

    Attributes:
        rotation: `(B, N, 3, 3)`.
        translation: `(B, N, 3)`, metres.
        present: bool `(B, N)`, whether there is such an instance.
    """

    rotation: tf.Tensor
    translation: tf.Tensor
    present: tf.Tensor


def nowhere(scenes, count):
    """Return the `Placed` of scenes of which nothing is known, for N instances."""
    rotation = tf.eye(3, batch_shape=tf.stack([tf.shape(scenes.points)[0], count]))
    rotation = tf.ensure_shape(rotation, (None, count, 3, 3))
    return Placed(rotation, tf.zeros_like(rotation[..., 0]), tf.zeros_like(rotation[..., 0, 0], tf.bool))


def from_hypotheses(scenes, part, rotation, translation, count):
    """Return the `Placed` of the hypotheses that together explain scenes best, after some steps.

    Args:
        scenes: `Scenes`.
        part: `Part`.
        rotation: `(B, Q, 3, 3)`, of any instance each.
        translation: `(B, Q, 3)`, metres.
        count: Number N of instances.
    """
    poses = part.turned(rotation, translation, part.halves)
    poses = repeated(fitting.step, scenes.whole(ASKED), part.model, *poses, HYPOTHESIS_STEPS, fitting.COARSE)
    return _chosen(scenes, part, *poses, count)


def registered(scenes, part, placed, wide):
    """Return the `Placed` after all instances were registered to their points.

    Args:
        scenes: `Scenes`.
        part: `Part`.
        placed: `Placed`.
        wide: Whether any rotation is tried, and not those near the present ones and half turns alone.
    """
    count = placed.rotation.shape[1]
    seen = scenes.of_instances(divided(scenes, part, placed), MANY)
    poses = part.turned(*(_in_one_row(one)[:, None] for one in placed[:2]), part.near)
    if wide:
        pairs = zip(poses, part.everywhere(_middle(seen)), strict=True)
        poses = tuple(tf.concat(pair, 1) for pair in pairs)
    found = search(seen, part.model, *poses)
    return _chosen(scenes, part, *(_of_scenes(one, count) for one in found), count)


def searched_anew(scenes, part, placed, places):
    """Return the `Placed` that explain scenes best, of the present ones and of what fits their unexplained places.

    Each place is taken for an instance, from its neighbourhood alone, whatever was thought of it before.

    Args:
        scenes, part, placed: As for `registered`.
        places: Number of places in each scene.
    """
    unexplained, owned = tf.reduce_min(_distances(scenes, part, placed), 1), []
    unexplained = tf.where(scenes.there, tf.minimum(unexplained, part.model.cap), 0.0)
    for number in range(places):
        worst = tf.argmax(unexplained, -1, output_type=tf.int32)
        away = tf.norm(scenes.points - tf.gather(scenes.points, worst, batch_dims=1)[:, None], axis=-1)
        radius = _RADII[number % len(_RADII)] * part.model.cap
        owned.append((away < radius) & scenes.there)
        unexplained *= tf.where(away < radius / 2, _TAKEN, 1.0)
    seen = scenes.of_instances(tf.stack(owned, 1), MANY)
    found = search(seen, part.model, *part.everywhere(_middle(seen)))
    pairs = zip(placed[:2], (_of_scenes(one, places) for one in found), strict=True)
    return _chosen(scenes, part, *(tf.concat(pair, 1) for pair in pairs), placed.rotation.shape[1])


def divided(scenes, part, placed):
    """Return which points belong to which instance, bool `(B, N, n)`: to the one whose model is nearest.

    What no instance explains is shown to one that is not present, if there is one.
    """
    nearest = tf.argmin(_distances(scenes, part, placed), 1, output_type=tf.int32)
    instances = tf.range(placed.rotation.shape[1])
    return (nearest[:, None] == instances[:, None]) & scenes.there[:, None]


def search(seen, model, rotation, translation):
    """Return the poses that the best of some candidates lead to, `(B, FINAL or fewer, ...)`.

    Args:
        seen: `fitting.Observed` of B instances.
        model: `fitting.Model`.
        rotation: `(B, C, 3, 3)`.
        translation: `(B, C, 3)`, metres.
    """
    few = seen._replace(points=seen.points[:, :FEW], weights=seen.weights[:, :FEW])
    rotation, translation = _best(few, model, rotation, translation, PROMISING)
    poses = repeated(fitting.step, few, model, rotation, translation, FIRST_STEPS, fitting.COARSE)
    poses = _best(few, model, *poses, FINAL)
    poses = repeated(fitting.plane_step, seen, model, *poses, MIDDLE_STEPS, fitting.COARSE)
    return repeated(fitting.plane_step, seen, model, *poses, LAST_STEPS, fitting.FINE)


def repeated(step, observed, model, rotation, translation, steps, reach):
    """Return the poses after so many steps, `fitting.step` or `fitting.plane_step`, with the other arguments of these.

    In a loop of the graph, where `fitting.refine` and `fitting.settle` would write each step into it: it would be
    several times as large, and a server would take minutes to load it.
    """
    kept = rotation.shape, translation.shape

    def once(number, rotation, translation):
        new = step(observed, model, rotation, translation, reach)
        return number + 1, *(tf.ensure_shape(one, shape) for one, shape in zip(new, kept, strict=True))

    start = (tf.constant(0), rotation, translation)
    return tf.while_loop(lambda number, *poses: number < steps, once, start, (tf.TensorShape([]), *kept))[1:]


def _distances(scenes, part, placed):
    distance = fitting.distances(scenes.whole(), part.model, placed.rotation, placed.translation)
    return tf.where(placed.present[..., None], distance, NEAR * part.model.cap)


def _best(observed, model, rotation, translation, count):
    total = fitting.residual(observed, model, rotation, translation).total
    chosen = tf.math.top_k(-total, min(count, rotation.shape[1])).indices
    return tf.gather(rotation, chosen, batch_dims=1), tf.gather(translation, chosen, batch_dims=1)


def _chosen(scenes, part, rotation, translation, count):
    seen = scenes.whole()
    pool = pool_of(seen, part.model, rotation, translation)
    chosen, opened = choose(pool, seen.weights, part.model, count)
    poses = (tf.gather(one, chosen, batch_dims=1) for one in (rotation, translation))
    return Placed(*poses, (opened >= LEAST_POINTS) & worthwhile(opened, scenes.least))


def _middle(seen):
    weights = seen.weights[..., None]
    return tf.reduce_sum(weights * seen.points, 1) / tf.maximum(tf.reduce_sum(weights, 1), 1.0)


def _in_one_row(poses):
    """Return `(B, N, ...)` as `(B * N, ...)`."""
    return tf.reshape(poses, (-1, *poses.shape[2:]))


def _of_scenes(poses, count):
    """Return `(B * N, k, ...)` as `(B, N * k, ...)`."""
    return tf.reshape(poses, (-1, count * poses.shape[1], *poses.shape[2:]))
