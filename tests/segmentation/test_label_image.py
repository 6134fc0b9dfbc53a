"""Regression of one label image: a single output channel for two classes."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.conftest import write_folder
from tests.segmentation.conftest import TINY
from tfapp.data import open_dataset, parse_noises
from tfapp.errors import InputError
from tfapp.models import build, on_simplex
from tfapp.models.probabilities import LabelImageMeanSquaredError, OneHotMeanSquaredError
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

CONFIG = replace(TINY, loss="mse", head="sigmoid", label_image=True, epochs=2)


def outputs_and_labels():
    rng = np.random.default_rng(0)
    return (
        rng.normal(0.4, 1, (2, 5, 6, 1)).astype(np.float32),
        rng.integers(0, 2, (2, 5, 6)),
        rng.random((2, 5, 6)),
    )


@pytest.fixture(scope="session")
def run(once):
    def make(folder):
        own = write_folder(folder / "own", count=10, values=(0, 255))
        train(f"folder:{own}", folder / "run", CONFIG)

    return Run.open(once("label-image", make) / "run")


def test_loss_is_the_weighted_mean_squared_distance_from_the_labels():
    outputs, labels, weights = outputs_and_labels()
    loss = LabelImageMeanSquaredError(reduction="mean_with_sample_weight")
    expected = np.average((outputs[..., 0] - labels) ** 2, weights=weights)
    assert float(loss(labels, outputs, sample_weight=weights)) == pytest.approx(expected, rel=1e-5)


def test_loss_is_that_of_the_one_hot_maps_of_two_classes():
    outputs, labels, weights = outputs_and_labels()
    both = np.concatenate([1 - outputs, outputs], -1)
    one, two = (
        kind(reduction="mean_with_sample_weight")
        for kind in (LabelImageMeanSquaredError, OneHotMeanSquaredError)
    )
    assert float(one(labels, outputs, sample_weight=weights)) == pytest.approx(
        float(two(labels, both, sample_weight=weights)), rel=1e-5
    )


def test_probabilities_are_the_clipped_output_and_the_rest():
    model = build("unet", 1, head="identity", base_width=2, depth=1)
    images = np.random.default_rng(0).normal(0, 3, (2, 8, 8, 3)).astype(np.float32)
    expected = np.clip(model(images).numpy(), 0, 1)
    np.testing.assert_allclose(
        on_simplex(model)(images), np.concatenate([1 - expected, expected], -1), atol=1e-6
    )


@pytest.mark.slow
def test_network_has_one_output_channel_and_the_segmenter_two_classes(run):
    assert run.load_model().output_shape[-1] == 1
    image = run.items("test")[0].read_image()[None]
    assert run.segmenter()(image).shape[-1] == 2


@pytest.mark.slow
def test_accuracy_and_loss_of_keras_are_those_of_the_evaluation(run):
    images, labels, weights = run.frames("test").arrays(range(len(run.frames("test"))))
    model = run.load_model()
    loss, accuracy = model.evaluate(images, labels, sample_weight=weights, batch_size=3, verbose=0)
    evaluation = evaluate(Segmenter(run), EvaluationData(run), parse_noises(["gaussian=0"]))
    assert evaluation.loss == pytest.approx(loss, rel=1e-4)
    assert evaluation.clean.accuracy == pytest.approx(accuracy, abs=1e-4)


@pytest.mark.slow
def test_model_opens_without_tfapp_being_told_of_its_loss(run):
    assert isinstance(keras.saving.load_model(run.path / "model.keras").loss, LabelImageMeanSquaredError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cross-entropy", "head": "softmax"}, "`label_image` is learned by `loss` mse; got"),
        ({"loss": "mse", "head": "softmax"}, "use `head` sigmoid or identity; got `head` softmax"),
    ],
)
def test_other_losses_and_heads_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(label_image=True, **options).check()


def test_data_of_other_than_two_classes_are_refused(make_pairs):
    with pytest.raises(InputError, match="is for data of two classes; cells:9:32 holds 3 classes"):
        CONFIG.check_data(open_dataset("cells:9:32"))
    pairs = f"raindrop:{make_pairs()}"
    with pytest.raises(InputError, match="for data of two classes; .* holds image pairs"):
        CONFIG.check_data(open_dataset(pairs))
