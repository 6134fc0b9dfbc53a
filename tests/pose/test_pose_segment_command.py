"""`tfapp pose segment`."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.pose.own_scenes import write_own_scenes
from tests.pose.pose_commands import check_refused, copy_run, files_of, tfapp
from tests.pose.posed_scenes import write_scenes
from tfapp.pose import SceneFolder
from tfapp.pose.run import PoseRun

FILES = sorted(
    [
        "segment.json",
        *(f"{part}/{n:05d}.{end}" for part, end in (("labels", "png"), ("poses", "json")) for n in range(6)),
    ]
)


@pytest.fixture(scope="module")
def segmented(bolt_run, bolt_scenes, tmp_path_factory):
    out = tmp_path_factory.mktemp("segmented") / "out"
    result = tfapp("pose", "segment", bolt_run, bolt_scenes, "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.output


def labels(out, index):
    with Image.open(out / "labels" / f"{index:05d}.png") as picture:
        return np.asarray(picture)


def test_every_scene_gets_labels_and_poses(segmented):
    out, output = segmented
    assert files_of(out) == FILES
    assert f"wrote {out / 'labels'}\nwrote {out / 'poses'}\n" in output


def test_poses_are_rotations_and_places_of_every_instance(segmented):
    out, _ = segmented
    poses = json.loads((out / "poses" / "00003.json").read_text())
    rotation = np.array(poses["rotation"])
    np.testing.assert_allclose(
        rotation @ rotation.swapaxes(1, 2), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-5)
    assert np.shape(poses["translation"]) == (2, 3) and poses["reflected"] == [False, False]
    assert poses["chamfer_distance"] > 0


def test_pixels_of_parts_alone_are_labelled(segmented, bolt_scenes):
    folder = SceneFolder(bolt_scenes)
    for index in range(6):
        np.testing.assert_array_equal(labels(segmented[0], index) > 0, folder.mask(index))


def test_label_is_the_instance_with_the_nearest_predicted_point(segmented, bolt_run, bolt_scenes):
    model, folder = PoseRun.open(bolt_run).load_model(), SceneFolder(bolt_scenes)
    cloud = model.object_points.numpy() * model.settings.unit
    for index in range(6):
        poses = json.loads((segmented[0] / "poses" / f"{index:05d}.json").read_text())
        posed = np.einsum("nij,mj->nmi", poses["rotation"], cloud) + np.array(poses["translation"])[:, None]
        points, pixels = folder.camera.back_project(folder.parts(index))
        nearest = np.linalg.norm(points[:, None, None] - posed, axis=-1).min(-1).argmin(-1)
        # Points half-way between two instances may fall to either by rounding.
        assert np.mean(labels(segmented[0], index)[tuple(pixels.T)] == nearest + 1) > 0.98


def test_broken_off_command_goes_on_and_leaves_finished_scenes(
    segmented, bolt_run, bolt_scenes, tmp_path, monkeypatch
):
    from tfapp.pose import predictions

    predict, calls = predictions.predict_poses, []

    def kill(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict(*arguments, **options)

    command = ("pose", "segment", bolt_run, bolt_scenes, "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(predictions, "predict_poses", kill)
        killed = tfapp(*command)
    assert killed.exit_code == 130 and "the same command resumes" in killed.output
    finished = files_of(tmp_path / "out")
    assert finished == [
        "labels/00000.png",
        "labels/00001.png",
        "poses/00000.json",
        "poses/00001.json",
        "segment.json",
    ]
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in finished}
    assert tfapp(*command).exit_code == 0
    assert files_of(tmp_path / "out") == FILES
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in finished} == times
    np.testing.assert_array_equal(labels(tmp_path / "out", 4), labels(segmented[0], 4))


def test_scenes_that_came_later_are_added(bolt_run, bolt_scenes, tmp_path):
    scenes = tmp_path / "bolts"
    for part in ("depth", "mask"):
        shutil.copytree(bolt_scenes / part, scenes / part)
        (scenes / part / f"00005.{'npy' if part == 'depth' else 'png'}").rename(tmp_path / part)
    shutil.copy(bolt_scenes / "camera.json", scenes)
    command = ("pose", "segment", bolt_run, scenes, "--out", tmp_path / "out")
    assert tfapp(*command).exit_code == 0 and not (tmp_path / "out" / "labels" / "00005.png").exists()
    (tmp_path / "depth").rename(scenes / "depth" / "00005.npy")
    (tmp_path / "mask").rename(scenes / "mask" / "00005.png")
    assert tfapp(*command).exit_code == 0 and files_of(tmp_path / "out") == FILES


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("{run} {scenes} --choose best", "Unknown choice 'best'; choose one of: distance, network"),
        ("{run} {scenes} --foreground parts", "Unknown foreground 'parts'; choose one of mask, plane, all"),
        (
            "{run} {tmp}/squares",
            "of its parts beyond the field of view that the network was trained with; train on",
        ),
        ("{run} {scenes} --object 3", "--object is for BOP datasets"),
        ("{run} {tmp}/none", "none does not exist; expected a folder of scenes"),
        ("{tmp} {scenes}", "is not a run folder"),
        ("{tmp}/segmenter {scenes}", "is a run of `tfapp train`; expected the --out of `tfapp pose train`"),
        ("{tmp}/unfinished {scenes}", "its training has not ended"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    bolt_run, bolt_scenes, tmp_path, arguments, sentence
):
    squares = write_scenes(tmp_path / "squares", 1)
    camera = json.loads((squares / "camera.json").read_text())
    (squares / "camera.json").write_text(json.dumps(camera | {"cx": 1}))
    (tmp_path / "segmenter").mkdir()
    (tmp_path / "segmenter" / "run.json").write_text('{"format": 1}')
    (copy_run(bolt_run, tmp_path / "unfinished") / "model.keras").unlink()
    before = files_of(tmp_path)
    names = {"run": bolt_run, "scenes": bolt_scenes, "tmp": tmp_path}
    words = [word.format(**names) for word in arguments.split()]
    check_refused(tfapp("pose", "segment", *words, "--out", tmp_path / "out"), sentence)
    assert files_of(tmp_path) == before and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda depth, camera: 0 * depth, "has no measured pixel"),
        (
            lambda depth, camera: np.where(np.arange(depth.size).reshape(depth.shape) < 4, depth, 0),
            "too few for 40",
        ),
    ],
    ids=["nothing", "few"],
)
def test_scene_that_shows_too_little_is_named_and_nothing_is_written(
    bolt_run, bolt_scenes, tmp_path, change, sentence
):
    camera = json.loads((bolt_scenes / "camera.json").read_text())
    depth = change(np.load(bolt_scenes / "depth" / "00000.npy"), camera)
    scenes = write_own_scenes(tmp_path / "own", 1, depth=depth, camera=camera)
    result = tfapp("pose", "segment", bolt_run, scenes, "--foreground", "all", "--out", tmp_path / "out")
    check_refused(result, sentence)
    assert "00000" in result.output and not (tmp_path / "out").exists()


def test_one_bad_scene_among_good_ones_is_named_before_the_first_is_segmented(
    bolt_run, bolt_scenes, tmp_path
):
    scenes = shutil.copytree(bolt_scenes, tmp_path / "scenes")
    file = scenes / "depth" / "00003.npy"
    np.save(file, 0 * np.load(file))
    result = tfapp("pose", "segment", bolt_run, scenes, "--out", tmp_path / "out")
    check_refused(result, "00003.npy has no measured pixel")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            "--choose network",
            "holds labels of another choose (distance instead of network); choose another --out",
        ),
        (
            "--foreground all",
            "holds labels of another foreground (mask instead of all); choose another --out",
        ),
    ],
)
def test_labels_of_other_options_are_not_mixed(segmented, bolt_run, bolt_scenes, options, sentence):
    out, _ = segmented
    before = {name: (out / name).read_bytes() for name in FILES}
    check_refused(tfapp("pose", "segment", bolt_run, bolt_scenes, "--out", out, *options.split()), sentence)
    assert {name: (out / name).read_bytes() for name in files_of(out)} == before


def test_folder_of_other_files_is_left_alone(bolt_run, bolt_scenes):
    before = files_of(bolt_scenes)
    result = tfapp("pose", "segment", bolt_run, bolt_scenes, "--out", bolt_scenes)
    check_refused(result, "is not empty and not of `tfapp pose segment`; choose another --out")
    assert files_of(bolt_scenes) == before


def scenes_of_twice_the_pixels(bolt_scenes, folder):
    """Write the scenes as a camera of twice the pixels would take them: each pixel four times."""
    camera = json.loads((bolt_scenes / "camera.json").read_text())
    (folder / "depth").mkdir(parents=True)
    (folder / "mask").mkdir()
    for index in range(6):
        depth = np.load(bolt_scenes / "depth" / f"{index:05d}.npy")
        np.save(folder / "depth" / f"{index:05d}.npy", np.kron(depth, np.ones((2, 2), np.float32)))
        with Image.open(bolt_scenes / "mask" / f"{index:05d}.png") as mask:
            mask.resize((96, 96), Image.Resampling.NEAREST).save(folder / "mask" / f"{index:05d}.png")
    doubled = {name: 2 * camera[name] for name in ("width", "height", "fx", "fy", "cx", "cy")}
    (folder / "camera.json").write_text(json.dumps(doubled))
    return folder


def test_scenes_of_another_camera_get_the_poses_of_the_same_scenes(bolt_run, bolt_scenes, tmp_path):
    double, out = (
        scenes_of_twice_the_pixels(bolt_scenes, tmp_path / "double"),
        [tmp_path / "a", tmp_path / "b"],
    )
    for scenes, folder in zip((bolt_scenes, double), out, strict=True):
        result = tfapp("pose", "segment", bolt_run, scenes, "--choose", "network", "--out", folder)
        assert result.exit_code == 0 and "Warning" not in result.output
    for index in range(6):
        first, second = (json.loads((folder / "poses" / f"{index:05d}.json").read_text()) for folder in out)
        for name in ("rotation", "translation"):
            np.testing.assert_allclose(second[name], first[name], atol=1e-6)
        small, large = (labels(folder, index) for folder in out)
        assert (np.kron(small, np.ones((2, 2), int)) == large).mean() > 0.99


@pytest.mark.filterwarnings("default::UserWarning")
def test_scenes_that_the_network_sees_in_part_are_told(bolt_run, bolt_scenes, tmp_path):
    scenes = shutil.copytree(bolt_scenes, tmp_path / "scenes")
    camera = json.loads((scenes / "camera.json").read_text())
    # At half the focal length parts lie twice as far from the axis.
    (scenes / "camera.json").write_text(json.dumps(camera | {"fx": camera["fx"] / 2, "fy": camera["fy"] / 2}))
    result = tfapp("pose", "segment", bolt_run, scenes, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "Warning: 6 of 6 scenes show more than 5% of their parts beyond the field of view" in result.output
