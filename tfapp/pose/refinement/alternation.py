"""Turns of registration and fusion: poses of all instances for a model, and a model from what the instances show.

It begins from the poses of a network, or from a clustering alone: then a model grows from one instance.
"""

from dataclasses import dataclass, field

import numpy as np

from tfapp.pose.refinement import candidates as sources
from tfapp.pose.refinement.explanation import costs, explain
from tfapp.pose.refinement.fusion import VOXEL, best_instances, completed, fused_model
from tfapp.pose.refinement.nearest_field import extent_of
from tfapp.pose.refinement.placement import CAP, model_of, place
from tfapp.pose.refinement.symmetry import ModelSymmetries, find_symmetries

# Share of the instances that a model is fused from.
SHARE = 0.6
# The residual must fall by this share of itself from a round to the next but one, or the alternation stops.
LEAST_GAIN = 0.02
# Rotations about the present pose, beside half turns, that each round tries.
_NEAR = 12
# Rounds after which a model is so sharp that its symmetries can be looked for, and scenes be explained by it alone.
_SHARP = 3
# Rounds after which a model that looks round is completed by any rotation: before, all that is blurred looks round.
_ROUND = 6
# Share of the instances that it is fused from then: sides that are seldom seen fit worse as long as they are not in it.
_LATE_SHARE = 0.9
# Scenes are explained anew that leave open more than so many times what half of them does, the worst of them.
_HARD, _HARD_SHARE, _SMALL = 3, 0.1, 0.005
# Rounds that scenes take which the model was not fused from, and searches in those that are not explained then.
_NEW_ROUNDS, _SEARCHES = 3, 2
# Scenes that are searched at a time.
_SEARCHED = 16
# Growth from one instance: first instances tried, rounds each, instances of a round, and the share that is fused.
_STARTS, _GROWTH_ROUNDS, _GROWTH_INSTANCES, _GROWTH_SHARE = 4, 6, 50, 0.15
# An instance of a clustering may be cut; nearly all are smaller than the part and none is much larger.
_EXTENT_QUANTILE = 0.9


@dataclass(frozen=True, eq=False)
class RefinedModel:
    """An object model as the alternation has it.

    Attributes:
        points: float64 `(m, 3)`, metres, in a frame of its own.
        extent: Largest extent of the part, metres.
        fused: Whether it was fused from measured points: then its points are so dense that they stand for a surface.
        symmetries: `ModelSymmetries`.
    """

    points: np.ndarray
    extent: float
    fused: bool = True
    symmetries: ModelSymmetries = field(default_factory=ModelSymmetries.none)

    def to_fit(self, seed=0):
        """Return the `fitting.Model`."""
        return model_of(self.points, self.extent, VOXEL * self.extent if self.fused else 0.0, seed)


def mean_residual(scenes, extent):
    """Return the mean residual of the present instances in metres; what is not placed counts as a miss by the cap."""
    cap = CAP * extent
    return float(np.minimum(np.nan_to_num(scenes.residual[scenes.present], nan=2 * cap), 2 * cap).mean())


def next_round(model, scenes, number, advance=lambda count: None):
    """Place all instances for a model, divide the points anew and return the model that the instances show.

    Args:
        model: `RefinedModel`.
        scenes: `SceneSet`, whose poses and labels are replaced.
        number: Of the round, from 0; decides which rotations are tried.
        advance: As of `place`.
    """
    place(model.to_fit(number), scenes, _candidates(model, scenes, number), seed=number, advance=advance)
    share = SHARE if number < _SHARP else _LATE_SHARE
    if number >= _SHARP:
        explain_hard(model, scenes, _HARD_SHARE, seed=number)
    points = fused_model(scenes, model.extent, share=share, noise=scenes.noise)
    symmetries = ModelSymmetries.none()
    if number >= _SHARP:
        best = best_instances(scenes, SHARE)
        symmetries = find_symmetries(scenes, best, points, model.extent, seed=number)
        if symmetries.order or number >= _ROUND:
            points = completed(points, symmetries.moved(points), scenes, best, model.extent)
    scenes.divide(points)
    return RefinedModel(points, extent_of(points), symmetries=symmetries)


def place_new(model, scenes, advance=lambda count: None):
    """Find the poses of scenes that had no part in the model, and divide their points; arguments as `next_round`."""
    if scenes.hypotheses is None:
        explain_all(model, scenes)
    else:
        for number in range(_NEW_ROUNDS):
            source = _candidates(model, scenes, number)
            place(model.to_fit(number), scenes, source, seed=number, advance=advance)
            scenes.divide(model.points)
    for number in range(_SEARCHES):
        explain_hard(model, scenes, seed=number + 1)
    # The points that an instance has now may tell another pose than those it had.
    same = model.symmetries.rotations
    source = sources.near(scenes, model.points, sources.half_turns(model.points))
    place(model.to_fit(), scenes, source, same=same, advance=advance)


def explain_hard(model, scenes, share=1.0, seed=0):
    """Search for better poses in the scenes that are explained worst; at most in a share of them."""
    fitted = model.to_fit(seed)
    left = costs(fitted, scenes)
    # What is explained to a hundredth of the part is not hard, however well the others are.
    limit = max(_HARD * np.median(left), _SMALL * model.extent)
    hard = np.argsort(-left, kind="stable")[: int(np.ceil(share * len(scenes)))]
    hard = hard[left[hard] > limit]
    if len(hard):
        explain(fitted, model.points, scenes, hard, model.extent, seed=seed)


def explain_all(model, scenes, progress=lambda done, total: None):
    """Search for the poses, and where it is open for the number of instances, of all scenes, by the model alone.

    Args:
        model: `RefinedModel`.
        scenes: `SceneSet`.
        progress: Function of (scenes done, scenes in all).
    """
    fitted = model.to_fit()
    for first in range(0, len(scenes), _SEARCHED):
        some = np.arange(first, min(first + _SEARCHED, len(scenes)))
        explain(fitted, model.points, scenes, some, model.extent)
        progress(int(some[-1]) + 1, len(scenes))


def grown_model(scenes, advance=lambda count: None, attempt=1):
    """Return the `RefinedModel` that grows from one instance of a clustering, the best of some.

    Args:
        scenes: `SceneSet` with the labels of a clustering.
        advance: Called with 1 after each round, `GROWTH` times in all.
        attempt: From 1; decides which instances are tried.
    """
    every = scenes.instances()
    extent = float(
        np.quantile([extent_of(points) for _, _, points in every if len(points) > 2], _EXTENT_QUANTILE)
    )
    large = sorted(every, key=lambda one: -len(one[2]))[: max(8, len(every) // 8)]
    starts = range((attempt - 1) * _STARTS, attempt * _STARTS)
    grown = [_grown(scenes, large, extent, start, advance) for start in starts]
    return min(grown, key=lambda one: one[0])[1]


GROWTH = _STARTS * _GROWTH_ROUNDS


def _grown(scenes, large, extent, start, advance):
    """Return (mean residual, `RefinedModel`) that grow from one instance."""
    first = large[np.random.default_rng(start).integers(len(large))][2]
    model = RefinedModel(first, extent)
    for number in range(_GROWTH_ROUNDS):
        rng = np.random.default_rng([start, number])
        some = scenes.select(np.sort(rng.permutation(len(scenes))[: -(-_GROWTH_INSTANCES // scenes.count)]))
        source = sources.everywhere(model.points, sources.sphere(number or None))
        place(model.to_fit(number), some, source, seed=number)
        # The first instance stays until others show all of what it shows.
        early = number < _GROWTH_ROUNDS // 2
        points = fused_model(
            some,
            extent,
            share=min(0.8, _GROWTH_SHARE * (number + 1)),
            least=1 if number < 2 else 2,
            more=[first] if early else (),
        )
        model = RefinedModel(points, extent)
        advance(1)
    return mean_residual(some, extent), model


def _candidates(model, scenes, number):
    turns = np.concatenate([sources.half_turns(model.points), sources.random_turns(_NEAR, number)])
    found = [sources.near(scenes, model.points, turns)]
    if number == 0 and scenes.hypotheses is not None:
        found.append(sources.hypothetical(scenes, model.points))
    # Of poses over the sphere the network needs none at first, and a fused model some every other round.
    if number % 2 or scenes.hypotheses is None and number == 0:
        found.append(sources.everywhere(model.points, sources.sphere(number or None)))
    return sources.joined(*found)
