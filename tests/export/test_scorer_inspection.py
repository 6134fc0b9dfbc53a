import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.export.scorer_net import build_net, build_pipeline
from tfapp.export import ExportError, export_scorer
from tfapp.export.scorer import inspect_scorer, scorer_endpoints


def test_inspection_finds_channels_classes_and_that_any_size_will_do():
    scorer = inspect_scorer(build_pipeline())
    assert (scorer.num_channels, scorer.num_classes, scorer.size) == (3, 4, (None, None))
    assert scorer.tolerance == 1e-5


def test_scores_of_a_half_precision_model_leave_as_float32():
    model = build_net((None, None, 1), dtype="float16")
    assert model.output.dtype == "float16"
    scorer = inspect_scorer(model)
    function, (spec,) = scorer_endpoints(scorer)["serving_default"]
    assert function(tf.zeros((1, 5, 6, 1), spec.dtype))["scores"].dtype == tf.float32
    assert scorer.tolerance == 4 * np.finfo(np.float16).eps


def altered(change):
    images = keras.Input((None, None, 3))
    scores = build_net((None, None, 3))(images)
    return keras.Model(images, change(scores))


def segmenter():
    images = keras.Input((None, None, 3))
    return keras.Model(images, keras.layers.Conv2D(2, 1)(images))


def of_large_images():
    images = keras.Input((None, None, 3))
    maps = keras.layers.Conv2D(2, 40)(images)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(maps))


def of_vectors():
    features = keras.Input((5,))
    return keras.Model(features, keras.layers.Dense(2)(features))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "model.keras", "`model` must be a Keras model. Received: str"),
        (of_vectors, r"must take one image batch .* Received: input shape \(None, 5\)"),
        (lambda: build_net((None, None, 2)), r"images of 1 or 3 channels.*\(None, None, None, 2\)"),
        (lambda: build_net((None, 16, 3)), r"of any height and width, or of one size.*\(None, None, 16, 3\)"),
        (of_large_images, r"failed on 2 images of 33x47 \(.*or begin with keras.layers.Resizing"),
        (
            segmenter,
            r"scores \(batch, classes\) and nothing else. Received: \[\(2, 33, 47, 2\)\] for 2 images",
        ),
        (lambda: altered(lambda scores: [scores, scores]), r"nothing else. Received: \[\(2, 2\), \(2, 2\)\]"),
        (lambda: altered(lambda scores: keras.ops.sum(scores, 0, keepdims=True)), r"Received: \[\(1, 2\)\]"),
        (
            lambda: build_net((None, None, 3), classes=1),
            "two classes or more. Received: 1; of one score s, give",
        ),
        (
            lambda: altered(lambda scores: scores * np.inf),
            "must give finite scores. Received: 4 of 4 that are not",
        ),
    ],
)
def test_models_that_are_no_scorer_are_refused_with_a_reason(make, message):
    with pytest.raises(ExportError, match=message):
        inspect_scorer(make())


def test_image_without_finite_scores_among_the_examples_is_refused(tmp_path):
    black = np.zeros((4, 6, 3), np.float32)
    images = keras.Input((None, None, 3))
    model = keras.Model(images, keras.ops.log(keras.layers.GlobalAveragePooling2D()(images)))
    with pytest.raises(ExportError, match="Received: 3 of 3 that are not, for 1 image of 4x6"):
        export_scorer(model, tmp_path / "base", class_names="rgb", extra_examples=[black])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_names": None}, "must name the 2 classes of the model, or scores have no meaning"),
        (
            {"class_names": ["a"]},
            "`class_names` must name the 2 classes of the model. Received: 1 names",
        ),
        (
            {"class_names": ["a", "a"]},
            "`class_names` must differ from each other. Received more than once: a",
        ),
        ({"value_range": (1.0, 1.0)}, "`value_range` must be two finite rising numbers"),
        ({"warmup_sizes": [(64,)]}, r"`warmup_sizes` must be pairs \(height, width\)"),
        ({"extra_examples": [np.zeros((4, 4))]}, r"must be images \(height, width, 3\).*\(4, 4\)"),
        ({"version": 0}, "`version` must be a positive integer"),
    ],
)
def test_unusable_arguments_are_named_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        export_scorer(
            build_net((None, None, 3)), tmp_path / "base", **{"class_names": ["a", "b"], **arguments}
        )
    assert list(tmp_path.iterdir()) == []
