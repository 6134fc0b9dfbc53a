"""Reference models: scores of points that learned nothing, and of points that know the part, as of a learned model."""

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.registration import Registration, register_model

INTERIOR, SURFACE = "random points inside the part", "random points of its surface"


def register_references(vertices, triangles, count, *, seed=0) -> dict[str, Registration]:
    """Register random points inside a part, and random points of its surface, as a learned model is registered.

    A learned model says something of the part's shape only as far as it is nearer to it than the first, and no model
    of as many points can be much nearer than the second. Both are turned at random, so that neither lies right at the
    start.

    Args:
        vertices: (v, 3), of the CAD model, metres.
        triangles: Whole numbers (t, 3).
        count: Number of points of each, as many as the learned model has; >= 3.
        seed: Of the points.

    Returns:
        From `INTERIOR` and `SURFACE` to the `Registration`s; without `INTERIOR` where the mesh encloses nothing.

    Raises:
        InputError: As `register_model`.
    """
    surface = CadSurface(vertices, triangles)
    clouds = {INTERIOR: surface.sample_inside(count, seed), SURFACE: surface.sample(count, seed + 1)}
    turns = dict(zip(clouds, Rotation.random(len(clouds), random_state=seed).as_matrix(), strict=True))
    return {
        name: register_model(np.asarray(points) @ turns[name], vertices, triangles, seed=seed + 2)
        for name, points in clouds.items()
        if points is not None
    }
