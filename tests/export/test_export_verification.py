import json
import shutil
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfapp.export import ExportError, session, verify
from tfapp.export.archive import write_warmup
from tfapp.export.requests import Request

pytestmark = pytest.mark.slow

WEIGHTS = "variables/variables.data-00000-of-00001"
WARMUP = "assets.extra/tf_serving_warmup_requests"

needs_serving_protos = pytest.mark.skipif(
    find_spec("tensorflow_serving") is None, reason="tensorflow-serving-api is not installed"
)


def copied(exported, folder):
    shutil.copytree(exported.folder, folder / "1")
    return folder / "1"


@pytest.fixture(scope="module")
def intact(exported):
    return verify(exported.base)


@pytest.fixture(scope="module")
def damaged(exported, tmp_path_factory):
    """Report on a folder with other weights of the same length, a cut warm-up file and an extra file."""
    folder = copied(exported, tmp_path_factory.mktemp("damaged"))
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[100] ^= 0x40
    (folder / WEIGHTS).write_bytes(weights)
    if (folder / WARMUP).is_file():
        (folder / WARMUP).write_bytes((folder / WARMUP).read_bytes()[:-10])
    (folder / "assets.extra" / "note.txt").touch()
    return verify(folder)


@pytest.fixture(scope="module")
def without_variables(exported, tmp_path_factory):
    folder = copied(exported, tmp_path_factory.mktemp("without"))
    shutil.rmtree(folder / "variables")
    (folder / "assets.extra" / "verification.npz").write_bytes(b"PK nothing")
    return verify(folder)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Report on a folder of another maker: image signatures, a silent NaN and a signature without images."""

    class Foreign(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, None, 1), tf.float32, name="x")])
        def halve(self, x):
            return {"y": x / 2}

        @tf.function(input_signature=[tf.TensorSpec((2, None, None, 3), tf.uint8, name="x")])
        def broken(self, x):
            return {"y": tf.cast(x, tf.float32) * float("nan")}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="encoded_image")])
        def size(self, encoded_image):
            return {"bytes": tf.strings.length(encoded_image)}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name="x")])
        def vector(self, x):
            return {"y": x}

    module = Foreign()
    folder = tmp_path_factory.mktemp("foreign") / "saved"
    names = ("halve", "broken", "size", "vector")
    tf.saved_model.save(module, str(folder), signatures={name: getattr(module, name) for name in names})
    return verify(folder)


@pytest.fixture(scope="module")
def skipping_load(tmp_path_factory, net):
    """Report on what tf.saved_model.save makes of a Keras 3 model: only the Python loader can run it."""
    folder = tmp_path_factory.mktemp("trap") / "saved"
    serve = tf.function(
        lambda images: {"y": net(images, training=False)},
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="images")],
    )
    module = tf.Module()
    module.net = net
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    return SimpleNamespace(report=verify(folder), loaded=tf.saved_model.load(str(folder)))


def test_intact_folder_passes(intact, exported):
    assert intact.passed
    assert intact.notes == ()
    assert intact.directory == exported.folder


def test_every_signature_is_compared_with_its_stored_reference(intact):
    found = {parity.signature: parity for parity in intact.signatures}
    assert {name: parity.requests for name, parity in found.items()} == {
        "serving_default": 2,
        "serving_uint8": 2,
        "serving_bytes": 1,
    }
    assert found["serving_default"].max_difference <= intact.tolerance == 1e-5
    assert found["serving_bytes"].equal_labels > 0.999


@needs_serving_protos
def test_every_warmup_record_is_replayed(intact, exported):
    assert intact.warmup_records == exported.manifest["warmup"]["records"] == 3


def test_report_turns_into_plain_values(intact):
    plain = intact.as_dict()
    assert plain["passed"] is True
    assert plain["signatures"][0]["signature"] == "serving_default"


def test_changed_weights_are_detected_by_checksum_and_by_answer(damaged):
    assert any(
        failure.startswith(f"{WEIGHTS} was changed: its sha256 expected") for failure in damaged.failures
    )
    assert any("does not load" in failure or "expected within" in failure for failure in damaged.failures)


@needs_serving_protos
def test_cut_warmup_file_is_detected(damaged):
    assert any(failure.startswith("Warm-up fails, and with it the start") for failure in damaged.failures)


def test_added_file_is_detected(damaged):
    assert "assets.extra/note.txt was added after the export." in damaged.failures


def test_missing_variables_are_detected(without_variables):
    assert f"{WEIGHTS} is missing." in without_variables.failures
    assert not without_variables.passed


def test_damaged_reference_is_detected(without_variables):
    assert any("verification.npz cannot be read" in failure for failure in without_variables.failures)


def test_foreign_folder_runs_one_request_per_image_signature(foreign):
    assert {parity.signature for parity in foreign.signatures} == {"halve", "broken", "size"}
    assert foreign.tolerance is None


def test_foreign_folder_is_said_to_have_no_reference(foreign):
    assert any("No reference was stored" in note for note in foreign.notes)
    assert "vector was not run: it does not take one batch of images." in foreign.notes


def test_foreign_signature_that_gives_nan_fails(foreign):
    assert len(foreign.failures) == 1
    assert foreign.failures[0].startswith("broken: `y` expected finite numbers, got ")


def test_folder_that_only_the_python_loader_accepts_fails(skipping_load):
    answer = skipping_load.loaded.signatures["serving_default"](images=tf.zeros((1, 4, 4, 3)))
    assert np.isfinite(answer["y"]).all()
    assert not skipping_load.report.passed
    assert skipping_load.report.failures[0].startswith("serving_default: Could not find variable ")


def test_other_folder_is_refused(tmp_path):
    with pytest.raises(ExportError, match="is not a SavedModel"):
        verify(tmp_path)


def test_damaged_graph_is_one_sentence(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(ExportError, match="saved_model.pb is damaged"):
        verify(tmp_path)


def manifest(**entries):
    whole = {"format": 2, "verification": {"tolerance": 1e-5, "signatures": {}}, "warmup": {"records": 0}}
    return json.dumps({**whole, "sha256": {}, **entries})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "export.json is damaged"),
        ("[]", "export.json is damaged"),
        ('{"format": 99}', "written by a newer tfapp"),
        ('{"format": 2}', '"verification" is missing'),
        (manifest(sha256=7), '"sha256" is 7, expected a table'),
        (manifest(warmup={"records": -1}), '"warmup.records" is -1, expected a whole number'),
        (manifest(kind="scorer"), '"images" is missing'),
        (manifest(kind="pose network", instances=2), '"camera" is missing'),
        (manifest(kind="tracker"), "by a newer tfapp, as a 'tracker'"),
    ],
)
def test_unreadable_manifest_is_one_sentence(tmp_path, content, message):
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "export.json").write_text(content)
    with pytest.raises(ExportError, match=message):
        verify(tmp_path)


def test_process_that_dies_is_one_sentence_with_its_last_words(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import sys; sys.exit('out of memory.')")
    monkeypatch.setattr(session, "_SCRIPT", script)
    with pytest.raises(ExportError, match="ended with exit code 1; its last words: out of memory.$"):
        session.ask_session(tmp_path, [])


def test_missing_serving_protos_are_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    request = Request("serving_uint8", {"images": np.zeros((1, 2, 2, 3), np.uint8)})
    records, note = write_warmup(tmp_path, [request], "cells")
    assert records == 0
    assert note.endswith("tensorflow-serving-api is missing: pip install tfapp[serving].")
    assert list(tmp_path.iterdir()) == []


def test_more_warmup_records_than_the_server_takes_are_refused(tmp_path):
    with pytest.raises(ExportError, match="at most 1000 records.* Received: 1001"):
        write_warmup(tmp_path, [Request("s", {})] * 1001, "cells")
