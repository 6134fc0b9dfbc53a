import errno
import io
import stat

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from tfapp.export import ExportError, export
from tfapp.export import archive as writer
from tfapp.export import segmenter as segmenter_export
from tfapp.export.manifest import checksums
from tfapp.export.requests import Request


def encoded(pixels, kind):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def pixels_of(contents):
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(image.convert("RGB"), np.float32)[np.newaxis]


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_float_signature_answers_as_keras_through_the_session(
    exported, session_run, picture, keras_answer, size
):
    images = np.stack([picture(*size, seed=seed) for seed in (1, 2)]).astype(np.float32) / 255
    answer = session_run(exported.folder, "serving_default", images=images)
    expected = keras_answer(exported.model, images)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], answer["probabilities"].argmax(-1))


def test_integer_signature_answers_as_keras_through_the_session(exported, session_run, picture, keras_answer):
    images = picture(33, 47)[np.newaxis]
    answer = session_run(exported.folder, "serving_uint8", images=images)
    expected = keras_answer(exported.model, images.astype(np.float32) / 255)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-5)


def test_each_file_of_one_request_is_labelled_at_its_own_size(exported, session_run, picture, keras_answer):
    sizes = [(33, 47, "PNG"), (64, 20, "JPEG"), (48, 49, "PNG"), (5, 3, "BMP")]
    files = [encoded(picture(height, width), kind) for height, width, kind in sizes]
    answer = session_run(exported.folder, "serving_bytes", image_bytes=files)["labels_png_bytes"]
    for contents, labels in zip(files, answer, strict=True):
        expected = keras_answer(exported.model, pixels_of(contents) / 255).argmax(-1)[0]
        with Image.open(io.BytesIO(labels)) as image:
            # Random pixels leave a few near ties, which the last bit may swap.
            assert np.mean(np.asarray(image) == expected) > 0.998


@pytest.mark.parametrize("contents", [b"", b"short", b"no image, but as long as the header of one"])
def test_bad_file_fails_the_request(exported, session_run, contents):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format|Input is empty"):
        session_run(exported.folder, "serving_bytes", image_bytes=[contents])


def test_every_parameter_is_stored_once(exported):
    assert writer.stored_values(exported.folder) == exported.model.count_params()


def test_handwritten_gradient_stays_behind(exported):
    contents = (exported.folder / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(contents).meta_graphs
    assert "IdentityN" in {
        node.op for function in graph.graph_def.library.function for node in function.node_def
    }
    assert len(graph.graph_def.library.registered_gradients) == 0


def test_manifest_says_what_was_exported_and_how_it_was_checked(exported):
    manifest = exported.manifest
    assert (manifest["name"], manifest["version"], manifest["git_commit"]) == ("cells", 1, "1234abc")
    assert manifest["metadata"]["metrics"] == {"auc": 0.5, "warping": None}
    assert manifest["class_names"] == ["background", "cell", "nucleus"]
    assert manifest["images"]["value_range"] == [0.0, 1.0]
    assert manifest["padding"]["stride"] == 2
    assert manifest["values"]["model"] == manifest["values"]["stored"]
    assert manifest["versions"]["tensorflow"] == tf.__version__
    meaning = manifest["signatures"]["serving_uint8"]["inputs"][0]["meaning"]
    assert meaning == "RGB images of any height and width, values 0 to 255"


def test_manifest_holds_the_parity_of_every_signature(exported):
    parity = exported.manifest["verification"]["signatures"]
    assert [parity[name]["requests"] for name in ("serving_default", "serving_uint8", "serving_bytes")] == [
        4,
        3,
        2,
    ]
    assert all(parity[name]["max_difference"] <= 1e-5 for name in ("serving_default", "serving_uint8"))
    assert parity["serving_bytes"]["equal_labels"] > 0.999


def test_manifest_holds_the_checksum_of_every_other_file(exported):
    assert exported.manifest["sha256"] == checksums(exported.folder)
    assert "variables/variables.index" in exported.manifest["sha256"]


def test_server_of_another_user_can_read_the_folder(exported):
    assert exported.folder.stat().st_mode & stat.S_IROTH
    assert [child.name for child in exported.base.iterdir()] == ["1"]


def test_existing_version_is_never_overwritten(exported, net):
    before = checksums(exported.folder)
    with pytest.raises(ExportError, match="Version 1 already exists"):
        export(net, exported.base, stride=2, version=1)
    assert checksums(exported.folder) == before


def test_version_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch, net):
    def write_and_be_overtaken(segmenter, folder, for_converters):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"theirs")
        return 0

    monkeypatch.setattr(writer, "_write_saved_model", write_and_be_overtaken)
    monkeypatch.setattr(writer, "check", passing_check)
    monkeypatch.setattr(writer, "write_manifest", lambda folder, **facts: None)
    with pytest.raises(ExportError, match="Version 1 already exists"):
        export(net, tmp_path, stride=2)
    assert (tmp_path / "1" / "saved_model.pb").read_bytes() == b"theirs"
    assert [child.name for child in tmp_path.iterdir()] == ["1"]


def passing_check(folder, requests, tolerance, *, compare, warmup_expected):
    from tfapp.export import VerificationReport

    return VerificationReport(folder, tolerance, ())


@pytest.mark.slow
def test_artifact_that_answers_otherwise_is_not_published(tmp_path, monkeypatch, net):
    def wrong_reference(segmenter):
        images = np.zeros((1, 4, 4, 3), np.float32)
        expected = {"probabilities": np.eye(3, dtype=np.float32)[np.zeros((1, 4, 4), int)]}
        return [
            Request(
                "serving_default", {"images": images}, {**expected, "labels": np.zeros((1, 4, 4), np.int32)}
            )
        ]

    monkeypatch.setattr(segmenter_export, "stored_requests", wrong_reference)
    with pytest.raises(
        ExportError, match="serving_default, request 0: `probabilities` expected within 1e-05, got"
    ):
        export(net, tmp_path / "base", stride=2, warmup_sizes=())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(errno.EIO, "Input/output error")])
def test_interrupted_export_leaves_nothing_behind(tmp_path, monkeypatch, net, failure):
    def write_half(segmenter, folder, for_converters):
        (folder / "variables").mkdir()
        raise failure

    monkeypatch.setattr(writer, "_write_saved_model", write_half)
    with pytest.raises((KeyboardInterrupt, ExportError)):
        export(net, tmp_path / "new" / "base", stride=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.UnknownError(None, None, "x; No space left on device"),
    ],
)
def test_full_disk_is_one_sentence(tmp_path, monkeypatch, net, failure):
    def fill(segmenter, folder, for_converters):
        raise failure

    monkeypatch.setattr(writer, "_write_saved_model", fill)
    with pytest.raises(ExportError, match="The disk of .* is full: free some space"):
        export(net, tmp_path, stride=2)


def test_base_that_is_a_file_is_one_sentence(tmp_path, net):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="Cannot write to .*file: "):
        export(net, tmp_path / "file", stride=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"class_names": ["a", "b", "b"]},
            "`class_names` must differ from each other. Received more than once: b",
        ),
        (
            {"class_names": ["a", "b"]},
            "`class_names` must name the 3 classes of the model. Received: 2",
        ),
        ({"warmup_sizes": [(64,)]}, r"`warmup_sizes` must be pairs \(height, width\)"),
        (
            {"metadata": {"run": {"model": object()}}},
            "`metadata.run.model` must be a JSON value. Received: object",
        ),
        ({"extra_examples": [np.zeros((4, 4))]}, r"`extra_examples` must be images \(height, width, 3\)"),
    ],
)
def test_unusable_arguments_are_named_and_leave_nothing(tmp_path, net, arguments, message):
    with pytest.raises(ExportError, match=message):
        export(net, tmp_path / "base", stride=2, **arguments)
    assert list(tmp_path.iterdir()) == []
