"""Folders of scenes that were seen with a sensor: what is in them, what they are read as, and when they go on."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from tests.pose.pose_commands import TINY, tfapp
from tfapp.cli.pose import told_of_sensor
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.simulation import simulate as scene_processes
from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster
from tfapp.pose.simulation.sensors import sensor_named
from tfapp.pose.simulation.simulate import simulate_scenes
from tfapp.pose.simulation.simulator import SceneSettings, Simulator, random_view, view_from

pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")


def settings(sensor="realsense", effects=None, **changed):
    usual = {"part": BUILT_IN["bolt"](), "instances": 2, "size": 48, "sensor": sensor_named(sensor, effects)}
    return SceneSettings(**usual | changed)


def contents(path):
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in ("scenes.json", "scenes.png")
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Four scenes of bolts seen with the RealSense, as the command makes them."""
    out = tmp_path_factory.mktemp("sensor") / "bolts"
    options = "--part bolt --size 48 --scenes 4 --processes 1 --sensor realsense".split()
    result = tfapp("pose", "simulate", *options, "--out", out)
    assert result.exit_code == 0, result.output
    assert (
        "seen by realsense from 0.469 m: noise, jitter, flying-pixels, holes, shadow, quantisation"
        in " ".join(result.output.split())
    )
    return out


@pytest.fixture(scope="module")
def ideal(tmp_path_factory):
    return simulate_scenes(settings("ideal"), tmp_path_factory.mktemp("ideal") / "bolts", 4)


def test_ideal_scenes_are_those_of_a_drop_and_a_cast_alone(ideal):
    same = settings("ideal")
    world = DropWorld(same.part, 2, same.half_width)
    caster = DepthCaster(same.part, same.half_width, same.camera())
    for number in range(4):
        rng = np.random.default_rng([0, number, 0])
        drop = world.drop(rng)
        turn, shift = random_view(same.half_width, 0.0, rng)
        rotation, translation = turn @ drop.rotation, drop.translation @ turn.T + shift
        view = caster.cast((turn, shift), rotation, translation)
        np.testing.assert_array_equal(ideal.depth(number), view.depth)
        np.testing.assert_array_equal(ideal.labels(number), view.labels)
        np.testing.assert_array_equal(ideal.mask(number), view.labels > 0)
        np.testing.assert_array_equal(ideal.poses(number)[1], translation)


def test_ideal_folder_holds_what_it_always_held(ideal):
    assert ideal.record["version"] == 1 and ideal.foreground == "mask"
    assert {path.name for path in ideal.path.iterdir()} == set(
        "camera.json depth mask scenes.json scenes.png truth".split()
    )


def test_a_sensor_sees_the_same_parts_at_the_same_poses(seen, ideal):
    folder = SceneFolder(seen)
    for number in range(4):
        for found, expected in zip(folder.poses(number), ideal.poses(number), strict=True):
            np.testing.assert_array_equal(found, expected)
        both = (folder.labels(number) > 0) & (ideal.labels(number) > 0)
        away = np.abs(folder.depth(number) - ideal.depth(number))[both]
        assert 0 < np.median(away) < 0.002 and both.sum() > 40


def test_folder_of_a_sensor_has_no_mask_but_the_floor_s_region(seen):
    folder = SceneFolder(seen)
    assert folder.foreground == "plane" and not (seen / "mask").exists()
    with Image.open(seen / "region.png") as picture:
        region = np.asarray(picture) > 0
    # Of the floor, 140 mm wide at 469 mm, all but the pixel at its edge on either side.
    side = 0.14 / 0.469 * folder.camera.fx
    assert side - 4 < np.sqrt(region.sum()) < side - 1


def test_nothing_that_was_not_measured_has_a_true_label(seen):
    folder = SceneFolder(seen)
    for number in range(4):
        labels, depth = folder.labels(number), folder.depth(number)
        assert set(np.unique(labels)) == {0, 1, 2} and (depth == 0).any()
        assert not labels[depth == 0].any()


def test_foreground_without_a_mask_is_the_parts(seen, ideal):
    folder = SceneFolder(seen)
    for number in range(4):
        mask, parts = folder.mask(number), ideal.labels(number) > 0
        # What is mixed at their edges stands in front of the floor too.
        assert not (mask & ~binary_dilation(parts, np.ones((3, 3)), 2)).any()
        assert mask[folder.labels(number) > 0].mean() > 0.95


def test_walls_are_in_view_and_outside_of_the_region(seen):
    one = settings(effects=["noise"])
    view = Simulator(one).scene(0).view
    turn, shift = view_from(one.half_width, 0.0, 0.0)
    points = (one.camera().rays() * view.depth[..., None] - shift) @ turn
    beyond = np.abs(points[..., :2]).max(-1) > one.half_width - 0.003
    walls = (view.depth > 0) & (view.labels == 0) & (points[..., 2] > 0.008) & beyond
    # Their tops and their inner sides, all around.
    assert walls.sum() > 4 * 40
    with Image.open(seen / "region.png") as picture:
        assert not walls[np.asarray(picture) > 0].any()


def test_without_its_region_walls_are_foreground(seen, tmp_path):
    folder = simulate_scenes(settings("ideal", true_mask=False), tmp_path / "a", 1)
    parts = folder.labels(0) > 0
    np.testing.assert_array_equal(folder.mask(0) & ~parts, np.zeros_like(parts))
    (tmp_path / "a" / "region.png").unlink()
    assert (SceneFolder(tmp_path / "a").mask(0) & ~parts).sum() > parts.sum()


def test_tilted_scenes_have_a_region_each(tmp_path):
    folder = simulate_scenes(settings(tilt=50.0, instances=1), tmp_path / "a", 2)
    assert not (tmp_path / "a" / "region.png").exists()
    regions = [np.asarray(Image.open(tmp_path / "a" / "region" / f"0000{k}.png")) > 0 for k in range(2)]
    assert (regions[0] != regions[1]).any()
    for number, region in enumerate(regions):
        mask = folder.mask(number)
        assert mask.any() and not mask[~region].any()
    (tmp_path / "a" / "region" / "00001.png").unlink()
    with pytest.raises(InputError, match="cut short: region/00001.png is missing"):
        SceneFolder(tmp_path / "a")


def test_region_of_one_scene_and_of_all_hold_together(seen, tmp_path):
    folder = simulate_scenes(settings("ideal", true_mask=False), tmp_path / "a", 1)
    before = folder.mask(0)
    left = np.zeros(before.shape, np.uint8)
    left[:, :24] = 255
    (tmp_path / "a" / "region").mkdir()
    Image.fromarray(left).save(tmp_path / "a" / "region" / "00000.png")
    np.testing.assert_array_equal(SceneFolder(tmp_path / "a").mask(0), before & (left > 0))
    Image.fromarray(0 * left).save(tmp_path / "a" / "region" / "00000.png")
    with pytest.raises(InputError, match=r"no foreground \(plane within region.png and region/\)"):
        SceneFolder(tmp_path / "a").mask(0)


def test_masks_can_be_had_of_a_sensor_too(tmp_path):
    folder = simulate_scenes(settings(true_mask=True), tmp_path / "a", 1)
    np.testing.assert_array_equal(folder.mask(0), folder.labels(0) > 0)
    assert folder.foreground == "mask" and not (tmp_path / "a" / "region.png").exists()


def test_record_names_the_sensor_its_effects_and_its_numbers(seen):
    record = SceneFolder(seen).record
    assert record["version"] == 2 and record["sensor"] == "realsense" and record["true_mask"] is False
    assert record["effects"] == ["noise", "jitter", "flying-pixels", "holes", "shadow", "quantisation"]
    assert record["parameters"]["noise"] == 0.08 and record["parameters"]["grazing"] == [70.0, 80.0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sensor": "ideal"}, r"sensor \(was realsense, is ideal\)"),
        ({"sensor": "kinect"}, r"sensor \(was realsense, is kinect\), the parameters of the sensor"),
        ({"effects": ["noise"]}, r"effects \(was .*, is \['noise'\]\)"),
        ({"true_mask": True}, r"true_mask \(was False, is True\)"),
    ],
)
def test_folder_of_another_sensor_is_refused(seen, changed, message):
    before = contents(seen)
    with pytest.raises(InputError, match=f"other settings; changed: {message}"):
        simulate_scenes(settings(**changed), seen, 4)
    assert contents(seen) == before


def test_folder_of_other_numbers_of_the_sensor_is_refused(seen, tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 1)
    record = json.loads((tmp_path / "a" / "scenes.json").read_text())
    record["parameters"]["noise"] = 0.05
    (tmp_path / "a" / "scenes.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="changed: the parameters of the sensor. Choose"):
        simulate_scenes(settings(), tmp_path / "a", 2)


def test_folder_from_before_there_were_sensors_is_gone_on_with(ideal, tmp_path):
    simulate_scenes(settings("ideal"), tmp_path / "a", 2)
    record = json.loads((tmp_path / "a" / "scenes.json").read_text())
    for name in ("sensor", "effects", "parameters", "true_mask"):
        del record[name]
    (tmp_path / "a" / "scenes.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"sensor \(was ideal, is realsense\)"):
        simulate_scenes(settings(), tmp_path / "a", 2)
    simulate_scenes(settings("ideal"), tmp_path / "a", 4)
    assert contents(tmp_path / "a") == contents(ideal.path)


def test_scenes_are_added_to_a_sensor_s_folder(seen, tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 1)
    simulate_scenes(settings(), tmp_path / "a", 2)
    whole = contents(seen)
    assert {name: whole[name] for name in contents(tmp_path / "a")} == contents(tmp_path / "a")


@pytest.mark.slow
def test_processes_change_no_scene_of_a_sensor(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(scene_processes, "_SHARE", 2)
    monkeypatch.setattr(scene_processes, "_FEWEST_SHARES", 1)
    simulate_scenes(settings(), tmp_path / "a", 4, processes=2)
    assert contents(tmp_path / "a") == contents(seen)


def test_overwriting_removes_masks_and_regions(tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 1)
    simulate_scenes(settings("ideal"), tmp_path / "a", 1, overwrite=True)
    assert not (tmp_path / "a" / "region.png").exists() and (tmp_path / "a" / "mask").is_dir()


def test_camera_stands_where_its_sensor_can_measure():
    assert settings("photoneo").distance == settings("ideal").distance == pytest.approx(0.469)
    kinect = settings("kinect")
    # 0.5 m, the walls of 21 mm, and a part of 50 mm above them.
    assert kinect.distance == pytest.approx(0.571)
    tilted = settings("kinect", tilt=60.0)
    rim = tilted.half_width * np.array([[x, y, 0.3] for x in (-1.05, 1.05) for y in (-1.05, 1.05)])
    for about in np.linspace(0, 2 * np.pi, 24):
        turn, shift = view_from(tilted.half_width, tilted.cone, about, tilted.stand_off)
        assert (rim @ turn.T + shift)[:, 2].min() > 0.5


def test_bin_beyond_the_sensor_is_refused():
    with pytest.raises(
        InputError, match="The photoneo measures up to 0.52 m, and this bin reaches to 0.804 m"
    ):
        settings("photoneo", half_width=0.12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sensor", "lidar"], "Unknown sensor 'lidar'; choose ideal, realsense, photoneo or kinect."),
        (
            ["--sensor", "kinect", "--effects", "noise,fog"],
            "Unknown effect 'fog' in --effects; choose of noise",
        ),
        (["--effects", "noise"], "The sensor ideal has no effect noise: it has none."),
        (["--sensor", "realsense", "--effects", ","], "--effects is empty; choose of noise, jitter"),
        (["--sensor", "photoneo", "--bin", "0.12"], "The photoneo measures up to 0.52 m"),
    ],
)
def test_bad_sensors_are_one_sentence_and_write_nothing(tmp_path, options, message):
    result = tfapp("pose", "simulate", "--part", "bolt", *options, "--out", tmp_path / "a")
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "a").exists()


def test_pictures_finer_than_the_sensor_are_said_to_be():
    # 424 pixels of focal length, where a picture of 160 pixels has 487.6.
    fine = settings(size=160)
    assert fine.finest == 139 and settings(size=139).finest == 139
    assert "; finer than the sensor's own pixels, of which there are 139 across" in told_of_sensor(fine)
    assert "finer" not in told_of_sensor(settings(size=139))


@pytest.mark.slow
def test_a_run_on_a_sensor_s_scenes_is_trained_evaluated_and_shown(seen, tmp_path):
    for command in (("train", seen, "--out", tmp_path / "run", *TINY), ("show", tmp_path / "run")):
        result = tfapp("pose", *command)
        assert result.exit_code == 0, result.output
    result = tfapp("pose", "evaluate", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "% of the points belong to no part, and count in no score" in " ".join(result.output.split())
    splits = json.loads((tmp_path / "run" / "metrics.json").read_text())["parts"]
    assert all(0 < split["outside"] < 0.4 for split in splits.values())
