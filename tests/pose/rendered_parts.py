"""An L-shaped part of two boxes and depth pictures of it by rays, for tests of the refinement."""

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.refinement.evidence import evidence_of
from tfapp.pose.refinement.scene_set import SceneSet
from tfapp.pose.scenes.camera import Camera

CAMERA = Camera(64, 64, 240.0, 240.0, 32.0, 32.0)
EXTENT = 0.05
CORNER = np.array([-0.02, -0.01, -0.006])
SIDES = np.array([[0.05, 0.012, 0.012], [0.012, 0.03, 0.012]])


def part(spacing=0.001):
    """Return points (m, 3) on the surface of two boxes of unequal length that make an L, metres."""
    points = np.concatenate([box(CORNER, CORNER + sides, spacing) for sides in SIDES])
    inside = [((points > CORNER + 1e-9) & (points < CORNER + sides - 1e-9)).all(1) for sides in SIDES]
    return np.unique(points[~np.any(inside, axis=0)].round(9), axis=0)


def box(low, high, spacing):
    """Return points (m, 3) on the surface of a box."""
    sides = [np.linspace(a, b, round((b - a) / spacing) + 1) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 3)
    return grid[((grid == low) | (grid == high)).any(1)]


def pose(seed):
    """Return a random rotation (3, 3) and a translation (3,) half a metre in front of the camera."""
    rng = np.random.default_rng(seed)
    return Rotation.random(rng=rng).as_matrix(), np.array([*rng.uniform(-0.01, 0.01, 2), 0.5])


def depth_of(poses, camera=CAMERA):
    """Return the picture, float32 (height, width), of the part at some poses, and which of them is seen, from 0."""
    depths = np.stack([_along_rays(*one, camera) for one in poses])
    depth, shown = depths.min(0), depths.argmin(0)
    seen = np.isfinite(depth)
    return np.where(seen, depth, 0).astype(np.float32), np.where(seen, shown, -1)


def _along_rays(rotation, translation, camera):
    """Return where each ray enters one of the boxes (slabs of Kay and Kajiya, 1986), inf where it misses both."""
    origin, rays = -translation @ rotation, camera.rays() @ rotation
    found = np.full(rays.shape[:2], np.inf)
    for sides in SIDES:
        crossed = (np.stack([CORNER, CORNER + sides]) - origin)[:, None, None] / rays
        enters, leaves = crossed.min(0).max(-1), crossed.max(0).min(-1)
        found = np.where(enters < leaves, np.minimum(found, enters), found)
    return found


def scenes_of(scenes, cameras=None):
    """Return the `SceneSet` of scenes, lists of poses, each with a camera, with true labels and true poses."""
    cameras = cameras or [CAMERA] * len(scenes)
    pictures, shown = zip(*map(depth_of, scenes, cameras), strict=True)
    pixels = [camera.back_project(picture) for picture, camera in zip(pictures, cameras, strict=True)]
    labels = [which[tuple(at.T)] for which, (_, at) in zip(shown, pixels, strict=True)]
    points = [found.astype(float) for found, _ in pixels]
    found = SceneSet(
        points,
        labels,
        evidence_of(np.stack(pictures), cameras),
        np.stack([camera.intrinsics for camera in cameras]),
        len(scenes[0]),
    )
    found.rotation = np.array([[rotation for rotation, _ in poses] for poses in scenes])
    found.translation = np.array([[translation for _, translation in poses] for poses in scenes])
    return found
