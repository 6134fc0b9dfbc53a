from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.runs.written_records import SEGMENTER
from tfapp.errors import InputError
from tfapp.segmentation.comparison import Comparison, compare
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.evaluation import Evaluation, Row
from tfapp.segmentation.run import Run

CLEAN = Row("clean", "gaussian", 0.0, 0.9, 0.8, (0.8, 0.8), 1.0)


def evaluation(**settings):
    return Evaluation("Unet", "run", 0.5, 4, ("a", "b"), 0, (CLEAN,), settings)


def test_runs_with_the_same_settings_are_one_column():
    assert list(Comparison([evaluation(epochs=3), evaluation(epochs=3)]).groups) == ["Unet"]


@pytest.mark.parametrize(
    ("name", "value", "titles"),
    [
        (
            "train_noise",
            "gaussian=0.05",
            ["Unet (without --train-noise)", "Unet (--train-noise gaussian=0.05)"],
        ),
        ("train_images", 20, ["Unet (without --train-images)", "Unet (--train-images 20)"]),
        ("resize", [96, 128], ["Unet (without --resize)", "Unet (--resize 96x128)"]),
    ],
)
def test_runs_of_one_title_that_differ_in_more_than_the_seed_are_columns_of_their_own(name, value, titles):
    comparison = Comparison([evaluation(**{name: None}), evaluation(**{name: value})])
    assert list(comparison.groups) == titles


def test_settings_that_all_share_are_not_in_the_titles():
    some = [evaluation(epochs=3, depth=depth) for depth in (2, 3)]
    assert list(Comparison(some).groups) == ["Unet (--depth 2)", "Unet (--depth 3)"]


def test_settings_of_runs_with_other_titles_do_not_matter():
    regular = replace(evaluation(epochs=3), title="RUnet")
    assert list(Comparison([evaluation(epochs=2), regular]).groups) == ["Unet", "RUnet"]


def test_only_seeds_may_differ_between_runs_that_are_averaged(trained):
    run = trained["softmax"]
    names = set(run.config) - set(run.settings)
    assert {"seed", "split_seed"} <= names and not {"train_noise", "train_images", "epochs"} & names


def test_the_total_variation_of_a_run_without_any_does_not_tell_it_apart(trained):
    assert "tv_gradient" in trained["tv-softmax"].settings
    assert "tv_gradient" not in trained["softmax"].settings


def test_settings_younger_than_a_run_had_their_defaults_then():
    younger = TrainConfig().noisy_share
    assert list(Comparison([evaluation(), evaluation(noisy_share=younger)]).groups) == ["Unet"]


def test_run_that_is_not_trained_is_told_before_the_first_is_measured(tmp_path):
    trained = SimpleNamespace(check_trained=lambda: None)  # measuring it would fail otherwise
    with pytest.raises(InputError, match="has no model.keras: its training has not ended"):
        compare([trained, Run(tmp_path, dict(SEGMENTER))], [])


@pytest.mark.slow
def test_a_run_just_begun_has_the_settings_of_the_same_run_read_again(begin):
    run = begin(resize=(16, 16))
    assert run.settings == Run.open(run.path).settings
