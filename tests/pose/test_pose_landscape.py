"""`tfapp pose landscape`, as a person types it."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.pose.posed_scenes import write_scenes
from tfapp.cli.main import app

pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")

WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}
SMALL = ["--steps", "8", "--points", "40"]


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)


@pytest.fixture(scope="module")
def drawn(bolt_scenes, tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn") / "one"
    result = tfapp("pose", "landscape", bolt_scenes, "--scene", "2", "--instance", "2", "--out", out, *SMALL)
    assert result.exit_code == 0, result.output
    return out, result.output


def test_command_names_picture_and_numbers(drawn):
    out, output = drawn
    stem = out / "00002-instance-2"
    assert "".join(f"wrote {stem}{suffix}\n" for suffix in (".png", ".npz", ".json")) in output
    assert all(stem.with_name(stem.name + suffix).is_file() for suffix in (".png", ".npz", ".json"))


def test_command_says_what_the_loss_is_with_the_ends_swapped_and_at_the_truth(drawn):
    out, output = drawn
    content = json.loads((out / "00002-instance-2.json").read_text())
    assert "the ends of the part swapped" in output
    assert f"{1e3 * content['loss_at_truth']:.2f} mm at the true pose" in output


def test_a_scene_may_be_named_and_the_instance_seen_most_is_turned(bolt_scenes, tmp_path):
    result = tfapp("pose", "landscape", bolt_scenes, "--scene", "00001", "--out", tmp_path, *SMALL)
    assert result.exit_code == 0, result.output
    [file] = tmp_path.glob("*.json")
    content = json.loads(file.read_text())
    from tfapp.pose import SceneFolder

    seen = np.bincount(SceneFolder(bolt_scenes).labels(1).ravel(), minlength=3)[1:]
    assert content["scene"] == "00001" and seen[content["instance"] - 1] == seen.max()


def test_a_learned_model_may_stand_for_the_mesh(bolt_scenes, bolt_run, tmp_path):
    result = tfapp("pose", "landscape", bolt_scenes, "--out", tmp_path, "--run", bolt_run, "--steps", "8")
    assert result.exit_code == 0, result.output
    [file] = tmp_path.glob("*.json")
    content = json.loads(file.read_text())
    assert content["object"] == str(bolt_run) and content["points"] == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scene", "7"], "has no scene '7'; expected a name from 00000 to 00005, or a number from 0 to 5"),
        (["--scene", "-1"], "has no scene '-1'"),
        (["--instance", "3"], "--instance must be from 1 to 2, as many as the scene has; got 3"),
        (["--instance", "0"], "--instance must be from 1 to 2"),
        (["--steps", "9"], "--steps must be even"),
        (["--axes", "long"], "--axes expects two of long, middle, short, x, y, z"),
        (["--visibility", "some"], "Unknown --visibility 'some'"),
        (["--run", "nowhere"], "nowhere is not a run folder"),
        (["--run", "nowhere", "--points", "30"], "--points is for the true mesh"),
    ],
)
def test_bad_options_are_refused_in_a_sentence_and_nothing_is_written(
    bolt_scenes, tmp_path, options, message
):
    result = tfapp("pose", "landscape", bolt_scenes, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / "out").exists()


def test_scenes_without_a_truth_are_refused(tmp_path):
    scenes = write_scenes(tmp_path / "squares")
    result = tfapp("pose", "landscape", scenes, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "has no true poses to look around" in result.output


def test_scenes_without_their_mesh_are_refused(bolt_scenes, tmp_path):
    shutil.copytree(bolt_scenes, tmp_path / "bolts")
    (tmp_path / "bolts" / "truth" / "object.ply").unlink()
    result = tfapp("pose", "landscape", tmp_path / "bolts", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "object.ply does not exist" in result.output
