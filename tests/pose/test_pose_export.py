"""The pose network behind TensorFlow Serving, from `tfapp export` of a run."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from tests.pose.posed_scenes import CAMERA, SETTINGS, squares
from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.observations import Observations
from tfapp.pose.predictions import chosen_pose_network, predict_poses
from tfapp.pose.run import PoseRun
from tfapp.segmentation.page.serving import export_section

# Wide enough that no path of a temporary folder is folded.
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)


def observations(count, seed=0):
    depth, points = squares(count, seed=seed)
    pixels, intrinsics = np.zeros((*points.shape[:2], 2), int), np.tile(CAMERA.intrinsics, (count, 1))
    return Observations(np.arange(count), depth, points, pixels, intrinsics)


def pose_model(scenes, **settings):
    """A model that takes several of its alternatives in these scenes."""
    model = PoseModel(**{**SETTINGS, **settings})
    choice = model.network.get_layer("choice")
    kernel, bias = (np.random.default_rng(0).normal(0, 30, weight.shape) for weight in choice.get_weights())
    choice.set_weights([kernel, 0 * bias])
    choice.set_weights([kernel, -np.mean(model(scenes.depth)["choice"], axis=0).ravel()])
    return model


def check_poses(answer, expected):
    """Compare what is served with the `ScenePoses` that NumPy chose and turned into metres."""
    turned = Rotation.from_quat(np.asarray(answer["quaternion"]).reshape(-1, 4)[:, [1, 2, 3, 0]]).as_matrix()
    for name, value in (("rotation", turned), ("translation", answer["translation"])):
        wanted = np.stack([getattr(scene, name) for scene in expected])
        np.testing.assert_allclose(np.reshape(value, wanted.shape), wanted, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(answer["reflected"], [scene.reflected for scene in expected])


@pytest.fixture(scope="module")
def run(squares_training, tmp_path_factory):
    """The run on squares as if it had two rotation channels, and four points that no scene had shown."""
    path = shutil.copytree(squares_training.run.path, tmp_path_factory.mktemp("runs") / "run")
    made = PoseRun.open(path)
    made.config["channels"] = 2
    made.save()
    model = pose_model(observations(12), hypotheses=2, channels=2)
    model.compile("adam", jit_compile=False)
    model.seen.assign(np.repeat([0.0, 1.0], [4, 20]))
    model.save(path / "model.keras")
    return made


@pytest.fixture(scope="module")
def served(run, tmp_path_factory):
    """Namespace of what the command printed, the version folder and its parsed manifest."""
    base = tmp_path_factory.mktemp("served") / "squares"
    result = tfapp("export", run.path, base)
    assert result.exit_code == 0, result.output
    folder = base / "1"
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(text=result.output, folder=folder, manifest=manifest)


@pytest.mark.parametrize(
    ("hypotheses", "channels", "translation"),
    [(1, 1, "direct"), (3, 1, "centroid"), (1, 2, "direct"), (3, 2, "direct")],
)
def test_network_gives_the_pose_that_it_says_in_metres(hypotheses, channels, translation):
    scenes = observations(12)
    model = pose_model(scenes, hypotheses=hypotheses, channels=channels, translation=translation)
    answer = chosen_pose_network(model)(scenes.depth)
    check_poses(answer, predict_poses(model, scenes, choose="network"))
    alternatives = answer["choice"].shape[-1]
    assert alternatives == 1 or len(np.unique(np.argmax(answer["choice"], -1))) > 1


def test_network_shares_the_weights_of_the_model():
    model = PoseModel(**SETTINGS)
    ours = chosen_pose_network(model).weights
    assert [id(weight) for weight in ours] == [id(weight) for weight in model.network.weights]


def test_places_without_a_part_may_be_zero_nan_or_infinite():
    scenes = observations(3)
    model, depth = pose_model(scenes, hypotheses=3), scenes.depth
    network = chosen_pose_network(model)
    expected = network(depth)
    for empty in (np.nan, np.inf):
        answer = network(np.where(depth > 0, depth, np.float32(empty)))
        for alias in ("quaternion", "translation"):
            np.testing.assert_array_equal(answer[alias], expected[alias])


@pytest.mark.slow
def test_session_gives_the_poses_of_the_run(run, served):
    scenes = observations(5, seed=3)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(served.folder))
        signature = graph.signature_def["serving_default"]
        outputs = {alias: info.name for alias, info in signature.outputs.items()}
        answer = session.run(outputs, {signature.inputs["depth"].name: scenes.depth})
    check_poses(answer, predict_poses(run.load_model(), scenes, choose="network"))


@pytest.mark.slow
def test_object_model_is_what_scenes_showed_in_metres(run, served):
    rows = (served.folder / "assets.extra" / "object.ply").read_text().partition("end_header\n")[2]
    points = np.array([row.split() for row in rows.splitlines()], float)
    model = run.load_model()
    np.testing.assert_allclose(points, model.object_points.numpy()[4:] * model.settings.unit, rtol=1e-6)


@pytest.mark.slow
def test_manifest_keeps_the_run_and_its_camera(run, served):
    assert served.manifest["camera"] == CAMERA.to_json()
    assert served.manifest["metadata"]["run"] == "run"
    assert served.manifest["metadata"]["config"] == run.config


@pytest.mark.slow
def test_command_says_what_was_exported_and_how_to_go_on(run, served):
    assert "Poses of 2 instances of a part" in served.text
    assert f"tfapp export verify {served.folder}" in served.text
    assert f"tfapp pose evaluate {run.path} --choose network" in served.text
    assert "equal labels" not in served.text


@pytest.mark.slow
def test_verify_passes(served):
    result = tfapp("export", "verify", served.folder)
    assert result.exit_code == 0, result.output
    assert "All checks passed." in result.output


@pytest.mark.slow
def test_show_says_what_it_takes_and_gives(served):
    result = tfapp("export", "show", served.folder)
    assert result.exit_code == 0
    for expected in (
        "Camera: 40, 40 (fx, fy)",
        "-R x + t where `reflected` is true",
        "(?, 2, 4)",
        "depth.png",
    ):
        assert expected in result.output


@pytest.mark.slow
def test_report_on_segmenters_refuses_it(served):
    with pytest.raises(InputError, match="is the export of a pose network; a report is of segmenters"):
        export_section([served.folder.parent])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--gap",), "--gap is for segmenters; "),
        (("--post-tv", "1"), "--post-tv is for segmenters; "),
        (("--classes", "a,b"), "--classes is for segmenters; "),
        (("--input-scale", "255"), "--input-scale is for segmenters; "),
    ],
)
def test_option_of_segmenters_is_refused(run, tmp_path, arguments, sentence):
    result = tfapp("export", run.path, tmp_path / "served", *arguments)
    assert result.exit_code == 2 and sentence in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda run: (run / "model.keras").unlink(), "its training has not ended"),
        (lambda run: (run / "model.keras").write_bytes(b"PK"), "model.keras cannot be loaded"),
        (lambda run: (run / "run.json").unlink(), "is not a run folder"),
        (lambda run: (run / "run.json").write_text("{"), "is damaged"),
        (lambda run: (run / "run.json").write_text('{"kind": "pose"}'), "is damaged"),
    ],
)
def test_run_that_cannot_be_exported_is_one_sentence_and_nothing_is_written(run, tmp_path, change, sentence):
    copy = tmp_path / "run"
    copy.mkdir()
    for name in ("run.json", "model.keras"):
        (copy / name).write_bytes((run.path / name).read_bytes())
    change(copy)
    result = tfapp("export", copy, tmp_path / "served")
    assert result.exit_code == 2, result.output
    assert sentence in result.output and "Traceback" not in result.output
    assert [child.name for child in tmp_path.iterdir()] == ["run"]
