"""Suction grasps: places of a part on which the lip of a cup closes."""

import numpy as np

from tfapp.pose.grasps.candidates import Candidates, balance
from tfapp.pose.grasps.grippers import inside_boxes

_RINGS, _AROUND = (0.5, 1.0), 16


def suction_grasps(sampled, gripper, symmetries):
    """Return the `Candidates` of a part for a suction cup.

    A cup closes where all of the disc below its lip is there, within `seal` of a plane across the normal (as the
    projected ring of J. Mahler and others, *Dex-Net 3.0*, 2018). The quality is the square root of two numbers from 0
    to 1: how much of the seal's play is left, and how near to the cup's axis the centre of mass lies.

    Args:
        sampled: `SampledSurface`.
        gripper: `SuctionGripper`.
        symmetries: `ModelSymmetries` of the part.
    """
    rotation = _frames(sampled.normals)
    uneven = np.abs(below_lip(sampled.first_hits, rotation, sampled.points, gripper.cup_diameter)).max(1)
    levers = np.linalg.norm(np.cross(sampled.centre - sampled.points, sampled.normals), axis=1)
    quality = np.sqrt(np.clip(1 - uneven / gripper.seal, 0, 1) * balance(levers, sampled.extent))
    chosen = np.flatnonzero(quality > 0)
    boxes = gripper.boxes()
    free = [
        not inside_boxes((sampled.points - sampled.points[one]) @ rotation[one], boxes).any()
        for one in chosen
    ]
    chosen = chosen[np.array(free, bool)]
    found = Candidates(rotation[chosen], sampled.points[chosen], np.zeros(len(chosen)), quality[chosen])
    return found.with_symmetries(symmetries)


def below_lip(first_hits, rotation, places, diameter):
    """Return how far what is below the lip of a cup lies behind the lip's plane, at places all over its disc.

    Args:
        first_hits: Function of origins and directions `(k, 3)` that returns how far rays go until they meet something.
        rotation: `(n, 3, 3)`, from the frame of the cup, whose z leads to the part.
        places: `(n, 3)`, the middle of the lip.
        diameter: Of the lip, metres.

    Returns:
        float64 `(n, 33)`, metres, infinite where there is nothing.
    """
    angles = 2 * np.pi * np.arange(_AROUND) / _AROUND
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(_AROUND)], 1)
    disc = np.concatenate([np.zeros((1, 3)), *(ring * diameter / 2 * circle for ring in _RINGS)])
    above = disc - [0, 0, diameter / 2]
    origins = above @ np.swapaxes(rotation, 1, 2) + places[:, None]
    directions = np.broadcast_to(rotation[:, None, :, 2], origins.shape)
    far = first_hits(origins.reshape(-1, 3), directions.reshape(-1, 3)).reshape(origins.shape[:2])
    return far - diameter / 2


def _frames(normals):
    """Return rotations (n, 3, 3) whose z is opposite to normals."""
    towards = -normals
    helper = np.where(np.abs(towards[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    across = np.cross(helper, towards)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack([across, np.cross(towards, across), towards], -1)
