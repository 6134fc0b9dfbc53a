import io

import numpy as np
import pytest
from PIL import Image

from tfapp.export.comparisons import compare, promise_failure
from tfapp.export.requests import Request, decided, load_requests, save_requests

TOLERANCE = 1e-5


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def expected():
    logits = np.random.default_rng(0).normal(size=(1, 4, 5, 3))
    probabilities = (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)
    return {"probabilities": probabilities, "labels": probabilities.argmax(-1).astype(np.int32)}


@pytest.fixture
def label_files():
    labels = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    files = {"labels_png_bytes": [png(labels)], "decided_png_bytes": [png(np.eye(2, 3, dtype=np.uint8))]}
    return labels, {alias: np.array(value, "S") for alias, value in files.items()}


def test_equal_answers_have_no_failure(expected):
    assert compare(Request("s", {}, expected), expected, TOLERANCE) == (0.0, 1.0, None)


def test_difference_beyond_the_tolerance_fails_with_expected_and_got(expected):
    outputs = {**expected, "probabilities": expected["probabilities"] + np.float32(1e-3)}
    failure = compare(Request("s", {}, expected), outputs, TOLERANCE)[2]
    assert failure == "`probabilities` expected within 1e-05, got a difference of 0.001"


def test_nan_fails(expected):
    outputs = {**expected, "probabilities": expected["probabilities"] * np.nan}
    assert "got a difference of nan" in compare(Request("s", {}, expected), outputs, TOLERANCE)[2]


def test_one_wrong_label_fails(expected):
    labels = expected["labels"].copy()
    labels[0, 0, 0] += 1
    failure = compare(Request("s", {}, expected), {**expected, "labels": labels}, TOLERANCE)[2]
    assert failure == "`labels` expected 20 equal labels, got 1 different ones"


def test_labels_may_swap_only_where_the_two_best_classes_tie_within_the_tolerance():
    probabilities = np.array([[[[0.5, 0.5 - 1e-6], [0.6, 0.4]]]], np.float32)
    request = Request("s", {}, {"probabilities": probabilities, "labels": np.zeros((1, 1, 2), np.int32)})
    swapped = {"probabilities": probabilities, "labels": np.array([[[1, 0]]], np.int32)}
    assert decided(probabilities, TOLERANCE).tolist() == [[[False, True]]]
    assert compare(request, swapped, TOLERANCE) == (0.0, 0.5, None)


def test_other_shape_dtype_or_alias_fails(expected):
    request = Request("s", {}, expected)
    cropped = {**expected, "labels": expected["labels"][:, 1:]}
    assert "`labels` expected int32 (1, 4, 5), got int32 (1, 3, 5)" in compare(request, cropped, 1)[2]
    floats = {**expected, "labels": expected["labels"].astype(float)}
    assert "`labels` expected int32 (1, 4, 5), got float64" in compare(request, floats, 1)[2]
    assert "output `labels` expected" in compare(request, {"probabilities": expected["probabilities"]}, 1)[2]


def test_label_images_are_compared_where_decided(label_files):
    labels, expected = label_files
    request = Request("s", {}, expected)
    outside, inside = labels.copy(), labels.copy()
    outside[1, 0] = 0
    inside[0, 0] = 2
    assert compare(request, {"labels_png_bytes": np.array([png(outside)], "S")}, 1)[1:] == (5 / 6, None)
    assert "got 1 different" in compare(request, {"labels_png_bytes": np.array([png(inside)], "S")}, 1)[2]


def test_label_image_of_another_size_or_no_image_fails(label_files):
    labels, expected = label_files
    request = Request("s", {}, expected)
    assert (
        "expected (2, 3), got (3, 2)"
        in compare(request, {"labels_png_bytes": np.array([png(np.ascontiguousarray(labels.T))], "S")}, 1)[2]
    )
    assert (
        "expected a PNG, got b'nothing'"
        in compare(request, {"labels_png_bytes": np.array([b"nothing"], "S")}, 1)[2]
    )


def test_stored_requests_come_back_in_order_and_unchanged(tmp_path, expected, label_files):
    files = np.array([b"a\0b", b"longer"], "S")
    requests = [
        Request("b", {"images": np.arange(6, dtype=np.uint8)}, expected),
        Request("a", {"image_bytes": files}, label_files[1]),
    ]
    save_requests(tmp_path / "r.npz", requests)
    again = load_requests(tmp_path / "r.npz")
    assert [request.signature for request in again] == ["b", "a"]
    for before, after in zip(requests, again, strict=True):
        for kind in ("inputs", "expected"):
            stored, loaded = getattr(before, kind), getattr(after, kind)
            assert stored.keys() == loaded.keys()
            assert all((stored[key] == loaded[key]).all() for key in stored)


def test_promised_shape_and_finite_numbers_are_checked():
    signature = {"outputs": [{"alias": "y", "shape": [None, 2]}]}
    assert promise_failure(signature, {"y": np.zeros((5, 2))}) is None
    assert promise_failure(signature, {"y": np.zeros((5, 3))}) == "`y` expected shape [None, 2], got [5, 3]"
    assert "finite" in promise_failure(signature, {"y": np.array([[0.0, np.inf]])})
