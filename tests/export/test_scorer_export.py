import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.export.scorer_net import CLASS_NAMES, build_net, build_pipeline, encoded, opened, tinted
from tfapp.export import describe, export_scorer, verification, verify
from tfapp.export import scorer as scorer_export
from tfapp.export.session import Answers
from tfapp.export.signatures import read_signatures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Namespace of `model`, `folder` and the parsed `manifest` of one export of a pipeline."""
    model = build_pipeline()
    base = tmp_path_factory.mktemp("served") / "birds"
    example = np.random.default_rng(0).uniform(size=(8, 8, 3)).astype(np.float32)
    folder = export_scorer(
        model,
        base,
        class_names=CLASS_NAMES,
        warmup_sizes=((8, 8), (20, 30)),
        metadata={"run": "birds-1"},
        extra_examples=[example],
    )
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(model=model, folder=folder, manifest=manifest)


@pytest.fixture(scope="module")
def intact(scored):
    return verify(scored.folder)


def check_scores(answer, expected):
    np.testing.assert_allclose(answer["scores"], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], np.argmax(expected, -1))


def test_exported_signatures_are_exactly_these(scored):
    table = {
        name: {
            side: {tensor["alias"]: (tensor["dtype"], tensor["shape"]) for tensor in signature[side]}
            for side in ("inputs", "outputs")
        }
        for name, signature in read_signatures(scored.folder).items()
    }
    answer = {"labels": ("int32", [None]), "scores": ("float32", [None, 4])}
    image = [None, None, None, 3]
    assert table == {
        "serving_default": {"inputs": {"images": ("float32", image)}, "outputs": answer},
        "serving_uint8": {"inputs": {"images": ("uint8", image)}, "outputs": answer},
        "serving_bytes": {"inputs": {"image_bytes": ("string", [None])}, "outputs": answer},
    }


@pytest.mark.parametrize("signature", ["serving_default", "serving_uint8"])
def test_arrays_are_scored_as_keras_does_through_the_session(scored, session_run, signature):
    pixels = np.stack([tinted((9, 31), seed) for seed in range(8)])
    floats = pixels.astype(np.float32) / 255
    answer = session_run(scored.folder, signature, images=pixels if signature.endswith("uint8") else floats)
    check_scores(answer, scored.model(floats, training=False))
    assert len(set(answer["labels"])) > 1


def test_raw_files_of_any_size_are_scored_through_the_session_as_in_python(scored, session_run):
    sizes = [
        (8, 8, "PNG"),
        (33, 47, "JPEG"),
        (64, 20, "JPEG"),
        (8, 8, "JPEG"),
        (16, 16, "PNG"),
        (5, 3, "BMP"),
    ]
    files = [encoded(tinted((height, width), seed), kind) for seed, (height, width, kind) in enumerate(sizes)]
    answer = session_run(scored.folder, "serving_bytes", image_bytes=files)
    check_scores(
        answer, np.concatenate([scored.model(opened(contents), training=False) for contents in files])
    )


def test_request_of_no_files_gets_no_scores(scored, session_run):
    answer = session_run(scored.folder, "serving_bytes", image_bytes=np.array([], object))
    assert (answer["scores"].shape, answer["labels"].shape) == ((0, 4), (0,))


def test_file_that_is_no_image_fails_the_request(scored, session_run):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        session_run(scored.folder, "serving_bytes", image_bytes=[encoded(tinted((8, 8))), b"no image"])


def test_every_parameter_is_stored_once(scored):
    assert scored.manifest["values"] == {
        "model": scored.model.count_params(),
        "stored": scored.model.count_params(),
    }


def test_manifest_says_what_was_exported(scored):
    manifest = scored.manifest
    assert (manifest["kind"], manifest["num_classes"]) == ("scorer", 4)
    assert manifest["class_names"] == CLASS_NAMES
    assert manifest["metadata"] == {"run": "birds-1"}
    assert manifest["images"]["size"] is None
    requests = {name: parity["requests"] for name, parity in manifest["verification"]["signatures"].items()}
    assert requests == {"serving_default": 2 + 2 + 1, "serving_uint8": 2 + 2, "serving_bytes": 1 + 2}


def test_meanings_tell_several_classes_by_the_sign_of_the_score(scored):
    outputs = describe(scored.folder)["signatures"]["serving_bytes"]["outputs"]
    assert [tensor["alias"] for tensor in outputs] == ["labels", "scores"]
    assert outputs[1]["meaning"].endswith("an image with several classes shows each whose score is above 0")


def test_description_says_what_it_is_and_how_to_call_it(scored):
    described = describe(scored.folder)
    assert described["summary"] == [
        "Images: RGB, float32 in [0, 1] or uint8.",
        "Scores and labels: 0 bird, 1 cat, 2 ship, 3 truck",
    ]
    curl = described["signatures"]["serving_bytes"]["curl"]
    assert "base64 < image.png" in curl and curl.endswith("/v1/models/birds:predict")
    assert "for serving_bytes" in described["batching"]
    assert json.loads(json.dumps(described)) == described


def test_intact_folder_passes(intact):
    assert intact.passed, intact.failures


def test_every_signature_is_compared_with_its_stored_reference(intact):
    found = {parity.signature: parity for parity in intact.signatures}
    assert {name: parity.requests for name, parity in found.items()} == {
        "serving_default": 2,
        "serving_uint8": 2,
        "serving_bytes": 1,
    }
    assert all(parity.max_difference <= intact.tolerance for parity in found.values())
    assert all(parity.equal_labels == 1 for parity in found.values())


def test_every_warmup_record_is_replayed(intact, scored):
    assert intact.warmup_records == scored.manifest["warmup"]["records"]


def change_weight(folder):
    """Write the checkpoint of `folder` again, well-formed, with one bias moved by 0.01."""
    prefix = str(folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    bias = next(name for name, value in values.items() if getattr(value, "shape", None) == (4,))
    values[bias] = values[bias] + np.float32(0.01)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )


def test_changed_weight_is_found_in_the_answers_and_in_the_files(scored, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(scored.folder, folder)
    change_weight(folder)
    failures = verify(folder).failures
    assert any(
        failure.startswith("variables/variables.data-00000-of-00001 was changed") for failure in failures
    )
    for signature in ("serving_default", "serving_uint8", "serving_bytes"):
        assert any(
            failure.startswith(f"{signature}, request ") and "`scores` expected within" in failure
            for failure in failures
        )


def test_swapped_labels_are_found(scored, monkeypatch):
    def answer_with_swapped_labels(folder, requests):
        outputs = [
            {**request.expected, "labels": 3 - request.expected["labels"].astype(np.int32)}
            for request in requests
        ]
        warmup = {"records": 0, "error": None, "skipped": "not asked"}
        return Answers(outputs, [None] * len(requests), None, warmup)

    monkeypatch.setattr(verification, "ask_session", answer_with_swapped_labels)
    failures = verify(scored.folder).failures
    assert "serving_default, request 0: `labels` expected 2 equal labels, got 2 different ones." in failures
    assert "serving_bytes, request 4: `labels` expected 3 equal labels, got 3 different ones." in failures


@pytest.mark.parametrize(("scale", "beyond"), [(1.0, False), (1000.0, True)])
def test_tolerance_grows_with_scores_beyond_1(monkeypatch, tmp_path, scale, beyond):
    monkeypatch.setattr(scorer_export, "write_version", lambda served, *_: served)
    model = build_net((None, None, 3))
    model.layers[-1].set_weights([scale * weights for weights in model.layers[-1].get_weights()])
    served = export_scorer(model, tmp_path, class_names="ab")
    largest = max(np.abs(request.expected["scores"]).max() for request in served.stored_requests())
    assert (largest > 1) == beyond
    assert served.tolerance == pytest.approx(1e-5 * (largest if beyond else 1))
