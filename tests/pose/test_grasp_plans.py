"""Grasps of scenes: obstacles, plans, files and pictures, and `tfapp pose grasps`."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.pose.box_scene import (
    CAMERA,
    FLOOR,
    MESH,
    SIDES,
    VOXEL,
    BoxPredictor,
    depth_of_box,
    scene_poses,
)
from tests.pose.fitted_runs import run_of_points, surface_points
from tests.pose.own_scenes import write_own_scenes
from tests.pose.pose_commands import check_refused, files_of, tfapp
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.grasps.grasp_files import write_grasps
from tfapp.pose.grasps.grippers import ParallelGripper, SuctionGripper
from tfapp.pose.grasps.obstacles import Obstacles
from tfapp.pose.grasps.planner import GraspPlanner, PlanOptions, up_named
from tfapp.pose.pictures.grasp_pictures import draw_grasps, outlines
from tfapp.pose.predictor import Predictor
from tfapp.pose.scenes.mesh_files import write_mesh

pytest.importorskip("open3d", reason="rays are cast with the extra `pose`")
slow = pytest.mark.slow
FINGERS = ParallelGripper(0.03, finger_width=0.008)
CUP = SuctionGripper(0.008, seal=0.0004)


def obstacles(depth, floor=None):
    points = surface_points(*MESH, 10_000)
    return Obstacles(depth, CAMERA, scene_poses(points).clouds, VOXEL, floor)


def across(y=0.0, z=FLOOR - 0.008):
    """Return the pose of a gripper that comes down along the camera's axis and closes across the box."""
    return Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([0, y, z])


def test_fingers_beside_the_box_are_free():
    contact = obstacles(depth_of_box()).contact(0, *across(), FINGERS.boxes(SIDES[1]))
    assert contact.free and contact.unmeasured == 0


def test_fingers_that_would_reach_into_the_floor_are_not():
    found = obstacles(depth_of_box())
    assert not found.contact(0, *across(z=FLOOR - 0.003), FINGERS.boxes(SIDES[1])).free


def test_fingers_in_a_wall_are_not_free_and_before_it_are():
    boxes = FINGERS.boxes(SIDES[1])
    assert not obstacles(depth_of_box(wall=0.015)).contact(0, *across(), boxes).free
    assert obstacles(depth_of_box(wall=0.025)).contact(0, *across(), boxes).free


def test_what_is_hidden_behind_another_thing_is_taken():
    # A plate that floats above the place of one finger hides it.
    depth = depth_of_box()
    depth[76:82, 55:65] = 0.42
    assert not obstacles(depth).contact(0, *across(), FINGERS.boxes(SIDES[1])).free


def test_the_part_itself_is_no_obstacle_but_to_others():
    [own] = scene_poses(surface_points(*MESH, 10_000)).clouds
    found = Obstacles(depth_of_box(), CAMERA, np.stack([own, own + [1.0, 0, 0]]), VOXEL)
    inside = np.array([[[-0.001, -0.001, 0.0], [0.001, 0.001, 0.004]]])
    place = np.eye(3), np.array([0, 0, FLOOR - 0.008])
    assert found.contact(0, *place, inside).free and not found.contact(1, *place, inside).free


def test_below_a_known_floor_everything_is_taken_where_it_is_not_measured_too():
    depth = depth_of_box()
    depth[:] = 0
    depth[:4] = FLOOR
    boxes = FINGERS.boxes(SIDES[1])
    low = across(z=FLOOR - 0.002)
    assert obstacles(depth).contact(0, *low, boxes).free
    assert obstacles(depth).contact(0, *low, boxes).unmeasured > 0.9
    assert not obstacles(depth, (np.array([0, 0, -1.0]), FLOOR)).contact(0, *low, boxes).free


def test_a_place_is_shown_where_it_was_measured():
    found = obstacles(depth_of_box())
    assert found.is_shown(np.array([0, 0, FLOOR - SIDES[2]]))
    assert not found.is_shown(np.array([0, 0, FLOOR - SIDES[2] + 0.006]))


@pytest.fixture(scope="module")
def mesh_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mesh") / "box.ply"
    write_mesh(path, *MESH)
    return path


def folder_of(root, depth):
    camera = {name: getattr(CAMERA, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return SceneFolder(write_own_scenes(root, 1, depth=depth, camera=camera))


@pytest.fixture(scope="module")
def planned(mesh_file, tmp_path_factory):
    """Plans of fingers and of a cup, for the box alone."""
    folder = folder_of(tmp_path_factory.mktemp("scene") / "scenes", depth_of_box())
    predictor = BoxPredictor(mesh_file)
    return {gripper.kind: GraspPlanner(predictor, gripper).plan(folder, 0) for gripper in (FINGERS, CUP)}


@slow
def test_fingers_close_across_the_box_from_above(planned):
    plan = planned["parallel"]
    assert 0 < len(plan.grasps) <= 10
    for grasp in plan.grasps:
        assert grasp.width == pytest.approx(SIDES[1], abs=0.003)
        assert np.degrees(np.arccos(grasp.rotation[2, 2])) <= 45 and grasp.tilt <= np.radians(45)
        assert abs(grasp.rotation[1, 0]) > 0.85


@slow
def test_no_finger_of_a_plan_reaches_into_the_floor(planned):
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    for grasp in planned["parallel"].grasps:
        for low, high in FINGERS.boxes(grasp.width):
            placed = (low + corners * (high - low)) @ grasp.rotation.T + grasp.translation
            assert placed[:, 2].max() < FLOOR


@slow
def test_grasps_are_ranked_by_quality_times_confidence(planned):
    for plan in planned.values():
        scores = [grasp.score for grasp in plan.grasps]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(0.9 * plan.grasps[0].quality)


@slow
def test_a_cup_sits_on_the_top_alone(planned):
    for grasp in planned["suction"].grasps:
        assert grasp.translation[2] == pytest.approx(FLOOR - SIDES[2], abs=1e-4)
        assert grasp.tilt < np.radians(10)


@slow
@pytest.mark.parametrize("gripper", [FINGERS, CUP], ids=["fingers", "cup"])
def test_parts_below_the_least_confidence_are_left_alone(mesh_file, tmp_path, gripper):
    folder = folder_of(tmp_path / "scenes", depth_of_box())
    predictor = BoxPredictor(mesh_file, (0.9, 0.3))
    plan = GraspPlanner(predictor, gripper, PlanOptions(least_confidence=0.5)).plan(folder, 0)
    assert {grasp.instance for grasp in plan.grasps} == {0} and plan.left_out[1] is None
    every = GraspPlanner(predictor, gripper, PlanOptions(least_confidence=0.2)).plan(folder, 0)
    assert {grasp.instance for grasp in every.grasps} == {0, 1}


@slow
def test_a_wall_beside_the_box_leaves_no_room_for_fingers_but_for_a_cup(mesh_file, tmp_path):
    folder = folder_of(tmp_path / "scenes", depth_of_box(wall=0.0125))
    predictor = BoxPredictor(mesh_file)
    level = PlanOptions(max_tilt=np.radians(10))
    blocked = GraspPlanner(predictor, FINGERS, level).plan(folder, 0)
    assert blocked.grasps == [] and blocked.left_out[0]["blocked"] > 0
    assert GraspPlanner(predictor, SuctionGripper(0.004, seal=0.0004), level).plan(folder, 0).grasps


@slow
def test_a_top_that_was_not_measured_is_no_place_for_a_cup(mesh_file, tmp_path):
    depth = depth_of_box()
    depth[depth == depth.min()] = 0
    folder = folder_of(tmp_path / "scenes", depth)
    # What little is in front of the floor: a corner elsewhere.
    depth[:10, :10] = FLOOR - 0.02
    np.save(tmp_path / "scenes" / "depth" / "00000.npy", depth)
    plan = GraspPlanner(BoxPredictor(mesh_file), CUP).plan(folder, 0)
    assert plan.grasps == [] and plan.left_out[0]["hidden"] > 0


@slow
def test_up_is_the_camera_the_floor_or_a_direction(mesh_file, tmp_path):
    folder = folder_of(tmp_path / "scenes", depth_of_box())
    predictor = BoxPredictor(mesh_file)
    for up, expected in (("camera", [0, 0, -1]), ("floor", [0, 0, -1]), ((0.0, -2.0, 0.0), [0, -1, 0])):
        plan = GraspPlanner(predictor, CUP, PlanOptions(up=up)).plan(folder, 0)
        np.testing.assert_allclose(plan.up, expected, atol=1e-6)
        assert bool(plan.grasps) == (up != (0.0, -2.0, 0.0))
    assert plan.slope == pytest.approx(np.pi / 2, abs=1e-6)


@slow
def test_files_say_what_a_robot_needs(planned, tmp_path):
    plan = planned["parallel"]
    write_grasps(tmp_path / "grasps.json", "00000", plan, FINGERS)
    content = json.loads((tmp_path / "grasps.json").read_text())
    first = content["grasps"][0]
    turned = Rotation.from_quat(first["quaternion"], scalar_first=True).as_matrix()
    np.testing.assert_allclose(turned, plan.grasps[0].rotation, atol=1e-12)
    assert first["translation"] == plan.grasps[0].translation.tolist()
    assert first["instance"] == 1 and first["rank"] == 1
    assert first["opening"] == pytest.approx(first["width"] + 0.006)
    assert content["gripper"]["finger_width"] == 0.008 and content["parts"][0]["confidence"] == 0.9


def test_outlines_of_fingers_are_those_of_their_boxes():
    right, left, line, _ = outlines(FINGERS, 0.02)
    box = FINGERS.boxes(0.02)
    for drawn, (low, high) in zip((right, left), box[:2], strict=True):
        np.testing.assert_allclose([drawn.min(0)[:2], drawn.max(0)[:2]], [low[:2], high[:2]])
    assert np.ptp(line[:, 0]) == pytest.approx(0.026)


@slow
def test_grasps_are_drawn_where_the_camera_sees_them(planned):
    plan = planned["suction"]
    figure = draw_grasps(depth_of_box(), CAMERA, plan, CUP, "box")
    lips = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 25]
    centre = np.mean([lips[-1].get_xdata()[:-1], lips[-1].get_ydata()[:-1]], axis=1)
    np.testing.assert_allclose(centre, CAMERA.project(plan.grasps[0].translation), atol=0.05)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_tilt": 2.0}, "`max_tilt` must be from 0 to 90 degrees; got 114.592"),
        ({"least_confidence": 1.5}, "`least_confidence` must be from 0 to 1; got 1.5"),
        ({"most": 0}, "`most` must be at least 1; got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PlanOptions(**options).check()


def test_up_is_read():
    assert up_named("floor") == "floor" and up_named("0,-1, 0.5") == (0, -1, 0.5)
    for text in ("north", "0,0", "0,0,0", "0,nan,1"):
        with pytest.raises(InputError, match="must be camera, floor, or a direction such as"):
            up_named(text)


@slow
def test_a_part_that_no_finger_fits_is_told(mesh_file):
    with pytest.raises(InputError, match="fingers that open to 0.012 m"):
        GraspPlanner(BoxPredictor(mesh_file), ParallelGripper(0.012))


@pytest.fixture
def boxed(tmp_path, monkeypatch):
    """A learned run of the box, two scenes of it, and poses as if they had been found."""
    points = surface_points(*MESH, 20_000)
    run = run_of_points(tmp_path, points)
    folder = write_own_scenes(
        tmp_path / "boxes", 2, depth=depth_of_box(), camera=vars(CAMERA) | {"depth_unit": "m"}
    )
    monkeypatch.setattr(
        Predictor, "poses", lambda self, folder, seen: [scene_poses(self.refined.points)] * len(seen)
    )
    return run, folder


@slow
def test_the_command_writes_grasps_and_pictures_and_resumes(boxed, tmp_path):
    run, scenes = boxed
    command = (
        "pose",
        "grasps",
        run,
        scenes,
        "--out",
        tmp_path / "out",
        "--gripper",
        "parallel",
        "--opening",
        0.03,
    )
    result = tfapp(*command)
    assert result.exit_code == 0, result.output
    assert "2 of 2 scenes have a grasp" in result.output
    files = files_of(tmp_path / "out")
    assert files == [
        "grasps.json",
        "grasps/00000.json",
        "grasps/00001.json",
        "pictures/00000.png",
        "pictures/00001.png",
    ]
    before = (tmp_path / "out" / "grasps" / "00000.json").read_bytes()
    (tmp_path / "out" / "grasps" / "00001.json").unlink()
    assert tfapp(*command).exit_code == 0 and files_of(tmp_path / "out") == files
    assert (tmp_path / "out" / "grasps" / "00000.json").read_bytes() == before
    check_refused(tfapp(*command, "--max-tilt", 30), "holds grasps of another max_tilt; choose another --out")
    check_refused(tfapp(*command[:5], scenes, *command[6:]), "is not empty and not of `tfapp pose grasps`")


@slow
@pytest.mark.filterwarnings("default::UserWarning")
def test_a_floor_that_is_not_level_is_told(boxed, tmp_path):
    run, scenes = boxed
    command = (
        "pose",
        "grasps",
        run,
        scenes,
        "--out",
        tmp_path / "out",
        "--gripper",
        "suction",
        "--cup-diameter",
    )
    result = tfapp(*command, 0.006, "--up", "0,-0.6,-0.8")
    assert result.exit_code == 0, result.output
    assert "Warning: the dominant plane of 2 of 2 scenes is inclined by more than 15 degrees" in result.output


@slow
@pytest.mark.filterwarnings("always::UserWarning")
def test_a_command_on_finished_scenes_says_what_the_first_said(boxed, tmp_path):
    run, scenes = boxed
    command = ("pose", "grasps", run, scenes, "--out", tmp_path / "out", "--gripper", "suction")
    command += ("--cup-diameter", 0.006, "--up", "0,-0.6,-0.8")
    first, second = tfapp(*command), tfapp(*command)
    assert first.exit_code == second.exit_code == 0, second.output
    for sentence in ("of 2 scenes have a grasp", "of 2 of 2 scenes is inclined by more than 15 degrees"):
        [said] = [line for line in first.output.splitlines() if sentence in line]
        assert said in second.output.splitlines()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--gripper", "parallel"), "--gripper parallel needs its --opening in metres"),
        (("--gripper", "parallel", "--opening", "40"), "--opening must be above 0 and at most 0.5; got 40"),
        (("--gripper", "suction", "--opening", "0.04"), "--opening is not for --gripper suction"),
        (
            ("--gripper", "suction", "--cup-diameter", "0.01", "--up", "left"),
            "--up must be camera, floor, or a",
        ),
        (
            ("--gripper", "suction", "--cup-diameter", "0.01", "--max-tilt", "120"),
            "must be from 0 to 90 degrees; got 120",
        ),
        (("--gripper", "suction", "--cup-diameter", "0.01"), "is not a run folder"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_anything_is_written(tmp_path, options, sentence):
    (tmp_path / "run").mkdir()
    result = tfapp("pose", "grasps", tmp_path / "run", tmp_path, "--out", tmp_path / "out", *options)
    check_refused(result, sentence)
    assert files_of(tmp_path) == [] and not (tmp_path / "out").exists()


def test_a_run_that_is_not_refined_has_no_grasps(bolt_run, bolt_scenes, tmp_path):
    options = ("--gripper", "suction", "--cup-diameter", "0.01")
    result = tfapp("pose", "grasps", bolt_run, bolt_scenes, "--out", tmp_path / "out", *options)
    check_refused(result, "is not refined, and points that a network learned are no surface")
    assert not (tmp_path / "out").exists()
