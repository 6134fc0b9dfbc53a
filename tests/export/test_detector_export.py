"""Exports of detectors, through the session that TensorFlow Serving runs."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.detection.tiny_detector import tiny_assembled, write_backbone
from tests.export.box_net import CLASS_NAMES, build_quarters, pictures
from tests.export.scorer_net import encoded, opened
from tfapp.export import ExportError, describe, export_detector, verification, verify
from tfapp.export.box_rows import differences
from tfapp.export.requests import load_requests
from tfapp.export.session import Answers
from tfapp.export.signatures import read_signatures

pytestmark = pytest.mark.slow
ALIASES = ("boxes", "scores", "classes")


@pytest.fixture(scope="module")
def detecting(tmp_path_factory):
    """Namespace of `model`, `folder` and the parsed `manifest` of one export of a Faster R-CNN, with a status."""
    place = tmp_path_factory.mktemp("detector")
    model = tiny_assembled(write_backbone(place / "backbone.keras"))
    folder = export_detector(
        model,
        place / "served" / "cells",
        class_names=CLASS_NAMES,
        metadata={"run": "cells-1"},
        extra_examples=[pictures((30, 44), 1)[0].astype(np.float32) / 255],
        status=True,
    )
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(model=model, folder=folder, manifest=manifest)


@pytest.fixture(scope="module")
def intact(detecting):
    return verify(detecting.folder)


def rows_by_keras(model, floats):
    """What Keras finds in each image: boxes, scores and classes."""
    *arrays, counts = (output.numpy() for output in model(floats, training=False))
    return [[array[place, :count] for array in arrays] for place, count in enumerate(counts)]


def check_rows(answer, expected):
    """Whatever the order of rows that tie: as many, of the same classes, to a thousandth of a pixel."""
    for place, rows in enumerate(expected):
        count = answer["counts"][place]
        assert count == len(rows[1]) > 0
        pixels, score, wrong = differences(rows, [answer[alias][place, :count] for alias in ALIASES])
        assert pixels <= 1e-3 and score <= 1e-5 and wrong == 0


def test_exported_signatures_are_exactly_these(detecting):
    table = {
        name: {
            side: {tensor["alias"]: (tensor["dtype"], tensor["shape"]) for tensor in signature[side]}
            for side in ("inputs", "outputs")
        }
        for name, signature in read_signatures(detecting.folder).items()
    }
    answer = {
        "boxes": ("float32", [None, 20, 4]),
        "scores": ("float32", [None, 20]),
        "classes": ("int32", [None, 20]),
        "counts": ("int32", [None]),
    }
    image = [None, None, None, 3]
    assert table == {
        "serving_default": {"inputs": {"images": ("float32", image)}, "outputs": answer},
        "serving_uint8": {"inputs": {"images": ("uint8", image)}, "outputs": answer},
        "serving_bytes": {
            "inputs": {"image_bytes": ("string", [None])},
            "outputs": {**answer, "status": ("string", [None])},
        },
    }


@pytest.mark.parametrize("signature", ["serving_default", "serving_uint8"])
@pytest.mark.parametrize("size", [(33, 47), (120, 64)])
def test_boxes_are_those_of_keras_through_the_session(detecting, session_run, signature, size):
    pixels = pictures(size, 2)
    floats = pixels.astype(np.float32) / 255
    images = pixels if signature.endswith("uint8") else floats
    check_rows(
        session_run(detecting.folder, signature, images=images), rows_by_keras(detecting.model, floats)
    )


def test_boxes_of_files_are_in_pixels_of_each(detecting, session_run):
    forms = [((40, 56), "PNG"), ((70, 50), "JPEG"), ((90, 160), "BMP")]
    files = [encoded(pictures(size, 1)[0], form) for size, form in forms]
    answer = session_run(detecting.folder, "serving_bytes", image_bytes=np.array(files, object))
    check_rows(answer, [rows_by_keras(detecting.model, opened(contents))[0] for contents in files])
    assert [answer["boxes"][place].max() > side / 2 for place, side in enumerate((56, 70, 160))] == [True] * 3


def test_bad_file_has_no_box_and_does_not_fail_its_neighbour(detecting, session_run):
    good = encoded(pictures((40, 56), 1)[0])
    answer = session_run(detecting.folder, "serving_bytes", image_bytes=np.array([b"no image", good], object))
    assert answer["counts"][0] == 0 < answer["counts"][1]
    assert (answer["classes"][0] == -1).all() and not answer["boxes"][0].any()
    assert answer["status"][0] and not answer["status"][1]


def test_request_of_no_files_gets_no_boxes(detecting, session_run):
    answer = session_run(detecting.folder, "serving_bytes", image_bytes=np.array([], object))
    assert answer["boxes"].shape == (0, 20, 4) and answer["counts"].shape == (0,)


def test_images_that_are_not_finite_fail(detecting, session_run):
    with pytest.raises(tf.errors.InvalidArgumentError, match="images must be finite"):
        session_run(detecting.folder, "serving_default", images=np.full((1, 8, 8, 3), np.nan, np.float32))


def test_every_parameter_is_stored_once(detecting):
    count = detecting.model.count_params()
    assert detecting.manifest["values"] == {"model": count, "stored": count}


def test_manifest_says_what_was_exported(detecting):
    manifest = detecting.manifest
    assert (manifest["kind"], manifest["rows"], manifest["class_names"]) == ("detector", 20, CLASS_NAMES)
    assert manifest["corners"].startswith("Rows y1, x1, y2, x2 in pixels of the image that was sent")
    assert manifest["metadata"] == {"run": "cells-1"}
    assert manifest["compared_boxes"] > manifest["stored_boxes"] > 0
    parity = manifest["verification"]["signatures"]["serving_default"]
    assert parity["requests"] == 2 + 1 + 1 and parity["box_difference"] <= 1e-3


def test_every_stored_request_has_boxes(detecting):
    requests = load_requests(detecting.folder / "assets.extra" / "verification.npz")
    assert all(request.expected["counts"].any() for request in requests)


def test_description_says_what_it_is(detecting):
    described = describe(detecting.folder)
    assert described["summary"] == [
        "Images: RGB, float32 in [0, 1] or uint8.",
        "Boxes: at most 20 of an image. Rows y1, x1, y2, x2 in pixels of the image that was sent, y downwards; pixel i "
        "reaches from i to i + 1.",
        "Classes: 0 bright, 1 dark",
    ]
    outputs = {
        tensor["alias"]: tensor["meaning"] for tensor in described["signatures"]["serving_default"]["outputs"]
    }
    assert outputs["classes"].endswith("-1 behind the last") and "for serving_bytes" in described["batching"]


def test_intact_folder_passes(intact):
    assert intact.passed and not intact.notes, (intact.failures, intact.notes)


def test_differences_of_boxes_are_told_of_every_signature(intact):
    found = {parity.signature: parity.box_difference for parity in intact.signatures}
    assert set(found) == {"serving_default", "serving_uint8", "serving_bytes"}
    assert all(difference <= 1e-3 for difference in found.values())


def test_moved_boxes_are_found(detecting, monkeypatch):
    def answer_with_moved_boxes(folder, requests):
        outputs = [dict(request.expected) for request in requests]
        for output in outputs:
            output["boxes"] = output["boxes"] + np.float32(0.01) * (output["classes"] >= 0)[..., None]
        return Answers(outputs, [None] * len(requests), None, {"records": 0, "error": None, "skipped": "no"})

    monkeypatch.setattr(verification, "ask_session", answer_with_moved_boxes)
    failures = verify(detecting.folder).failures
    assert len(failures) == 5
    assert failures[0].startswith(
        "serving_default, request 0: `boxes` expected within 0.001, got a difference of 0.01"
    )


def test_changed_weight_is_found_in_the_answers(detecting, tmp_path):
    folder = shutil.copytree(detecting.folder, tmp_path / "1")
    prefix = str(folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    # The scores of two classes and of the background.
    bias = next(name for name, value in values.items() if getattr(value, "shape", None) == (3,))
    values[bias] = values[bias] + np.float32([0, 0.05, 0])
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )
    failures = verify(folder).failures
    for signature in ("serving_default", "serving_uint8", "serving_bytes"):
        assert any(failure.startswith(f"{signature}, request") for failure in failures)


def test_export_that_finds_nothing_says_so(tmp_path):
    folder = export_detector(
        build_quarters(least=2.0), tmp_path / "none", class_names=CLASS_NAMES, warmup_sizes=()
    )
    assert describe(folder)["summary"][-1] == (
        "None of the stored requests gives a box, so that `tfapp export verify` compares that nothing is found; nor "
        "did any other request."
    )
    assert verify(folder).notes[0].startswith("None of the requests gives a box")


@pytest.mark.parametrize("engine", ["onnx", "tflite"])
def test_engine_without_the_resize_of_a_detector_is_refused_and_leaves_nothing(tmp_path, engine):
    pytest.importorskip("tf2onnx")
    model = tiny_assembled(write_backbone(tmp_path / "backbone.keras"))
    with pytest.raises(ExportError, match="cannot be converted to .*ScaleAndTranslate.*; export without it"):
        export_detector(
            model, tmp_path / "served", class_names=CLASS_NAMES, warmup_sizes=(), formats=(engine,)
        )
    assert not (tmp_path / "served").exists()


def test_detector_that_a_converter_knows_answers_alike(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = build_quarters()
    folder = export_detector(
        model, tmp_path / "s", class_names=CLASS_NAMES, warmup_sizes=(), formats=("onnx",)
    )
    session = onnxruntime.InferenceSession(str(folder / "assets.extra" / "model.onnx"))
    floats = pictures((21, 33)).astype(np.float32) / 255
    found = dict(
        zip([one.name for one in session.get_outputs()], session.run(None, {"images": floats}), strict=True)
    )
    check_rows(found, rows_by_keras(model, floats))
    floats[0, 0, 0] = np.nan
    counts, classes = session.run(["counts", "classes"], {"images": floats})
    assert counts[0] == 0 < counts[1] and (classes[0] == -1).all()
