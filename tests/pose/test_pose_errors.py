import numpy as np
import pytest
from meshes import bracket, handed
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.pose.evaluation.pose_errors import (
    instance_scores,
    part_poses,
    pose_errors,
    summarise,
    surface_errors,
)
from tfapp.pose.evaluation.registration import Distances, Registration
from tfapp.pose.evaluation.symmetries import Symmetries

NONE = Symmetries.of([])
HALF_TURN = Symmetries.of([np.diag([-1.0, -1.0, 1.0])])
AXIS = Symmetries.of({"axis": [0, 0, 2]})
MIRROR = np.diag([1.0, -1.0, 1.0])
NOWHERE = Distances(0.0, 0.0)


def turn(*vector):
    return Rotation.from_rotvec(vector).as_matrix()


def registration(reflected=False, seed=0):
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    return Registration(rotation, rng.normal(0, 0.1, 3), reflected, NOWHERE, NOWHERE)


def truth(count, seed=0):
    rotations = Rotation.random(count, random_state=seed).as_matrix()
    return rotations, np.random.default_rng(seed).normal(0, 0.1, (count, 3)) + [0, 0, 0.6]


@pytest.mark.parametrize("model_reflected", [False, True])
@pytest.mark.parametrize("pose_reflected", [False, True])
def test_poses_of_the_part_move_it_where_poses_of_the_learned_model_move_that(
    model_reflected, pose_reflected
):
    frame = registration(model_reflected)
    rotation, translation = truth(1)
    learned = np.random.default_rng(3).normal(0, 0.05, (20, 3))
    sign = -1.0 if pose_reflected else 1.0
    seen = sign * learned @ rotation[0].T + translation[0]
    (part,), (origin,) = part_poses(rotation, translation, [pose_reflected], frame)
    np.testing.assert_allclose(frame.apply(learned) @ part.T + origin, seen, atol=1e-12)
    assert np.linalg.det(part) == pytest.approx(-1 if pose_reflected != model_reflected else 1)


@pytest.mark.parametrize("reflected", [False, True])
def test_true_poses_in_the_frame_of_the_learned_model_have_no_error(reflected):
    frame, (rotations, translations) = registration(reflected), truth(3)
    # p = T x + u of the part is p = (T a A) y + (T c + u) of the learned model, with a = -1 where it is reflected.
    learned = rotations @ frame.rotation, rotations @ frame.translation + translations
    estimated = part_poses(*learned, np.full(3, reflected), frame)
    errors = pose_errors(estimated, (rotations, translations), NONE)
    np.testing.assert_allclose(errors.rotation, 0, atol=1e-7)
    np.testing.assert_allclose(errors.translation, 0, atol=1e-12)


def test_instances_are_matched_by_translation_whatever_their_order():
    rotations, translations = truth(4)
    order = [2, 0, 3, 1]
    errors = pose_errors((rotations[order], translations[order]), (rotations, translations), NONE)
    np.testing.assert_array_equal(errors.matched, [1, 3, 0, 2])
    np.testing.assert_allclose(errors.rotation, 0, atol=1e-7)


def test_matching_has_the_smallest_sum_and_not_the_nearest_first():
    true = np.zeros((2, 3)), np.array([[0.0, 0, 0], [1.0, 0, 0]])
    estimated = np.array([[0.9, 0, 0], [2.5, 0, 0]])
    same = np.stack([np.eye(3)] * 2)
    errors = pose_errors((same, estimated), (same, true[1]), NONE)
    np.testing.assert_allclose(errors.translation, [0.9, 1.5])


@pytest.mark.parametrize(
    ("error", "symmetries", "expected"),
    [
        (turn(0, 0, 0.3), NONE, 0.3),
        (turn(1e-6, 0, 0), NONE, 1e-6),
        (turn(0, np.pi, 0), NONE, np.pi),
        (turn(0, 0, np.pi - 0.2), HALF_TURN, 0.2),
        (turn(0, np.pi - 0.2, 0), HALF_TURN, np.pi - 0.2),
        (turn(0, 0, 2.0), AXIS, 0.0),
        (turn(0, 0.4, 0) @ turn(0, 0, 2.0), AXIS, 0.4),
        (turn(0, np.pi, 0), AXIS, np.pi),
        (MIRROR, NONE, np.nan),
        (turn(0, 0.4, 0) @ MIRROR, AXIS, 0.4),
        (turn(0, 0.4, 0) @ MIRROR, NONE.with_mirror(MIRROR), 0.4),
        (turn(0, 0.4, 0), NONE.with_mirror(MIRROR), 0.4),
        (turn(0, 0, 0.1) @ np.diag([-1.0, 1.0, 1.0]), HALF_TURN.with_mirror(MIRROR), 0.1),
    ],
)
def test_rotation_errors_are_the_smallest_angle_over_the_symmetries(error, symmetries, expected):
    (rotation,), _ = truth(1)
    (angle,) = symmetries.rotation_error([rotation @ error], [rotation])
    np.testing.assert_allclose(angle, expected, atol=1e-9, rtol=1e-6)


def test_surface_error_of_a_shift_is_its_length():
    rotations, translations = truth(2)
    moved = translations + [[0.003, 0, 0.004], [0, 0, 0.001]]
    errors = surface_errors((rotations, moved), (rotations, translations), handed()[0], NONE)
    np.testing.assert_allclose(errors, [0.005, 0.001])


@pytest.mark.parametrize(
    ("error", "symmetries", "expected"),
    [
        # The corner that is farthest from the axis of a half turn moves by twice its distance from it.
        (turn(0, 0, np.pi), NONE, 2 * np.hypot(0.03, 0.01)),
        (turn(0, 0, np.pi), HALF_TURN, 0.0),
        (turn(0, 0, 1.0), AXIS, 2 * np.hypot(0.03, 0.01) * np.sin(0.5 * np.pi / 315)),
        (MIRROR, NONE, 0.02),
        (MIRROR, NONE.with_mirror(MIRROR), 0.0),
        (MIRROR, AXIS, 2 * np.hypot(0.03, 0.01) * np.sin(0.5 * np.pi / 315)),
    ],
)
def test_surface_error_is_that_of_the_best_symmetry(error, symmetries, expected):
    rotations, translations = truth(1)
    estimated = rotations @ error, translations
    found = surface_errors(estimated, (rotations, translations), bracket()[0], symmetries)
    if symmetries is AXIS:  # the turn lies between two of the steps
        assert found <= expected + 1e-12
    else:
        np.testing.assert_allclose(found, [expected], atol=1e-12)


@pytest.mark.parametrize(
    ("error", "expected"), [(turn(np.pi, 0, 0), 0.0), (turn(0.3, 0, 0), 0.3), (turn(0, 0, 2.0), 0.0)]
)
def test_an_axis_may_stand_beside_matrices_that_swap_its_ends(error, expected):
    symmetries = Symmetries.of([{"axis": [0, 0, 3]}, np.diag([1.0, -1.0, -1.0]).tolist()])
    (rotation,), _ = truth(1)
    np.testing.assert_allclose(
        symmetries.rotation_error([rotation @ error], [rotation]), [expected], atol=1e-9
    )
    assert len(symmetries.all_matrices()) == 4 * 315


def test_symmetries_have_the_identity_once():
    assert len(Symmetries.of([]).matrices) == 1
    assert len(Symmetries.of([np.eye(3).tolist()]).matrices) == 1
    assert len(HALF_TURN.matrices) == 2


@pytest.mark.parametrize(
    "description",
    [
        [[[2, 0, 0], [0, 1, 0], [0, 0, 1]]],
        [[1, 2]],
        ["x"],
        {"axis": [0, 0, 0]},
        {"axis": "z"},
        {"turns": 3},
        5,
    ],
)
def test_symmetries_of_another_form_are_refused(description):
    with pytest.raises(InputError, match="ymmetr.*must be .*Received"):
        Symmetries.of(description)


@pytest.mark.parametrize(
    ("estimated", "message"),
    [
        ((np.zeros((2, 4)), np.zeros((2, 3))), r"Received: shapes \(2, 4\) and \(2, 3\)"),
        ((truth(2)[0] * np.nan, truth(2)[1]), "predicted poses that are finite"),
    ],
)
def test_poses_of_another_form_are_refused(estimated, message):
    with pytest.raises(InputError, match=message):
        pose_errors(estimated, truth(2), NONE)


def test_a_summary_leaves_reflected_parts_out_of_the_rotation_and_counts_them():
    rotations, translations = truth(2)
    estimated = (
        np.stack([rotations[0] @ turn(0, 0, 0.2), rotations[1] @ MIRROR]),
        translations + [0, 0, 0.001],
    )
    summary = summarise([pose_errors(estimated, (rotations, translations), NONE)] * 2)
    assert summary == {
        "rotation_median": pytest.approx(0.2),
        "rotation_mean": pytest.approx(0.2),
        "translation_median": pytest.approx(0.001),
        "translation_mean": pytest.approx(0.001),
        "reflected": 0.5,
        "within_5_degrees_5_mm": 0.0,
        "within_10_degrees_5_mm": 0.0,
    }


def test_shares_are_of_all_instances_and_need_both_the_rotation_and_the_translation():
    rotations, translations = truth(5)
    turns = [turn(0, 0, np.radians(angle)) for angle in (4, 9, 4, 4)] + [MIRROR]
    moved = translations + [[0, 0, length] for length in (0.004, 0.004, 0.006, 0.0, 0.0)]
    summary = summarise([pose_errors((rotations @ turns, moved), (rotations, translations), NONE)])
    assert (summary["within_5_degrees_5_mm"], summary["within_10_degrees_5_mm"]) == (0.4, 0.6)


def test_true_instances_without_a_predicted_one_are_missed():
    rotations, translations = truth(3)
    estimated = (rotations[[2, 0]], translations[[2, 0]] + [0, 0, 0.001])
    errors = pose_errors(estimated, (rotations, translations), NONE)
    np.testing.assert_array_equal(errors.matched, [1, -1, 0])
    np.testing.assert_allclose(errors.rotation, [0, np.inf, 0], atol=1e-7)
    np.testing.assert_allclose(errors.translation, [0.001, np.inf, 0.001])
    summary = summarise([errors])
    assert summary["translation_mean"] == pytest.approx(0.001) and summary["reflected"] == 0
    assert summary["within_5_degrees_5_mm"] == pytest.approx(2 / 3)


def test_predicted_instances_that_are_not_there_cost_precision_and_missed_ones_recall():
    rotations, translations = truth(3)
    many = np.concatenate([rotations, rotations]), np.concatenate([translations + 5, translations])
    errors = [
        pose_errors(many, (rotations, translations), NONE),
        pose_errors((rotations[:1], translations[:1]), (rotations, translations), NONE),
    ]
    np.testing.assert_array_equal(errors[0].matched, [3, 4, 5])
    assert instance_scores(errors, 7, 0.1) == pytest.approx(
        {"instance_precision": 4 / 7, "instance_recall": 4 / 6}
    )


@pytest.mark.parametrize(("degrees", "length", "share"), [(9, 0.009, 1.0), (11, 0.0, 0.0), (0, 0.011, 0.0)])
def test_an_instance_is_found_within_ten_degrees_and_a_tenth_of_the_extent(degrees, length, share):
    rotations, translations = truth(1)
    estimated = rotations @ turn(0, 0, np.radians(degrees)), translations + [0, 0, length]
    found = instance_scores([pose_errors(estimated, (rotations, translations), NONE)], 1, 0.1)
    assert found == {"instance_precision": share, "instance_recall": share}


def test_a_summary_of_reflected_parts_alone_has_no_rotation():
    rotations, translations = truth(1)
    errors = pose_errors((rotations @ MIRROR, translations), (rotations, translations), NONE)
    assert summarise([errors])["rotation_median"] is None


def test_an_axis_whose_ends_a_symmetry_swaps_has_no_ends():
    flip = np.diag([1.0, -1, -1])
    swapped = Symmetries.of([{"axis": [0, 0, 2]}, flip.tolist()])
    turn = Rotation.from_euler("zx", [70, 30], degrees=True).as_matrix()[None]
    for true in (turn, turn @ flip):
        np.testing.assert_allclose(swapped.rotation_error(turn, true), 0, atol=1e-7)
    np.testing.assert_allclose(AXIS.rotation_error(turn, turn @ flip), np.pi)
    images = swapped.all_matrices()
    assert len(images) == 2 * len(AXIS.all_matrices()) and any(np.allclose(one, flip) for one in images)


def test_two_axes_of_revolution_are_refused():
    with pytest.raises(InputError, match="Symmetries may have one axis of revolution. Received: 2"):
        Symmetries.of([{"axis": [0, 0, 1]}, {"axis": [0, 1, 0]}])
