"""Symmetries that nobody named are found from the mesh of the part; confidence is judged by what it leaves out."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.abstention import abstention_scores
from tfapp.pose.evaluation.pose_errors import PoseErrors, instance_scores, right_predictions
from tfapp.pose.refinement.mesh_symmetries import mesh_symmetries
from tfapp.pose.scene_comparison import searches_symmetries
from tfapp.pose.simulation.parts import BUILT_IN

EYE = np.eye(3).tolist()
HALF = np.diag([-1.0, -1.0, 1.0]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_found_symmetries_of_a_mesh_are_the_known_ones(name):
    part = BUILT_IN[name]()
    symmetries, phrase = mesh_symmetries(part.vertices, part.triangles)
    found, known = symmetries.matrices, np.asarray(part.symmetries)
    assert len(found) == len(known), phrase
    apart = Rotation.from_matrix(
        (np.swapaxes(known, 1, 2)[:, None] @ found[None]).reshape(-1, 3, 3)
    ).magnitude()
    assert np.degrees(apart.reshape(len(known), -1).min(1)).max() < 0.5


@pytest.mark.slow
def test_axis_beside_the_origin_is_left_out_and_said():
    part = BUILT_IN["bolt"]()
    symmetries, phrase = mesh_symmetries(part.vertices + [0.005, 0, 0], part.triangles)
    assert len(symmetries.matrices) == 1
    assert phrase == "rotation by 60° about one axis, beside the origin of the mesh: left out"


@pytest.mark.parametrize(
    ("named", "part", "searched"),
    [
        (None, None, True),
        ([], None, True),
        ([EYE], "own.stl", True),
        ([EYE], "l-bracket", False),
        ([EYE, HALF], "own.stl", False),
        ({"axis": [0, 0, 1]}, None, False),
        ([{"axis": [0, 0, 1]}], None, False),
    ],
)
def test_symmetries_are_searched_where_a_part_of_its_own_has_no_named_ones(named, part, searched):
    folder = SimpleNamespace(symmetries=named, record=None if part is None else {"part": part})
    assert searches_symmetries(folder) is searched


def test_confidence_is_judged_by_order_and_by_the_surest():
    scores = abstention_scores([0.9, 0.1, 0.8, 0.2], [True, False, False, True])
    # Of four pairs of a right and a wrong one, three are ordered as they should be.
    assert scores == {
        "confidence_auroc": 0.75,
        "precision_at_50": 0.5,
        "precision_at_80": pytest.approx(2 / 3),
        "precision_at_all": 0.5,
    }


def test_confidence_of_poses_that_are_all_right_has_no_auroc():
    assert abstention_scores([0.9, 0.1], [True, True])["confidence_auroc"] is None


def test_right_predictions_are_those_that_count_as_found():
    # The second true instance has no partner; the fourth prediction has none either.
    errors = PoseErrors(
        np.array([2, -1, 0, 1]), np.radians([3, np.inf, 40, 9]), np.array([1, np.inf, 1, 4]) / 1000
    )
    right = right_predictions(errors, 4, 0.05)
    np.testing.assert_array_equal(right, [False, True, True, False])
    assert instance_scores([errors], 4, 0.05) == {"instance_precision": 0.5, "instance_recall": 0.5}
