"""Scenes whose files change in place after a command was done with them: `tfapp pose segment` and `grasps`."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.pose.pose_commands import check_refused, tfapp
from tests.pose.posed_scenes import write_scenes
from tfapp.cli.pose_outputs import SceneOutputs
from tfapp.pose import SceneFolder


def change_depth(scenes):
    depth = np.load(scenes / "depth" / "00001.npy")
    np.save(scenes / "depth" / "00001.npy", depth * np.float32(1.01))


def change_mask(scenes):
    with Image.open(scenes / "mask" / "00001.png") as picture:
        mask = np.array(picture)
    mask[:, : mask.shape[1] // 2] = 0
    Image.fromarray(mask).save(scenes / "mask" / "00001.png")


def add_region(scenes):
    with Image.open(scenes / "mask" / "00001.png") as picture:
        Image.new("L", picture.size, 255).save(scenes / "region.png")


def change_camera(scenes):
    camera = json.loads((scenes / "camera.json").read_text())
    (scenes / "camera.json").write_text(json.dumps(camera | {"fx": camera["fx"] * 1.1}))


def give_one_its_camera(scenes):
    camera = json.loads((scenes / "camera.json").read_text())
    own = {name: camera[name] for name in ("fx", "fy", "cx", "cy")}
    cameras = {stem: own for stem in ("00000", "00002")}
    cameras["00001"] = own | {"fx": own["fx"] * 1.1}
    (scenes / "scene_camera.json").write_text(json.dumps(cameras))


def nothing(scenes):
    for file in (scenes / "depth").iterdir():
        file.touch()


@pytest.fixture
def scenes(tmp_path):
    return write_scenes(tmp_path / "scenes", 3)


def outputs(folder):
    return SceneOutputs(folder, "segment", "labels", "poses", {"choose": "distance"})


def finish(out, scenes):
    """Do with every scene that is to be worked on what a command does; return their numbers."""
    made = outputs(out)
    missing = made.missing(SceneFolder(scenes))
    for index in missing:
        made.begin()
        (out / "poses").mkdir(exist_ok=True)
        (out / "poses" / f"{index:05d}.json").write_text("{}")
    return missing


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (change_depth, [1]),
        (change_mask, [1]),
        (add_region, [0, 1, 2]),
        (change_camera, [0, 1, 2]),
        (give_one_its_camera, [1]),
        (nothing, []),
    ],
)
def test_scenes_whose_input_changed_are_done_anew_and_no_others(scenes, tmp_path, change, again):
    assert finish(tmp_path / "out", scenes) == [0, 1, 2]
    change(scenes)
    assert finish(tmp_path / "out", scenes) == again
    assert finish(tmp_path / "out", scenes) == []


def test_changed_scenes_are_counted_and_the_first_is_named(scenes, tmp_path, capsys):
    finish(tmp_path / "out", scenes)
    change_camera(scenes)
    finish(tmp_path / "out", scenes)
    assert "3 of 3 scenes changed since they were done" in " ".join(capsys.readouterr().out.split())


def test_of_a_command_that_is_killed_before_its_first_scene_the_old_ones_stay_outdated(scenes, tmp_path):
    finish(tmp_path / "out", scenes)
    change_depth(scenes)
    assert outputs(tmp_path / "out").missing(SceneFolder(scenes)) == [1]
    assert (tmp_path / "out" / "poses" / "00001.json").is_file()
    assert outputs(tmp_path / "out").missing(SceneFolder(scenes)) == [1]


def test_of_a_command_that_is_killed_among_changed_scenes_no_old_one_counts_as_done(scenes, tmp_path):
    finish(tmp_path / "out", scenes)
    change_camera(scenes)
    made = outputs(tmp_path / "out")
    assert made.missing(SceneFolder(scenes)) == [0, 1, 2]
    made.begin()
    assert outputs(tmp_path / "out").missing(SceneFolder(scenes)) == [0, 1, 2]


def test_finished_scenes_of_a_record_without_hashes_are_done_anew(scenes, tmp_path, capsys):
    finish(tmp_path / "out", scenes)
    (tmp_path / "out" / "segment.json").write_text('{"choose": "distance"}')
    assert finish(tmp_path / "out", scenes) == [0, 1, 2]
    said = " ".join(capsys.readouterr().out.split())
    assert "does not tell of 3 finished scenes what they were made from" in said


def test_a_scene_that_was_away_for_a_while_is_still_known(scenes, tmp_path):
    finish(tmp_path / "out", scenes)
    for kind in ("depth", "mask"):
        shutil.copytree(scenes / kind, tmp_path / kind)
        next((scenes / kind).glob("00002.*")).unlink()
    change_depth(scenes)
    assert finish(tmp_path / "out", scenes) == [1]
    for kind in ("depth", "mask"):
        shutil.copy(next((tmp_path / kind).glob("00002.*")), scenes / kind)
    assert finish(tmp_path / "out", scenes) == []


def test_poses_of_changed_scenes_are_those_of_a_command_that_sees_them_first(bolt_run, bolt_scenes, tmp_path):
    scenes = tmp_path / "scenes"
    for part in ("depth", "mask"):
        shutil.copytree(bolt_scenes / part, scenes / part)
    shutil.copy(bolt_scenes / "camera.json", scenes)
    command = ("pose", "segment", bolt_run, scenes, "--poses", "csv", "--out")
    assert tfapp(*command, tmp_path / "out").exit_code == 0
    before = (tmp_path / "out" / "poses.csv").read_text()
    for part, end in (("depth", "npy"), ("mask", "png")):
        shutil.copy(scenes / part / f"00002.{end}", scenes / part / f"00000.{end}")
    result = tfapp(*command, tmp_path / "out")
    assert "1 of 6 scenes changed since they were done" in result.output
    assert tfapp(*command, tmp_path / "fresh").exit_code == 0
    after = (tmp_path / "out" / "poses.csv").read_text()
    assert after == (tmp_path / "fresh" / "poses.csv").read_text() != before


def test_a_copy_of_the_scenes_is_refused_with_both_paths(bolt_run, bolt_scenes, tmp_path):
    shutil.copytree(bolt_scenes, tmp_path / "copy")
    assert tfapp("pose", "segment", bolt_run, bolt_scenes, "--out", tmp_path / "out").exit_code == 0
    check_refused(
        tfapp("pose", "segment", bolt_run, tmp_path / "copy", "--out", tmp_path / "out"),
        f"holds labels of other scenes ({bolt_scenes.resolve()} instead of {tmp_path / 'copy'}); choose another --out",
    )
