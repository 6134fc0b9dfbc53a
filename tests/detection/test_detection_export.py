"""Detection runs behind TensorFlow Serving: which rules they are served by, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.detection.made_up_detector import CLASS_NAMES, made_up_detector, write_metrics
from tests.detection.tiny_detector import tiny_config
from tfapp.cli.main import app
from tfapp.detection import exporting
from tfapp.detection.detector import Rules
from tfapp.detection.run import DetectionRun
from tfapp.detection.scores.stored import evaluated_rules
from tfapp.errors import InputError

OTHERS = Rules(nms=0.6, min_score=0.3, max_boxes=7, max_proposals=40)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_detector(tmp_path_factory.mktemp("made"))


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run, whose data stay where they are."""
    return DetectionRun.open(shutil.copytree(made.path, tmp_path / "run"))


def test_rules_are_those_of_the_last_evaluation(run):
    write_metrics(run, OTHERS)
    rules, scores = evaluated_rules(run)
    assert rules == OTHERS and scores["class_names"] == ["a", "b", "c"]


def test_rules_of_a_run_that_is_not_evaluated_are_the_usual_ones(run):
    assert evaluated_rules(run) == (Rules(), None)


def test_rules_of_other_weights_do_not_count(run):
    write_metrics(run, OTHERS, weights="of before")
    assert evaluated_rules(run) == (Rules(), None)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (None, "by the usual rules, as it is not evaluated: of scores above 0.05, at most 100 of an image"),
        (OTHERS, "as it was last evaluated: of scores above 0.3, at most 7 of an image"),
    ],
)
def test_rules_are_told_behind_the_export(run, rules, told):
    if rules is not None:
        write_metrics(run, rules)
    [sentence] = run.export_remarks
    assert told in sentence


def test_damaged_metrics_are_one_sentence(run):
    (run.path / "metrics.json").write_text('{"weights": 3}')
    with pytest.raises(InputError, match="metrics.json.*run `tfapp detect evaluate .*` again"):
        run.export("served")


@pytest.mark.parametrize("proposals", ["selective-search", "a file"])
def test_run_whose_proposals_come_from_elsewhere_is_refused(run, tmp_path, proposals):
    record = json.loads((run.path / "run.json").read_text())
    (tmp_path / "boxes.npz").touch()
    if proposals == "a file":
        proposals = str(tmp_path / "boxes.npz")
    record["config"]["proposals"] = proposals
    (run.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(
        InputError, match="which a server does not have; train one by .* `--proposals rpn` or"
    ):
        DetectionRun.open(run.path).export(tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_formats_without_its_resize_are_refused_before_anything_is_computed(run, tmp_path, monkeypatch):
    monkeypatch.setattr(DetectionRun, "load_model", lambda self: pytest.fail("loaded"))
    with pytest.raises(InputError, match="no antialiased resize.* leave `onnx` and `tflite` out"):
        run.export(tmp_path / "served", formats=("onnx", "tflite"))
    assert not (tmp_path / "served").exists()


def test_options_of_segmenters_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="`post_tv` is for segmenters"):
        run.export(tmp_path / "served", post_tv=1.0)


@pytest.mark.parametrize(("limit", "size"), [(2**24, (480, 640)), (2**16, (221, 295))])
def test_warmup_is_as_large_as_the_network_sees_images_within_the_limit(limit, size):
    config = tiny_config("vgg16", shorter_side=480, longer_side=1000)
    assert exporting._warmup_size(config, max_pixels=limit) == size and size[0] * size[1] <= limit


@pytest.mark.parametrize(("limit", "count"), [(2**24, 72), (2**16, 2)])
def test_limit_of_images_is_that_of_pixels_as_the_network_sees_them(limit, count):
    config = tiny_config("vgg16", shorter_side=480, longer_side=1000)
    assert exporting._max_images(config, max_pixels=limit) == count


def test_run_without_its_data_has_no_examples(run):
    run.record["data"]["spec"] = "voc-boxes:/nowhere"
    assert exporting._examples(run) == []


@pytest.mark.slow
def test_command_exports_what_the_run_finds(run, tmp_path):
    rules = Rules(nms=0.5, min_score=0.2, max_boxes=12)
    write_metrics(run, rules)
    result = CliRunner().invoke(
        app, ["export", str(run.path), str(tmp_path / "cells"), "--status"], env={"COLUMNS": "300"}
    )
    assert result.exit_code == 0, result.output
    assert "Boxes are served as it was last evaluated" in result.output and "boxes, pixels" in result.output
    manifest = json.loads((tmp_path / "cells/1/assets.extra/export.json").read_text())
    assert manifest["class_names"] == CLASS_NAMES and manifest["status"] and manifest["rows"] == 12
    metadata = manifest["metadata"]
    assert (
        metadata["weights"] == run.weights
        and metadata["data"]["fingerprint"] == run.record["data"]["fingerprint"]
    )
    assert metadata["rules"]["min_score"] == 0.2 and metadata["config"]["proposals"] == "rpn"
    assert "curves" not in metadata["scores"] and metadata["scores"]["mean"]
    # Two test images besides the generated pictures.
    assert manifest["verification"]["signatures"]["serving_default"]["requests"] == 2 + 1 + 2


@pytest.mark.slow
def test_client_writes_what_predict_writes(run, tmp_path):
    pytest.importorskip("grpc")
    from tests.export.double_server import DoubleServer, SessionModel, serving

    write_metrics(run, Rules(min_score=0.25))
    run.export(tmp_path / "cells")
    server = DoubleServer({("cells", 1): SessionModel(tmp_path / "cells" / "1")})
    images = [str(image.file) for image in run.images("test")]
    with serving(server, "grpc") as address:
        options = ["--model", "cells", "--exported", str(tmp_path / "cells"), "--score", "0.3"]
        asked = CliRunner().invoke(
            app, ["export", "client", address, *images, "--out", str(tmp_path / "asked"), *options]
        )
    found = CliRunner().invoke(
        app, ["detect", "predict", str(run.path), *images, "--out", str(tmp_path / "found"), "--score", "0.3"]
    )
    assert (asked.exit_code, found.exit_code) == (0, 0), asked.output + found.output
    rows = [(tmp_path / name / "boxes.csv").read_text().splitlines() for name in ("asked", "found")]
    assert len(rows[0]) > 4 and sorted(rows[0]) == sorted(rows[1])
    for image in run.images("test"):
        pictures = [
            np.asarray(Image.open(tmp_path / name / f"{image.file.stem}-boxes.png"))
            for name in ("asked", "found")
        ]
        np.testing.assert_array_equal(*pictures)
