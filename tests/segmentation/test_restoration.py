import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_pairs
from tests.segmentation.conftest import TINY
from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import Progress
from tfapp.segmentation.metrics import ImageQuality, image_quality
from tfapp.segmentation.prediction import restore
from tfapp.segmentation.restoration import (
    Restoration,
    evaluate_restoration,
    evaluate_restorations,
    store_restoration,
    write_examples,
)
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

OPTIONS = {"loss": "mse", "head": "identity", "resize": (32, 32), "batch_size": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="session")
def restorer(once):
    """A tiny run on image pairs."""
    config = replace(TINY, **OPTIONS, epochs=4, steps_per_epoch=20)

    def make(folder):
        pairs = write_pairs(folder / "pairs", (("", 10),))
        train(f"raindrop:{pairs}", folder / "run", config)

    return Run.open(once("restorer", make) / "run")


def losses(run):
    return [[row["loss"], row["val_loss"]] for row in read_history(run.path)]


@pytest.mark.slow
def test_training_brings_images_nearer_to_their_targets(restorer):
    given, made = evaluate_restoration(restorer).means
    assert losses(restorer)[-1][0] < 0.5 * losses(restorer)[0][0]
    assert made.psnr > given.psnr


def test_model_is_compiled_with_the_mean_squared_error_of_images(restorer):
    images, targets, weights = restorer.frames("test").arrays([0, 1, 2])
    model = restorer.load_model()
    expected = np.mean((model.predict(images, verbose=0) - targets) ** 2)
    assert isinstance(model.loss, keras.losses.MeanSquaredError)
    assert model.evaluate(images, targets, sample_weight=weights, verbose=0) == pytest.approx(
        expected, rel=1e-4
    )


@pytest.mark.slow
def test_extended_run_equals_an_unbroken_one(tmp_path, tiny, make_pairs):
    spec = f"raindrop:{make_pairs()}"
    whole = train(spec, tmp_path / "whole", tiny(**OPTIONS, epochs=2))
    train(spec, tmp_path / "broken", tiny(**OPTIONS, epochs=1))
    resumed = train(spec, tmp_path / "broken", tiny(**OPTIONS, epochs=2))
    np.testing.assert_allclose(losses(resumed), losses(whole), rtol=1e-4)


def test_quality_is_that_of_the_clipped_answer_of_each_test_image(restorer):
    result, model = evaluate_restoration(restorer), restorer.load_model()
    assert result.names == restorer.split.test
    for item, given, made in zip(restorer.items("test"), result.given, result.made, strict=True):
        image, target = item.read_image(), item.read_target()
        answer = np.clip(model(image[None])[0], 0, 1)
        np.testing.assert_allclose(made, image_quality(answer, target), rtol=1e-4)
        np.testing.assert_allclose(given, image_quality(image, target), rtol=1e-6)


def test_means_are_over_the_images(restorer):
    result = evaluate_restoration(restorer)
    np.testing.assert_allclose(result.means[1], np.mean(result.made, axis=0))


def test_images_of_another_size_are_compared_at_that_of_the_network(restorer, make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs(size=(24, 40))}")
    assert evaluate_restoration(restorer, dataset).examples[0][1].shape == (32, 32, 3)


def test_result_is_stored_image_by_image(restorer):
    result = evaluate_restoration(restorer)
    store_restoration(restorer, result)
    stored = json.loads((restorer.path / "metrics.json").read_text())["Unet"]
    assert stored["mean"]["made"] == {"psnr": result.means[1].psnr, "ssim": result.means[1].ssim}
    assert [image["name"] for image in stored["images"]] == list(result.names)


def test_equal_images_are_stored_without_a_psnr(restorer):
    equal = (ImageQuality(np.inf, 1.0),)
    store_restoration(restorer, Restoration("Equal", "run", ("a",), equal, equal, ()))
    assert restorer.metrics()["Equal"]["mean"]["given"] == {"psnr": None, "ssim": 1.0}


def test_an_equal_image_is_in_no_mean_of_the_psnr():
    given = (ImageQuality(np.inf, 1.0), ImageQuality(20.0, 0.5), ImageQuality(30.0, 0.6))
    result = Restoration("One equal", "run", ("a", "b", "c"), given, given[1:], ())
    assert result.means[0].psnr == 25.0 and result.means[0].ssim == pytest.approx(0.7)
    assert result.equal == 1


def test_examples_are_given_made_and_target(tmp_path, restorer):
    result = evaluate_restoration(restorer)
    write_examples(tmp_path / "examples.png", result)
    item = restorer.items("test")[0]
    np.testing.assert_array_equal(result.examples[0][0], np.rint(255 * item.read_image()))
    np.testing.assert_array_equal(result.examples[0][2], np.rint(255 * item.read_target()))
    with Image.open(tmp_path / "examples.png") as sheet:
        assert sheet.width > 900


def test_other_pairs_are_tested_whole(restorer, make_pairs):
    others = open_dataset(f"raindrop:{make_pairs(size=(32, 24))}")
    assert len(evaluate_restoration(restorer, others).names) == 6


def test_pairs_that_were_trained_on_are_counted_in_a_warning(restorer, make_pairs):
    # The same generator: six of the ten that the run has.
    with pytest.warns(UserWarning, match="3 of the 6 test image"):
        evaluate_restoration(restorer, open_dataset(f"raindrop:{make_pairs()}"))


def test_data_with_masks_are_refused(restorer):
    with pytest.raises(InputError, match="cells:9:32 has masks of 3 .* was trained on image pairs of 3"):
        evaluate_restoration(restorer, open_dataset("cells:9:32"))


def test_prediction_writes_the_image_at_its_own_size(tmp_path, restorer):
    Image.new("RGB", (50, 30), (10, 120, 200)).save(tmp_path / "photo.jpg")
    restore(restorer.segmenter(), [tmp_path / "photo.jpg"], tmp_path / "out", 3)
    with Image.open(tmp_path / "out" / "photo.png") as picture:
        assert picture.mode == "RGB" and picture.size == (50, 30)


def test_prediction_is_the_answer_in_eight_bits(tmp_path, restorer):
    item = restorer.items("test")[0]
    restore(restorer.segmenter(), item.files[:1], tmp_path, 3)
    answer = restorer.load_model()(item.read_image()[None])[0]
    with Image.open(tmp_path / f"{item.name}.png") as picture:
        written = np.asarray(picture).astype(int)
    assert np.abs(written - 255 * np.clip(answer, 0, 1)).max() <= 0.51


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"loss": "cross-entropy", "head": "softmax"},
            "holds image pairs, not classes: use `loss` mse with `head`",
        ),
        ({"head": "tv-softmax"}, "got `loss` mse with `head` tv-softmax"),
        ({"class_weighting": "balanced"}, "`class_weighting` is for data with classes"),
    ],
)
def test_options_for_classes_are_refused_and_nothing_is_written(tmp_path, tiny, make_pairs, options, message):
    with pytest.raises(InputError, match=message):
        train(f"raindrop:{make_pairs()}", tmp_path / "run", tiny(**{**OPTIONS, **options}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_opened_again_knows_that_it_makes_images(restorer):
    run = Run.open(restorer.path)
    assert run.image_pairs
    with pytest.raises(InputError, match="A table is for segmenters; .* makes images of images"):
        run.refuse_image_pairs("A table")


@pytest.mark.slow
@pytest.mark.parametrize(("tile", "is_cut"), [(16, True), (32, False)])
def test_measures_of_too_small_a_margin_are_told_and_not_kept_where_images_are_cut(
    copy_of, restorer, tile, is_cut
):
    run, said = copy_of(restorer), []
    (run.path / "metrics.json").unlink(missing_ok=True)
    progress = Progress()
    progress.say = said.append
    evaluate_restorations([run], tile=tile, margin=0, progress=progress)
    assert [text.endswith("What is measured is not kept in `metrics.json`.") for text in said] == [
        True
    ] * is_cut
    assert (run.path / "metrics.json").exists() is not is_cut
