"""Search for the poses that explain a scene, whatever was thought of it."""

import numpy as np
import pytest

from tests.pose.rendered_parts import EXTENT, part, pose, scenes_of
from tfapp.pose.refinement.explanation import costs, explain
from tfapp.pose.refinement.placement import model_of

# Searches trace graphs of many steps.
pytestmark = pytest.mark.slow
MODEL = part()


@pytest.fixture(scope="module")
def explained():
    """Two scenes of two parts each, and what was found of the first, which was divided in halves at wrong poses."""
    (a, at), (b, _), (c, _), (d, _) = (pose(seed) for seed in range(4))
    aside = np.array([0.03, 0, 0])
    scenes = scenes_of([[(a, at - aside), (b, at + aside)], [(c, at - aside), (d, at + aside)]])
    true = [labels.copy() for labels in scenes.labels]
    kept = scenes.rotation[1].copy(), scenes.translation[1].copy()
    scenes.labels[0] = (scenes.points[0][:, 1] > np.median(scenes.points[0][:, 1])).astype(int)
    scenes.rotation[0] = np.eye(3)
    scenes.translation[0] = at
    better = explain(model_of(MODEL, EXTENT), MODEL, scenes, np.array([0, 1]), EXTENT)
    return scenes, true, kept, better


def test_a_wrongly_divided_scene_is_divided_rightly(explained):
    scenes, true, _, better = explained
    assert better[0]
    agreeing = (scenes.labels[0] == true[0]).mean()
    assert max(agreeing, 1 - agreeing) > 0.99


def test_poses_that_are_found_explain_the_scene(explained):
    assert costs(model_of(MODEL, EXTENT), explained[0])[0] < 0.02 * EXTENT


def test_a_scene_that_is_explained_stays_so(explained):
    scenes, true, _, _ = explained
    agreeing = (scenes.labels[1] == true[1]).mean()
    assert max(agreeing, 1 - agreeing) > 0.99


def test_poses_in_the_air_cost_more_than_true_ones():
    scenes = scenes_of([[pose(5)], [pose(5)]])
    scenes.translation[1, 0, 2] -= 0.03
    true, wrong = costs(model_of(MODEL, EXTENT), scenes)
    assert true < 0.02 * EXTENT < wrong
