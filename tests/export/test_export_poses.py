import io
import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.export.pose_net import CAMERA, POINTS, Poses, build_pose_net, scenes
from tfapp.export import ExportError, describe, export_pose_network, verify
from tfapp.export import pose as pose_export
from tfapp.export.depth_images import decode_depth, in_metres
from tfapp.export.requests import Request, load_requests, save_requests
from tfapp.export.signatures import read_signatures

pytestmark = pytest.mark.slow

GIVEN = {"camera": CAMERA, "distance": 0.6, "object_points": POINTS}


@pytest.fixture(scope="module")
def posed(tmp_path_factory):
    """Namespace of `model`, `folder` and the parsed `manifest` of one export."""
    model = build_pose_net()
    base = tmp_path_factory.mktemp("served") / "bolts"
    folder = export_pose_network(model, base, **GIVEN, metadata={"run": "bolts-1"})
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(model=model, folder=folder, manifest=manifest)


def png(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def check_poses(answer, expected):
    for alias in ("quaternion", "translation"):
        np.testing.assert_allclose(answer[alias], expected[alias], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answer["reflected"], expected["reflected"])


def test_exported_signatures_are_exactly_these(posed):
    poses = {
        "quaternion": ("float32", [None, 2, 4]),
        "reflected": ("bool", [None, 2]),
        "translation": ("float32", [None, 2, 3]),
        "found": ("bool", [None, 2]),
    }
    table = {
        name: {
            side: {tensor["alias"]: (tensor["dtype"], tensor["shape"]) for tensor in signature[side]}
            for side in ("inputs", "outputs")
        }
        for name, signature in read_signatures(posed.folder).items()
    }
    assert table == {
        "serving_default": {"inputs": {"depth": ("float32", [None, 12, 16])}, "outputs": poses},
        "serving_bytes": {"inputs": {"depth_bytes": ("string", [None])}, "outputs": poses},
    }


def test_depth_signature_answers_as_keras_through_the_session(posed, session_run):
    depth = scenes(6)
    answer = session_run(posed.folder, "serving_default", depth=depth)
    check_poses(answer, posed.model(depth))
    assert len(np.unique(answer["reflected"], axis=0)) > 1


def test_scene_without_a_measured_pixel_has_no_pose_and_its_neighbours_have(posed, session_run):
    depth = scenes(4)
    depth[1], depth[2] = 0, np.nan
    answer = session_run(posed.folder, "serving_default", depth=depth)
    np.testing.assert_array_equal(
        answer["found"], np.array([[True] * 2, [False] * 2, [False] * 2, [True] * 2])
    )
    np.testing.assert_array_equal(answer["quaternion"][1:3], np.tile([1, 0, 0, 0], (2, 2, 1)))
    assert not answer["translation"][1:3].any() and not answer["reflected"][1:3].any()
    expected = posed.model(depth)
    kept = {
        alias: np.asarray(expected[alias])[[0, 3]] for alias in ("quaternion", "translation", "reflected")
    }
    check_poses({alias: answer[alias][[0, 3]] for alias in kept}, kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda depth: 1000 * depth, "depth must be in metres, 0.01 to 10 for most of what was measured"),
        (lambda depth: np.where(depth > 0, depth, 65.535), "depth must be in metres"),
    ],
)
def test_depth_in_another_unit_or_of_another_size_is_refused(posed, session_run, change, message):
    depth = np.nan_to_num(scenes(3), nan=0, posinf=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session_run(posed.folder, "serving_default", depth=change(depth).astype(np.float32))


def test_depth_of_another_size_is_refused_by_the_graph_as_a_session_need_not_compare_it():
    graph = tf.function(
        lambda depth: in_metres(depth, (12, 16)), [tf.TensorSpec(None, tf.float32)], autograph=False
    )
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="depth must hold images 12 pixels high and 16 wide"
    ):
        graph(tf.fill((2, 8, 16), 0.6))


def test_files_are_read_in_steps_of_the_camera(posed, session_run):
    steps = np.random.default_rng(1).integers(0, 1400, (3, 12, 16)).astype(np.uint16)
    answer = session_run(posed.folder, "serving_bytes", depth_bytes=[png(one) for one in steps])
    check_poses(answer, posed.model(steps.astype(np.float32) * np.float32(0.0005)))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "must be 16-bit grey PNG files"),
        (b"no image, but as long as the header of one", "must be 16-bit grey PNG files"),
        (png(np.zeros((12, 16), np.uint8)), "must be 16-bit grey PNG files"),
        (tf.io.encode_png(np.zeros((12, 16, 3), np.uint16)).numpy(), "must be 16-bit grey PNG files"),
        (png(np.zeros((16, 12), np.uint16)), "must hold images 12 pixels high and 16 wide, got.*16 12"),
        (png(np.zeros((12, 16), np.uint16))[:45], "Invalid PNG"),
    ],
)
def test_file_that_holds_no_such_depth_fails_the_request(posed, session_run, contents, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session_run(posed.folder, "serving_bytes", depth_bytes=[contents])


def test_file_is_read_as_for_training_where_nothing_was_measured():
    steps = np.full((12, 16), 900, np.uint16)
    steps[3:5] = 65535
    depth = decode_depth(png(steps), CAMERA)
    np.testing.assert_allclose(depth, np.where(steps == 65535, 0, 0.45), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exif": Image.Exif()}, "must not be turned by EXIF"),
        ({"save_all": True, "append_images": [Image.new("I;16", (16, 12), 7)]}, "several frames"),
    ],
)
def test_turned_file_and_animation_are_refused(options, message):
    if "exif" in options:
        options["exif"][0x0112] = 3
    contents = png(np.full((12, 16), 900, np.uint16), **options)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode_depth(contents, CAMERA)


def test_graph_needs_no_python(posed):
    contents = (posed.folder / "saved_model.pb").read_bytes()
    assert b"PyFunc" not in contents


def test_object_model_goes_with_it(posed):
    text = (posed.folder / "assets.extra" / "object.ply").read_text()
    header, _, rows = text.partition("end_header\n")
    assert "element vertex 9" in header
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(rows), dtype=np.float32), POINTS)


def test_open3d_reads_the_object_model(posed):
    open3d = pytest.importorskip("open3d")
    cloud = open3d.io.read_point_cloud(str(posed.folder / "assets.extra" / "object.ply"))
    np.testing.assert_allclose(np.asarray(cloud.points), POINTS, rtol=1e-6)


def test_manifest_says_what_a_client_needs_to_draw_the_poses(posed):
    manifest = posed.manifest
    assert (manifest["kind"], manifest["instances"]) == ("pose network", 2)
    assert manifest["camera"] == CAMERA
    assert manifest["object_model"] == {"file": "assets.extra/object.ply", "points": 9, "unit": "metre"}
    assert "-R x + t where `reflected` is true" in manifest["convention"]
    assert manifest["values"]["model"] == manifest["values"]["stored"] == 12 * 16 * 20 + 20
    meanings = {t["alias"]: t["meaning"] for t in manifest["signatures"]["serving_bytes"]["inputs"]}
    assert meanings["depth_bytes"].startswith("16-bit grey PNG files of depth, 0.5 mm a step")


def test_verification_compares_both_signatures_with_keras(posed):
    report = verify(posed.folder)
    assert report.passed, report.failures
    found = {parity.signature: parity for parity in report.signatures}
    assert {name: parity.requests for name, parity in found.items()} == {
        "serving_default": 2,
        "serving_bytes": 1,
    }
    assert all(parity.max_difference <= report.tolerance == 1e-5 for parity in found.values())
    assert report.warmup_records == posed.manifest["warmup"]["records"]


def test_verification_finds_another_pose_than_the_stored_one(posed, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(posed.folder, folder)
    reference = folder / "assets.extra" / "verification.npz"
    requests = load_requests(reference)
    requests[0].expected["translation"] += np.float32(0.001)
    save_requests(reference, requests)
    assert any(
        failure.startswith("serving_default, request 0: `translation` expected within 1e-05, got")
        for failure in verify(folder).failures
    )


def test_stored_requests_show_parts_and_every_kind_of_gap(posed):
    one, several, _ = load_requests(posed.folder / "assets.extra" / "verification.npz")
    assert 0.05 < np.mean(one.inputs["depth"] > 0) < 0.9
    gaps = several.inputs["depth"]
    assert np.isnan(gaps[0]).any() and np.isinf(gaps[1]).any() and not gaps[2].any()


def test_description_says_what_it_is_and_how_to_call_it(posed):
    described = describe(posed.folder)
    assert described["summary"][0].startswith(
        "Poses of 2 instances of a part, from depth in metres of the parts alone, in images 12 pixels high"
    )
    assert "30, 30 (fx, fy)" in described["summary"][1]
    assert "base64 < depth.png" in described["signatures"]["serving_bytes"]["curl"]
    assert described["batching"].startswith("--enable_batching may be on")
    assert json.loads(json.dumps(described)) == described


def test_artifact_that_answers_otherwise_is_not_published(tmp_path, monkeypatch):
    def wrong_reference(network):
        depth = scenes(1)
        found = {alias: np.array(value) for alias, value in network.answer(depth).items()}
        poses = {alias: found[alias] for alias in ("quaternion", "translation")}
        wrong = {**poses, "reflected": ~found["reflected"], "decided": np.array([True])}
        return [Request("serving_default", {"depth": depth}, wrong)]

    monkeypatch.setattr(pose_export, "stored_pose_requests", wrong_reference)
    with pytest.raises(ExportError, match="`reflected` expected to be equal, got 2 different ones"):
        export_pose_network(build_pose_net(), tmp_path / "base", **GIVEN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"camera": {**CAMERA, "fx": 0}}, "`camera` must have positive numbers width, height, fx"),
        ({"camera": {"width": 16, "height": 12}}, "`camera` must have positive numbers"),
        ({"camera": {**CAMERA, "height": 16}}, r"must take depth \(batch, 16, 16\).* \(None, 12, 16\)"),
        ({"distance": -1.0}, "`distance` must be a positive length in metres. Received: distance=-1.0"),
        ({"object_points": POINTS[:, :2]}, r"`object_points` must be finite points \(m, 3\).*\(9, 2\)"),
        ({"object_points": POINTS * np.nan}, "27 numbers not finite"),
        ({"version": 0}, "`version` must be a positive integer"),
    ],
)
def test_unusable_arguments_are_named_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        export_pose_network(build_pose_net(), tmp_path / "base", **{**GIVEN, **arguments})
    assert list(tmp_path.iterdir()) == []


def altered(**changes):
    """A pose net with other outputs: None leaves one out, a function is applied to it."""

    class Altered(keras.layers.Layer):
        def call(self, poses):
            found = {alias: changes.get(alias, lambda value: value)(value) for alias, value in poses.items()}
            return {alias: value for alias, value in found.items() if value is not None}

    depth = keras.Input((12, 16))
    numbers = keras.layers.Dense(20)(keras.layers.Flatten()(depth))
    return keras.Model(depth, Altered()(Poses()(numbers)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "model.keras", "`model` must be a Keras model. Received: str"),
        (lambda: altered(choice=lambda value: None), "must give a dict of quaternion.* KeyError"),
        (lambda: altered(translation=lambda value: value[:, :1]), r"translation \(batch, N, 3\)"),
        (lambda: altered(reflected=lambda value: tf.cast(value, tf.int32)), "must be bool. Received: int32"),
        (lambda: altered(quaternion=lambda value: 2 * value), "must have length 1. Received: lengths"),
        (lambda: altered(translation=lambda value: value / 0), "`translation` of `model` must be finite"),
    ],
)
def test_models_that_are_no_pose_network_are_refused_with_a_reason(tmp_path, make, message):
    with pytest.raises(ExportError, match=message):
        export_pose_network(make(), tmp_path / "base", **GIVEN)
    assert list(tmp_path.iterdir()) == []
