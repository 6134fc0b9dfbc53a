"""What a depth sensor measures of a scene: rays are cast, and the effects of the sensor change what they meet.

Two facts of the scene are computed, not drawn: a pixel is in the shadow if the way from the point that it sees to the
second camera, or to the projector, is barred; and a pixel at an edge has the mean disparity of all that it covers.
"""

import itertools

import numpy as np

from tfapp.pose.simulation.ray_casting import Rendering
from tfapp.pose.simulation.sensors import EFFECTS

# What bars the way must be nearer to the second viewpoint by this share than the point itself.
_BARRED = 1e-4
# Rays along each side of the square that a pixel covers.
_ACROSS = 3


def measure(sensor, caster, camera, scene, entropy) -> Rendering:
    """Return what a sensor measures.

    Every effect has random numbers of its own, so that one more or less leaves those of the others as they are.

    Args:
        sensor: `Sensor`.
        caster: `DepthCaster` of the camera.
        camera: `Camera` of the picture.
        scene: Pose of the bin and poses of the parts, as of `DepthCaster.meet`.
        entropy: Whole numbers that decide the random ones.

    Returns:
        The `Rendering`: depth is 0 where nothing is measured. A label is that of the instance which the pixel really
        looked at, and 0 where nothing was measured or the depth is mixed: see `is_mixed`.
    """
    random = {
        effect: np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(place,)))
        for place, effect in enumerate(EFFECTS)
    }
    rays = camera.rays()
    if sensor.has("jitter"):
        rays[..., :2] += random["jitter"].normal(0, sensor.jitter / sensor.focal, (*rays.shape[:2], 2))
    hits = caster.meet(rays, scene)
    seen = np.isfinite(hits.distance)
    disparity, mixed = disparity_of(sensor, hits.distance), np.zeros(seen.shape, bool)
    if sensor.has("flying-pixels"):
        disparity = _mean_disparity(sensor, caster, rays, scene)
        mixed = is_mixed(sensor, disparity, hits.distance)
    measured = disparity > 0
    if sensor.has("holes"):
        share = share_measured(sensor, np.arccos(hits.cosine.clip(0, 1)))
        measured &= random["holes"].random(seen.shape) < np.where(seen, share, 1)
    if sensor.has("shadow"):
        measured &= ~_in_shadow(sensor, caster, rays, hits.distance, scene)
    if sensor.has("noise"):
        disparity = disparity + random["noise"].normal(0, sensor.noise, disparity.shape)
    depth = depth_of(sensor, disparity)
    if sensor.has("quantisation"):
        depth = quantised(sensor, depth)
    measured &= (depth >= sensor.nearest) & (depth <= sensor.farthest)
    return Rendering(
        np.where(measured, depth, 0).astype(np.float32),
        np.where(measured & ~mixed, hits.labels, 0).astype(np.uint8),
    )


def disparity_of(sensor, depth):
    """Return the disparity in pixels of depths in metres; 0 of what is infinitely far."""
    return sensor.focal * sensor.baseline / np.asarray(depth, np.float64)


def depth_of(sensor, disparity):
    """Return the depth in metres of disparities in pixels; infinite where there is none."""
    product = sensor.focal * sensor.baseline
    return np.divide(product, disparity, out=np.full(np.shape(disparity), np.inf), where=disparity > 0)


def quantised(sensor, depth):
    """Return depths in metres as the sensor writes them: whole steps of the disparity, then of the depth."""
    if sensor.disparity_step:
        disparity = disparity_of(sensor, depth)
        depth = depth_of(sensor, np.round(disparity / sensor.disparity_step) * sensor.disparity_step)
    if sensor.depth_step:
        depth = np.round(depth / sensor.depth_step) * sensor.depth_step
    return depth


def share_measured(sensor, angle):
    """Return in [0, 1] which share of pixels is measured at angles, in radians, between ray and surface normal."""
    least, most = np.deg2rad(sensor.grazing)
    return np.clip((most - angle) / (most - least), 0, 1)


def is_mixed(sensor, disparity, depth):
    """Return whether a pixel flies: whether its mixed depth is no longer that of what it looks at.

    On a smooth surface the mean over a pixel is what its middle sees. At an edge it is a depth between two surfaces at
    which nothing is; the pixel flies if that is farther from what its middle sees than the pixel itself is wide.

    Args:
        sensor: `Sensor`.
        disparity: Mean over each pixel.
        depth: What its middle sees, in metres; infinite where that is nothing.
    """
    found = depth_of(sensor, disparity)
    away = np.abs(np.subtract(found, depth, out=np.zeros(np.shape(found)), where=np.isfinite(found)))
    return away > sensor.footprint / sensor.focal * np.where(np.isfinite(found), found, 1)


def _mean_disparity(sensor, caster, rays, scene):
    """Return the mean disparity of what each pixel covers of the scene; 0 where that is nothing."""
    places = (np.arange(_ACROSS) - (_ACROSS - 1) / 2) / _ACROSS * sensor.footprint / sensor.focal
    total, count = np.zeros(rays.shape[:2]), np.zeros(rays.shape[:2])
    for x, y in itertools.product(places, places):
        disparity = disparity_of(sensor, caster.meet(rays + [x, y, 0.0], scene).distance)
        total += disparity
        count += disparity > 0
    return total / np.maximum(count, 1)


def _in_shadow(sensor, caster, rays, depth, scene):
    """Return whether something stands between each point that is seen and the second camera or the projector."""
    second = np.array([sensor.baseline, 0.0, 0.0])
    seen = np.isfinite(depth)
    points = rays * np.where(seen, depth, 1)[..., None]
    return seen & (caster.meet(points - second, scene, second).distance < 1 - _BARRED)
