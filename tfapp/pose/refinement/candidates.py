"""Poses to try: those that are known, turned about the model's axes, and rotations over the whole sphere.

A source of candidates is a function of a list of (scene, instance, points) that returns rotations `(B, C, 3, 3)` and
translations `(B, C, 3)`, C for each of these B instances.
"""

import numpy as np
from scipy.spatial.transform import Rotation

# Points of a model that tell which side of it faces the camera.
_FEW = 300


def near(scenes, model_points, turns):
    """Return the source of the present poses, turned about the model's centre by each of `turns` `(k, 3, 3)`."""
    centre = model_points.mean(0)

    def candidates(chosen):
        at = _places(chosen)
        return turned(scenes.rotation[at], scenes.translation[at], turns, centre)

    return candidates


def hypothetical(scenes, model_points):
    """Return the source of what a network gives, each with half turns about the model's axes."""
    centre, turns = model_points.mean(0), half_turns(model_points)
    rotation, translation = scenes.hypotheses

    def candidates(chosen):
        scene, index = _places(chosen)
        rotations, translations = turned(
            rotation[scene, :, index], translation[scene, :, index], turns, centre
        )
        return rotations.reshape(len(chosen), -1, 3, 3), translations.reshape(len(chosen), -1, 3)

    return candidates


def everywhere(model_points, rotations):
    """Return the source of given rotations `(C, 3, 3)`, the side that faces the camera laid onto what is seen."""
    few = model_points[:: max(1, len(model_points) // _FEW)]

    def candidates(chosen):
        centroids = np.stack([points.mean(0) for _, _, points in chosen])
        shape = (len(chosen), *rotations.shape)
        return np.broadcast_to(rotations, shape), facing(few, rotations, centroids)

    return candidates


def joined(*sources):
    """Return the source of the candidates of all these."""

    def candidates(chosen):
        found = [source(chosen) for source in sources]
        return tuple(np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))

    return candidates


def turned(rotation, translation, turns, centre):
    """Return poses turned by rotations of the model about a point of its frame.

    Args:
        rotation: `(..., 3, 3)`.
        translation: `(..., 3)`.
        turns: `(k, 3, 3)`.
        centre: `(3,)`.

    Returns:
        `(..., k, 3, 3)` and `(..., k, 3)`.
    """
    new = rotation[..., None, :, :] @ turns
    kept = rotation @ centre + translation
    return new, kept[..., None, :] - new @ centre


def facing(points, rotations, centroids):
    """Return translations that lay the side of a model which faces the camera onto the centroids of what is seen.

    Args:
        points: `(m, 3)`, the model.
        rotations: `(C, 3, 3)`.
        centroids: `(B, 3)`, in the frame of the camera.

    Returns:
        `(B, C, 3)`.
    """
    view = centroids / np.linalg.norm(centroids, axis=-1, keepdims=True)
    moved = points @ np.swapaxes(rotations, -1, -2)
    away = np.einsum("cmx,bx->bcm", moved, view)
    front = away <= np.median(away, axis=-1, keepdims=True)
    centres = np.einsum("bcm,cmx->bcx", front, moved) / front.sum(-1, keepdims=True)
    return centroids[:, None] - centres


def half_turns(points):
    """Return the identity and the half turns about the principal axes of points `(m, 3)`: `(4, 3, 3)`."""
    axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    return np.concatenate([np.eye(3)[None], Rotation.from_rotvec(np.pi * axes).as_matrix()])


def random_turns(count, seed):
    """Return random rotations, uniformly distributed, `(count, 3, 3)`."""
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def sphere(seed=None):
    """Return the 60 rotations of the icosahedron, `(60, 3, 3)`; with a seed all turned by one random rotation.

    No rotation is farther than 44.5 degrees from one of them.
    """
    rotations = Rotation.create_group("I").as_matrix()
    return rotations if seed is None else rotations @ random_turns(1, seed)[0]


def _places(chosen):
    return tuple(np.array([(scene, index) for scene, index, _ in chosen]).T)
