"""`tfapp export` of refined runs, with a network and without: what is served, and what is refused."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import tfapp.export
from tests.pose.pose_commands import check_refused, copy_run
from tests.pose.pose_commands import tfapp as command
from tfapp.pose.fitted_run import FittedRun, cad_model
from tfapp.pose.observations import observe
from tfapp.pose.predictor import open_run
from tfapp.pose.refinement.refined_run import keep_model
from tfapp.pose.run import PoseRun
from tfapp.pose.served.exporting import served_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def refined(bolt_run, bolt_scenes, tmp_path_factory):
    """A trained run as if its refinement had found the true part, in the frame of the network's model."""
    path = copy_run(bolt_run, tmp_path_factory.mktemp("runs") / "run")
    keep_model(PoseRun.open(path), cad_model(bolt_scenes / "truth" / "object.ply", "m"))
    record = path / "refined" / "refine.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"start": "network"}))
    return path


@pytest.fixture(scope="module")
def served(bolt_scenes, tmp_path_factory):
    """Namespace of a run of a known bolt, one to three in a scene, what the export said, and its folder."""
    folder = tmp_path_factory.mktemp("fitted")
    mesh = bolt_scenes / "truth" / "object.ply"
    options = ("--cad", mesh, "--units", "m", "--instances", "1-3", "--out", folder / "run")
    assert command("pose", "fit", bolt_scenes, *options).exit_code == 0
    result = command("export", folder / "run", folder / "served")
    assert result.exit_code == 0, result.output
    return SimpleNamespace(run=folder / "run", text=result.output, folder=folder / "served" / "1")


def depth_of(path):
    run = open_run(path)
    return observe(run.folder(), run.config["observed"]).depth


def ask(folder, depth):
    """Return what the C++ session says of a batch."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = graph.signature_def["serving_default"]
        outputs = {alias: info.name for alias, info in signature.outputs.items()}
        return session.run(outputs, {signature.inputs["depth"].name: depth})


def test_session_answers_a_mixed_batch_in_order_as_python_answers_each_image(served):
    """One image lacks any part, one is NaN, one infinite, and of one a single part is left."""
    depth = depth_of(served.run)
    folder = FittedRun.open(served.run).folder()
    single = np.where(folder.labels(2) == 1, depth[2], 0).astype(np.float32)
    nothing = [np.full_like(depth[0], empty) for empty in (0.0, np.nan, np.inf)]
    batch = np.stack([depth[0], nothing[0], single, nothing[1], depth[1], nothing[2]])
    answer = ask(served.folder, batch)
    network = served_run(FittedRun.open(served.run)).network
    for place, image in enumerate(batch):
        for alias, value in network(image[None], training=False).items():
            np.testing.assert_allclose(answer[alias][place], value[0], atol=1e-3, err_msg=alias)
    assert answer["found"].sum(-1).tolist() == [2, 0, 1, 0, 2, 0]


def test_manifest_tells_the_part_and_where_it_is_from(served):
    manifest = json.loads((served.folder / "assets.extra" / "export.json").read_text())
    assert manifest["kind"] == "refined poses" and manifest["instances"] == 3
    assert manifest["metadata"]["start"] == "cad" and manifest["metadata"]["fewest_instances"] == 1
    assert manifest["metadata"]["extent"] == pytest.approx(0.05, rel=0.1)


def test_command_says_what_is_served(served):
    assert "Refined poses of 3 instances of a part, or fewer" in served.text
    assert f"tfapp pose evaluate {served.run}" in served.text
    shown = command("export", "show", served.folder)
    assert "how likely the pose is right" in shown.output and "65535 where it is not known" in shown.output


def test_verify_passes(served):
    assert "All checks passed." in command("export", "verify", served.folder).output


def test_a_file_may_say_that_a_pixel_is_unknown(served):
    from tfapp.export.depth_images import decode_depth

    steps = np.uint16([[500, 65535], [0, 1]])
    file = tf.io.encode_png(steps[..., None])
    camera = {"height": 2, "width": 2, "depth_scale": 1.0}
    expected = np.float32([[0.5, np.nan], [0, 0.001]])
    np.testing.assert_allclose(decode_depth(file, camera, np.nan), expected)
    np.testing.assert_allclose(decode_depth(file, camera), np.nan_to_num(expected))


def test_search_from_the_network_finds_the_true_poses(refined):
    run = PoseRun.open(refined)
    folder, depth = run.folder(), depth_of(refined)
    answer = served_run(run).network(depth, training=False)
    away = [
        np.linalg.norm(found[:, None] - folder.poses(number)[1], axis=-1).min(0)
        for number, found in enumerate(answer["translation"].numpy())
    ]
    assert np.median(away) < 0.001


@pytest.fixture
def kinds(monkeypatch):
    """List that gets the kind of each export in place of the export itself."""
    found = []
    for name in ("export_refined_poses", "export_pose_network"):
        monkeypatch.setattr(tfapp.export, name, lambda *args, kind=name, **options: found.append(kind))
    return found


def test_a_refined_run_serves_refined_poses_unless_the_network_is_asked_for(
    refined, bolt_run, tmp_path, kinds
):
    for path, options in ((refined, {}), (refined, {"refined": False}), (bolt_run, {})):
        PoseRun.open(path).export(tmp_path / "served", **options)
    assert kinds == ["export_refined_poses", "export_pose_network", "export_pose_network"]


def test_a_model_that_does_not_explain_its_scenes_is_not_served(refined, tmp_path, kinds):
    path = tmp_path / "run"
    shutil.copytree(refined, path)
    record = path / "refined" / "refine.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"residual": 0.01}))
    result = command("export", path, tmp_path / "served")
    check_refused(result, "does not explain its scenes")
    assert "--no-refined" in result.output and not (tmp_path / "served").exists() and not kinds


def test_what_cannot_be_served_is_refused_in_a_sentence(served, bolt_run, tmp_path):
    out = tmp_path / "served"
    check_refused(command("export", bolt_run, out, "--refined"), "is not refined; run `tfapp pose refine")
    check_refused(command("export", served.run, out, "--no-refined"), "has no network; leave --refined out")
    check_refused(command("export", served.run, out, "--status"), "--status is not for poses")
    assert not out.exists()
