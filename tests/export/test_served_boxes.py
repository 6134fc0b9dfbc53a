"""`tfapp export client` with a server of a detector: pictures with boxes, `boxes.csv`, and answers that are wrong."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from tests.export.box_net import pictures
from tests.export.double_server import DoubleServer, FunctionModel, serving
from tfapp.cli.main import app
from tfapp.detection.served_boxes import ServedBoxes
from tfapp.export.client.errors import ServingError

FLOAT, WHOLE = tf.float32, tf.int32
OUTPUTS = {
    "boxes": tf.TensorSpec((None, 3, 4), FLOAT),
    "scores": tf.TensorSpec((None, 3), FLOAT),
    "classes": tf.TensorSpec((None, 3), WHOLE),
    "counts": tf.TensorSpec((None,), WHOLE),
}
ARRAYS = {
    "serving_default": ({"images": tf.TensorSpec((None, None, None, 3), FLOAT)}, OUTPUTS),
    "serving_uint8": ({"images": tf.TensorSpec((None, None, None, 3), tf.uint8)}, OUTPUTS),
}
FILES = {"serving_bytes": ({"image_bytes": tf.TensorSpec((None,), tf.string)}, OUTPUTS), **ARRAYS}


def answer_of(count, score=0.9):
    """Two boxes of each image, the second of half the score."""
    boxes = np.zeros((count, 3, 4), np.float32)
    boxes[:, 0], boxes[:, 1] = [2, 4, 12, 20], [1, 1, 6, 9]
    return {
        "boxes": boxes,
        "scores": np.float32([[score, score / 2, 0]] * count),
        "classes": np.int32([[1, 0, -1]] * count),
        "counts": np.full(count, 2, np.int32),
    }


def detecting(signature, inputs):
    [values] = inputs.values()
    # Of arrays, as sure as they are bright: a range of values that is not the model's is seen.
    sure = 0.9 if values.dtype == object else float(values.max()) / (255 if values.dtype == np.uint8 else 1)
    return answer_of(len(values), min(sure, 100.0))


def cells(function=detecting, signatures=FILES):
    return DoubleServer({("cells", 1): FunctionModel(function, signatures)})


def ask(address, *arguments):
    words = [str(one) for one in ("export", "client", address, *arguments, "--model", "cells")]
    return CliRunner().invoke(app, words, env={"COLUMNS": "400", "NO_COLOR": "1"})


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in zip("ab", pictures((24, 32)), strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def table(folder):
    with open(folder / "boxes.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_boxes_of_all_images_are_written_as_x_and_y(photos, tmp_path, scheme):
    with serving(cells(), scheme) as address:
        result = ask(address, photos, "--out", tmp_path / "out", "--batch", 2)
    assert result.exit_code == 0, result.output
    places = {"x1": "4.00", "y1": "2.00", "x2": "20.00", "y2": "12.00"}
    # The second box of each is below the usual score of 0.5.
    assert table(tmp_path / "out") == [
        {"image": f"{name}.png", "class": "1", "score": "0.9000", **places} for name in "ab"
    ]
    with Image.open(tmp_path / "out" / "a-boxes.png") as picture:
        assert picture.size == (32, 24)


@pytest.mark.slow
def test_boxes_of_lower_scores_are_written_on_demand(photos, tmp_path):
    with serving(cells(), "grpc") as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out", "--score", 0.1)
    assert result.exit_code == 0 and [row["score"] for row in table(tmp_path / "out")] == ["0.9000", "0.4500"]


@pytest.mark.slow
def test_other_value_range_than_that_of_the_export_is_refused(photos, tmp_path):
    options = ("--signature", "serving_default", "--value-range", 0, 255)
    with serving(cells(), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and "exported for other values; give its --value-range" in result.output


@pytest.mark.slow
def test_what_somebody_else_wrote_is_not_replaced(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "boxes.csv").write_text("mine")
    with serving(cells(), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "boxes.csv exists; choose another --out" in result.output
    assert (tmp_path / "out" / "boxes.csv").read_text() == "mine"


@pytest.mark.slow
def test_score_is_refused_where_the_server_has_no_detector(photos):
    scores = {"serving_bytes": (FILES["serving_bytes"][0], {"scores": tf.TensorSpec((None, 3), FLOAT)})}
    with serving(cells(signatures=scores), "grpc") as address:
        result = ask(address, photos, "--score", 0.5)
    assert result.exit_code == 2 and "--score is for detectors, and cells is none" in result.output


@pytest.mark.slow
def test_answer_that_is_no_list_of_boxes_is_listed_and_nothing_is_drawn(photos, tmp_path):
    def rising(signature, inputs):
        found = answer_of(1)
        found["scores"] = found["scores"][:, [1, 0, 2]]
        return found

    with serving(cells(rising), "grpc") as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "is no list of boxes: `scores` expected to fall" in result.output
    assert not list((tmp_path / "out").glob("*.png"))


def test_form_is_for_signatures_with_boxes_alone():
    assert not ServedBoxes().fits({"scores": OUTPUTS["scores"], "labels": OUTPUTS["counts"]})


@pytest.mark.parametrize("wrong", [-1, 10_000])
def test_class_out_of_range_is_a_sentence(wrong):
    found = answer_of(1)
    found["classes"][0, 1] = wrong
    with pytest.raises(ServingError, match=f"a.png is no list of boxes: `classes` expected .* got {wrong}"):
        ServedBoxes().result("a.png", found, 0)


def test_image_with_no_box_has_an_empty_result():
    nothing = answer_of(1)
    nothing = {alias: np.zeros_like(value) for alias, value in nothing.items()}
    nothing["classes"] -= 1
    result = ServedBoxes().result("a.png", nothing, 0)
    assert {alias: value.shape for alias, value in result.items()} == {
        "boxes": (0, 4),
        "scores": (0,),
        "classes": (0,),
    }
