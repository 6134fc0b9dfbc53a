"""Pairs of runs, and the weight of the total variation that suits a trained network best."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tfapp.data import parse_noises
from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import logits_of
from tfapp.reproduce.tv import pairs as tv_pairs
from tfapp.reproduce.tv.pairs import (
    Pair,
    choose_weight,
    chosen_weight,
    evaluate_pair,
    pair_folders,
)
from tfapp.reproduce.tv.tables import spaced
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation import weight_tuning
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, measure
from tfapp.segmentation.run import Run

pytestmark = pytest.mark.reproduce
NOISES = parse_noises(["gaussian=0.1"])
WEIGHTS = (3.0, 0.2, 1.0)


@pytest.fixture
def pair(trained, tmp_path):
    """The tiny runs, copied to where a table has them."""
    folders = pair_folders(tmp_path / "model-1", "unet", 0)
    for head, folder in folders.items():
        shutil.copytree(trained[head].path, folder)
    plain, regular = map(Run.open, folders.values())
    return Pair(plain, regular, 2.0)


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    """The pair after a test of two of its images, and the evaluations."""
    folder = tmp_path_factory.mktemp("evaluated")
    plain, regular = (
        Run.open(shutil.copytree(trained[head].path, folder / head)) for head in ("softmax", "tv-softmax")
    )
    pair = Pair(plain, regular, 2.0)
    return pair, evaluate_pair(pair, NOISES, 2)


@pytest.fixture
def choices(monkeypatch):
    """Number of times that lambda was chosen anew, as a list; it is always 4."""
    made = []
    monkeypatch.setattr(tv_pairs, "choose_weight", lambda run, split, advance: made.append(split) or 4.0)
    return made


def test_columns_are_the_network_that_with_tv_behind_it_and_the_regularised_one(evaluated):
    pair, evaluations = evaluated
    assert [evaluation.title for evaluation in evaluations] == ["Unet", "Unet+TV", "RUnet"]
    data = EvaluationData(pair.plain, pair.plain.dataset, spaced(pair.plain.items("test"), 2))
    expected = measure(Segmenter(pair.plain, 2.0), data, NOISES[1])
    assert evaluations[1].rows[1] == expected


def test_measures_are_stored_in_the_runs_under_the_titles_of_the_columns(evaluated):
    pair, _ = evaluated
    assert set(pair.plain.metrics()) == {"Unet", "Unet+TV"} and set(pair.regular.metrics()) == {"RUnet"}


def test_only_as_many_test_images_as_asked_for_are_tested(evaluated):
    assert [evaluation.images for evaluation in evaluated[1]] == [2, 2, 2]


def test_learned_weight_is_that_of_the_last_epoch(pair):
    assert pair.learned_weight == read_history(pair.regular.path)[-1]["tv_weight"]


def test_lambda_is_chosen_once_for_a_run(pair, choices):
    assert [chosen_weight(pair.plain), chosen_weight(pair.plain)] == 2 * [(4.0, "validation")]
    assert choices == ["validation"]


def test_lambda_is_chosen_on_training_images_where_there_are_none_for_validation(trained, copy_of, choices):
    def lose_the_validation_images(record):
        record["data"]["split"]["validation"] = []

    run = copy_of(trained["softmax"], edit=lose_the_validation_images)
    assert [chosen_weight(run), chosen_weight(run)] == 2 * [(4.0, "training")]
    assert choices == ["training"]


def test_lambda_that_is_given_is_taken_and_not_kept(pair, choices):
    assert chosen_weight(pair.plain, 7.0) == (7.0, "hand") and not choices
    assert chosen_weight(pair.plain) == (4.0, "validation")


def test_lambda_that_an_earlier_version_chose_was_chosen_on_validation_images(pair, choices):
    stored = {"weight": 0.5, "epochs": pair.plain.config["epochs"]}
    (pair.plain.path / "post-tv.json").write_text(json.dumps(stored))
    assert chosen_weight(pair.plain) == (0.5, "validation") and not choices


def test_lambda_is_chosen_again_after_more_epochs(pair, choices):
    chosen_weight(pair.plain)
    pair.plain.config["epochs"] += 1
    chosen_weight(pair.plain)
    assert len(choices) == 2


def test_damaged_choice_is_made_again(pair, choices):
    (pair.plain.path / "post-tv.json").write_text('{"weight": 1')
    assert chosen_weight(pair.plain) == (4.0, "validation") and choices


def test_pair_has_the_seed_of_its_runs(pair):
    assert replace(pair, weight=1.0).seed == pair.plain.config["seed"]


@pytest.fixture(scope="session")
def learned(train_once):
    """A run that has learned enough for the weights to matter."""
    return train_once("cells-learned", head="softmax", base_width=8, steps_per_epoch=60, learning_rate=5e-3)


@pytest.fixture
def scored(monkeypatch):
    """Return a function that makes networks with these weights have these scores."""

    def score(scores):
        monkeypatch.setattr(weight_tuning, "Segmenter", lambda run, weight: weight)
        monkeypatch.setattr(
            weight_tuning, "measure", lambda weight, *_: SimpleNamespace(mean_iou=scores[weight])
        )

    return score


def reference_iou(run, weight):
    """Mean IoU of the TV layer behind the logits over all validation pixels, by sets of pixels in NumPy."""
    items = run.items("validation")
    logits = logits_of(run.load_model())(np.stack([item.read_image() for item in items]))
    regular = TVSoftmax(weight, learn_tv_weight=False, iterations=300)(logits)
    predicted, truth = np.argmax(regular, -1), np.stack([item.read_mask() for item in items])
    both = [((predicted == c) & (truth == c)).sum() for c in range(3)]
    either = [((predicted == c) | (truth == c)).sum() for c in range(3)]
    return np.mean([b / e for b, e in zip(both, either, strict=True) if e])


def test_weight_with_the_highest_score_is_chosen(trained, scored):
    scored({0.5: 0.6, 2.0: 0.8, 8.0: 0.7})
    assert choose_weight(trained["softmax"], (8.0, 2.0, 0.5)) == 2.0


def test_of_equally_good_weights_the_smallest_is_chosen(trained, scored):
    scored({0.5: 0.6, 2.0: 0.8, 8.0: 0.8})
    assert choose_weight(trained["softmax"], (8.0, 2.0, 0.5)) == 2.0


def test_score_is_the_mean_iou_of_the_validation_images(learned):
    scores = [reference_iou(learned, weight) for weight in WEIGHTS]
    assert len(set(scores)) == len(scores)
    assert choose_weight(learned, WEIGHTS) == WEIGHTS[int(np.argmax(scores))]


def test_test_images_have_no_say(learned, copy_of):
    def lose_the_test_images(record):
        record["data"]["split"]["test"] = ["no such image"]

    run = copy_of(learned, edit=lose_the_test_images)
    assert choose_weight(run, WEIGHTS) == choose_weight(learned, WEIGHTS)


def test_score_may_be_that_of_the_training_images(trained, monkeypatch):
    asked = []
    monkeypatch.setattr(tv_pairs, "EvaluationData", lambda run, dataset, items: asked.append(items))
    monkeypatch.setattr(weight_tuning, "Segmenter", lambda run, weight: weight)
    monkeypatch.setattr(weight_tuning, "measure", lambda *_: SimpleNamespace(mean_iou=0.5))
    choose_weight(trained["softmax"], WEIGHTS, split="training")
    assert {item.name for item in asked[0]} == set(trained["softmax"].split.train)


def test_run_without_validation_images_is_refused(trained, copy_of):
    def lose_the_validation_images(record):
        record["data"]["split"]["validation"] = []

    run = copy_of(trained["softmax"], edit=lose_the_validation_images)
    with pytest.raises(InputError, match="has no validation images to choose lambda on; train with a `val"):
        choose_weight(run)


def test_run_with_total_variation_already_is_refused(trained):
    with pytest.raises(InputError, match="without a TV head"):
        choose_weight(trained["tv-softmax"])


def test_every_weight_advances_the_progress(trained, scored):
    scored(dict.fromkeys(WEIGHTS, 0.5))
    steps = []
    choose_weight(trained["softmax"], WEIGHTS, advance=lambda: steps.append(1))
    assert len(steps) == len(WEIGHTS)
