import shutil
from dataclasses import replace

import pytest

from tfapp.data import parse_noises
from tfapp.reproduce.tv import pairs as tv_pairs
from tfapp.reproduce.tv.pairs import Pair, chosen_weight, evaluate_pair, pair_folders, stored_pairs
from tfapp.runs.history import read_history
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, measure
from tfapp.segmentation.run import Run

NOISES = parse_noises(["gaussian=0.1"])


@pytest.fixture
def pair(trained, tmp_path):
    """The tiny runs, copied to where a table has them."""
    folders = pair_folders(tmp_path / "model-1", "unet", 0)
    for head, folder in folders.items():
        shutil.copytree(trained[head].path, folder)
    plain, regular = map(Run.open, folders.values())
    return Pair(plain, regular, 2.0)


@pytest.fixture
def choices(monkeypatch):
    """Number of times that lambda was chosen anew, as a list; it is always 4."""
    made = []
    monkeypatch.setattr(tv_pairs, "choose_weight", lambda run, advance: made.append(run) or 4.0)
    return made


def test_columns_are_the_network_that_with_tv_behind_it_and_the_regularised_one(pair):
    evaluations = evaluate_pair(pair, NOISES)
    assert [evaluation.title for evaluation in evaluations] == ["Unet", "Unet+TV", "RUnet"]
    expected = measure(Segmenter(pair.plain, 2.0), EvaluationData(pair.plain), NOISES[1])
    assert evaluations[1].rows[1] == expected


def test_measures_are_stored_in_the_runs_under_the_titles_of_the_columns(pair):
    evaluate_pair(pair, NOISES)
    assert set(pair.plain.metrics()) == {"Unet", "Unet+TV"} and set(pair.regular.metrics()) == {"RUnet"}


def test_only_as_many_test_images_as_asked_for_are_tested(pair):
    assert [evaluation.images for evaluation in evaluate_pair(pair, NOISES, 2)] == [2, 2, 2]


def test_learned_weight_is_that_of_the_last_epoch(pair):
    assert pair.learned_weight == read_history(pair.regular.path)[-1]["tv_weight"]


def test_lambda_is_chosen_once_for_a_run(pair, choices):
    assert [chosen_weight(pair.plain), chosen_weight(pair.plain)] == [4.0, 4.0]
    assert len(choices) == 1


def test_lambda_is_chosen_again_after_more_epochs(pair, choices):
    chosen_weight(pair.plain)
    pair.plain.config["epochs"] += 1
    chosen_weight(pair.plain)
    assert len(choices) == 2


def test_damaged_choice_is_made_again(pair, choices):
    (pair.plain.path / "post-tv.json").write_text('{"weight": 1')
    assert chosen_weight(pair.plain) == 4.0 and choices


def test_stored_pairs_are_those_whose_runs_have_ended_and_whose_lambda_is_chosen(pair, choices):
    folder = pair.plain.path.parent
    assert stored_pairs(folder, "unet") == []
    chosen_weight(pair.plain)
    [found] = stored_pairs(folder, "unet")
    assert (found.plain.path, found.regular.path) == (pair.plain.path, pair.regular.path)
    assert found.weight == 4.0
    (pair.regular.path / "model.keras").unlink()
    assert stored_pairs(folder, "unet") == []


def test_pair_has_the_seed_of_its_runs(pair):
    assert replace(pair, weight=1.0).seed == pair.plain.config["seed"]
