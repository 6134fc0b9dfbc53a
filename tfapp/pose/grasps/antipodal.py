"""Antipodal grasps: pairs of contacts whose line lies in both cones of friction.

Two contacts with friction hold a part against any force if and only if it does (V.-D. Nguyen, *Constructing
Force-Closure Grasps*, 1988; with soft fingers against any torque too).
"""

import numpy as np

from tfapp.pose.grasps.candidates import Candidates, balance
from tfapp.pose.grasps.grippers import inside_boxes

# First contacts, and rays from each: along the normal, and others within half of the friction cone.
_FIRST, _RAYS = 1500, 3
# Approaches about the line between the contacts.
_ROLLS = 24
# Pairs that are looked at from all sides, with their symmetric equivalents; and of a part of many symmetries at least.
_PAIRS, _FEWEST = 300, 100
# Pairs nearer than this share of the part's extent, whose lines agree to half a unit in every coordinate, are one: all
# of the part is to be held somewhere, as the best places may be out of reach.
_SAME = 1 / 12
# What a pad may be from the part and still touch it, metres: less is roughness of a learned surface.
_TOUCH = 0.001


def antipodal_grasps(sampled, gripper, symmetries, seed=0):
    """Return the `Candidates` of a part for two fingers.

    The quality is the cube root of three numbers from 0 to 1: how far inside the friction cones the line between the
    contacts lies, how near to it the centre of mass, and which share of a square pad has the part behind it, of the
    finger for which that is less.

    Args:
        sampled: `SampledSurface`.
        gripper: `ParallelGripper`.
        symmetries: `ModelSymmetries` of the part.
        seed: Of the first contacts.
    """
    first, second, closure = _contacts(sampled, gripper, np.random.default_rng(seed))
    middle, line = (first + second) / 2, second - first
    width = np.linalg.norm(line, axis=1)
    line = line / width[:, None]
    levers = np.linalg.norm(np.cross(sampled.centre - middle, line), axis=1)
    promise = closure * balance(levers, sampled.extent)
    chosen = _apart(middle / sampled.extent, line, promise, max(_FEWEST, _PAIRS // len(symmetries.rotations)))
    found = [
        _from_all_sides(sampled, gripper, middle[one], line[one], width[one], promise[one]) for one in chosen
    ]
    if not found:
        return Candidates(np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    return Candidates(*(np.concatenate(part) for part in zip(*found, strict=True))).with_symmetries(
        symmetries
    )


def _contacts(sampled, gripper, rng):
    """Return pairs of contacts, both `(n, 3)`, that are force closures and fit, and how good a closure each is."""
    cone = np.arctan(gripper.friction)
    start = rng.choice(len(sampled.points), min(_FIRST, len(sampled.points)), replace=False)
    start = np.tile(start, _RAYS)
    points, normals = sampled.points[start], sampled.normals[start]
    aside = rng.normal(size=normals.shape)
    aside -= (aside * normals).sum(1, keepdims=True) * normals
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    away = np.tan(rng.uniform(0, cone / 2, len(start)))
    away[: len(start) // _RAYS] = 0
    directions = away[:, None] * aside - normals
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # From a little outside: the surface that it begins at is entered there.
    number, far, flat = sampled.exits(points - 1e-4 * directions, directions)
    far = far - 1e-4
    fits = (far > 2 * _TOUCH) & (far <= gripper.widest)
    number, far, flat = number[fits], far[fits], flat[fits]
    second = points[number] + far[:, None] * directions[number]
    angles = np.stack(
        [
            _angle(-normals[number], directions[number]),
            _angle(sampled.normals_at(second, flat), directions[number]),
        ]
    ).max(0)
    closed = angles < cone
    return points[number][closed], second[closed], 1 - angles[closed] / cone


def _angle(a, b):
    return np.arccos(np.clip((a * b).sum(-1), -1, 1))


def _apart(middle, line, promise, count):
    """Return the positions of the most promising pairs, best first, none beside another that is the same."""
    line = line * np.where(line[np.arange(len(line)), np.abs(line).argmax(1)] < 0, -1, 1)[:, None]
    keys = np.concatenate([np.round(middle / _SAME), np.round(2 * line)], 1).astype(int)
    order = np.argsort(-promise, kind="stable")
    _, best = np.unique(keys[order], axis=0, return_index=True)
    return order[np.sort(best)][:count]


def _from_all_sides(sampled, gripper, middle, line, width, promise):
    """Return rotations, places, widths and qualities of those approaches on which nothing touches but the pads."""
    one = np.linalg.svd(line[None])[2][1]
    other = np.cross(line, one)
    angles = 2 * np.pi * np.arange(_ROLLS) / _ROLLS
    approach = np.cos(angles)[:, None] * one + np.sin(angles)[:, None] * other
    lines = np.broadcast_to(line, approach.shape)
    rotation = np.stack([lines, np.cross(approach, lines), approach], -1)
    offsets = sampled.points - middle
    along = np.abs(offsets @ line)
    # From where a finger opens to where it touches; what is nearer to the middle than the pads meets the palm alone.
    swept = gripper.boxes(width, inner=width / 2 + _TOUCH)
    root = swept[2, 1, 2]
    some = (along > swept[0, 0, 0]) | ((offsets**2).sum(1) - along**2 > root**2)
    free = ~inside_boxes(offsets[some] @ rotation, swept).any(-1)
    rotation = rotation[free]
    touching = [
        (np.abs((offsets[side] @ rotation)[..., 1:]) < gripper.finger_width / 2).all(-1).sum(-1)
        for side in (np.abs(offsets @ line - sign * width / 2) < _TOUCH for sign in (-1, 1))
    ]
    area = np.minimum(*touching) * sampled.area / len(sampled.points)
    quality = np.cbrt(promise * np.clip(area / gripper.finger_width**2, 0, 1))
    held = quality > 0
    count = int(held.sum())
    return rotation[held], np.tile(middle, (count, 1)), np.full(count, width), quality[held]
