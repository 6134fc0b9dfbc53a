"""Which Keras models are detectors, what is refused of others, and the requests that are made of a detector."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.export.box_net import LEAST, ROWS, build_quarters, pictures
from tfapp.export import ExportError, export_detector
from tfapp.export.detector import inspect_detector
from tfapp.export.detector_graph import detector_endpoints
from tfapp.export.detector_requests import DetectorRequests, sample_picture


@pytest.fixture(scope="module")
def quarters():
    return inspect_detector(build_quarters(), 2)


def two_inputs():
    images, proposals = keras.Input((None, None, 3), name="images"), keras.Input((None, 4), name="proposals")
    return keras.Model([images, proposals], keras.layers.GlobalAveragePooling2D()(images))


def altered(index, change):
    """A detector of which one output is changed."""

    def make(found):
        return [change(value) if place == index else value for place, value in enumerate(found)]

    return build_quarters(change=make)


def test_inspection_finds_rows_and_that_any_size_will_do(quarters):
    assert (quarters.rows, quarters.num_channels, quarters.size) == (ROWS, 3, (None, None))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "model.keras", "`model` must be a Keras model. Received: str"),
        (
            two_inputs,
            "must take images alone, and find its proposals itself. Received: inputs images, proposals",
        ),
        (lambda: build_quarters((None, 16, 3)), "of any height and width, or of one size"),
        (lambda: altered(0, lambda boxes: boxes[..., :2]), r"boxes \(batch, rows, 4\).*\(2, 4, 2\)"),
        (lambda: altered(3, lambda counts: counts[:, None]), r"a list in this order. Received: .*\(2, 1\)\]"),
        (
            lambda: altered(2, lambda classes: tf.cast(classes, tf.float32)),
            "integers. Received: float32 and int32",
        ),
        (
            lambda: altered(2, lambda classes: tf.where(classes < 0, -1, classes + 2)),
            "`class_names` must name every class of `model`, here 2. Received: classes from 2 to 3",
        ),
        (
            lambda: altered(1, lambda scores: scores * np.nan),
            "a list of boxes of each image. Received: `scores` expected to be finite, got 8",
        ),
        (lambda: altered(1, lambda scores: scores[:, ::-1]), "got some that rise, for an image of 65x97"),
        (lambda: altered(0, lambda boxes: boxes / 100), "boxes in pixels of the image that it gets"),
        (lambda: altered(0, lambda boxes: boxes * 2), r"\(y1, x1, y2, x2\) that lie in the image"),
        (lambda: altered(0, lambda boxes: tf.gather(boxes, [2, 3, 0, 1], axis=-1)), "that lie in the image"),
        (lambda: altered(3, lambda counts: counts - 1), "rows behind the last box"),
    ],
)
def test_models_that_are_no_detector_are_refused_with_a_reason(make, message):
    with pytest.raises(ExportError, match=message):
        inspect_detector(make(), 2)


def test_detector_that_looks_at_the_batch_is_refused():
    images = keras.Input((None, None, 3))
    other = keras.layers.Lambda(
        lambda values: 0.5 + 0.9 * (values - tf.reduce_mean(values, 0, keepdims=True))
    )
    model = keras.Model(images, build_quarters()(other(images)))
    with pytest.raises(ExportError, match="`model` must answer an image whatever else is in its batch"):
        inspect_detector(model, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_names": None}, "must name the classes of the model, or `classes` have no meaning"),
        (
            {"class_names": ["a"]},
            "`class_names` must name every class of `model`, here 1. Received: classes from",
        ),
        ({"class_names": ["a", "a"]}, "`class_names` must differ from each other"),
        ({"value_range": (1.0, 1.0)}, "`value_range` must be two finite rising numbers"),
        ({"warmup_sizes": [(64,)]}, r"`warmup_sizes` must be pairs \(height, width\)"),
        ({"max_pixels": 9}, "`max_pixels` must be a whole number of at least 65536"),
        ({"max_images": 1}, "`max_images` must be a whole number of at least 2, or None. Received: 1"),
        ({"extra_examples": [np.zeros((4, 4))]}, r"must be images \(height, width, 3\).*\(4, 4\)"),
        ({"version": 0}, "`version` must be a positive integer"),
    ],
)
def test_unusable_arguments_are_named_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        export_detector(build_quarters(), tmp_path / "base", **{"class_names": ["a", "b"], **arguments})
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_are_answered_as_floats(quarters):
    images = pictures((20, 31))
    functions = detector_endpoints(quarters)
    floats = functions["serving_default"][0](tf.constant(images.astype(np.float32) / 255))
    integers = functions["serving_uint8"][0](tf.constant(images))
    assert {alias: value.shape for alias, value in floats.items()} == {
        "boxes": (2, ROWS, 4),
        "scores": (2, ROWS),
        "classes": (2, ROWS),
        "counts": (2,),
    }
    for alias, value in floats.items():
        np.testing.assert_allclose(value, integers[alias], atol=1e-6)


def test_more_images_than_the_limit_fail(quarters):
    function, _ = detector_endpoints(replace(quarters, max_images=2))["serving_uint8"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="a request may hold at most 2 images.*Got"):
        function(tf.zeros((3, 8, 8, 3), tf.uint8))


def test_numbers_of_a_half_precision_detector_leave_as_float32():
    model = build_quarters(dtype="float16", change=lambda found: [tf.cast(found[0], tf.float16), *found[1:]])
    function, (spec,) = detector_endpoints(inspect_detector(model, 2))["serving_default"]
    assert function(tf.zeros((1, 8, 8, 3), spec.dtype))["boxes"].dtype == tf.float32


def test_pictures_are_chosen_in_which_something_is_found():
    requests = DetectorRequests(inspect_detector(build_quarters(least=0.3), 2))
    first, chosen = sample_picture((40, 51), 3, 0)[None], requests.pixels((40, 51))
    counts = [requests.answer(images.astype(np.float32) / 255)["counts"][0] for images in (first, chosen)]
    assert counts[0] == 0 < counts[1]


def test_image_at_the_threshold_is_not_decided(quarters):
    # One quarter is a box by less than rounding.
    grey = np.full((1, 8, 8, 3), 0.9, np.float32)
    grey[:, :4, :4] = 0.5 + (LEAST + 1e-8) / 2
    bright = np.full((1, 8, 8, 3), 0.9, np.float32)
    decided = [DetectorRequests(quarters).answer(images)["decided"].item() for images in (grey, bright)]
    assert decided == [False, True]


def test_request_of_a_bad_file_expects_no_box(quarters):
    requests = DetectorRequests(replace(quarters, status=True))
    expected = requests.files([requests.encoded((16, 20), "png")], [b"no image"]).expected
    assert expected["counts"].tolist()[1] == 0 and (expected["classes"][1] == -1).all()
    assert not expected["boxes"][1].any() and [bool(one) for one in expected["status"]] == [False, True]
