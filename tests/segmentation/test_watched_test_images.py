"""Trainings that watch the test images in place of images for validation."""

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.config import TrainConfig


@pytest.mark.slow
def test_watched_loss_is_that_of_the_test_images(train_once):
    run = train_once("cells-watched-test", head="softmax", validate_on_test=True, validation_share=0.0)
    images, labels, weights = run.frames("test").arrays(range(len(run.frames("test"))))
    expected = run.load_model().evaluate(images, labels, sample_weight=weights, batch_size=4, verbose=0)[0]
    assert not run.split.validation
    assert read_history(run.path)[-1]["val_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_watching_changes_no_weight(train_once, trained):
    options = {"head": "softmax", "validate_on_test": True}
    watched = train_once("cells-watched-beside", **options)
    for now, then in zip(
        watched.load_model().get_weights(), trained["softmax"].load_model().get_weights(), strict=True
    ):
        np.testing.assert_allclose(now, then, atol=1e-5)


def test_choosing_a_model_by_the_test_images_is_refused():
    with pytest.raises(InputError, match="would choose the model by the images that it is tested on"):
        TrainConfig(keep="validation-loss", validate_on_test=True).check()
