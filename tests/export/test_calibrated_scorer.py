"""Probabilities and the likeliest classes in the answers of an exported scorer."""

import numpy as np
import pytest

from tests.export.scorer_net import CLASS_NAMES, build_pipeline, encoded, tinted
from tfapp.export import Calibration, ExportError, export_scorer, verify

SLOPES, OFFSETS = (1.0, 2.0, 0.5, 3.0), (0.1, -0.3, 0.0, 0.7)


def odds(scores):
    return np.asarray(scores) * SLOPES + OFFSETS


@pytest.fixture(scope="module", params=[False, True], ids=["any number of classes", "one class"])
def served(request, tmp_path_factory):
    model = build_pipeline()
    calibration = Calibration(SLOPES, OFFSETS, exclusive=request.param)
    base = tmp_path_factory.mktemp("calibrated") / "birds"
    folder = export_scorer(model, base, class_names=CLASS_NAMES, calibration=calibration, status=True)
    return model, folder, request.param


@pytest.mark.slow
def test_probabilities_are_the_sigmoids_of_the_scores_through_the_session(served, session_run):
    model, folder, exclusive = served
    images = np.stack([tinted((9, 31), seed) for seed in range(6)]).astype(np.float32) / 255
    answer = session_run(folder, "serving_default", images=images)
    expected = 1 / (1 + np.exp(-odds(model(images, training=False))))
    if exclusive:
        expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(answer["top_labels"], np.argsort(-odds(answer["scores"]), axis=1))
    np.testing.assert_allclose(
        answer["top_probabilities"],
        np.take_along_axis(answer["probabilities"], answer["top_labels"], 1),
        atol=1e-7,
    )


@pytest.mark.slow
def test_file_that_cannot_be_read_has_no_likeliest_class(served, session_run):
    _, folder, _ = served
    files = np.array([encoded(tinted((8, 8), 0), "PNG"), b"no image"], "S")
    answer = session_run(folder, "serving_bytes", image_bytes=files)
    assert (answer["top_labels"][1] == -1).all() and (answer["top_labels"][0] >= 0).all()
    assert not answer["probabilities"][1].any() and answer["probabilities"][0].any()


@pytest.mark.slow
def test_verification_compares_the_probabilities(served):
    assert verify(served[1]).passed


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (Calibration((1.0,), (0.0,)), "must have 4 finite slopes"),
        (Calibration(SLOPES, (0.0, np.nan, 0.0, 0.0)), "must have 4 finite offsets"),
        (Calibration((1.0, -1.0, 1.0, 1.0), OFFSETS), "must have positive slopes"),
    ],
)
def test_calibration_that_cannot_be_used_is_refused(calibration, message):
    with pytest.raises(ExportError, match=message):
        calibration.check(4)
