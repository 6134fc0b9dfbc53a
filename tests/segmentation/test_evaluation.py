import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from tfapp.data import open_dataset, parse_noises
from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import logits_of
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.metrics import regularisation_effect
from tfapp.segmentation.training import train

NOISES = parse_noises(["gaussian=0,0.1", "salt=0.05"])


@pytest.fixture(scope="session")
def evaluations(trained):
    return {head: evaluate(Segmenter(run), EvaluationData(run), NOISES) for head, run in trained.items()}


@pytest.mark.slow
def test_there_is_one_row_for_every_noise(evaluations):
    assert [row.noise for row in evaluations["softmax"].rows] == ["clean", "gaussian 0.1", "salt 0.05"]


def test_clean_measures_equal_numpy_over_the_test_images(trained, evaluations):
    run = trained["softmax"]
    model, right, total, effects, pixels = run.load_model(), 0, 0, [], []
    for item in run.items("test"):
        predicted = np.argmax(model(item.read_image()[None], training=False)[0], -1)
        right += (predicted == item.read_mask()).sum()
        total += predicted.size
        effects.append(regularisation_effect(predicted))
        pixels.append((item.read_mask().ravel(), predicted.ravel()))
    clean = evaluations["softmax"].clean
    true, predicted = map(np.concatenate, zip(*pixels, strict=True))
    by_class = [np.mean(predicted[true == index] == index) for index in np.unique(true)]
    assert clean.mean_accuracy == pytest.approx(np.mean(by_class))
    assert clean.accuracy == pytest.approx(right / total)
    assert clean.regularisation_effect == pytest.approx(np.mean(effects))


@pytest.mark.parametrize("head", ["softmax", "tv-softmax"])
def test_loss_equals_keras_evaluate(trained, evaluations, head):
    run = trained[head]
    images, labels, weights = run.frames("test").arrays(range(6))
    expected = run.load_model().evaluate(images, labels, sample_weight=weights, batch_size=6, verbose=0)[0]
    assert evaluations[head].loss == pytest.approx(expected, rel=1e-4)


def test_noise_is_the_same_on_every_call(trained, evaluations):
    run = trained["softmax"]
    assert evaluate(Segmenter(run), EvaluationData(run), NOISES).rows == evaluations["softmax"].rows


@pytest.mark.slow
def test_post_tv_is_the_converged_layer_behind_the_logits(trained):
    run = trained["softmax"]
    images = np.stack([item.read_image() for item in run.items("test")])
    head = TVSoftmax(2.0, learn_tv_weight=False, tolerance=1e-3, inference_iterations=500)
    expected = head(logits_of(run.load_model())(images), training=False)
    np.testing.assert_allclose(Segmenter(run, 2.0).probabilities(images), expected, atol=1e-5)


def test_post_tv_makes_the_label_maps_smoother(trained):
    run = trained["softmax"]
    data = EvaluationData(run)
    plain, regular = (evaluate(Segmenter(run, weight), data, NOISES[:2]) for weight in (None, 5.0))
    assert regular.title == "Unet+TV(5)"
    assert regular.rows[1].regularisation_effect < plain.rows[1].regularisation_effect


def test_post_tv_on_a_tv_run_is_refused(trained):
    with pytest.raises(InputError, match="`post_tv` is for models without a TV head; .* has one"):
        Segmenter(trained["tv-softmax"], 1.0)


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_post_tv_weight_must_be_a_weight(trained, weight):
    with pytest.raises(InputError, match="`post_tv` must be"):
        Segmenter(trained["softmax"], weight)


@pytest.mark.slow
def test_masks_are_compared_at_their_own_size_when_the_network_resizes(tmp_path, make_folder, tiny):
    root = make_folder(size=(40, 56))
    run = train(
        f"folder:{root}", tmp_path / "run", tiny(head="softmax", resize=(16, 16), batch_size=2, epochs=1)
    )
    data = EvaluationData(run)
    assert data.images[0].shape == (16, 16, 3)
    maps = Segmenter(run).label_maps(np.stack(data.images), [mask.shape for mask in data.masks])
    assert all(m.shape == (40, 56) for m in maps)
    inside = run.segmenter()(run.items("test")[0].read_image()[None])
    np.testing.assert_array_equal(maps[0], np.argmax(inside[0], -1))


def test_images_of_different_sizes_are_evaluated(tmp_path, make_folder, trained):
    from PIL import Image

    root = make_folder(classes=list(trained["softmax"].class_names))
    for kind in ("images", "masks"):
        path = root / kind / "cell 0.png"
        Image.open(path).crop((0, 0, 21, 27)).save(path)
    data = EvaluationData(trained["softmax"], open_dataset(f"folder:{root}"))
    result = evaluate(Segmenter(trained["softmax"]), data, NOISES[:1])
    assert result.images == 6 and 0 <= result.clean.mean_iou <= 1


def test_other_data_must_have_the_same_classes(trained, make_folder):
    with pytest.raises(InputError, match="was trained for background, cytoplasm, nucleus"):
        EvaluationData(trained["softmax"], open_dataset(f"folder:{make_folder()}"))


@pytest.mark.slow
@pytest.mark.parametrize("weight", [None, 2.0])
def test_model_in_a_file_is_measured_like_the_run_that_it_comes_from(trained, evaluations, weight):
    run, file = trained["softmax"], KerasFile(trained["softmax"].path / "model.keras")
    data = EvaluationData(file, run.dataset, run.items("test"))
    found = evaluate(Segmenter(file, weight), data, NOISES[:2])
    expected = evaluate(Segmenter(run, weight), EvaluationData(run), NOISES[:2])
    assert (found.title, found.run) == ("model" if weight is None else "model+TV(2)", str(file.path))
    assert found.rows == expected.rows
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)


def test_model_of_a_fixed_size_is_compared_at_the_size_of_the_masks(tmp_path, make_folder):
    inputs = keras.Input((16, 24, 3))
    coarse = keras.layers.Conv2D(3, 3, strides=4, padding="same", activation="softmax")(inputs)
    keras.Model(inputs, coarse).save(tmp_path / "fixed.keras")
    file = KerasFile(tmp_path / "fixed.keras")
    data = EvaluationData(file, open_dataset(f"folder:{make_folder(size=(40, 56))}"))
    assert data.images[0].shape == (16, 24, 3)
    [labels] = Segmenter(file).label_maps(data.images[0][None], [data.masks[0].shape])
    inside = file.segmenter()(data.items[0].read_image()[None])
    np.testing.assert_array_equal(labels, np.argmax(inside[0], -1))


@pytest.mark.parametrize(("classes", "channels"), [(4, 3), (3, 1)])
def test_data_must_fit_what_the_model_takes_and_gives(tmp_path, trained, classes, channels):
    inputs = keras.Input((None, None, channels))
    keras.Model(inputs, keras.layers.Conv2D(classes, 1)(inputs)).save(tmp_path / "other.keras")
    sentence = f"has 3 classes and 3 channel.*other.keras gives {classes} and takes {channels}"
    with pytest.raises(InputError, match=sentence):
        EvaluationData(KerasFile(tmp_path / "other.keras"), trained["softmax"].dataset)


def test_metrics_are_stored_beside_earlier_ones(trained, copy_of, evaluations):
    run = copy_of(trained["softmax"])
    for title in ("Unet", "Unet+TV(1)"):
        store_metrics(run, replace(evaluations["softmax"], title=title))
    content = json.loads((run.path / "metrics.json").read_text())
    assert set(content) == {"Unet", "Unet+TV(1)"}
    assert [row["noise"] for row in content["Unet"]["rows"]] == ["clean", "gaussian 0.1", "salt 0.05"]


def test_comparison_averages_runs_of_one_title(evaluations):
    one, two = evaluations["softmax"], evaluations["tv-softmax"]
    alike = type(two)(**{**vars(two), "title": one.title, "settings": one.settings})
    cell = Comparison([one, alike]).cell(one.title, 0, "mIoU")
    values = [100 * e.clean.mean_iou for e in (one, two)]
    assert (cell.mean, cell.runs) == (pytest.approx(np.mean(values)), 2)
    assert cell.spread == pytest.approx(np.std(values, ddof=1))


def test_comparison_writes_table_csv_and_figure(tmp_path, evaluations):
    comparison = Comparison(list(evaluations.values()))
    comparison.write_markdown(tmp_path / "t.md")
    comparison.write_csv(tmp_path / "t.csv")
    comparison.write_figure(tmp_path / "t.png")
    assert (tmp_path / "t.md").read_text().splitlines()[0].startswith("| noise | Unet mIoU | RUnet mIoU |")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1 + 2 * 3
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_runs_of_other_classes_are_not_compared(evaluations):
    other = type(evaluations["softmax"])(**{**vars(evaluations["softmax"]), "class_names": ("a", "b")})
    with pytest.raises(InputError, match="other classes"):
        Comparison([evaluations["softmax"], other])


@pytest.mark.slow
def test_saved_model_is_compiled_with_the_training_loss(trained):
    loss = trained["softmax"].load_model().loss
    assert isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    assert loss.reduction == "mean_with_sample_weight"
