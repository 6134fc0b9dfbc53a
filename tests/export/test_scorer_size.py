"""A classifier of grey images of one size."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.export.scorer_net import build_net, encoded, opened
from tfapp.export import ExportError, describe, export_scorer
from tfapp.export.requests import load_requests
from tfapp.export.signatures import read_signatures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    """Namespace of `model` and `folder` of one export for images of 12 x 16 in [-1, 1]."""
    model = build_net((12, 16, 1), kernel_initializer="random_normal")
    base = tmp_path_factory.mktemp("served") / "digits"
    folder = export_scorer(model, base, class_names=["zero", "one"], value_range=(-1.0, 1.0))
    return SimpleNamespace(model=model, folder=folder)


def test_size_stands_in_the_signatures(sized):
    shapes = {
        name: signature["inputs"][0]["shape"] for name, signature in read_signatures(sized.folder).items()
    }
    assert shapes == {
        "serving_default": [None, 12, 16, 1],
        "serving_uint8": [None, 12, 16, 1],
        "serving_bytes": [None],
    }


def test_size_is_told(sized):
    described = describe(sized.folder)
    assert described["summary"][0] == "Images: grey, 12 pixels high and 16 wide, float32 in [-1, 1] or uint8."
    meanings = {
        name: signature["inputs"][0]["meaning"] for name, signature in described["signatures"].items()
    }
    assert meanings["serving_default"] == "grey images 12 pixels high and 16 wide, values -1 to 1"
    assert meanings["serving_bytes"].endswith("files, each 12 pixels high and 16 wide")
    assert described["signatures"]["serving_default"]["curl"] is None
    assert json.loads(json.dumps(described)) == described


def test_colour_files_of_the_size_are_scored_as_grey_in_the_range_of_the_model(sized, session_run, picture):
    files = [encoded(picture(12, 16)), encoded(picture(12, 16, seed=1), "JPEG")]
    answer = session_run(sized.folder, "serving_bytes", image_bytes=files)
    grey = np.concatenate([opened(contents, "L") for contents in files])
    np.testing.assert_allclose(answer["scores"], sized.model(2 * grey - 1), rtol=0, atol=1e-5)


def test_file_of_another_size_fails_the_request(sized, session_run, picture):
    message = r"image_bytes must hold images 12 pixels high and 16 wide, got.*16 12"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session_run(sized.folder, "serving_bytes", image_bytes=[encoded(picture(16, 12))])


def test_stored_requests_have_the_size(sized):
    floats, integers, files = load_requests(sized.folder / "assets.extra" / "verification.npz")
    assert floats.inputs["images"].shape == integers.inputs["images"].shape == (2, 12, 16, 1)
    assert [opened(contents, "L").shape for contents in files.inputs["image_bytes"]] == [(1, 12, 16, 1)] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"warmup_sizes": [(12, 16), (64, 64)]}, r"must be \(12, 16\), the one size .* Received: \(64, 64\)"),
        (
            {"extra_examples": [np.zeros((16, 12, 1))]},
            r"must be images \(12, 16, 1\). Received: .*\(16, 12, 1\)",
        ),
    ],
)
def test_arguments_of_another_size_are_refused(sized, tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        export_scorer(sized.model, tmp_path / "base", class_names=["zero", "one"], **arguments)
    assert list(tmp_path.iterdir()) == []
