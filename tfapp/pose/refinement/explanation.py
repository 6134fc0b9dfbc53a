"""Search for the poses that together explain a scene, whatever was thought of it before.

Places of the scene are taken for an instance each, from its neighbourhood alone, and of all poses that are found so
those are kept which explain most of what was measured and are contradicted least.
"""

import numpy as np
import tensorflow as tf

from tfapp.pose.refinement import candidates as sources
from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.placement import alternatives, observed_in, place

# Places that are looked at for each instance, and further ones.
_PLACES, _MORE_PLACES = 3, 2
# Radii of a neighbourhood, by turns, as shares of the part's extent.
_RADII = (0.35, 0.6)
# What a scene has of its instances' poses.
_POSES = ("present", "rotation", "translation", "residual", "margin")
# A point is explained within this share of the cap.
_EXPLAINED = 0.25
# Share of a model's points that may lie on another instance of it: where they touch.
_TOUCHING = 0.25
# A further instance must explain so much of what the others do on average, of points that they leave open.
_WORTH = 0.35
# Scenes that are judged at a time.
_BATCH = 64
# Points of a scene that must be explained, of all that were measured.
_ASKED = 400
# Rounds of dividing the points among the chosen poses and registering them to their own.
_ROUNDS = 3


def explain(model, points, scenes, numbers, extent, *, seed=0):
    """Search for better poses in some scenes, and keep those that explain more than the present ones.

    Args:
        model: `fitting.Model`.
        points: `(m, 3)`, the model's points, metres.
        scenes: `SceneSet`, changed where a better explanation is found.
        numbers: Scenes that are searched in.
        extent: Largest extent of the part in metres.
        seed: Of places and rotations that are tried.

    Returns:
        bool, for each of `numbers` whether it is explained better now.
    """
    before = scenes.select(numbers)
    for name in _POSES:
        setattr(before, name, getattr(scenes, name)[numbers].copy())
    found = before.select(range(len(before)))
    for scene, pool in _pools(model, points, before, extent, seed):
        rotation, translation = _chosen(model, before, scene, pool)
        found.present[scene] = np.arange(found.count) < len(rotation)
        found.rotation[scene, : len(rotation)], found.translation[scene, : len(rotation)] = (
            rotation,
            translation,
        )
    for number in range(_ROUNDS):
        found.divide(points)
        place(model, found, sources.near(found, points, np.eye(3)[None]), seed=number)
    found.divide(points)
    better = costs(model, found) < costs(model, before)
    for number in np.flatnonzero(better):
        scenes.labels[numbers[number]] = found.labels[number]
        for name in _POSES:
            getattr(scenes, name)[numbers[number]] = getattr(found, name)[number]
    return better


def costs(model, scenes):
    """Return what the poses of each scene leave open, `(S,)` in metres: unexplained points, and contradictions."""
    found = []
    for first in range(0, len(scenes), _BATCH):
        numbers = np.arange(first, min(first + _BATCH, len(scenes)))
        distance, violation = _judged(
            model, scenes, numbers, scenes.rotation[numbers], scenes.translation[numbers]
        )
        there = scenes.present[numbers]
        distance = np.where(there[..., None], distance, np.inf)
        found.append(distance.min(1).mean(-1) + np.where(there, violation, 0).sum(-1) / there.sum(-1))
    return np.concatenate(found)


def _pools(model, points, scenes, extent, seed):
    """Yield (scene, (rotations `(k, 3, 3)`, translations `(k, 3)`)) of what may be an instance."""
    batch, rng = [], np.random.default_rng(seed)
    for scene in range(len(scenes)):
        places = _spread(scenes.points[scene], _PLACES * scenes.count + _MORE_PLACES, rng)
        for number, place_of in enumerate(places):
            away = np.linalg.norm(scenes.points[scene] - place_of, axis=1)
            batch.append((scene, number, scenes.points[scene][away < _RADII[number % len(_RADII)] * extent]))
    source = sources.everywhere(points, sources.sphere(seed or None))
    rotation, translation, _ = alternatives(model, batch, scenes, source, seed)
    owner = np.array([scene for scene, _, _ in batch])
    for scene in range(len(scenes)):
        mine, there = owner == scene, scenes.present[scene]
        yield (
            scene,
            (
                np.concatenate([rotation[mine].reshape(-1, 3, 3), scenes.rotation[scene][there]]),
                np.concatenate([translation[mine].reshape(-1, 3), scenes.translation[scene][there]]),
            ),
        )


def _chosen(model, scenes, scene, pool):
    """Return the poses of a pool that explain a scene best together: greedy, then exchanged one by one.

    Where the number of instances is not known, no further one is taken when it explains little that the others do not.
    """
    distance, violation = (one[0] for one in _judged(model, scenes, [scene], pool[0][None], pool[1][None]))
    near, shared = float(model.cap) * _EXPLAINED, _shared(model, *pool)

    def cost(numbers):
        two = np.triu(shared[np.ix_(numbers, numbers)], 1).sum()
        return distance[numbers].min(0).mean() + violation[numbers].mean() + float(model.cap) * two

    chosen, shares = [], []
    while len(chosen) < scenes.count:
        best = min(range(len(violation)), key=lambda one: cost([*chosen, one]))
        open_yet = distance[chosen].min(0) > near if chosen else np.ones(distance.shape[1], bool)
        shares.append((open_yet & (distance[best] < near)).mean())
        if len(chosen) >= scenes.least and shares[-1] < _WORTH * np.median(shares[:-1] or shares):
            break
        chosen.append(best)
    for _ in range(_ROUNDS):
        for position in range(len(chosen)):
            others = chosen[:position] + chosen[position + 1 :]
            best = min(range(len(violation)), key=lambda one: cost([*others, one]))
            chosen = [*others[:position], best, *others[position:]]
    return pool[0][chosen], pool[1][chosen]


def _judged(model, scenes, numbers, rotation, translation):
    """Return how far points of scenes are from the model at poses, and how much the scenes contradict these.

    Args:
        model: `fitting.Model`.
        scenes: `SceneSet`.
        numbers: Of B scenes.
        rotation: `(B, k, 3, 3)`.
        translation: `(B, k, 3)`.

    Returns:
        Distances `(B, k, n)` of n points of each, up to the cap, and violations `(B, k)`, metres.
    """
    # Of few points some count twice: all scenes have the same number.
    drawn = [np.linspace(0, len(scenes.points[number]) - 1, _ASKED).round().astype(int) for number in numbers]
    points = np.stack([scenes.points[number][some] for number, some in zip(numbers, drawn, strict=True)])
    observed = observed_in(scenes, numbers, points, np.ones(points.shape[:2]))
    poses = (tf.constant(one, tf.float32) for one in (rotation, translation))
    return tuple(part.numpy() for part in _distances_and_violations(observed, model, *poses))


def _shared(model, rotation, translation):
    """Return what is too much of the share of the model's points that two poses have in common, `(k, k)`.

    Parts that touch have little in common; two poses of one part, or poses of which one is inside the other, have much.
    """
    clouds = tf.constant(model.few.numpy() @ np.swapaxes(rotation, 1, 2) + translation[:, None], tf.float32)
    poses = (
        tf.constant(np.broadcast_to(one, (len(one), *one.shape)), tf.float32)
        for one in (rotation, translation)
    )
    lengths = _to_each_other(clouds, model, *poses).numpy()
    within = (lengths < float(model.cap) * _EXPLAINED).mean(-1)
    return np.maximum(0, np.maximum(within, within.T) - _TOUCHING)


@tf.function(reduce_retracing=True, autograph=False)
def _to_each_other(clouds, model, rotation, translation):
    return fitting.distances(fitting.Observed(clouds, *[None] * 7), model, rotation, translation)


@tf.function(reduce_retracing=True, autograph=False)
def _distances_and_violations(observed, model, rotation, translation):
    distance = tf.minimum(fitting.distances(observed, model, rotation, translation), model.cap)
    return distance, fitting.residual(observed, model, rotation, translation).violation


def _spread(points, count, rng):
    """Return so many of the points, each far from those before it."""
    chosen = [points[rng.integers(len(points))]]
    away = np.full(len(points), np.inf)
    for _ in range(count - 1):
        away = np.minimum(away, np.linalg.norm(points - chosen[-1], axis=1))
        chosen.append(points[away.argmax()])
    return np.array(chosen)
