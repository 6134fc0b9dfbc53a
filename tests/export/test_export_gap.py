"""The duality gap of a TV head as a further output of the served signatures."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from tfapp.export import ExportError, describe, export, verify
from tfapp.export.comparisons import compare
from tfapp.export.requests import Request
from tfapp.export.segmenter import inspect_model
from tfapp.export.signatures import compiled_functions, read_signatures
from tfapp.layers import TVSoftmax, regularise, with_gap

pytestmark = pytest.mark.slow


def regular_net(build_net, **options):
    """A net whose TV head stops early enough to leave a gap."""
    return regularise(build_net(), 1.0, learn_tv_weight=True, inference_iterations=12, **options)


@pytest.fixture(scope="module")
def served(build_net, tmp_path_factory):
    """Namespace of the `model` without gap, and of `folder` and parsed `manifest` of its export with gap."""
    model = regular_net(build_net)
    folder = export(
        with_gap(model), tmp_path_factory.mktemp("served") / "cells", stride=2, warmup_sizes=((32, 40),)
    )
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(model=model, folder=folder, manifest=manifest)


@pytest.fixture(scope="module")
def images(picture):
    return np.stack([picture(32, 48, seed=seed) for seed in (1, 2)])


def test_float_and_integer_signatures_give_the_gap_and_files_do_not(served):
    outputs = {
        name: {tensor["alias"]: (tensor["dtype"], tensor["shape"]) for tensor in signature["outputs"]}
        for name, signature in read_signatures(served.folder).items()
    }
    assert outputs["serving_default"]["gap"] == outputs["serving_uint8"]["gap"] == ("float32", [None])
    assert list(outputs["serving_bytes"]) == ["labels_png_bytes"]


@pytest.mark.parametrize(("signature", "scale"), [("serving_default", 255), ("serving_uint8", 1)])
def test_gap_is_that_of_each_image(served, session_run, images, signature, scale):
    given = images if scale == 1 else (images / 255).astype(np.float32)
    answer = session_run(served.folder, signature, images=given)
    head = served.model.layers[-1]
    logits = keras.Model(served.model.input, head.input)((images / 255).astype(np.float32), training=False)
    expected = TVSoftmax(1.0, inference_iterations=12).regularise(logits, training=False).gap
    assert answer["gap"].shape == (2,)
    np.testing.assert_allclose(answer["gap"], expected, rtol=0, atol=1e-5)


def test_labels_are_those_of_the_model_without_gap(served, session_run, images, keras_answer):
    floats = (images / 255).astype(np.float32)
    answer = session_run(served.folder, "serving_default", images=floats)
    expected = keras_answer(served.model, floats)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], answer["probabilities"].argmax(-1))


def test_verification_reports_the_largest_gap_that_it_saw(served):
    report = verify(served.folder)
    assert report.passed, report.failures
    found = {parity.signature: parity.largest_gap for parity in report.signatures}
    assert 0 < found["serving_default"] < 1 and 0 < found["serving_uint8"] < 1
    assert found["serving_bytes"] is None


def test_manifest_keeps_the_largest_gap_and_its_meaning(served):
    parity = served.manifest["verification"]["signatures"]["serving_default"]
    assert parity["largest_gap"] > 0
    [gap] = [
        tensor
        for tensor in describe(served.folder)["signatures"]["serving_uint8"]["outputs"]
        if tensor["alias"] == "gap"
    ]
    assert gap["meaning"].startswith("certificate of the TV head, per image")


def test_model_without_gap_has_none_reported(exported):
    assert exported.manifest["verification"]["signatures"]["serving_default"]["largest_gap"] is None


@pytest.mark.parametrize("value", [2e-3, np.nan])
def test_other_gap_than_expected_fails(value):
    probabilities = np.full((1, 1, 1, 2), 0.5, np.float32)
    expected = {"probabilities": probabilities, "labels": np.zeros((1, 1, 1), np.int32)}
    request = Request("s", {}, {**expected, "gap": np.array([1e-3], np.float32)})
    outputs = {**expected, "gap": np.array([value], np.float32)}
    assert "`gap` expected within 1e-05, got a difference of" in compare(request, outputs, 1e-5)[2]


def test_nothing_in_the_served_graph_is_compiled(served):
    assert compiled_functions(served.folder) == []
    contents = (served.folder / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(contents).meta_graphs
    operations = {node.op for function in graph.graph_def.library.function for node in function.node_def}
    assert not {operation for operation in operations if operation.startswith("Xla")}


def test_head_that_insists_on_compilation_is_refused(build_net, tmp_path):
    with pytest.raises(
        ExportError, match="must run on servers without XLA: expected no compiled functions, got "
    ):
        export(regular_net(build_net, jit_compile=True), tmp_path / "base", stride=2, warmup_sizes=())
    assert list(tmp_path.iterdir()) == []


def test_other_second_output_is_refused():
    inputs = keras.Input((None, None, 3))
    softmax = keras.layers.Conv2D(2, 1, activation="softmax")(inputs)
    with pytest.raises(
        ExportError, match=r"or these and one gap \(batch,\). Received: .*\[\(1, 33, 47, 2\)\]"
    ):
        inspect_model(keras.Model(inputs, [softmax, softmax]))
