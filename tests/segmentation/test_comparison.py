from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.runs.written_records import SEGMENTER
from tfapp.errors import InputError
from tfapp.segmentation.coding import TrainingData
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


CODING = {"classes": [["a", 0], ["b", 1]], "ignored": [], "channels": 3}


def trained_on(spec, content="c", coding=CODING, **changes):
    found = {"trained_on": TrainingData(spec, content, coding), "tested_on": spec, "names": ("1", "2")}
    return replace(evaluation(), **found | changes)


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        (("folder:/a/left", "c"), ("folder:/b/right", "d"), ("folder:left", "folder:right")),
        (("folder:/a/data", "c"), ("folder:/b/data", "d"), ("folder:/a/data", "folder:/b/data")),
        (("cells:4", "c"), ("cells:4", "d"), ("version 1 of cells:4", "version 2 of cells:4")),
        (("f:x", "c"), ("f:x", "c", CODING | {"ignored": [255]}), ("version 1 of f:x", "version 2 of f:x")),
    ],
)
def test_runs_of_other_data_are_no_seeds_but_columns_with_the_names_of_the_data(one, other, names):
    comparison = Comparison([trained_on(*one), trained_on(*other), trained_on(*one)])
    assert list(comparison.groups) == [f"Unet (trained on {name})" for name in names]
    assert [comparison.cell(title, 0, "mIoU").runs for title in comparison.groups] == [2, 1]


@pytest.mark.parametrize("other", [("f:/moved/x", "c"), ("f:/a/x", "c", None)])
def test_data_that_were_moved_or_whose_coding_was_not_kept_are_the_same_data(other):
    comparison = Comparison([trained_on("f:/a/x"), trained_on(*other)])
    assert list(comparison.groups) == ["Unet"] and len(comparison.remarks()) == 1


def test_runs_tested_on_different_data_or_images_are_said():
    seed, split = trained_on("f:x"), trained_on("f:x", names=("2", "3"))
    other = trained_on("f:y", "d")
    assert "tested on different data" in Comparison([seed, other]).remarks()[-1]
    assert "tested on different images, as their splits differ" in Comparison([seed, split]).remarks()[-1]
    assert len(Comparison([seed, split]).groups) == 1
    on_the_same = replace(other, tested_on="f:x")
    assert not any("different" in sentence for sentence in Comparison([seed, on_the_same]).remarks())


def test_runs_tested_on_files_of_one_name_and_other_content_are_said():
    one, copy, changed, unknown = (
        replace(trained_on("f:x"), tested=tested) for tested in ("n c", "n c", "n d", None)
    )
    assert not Comparison([one, copy, unknown]).on_other_images()
    [said] = Comparison([one, changed]).on_other_images()
    assert said.startswith("The runs were tested on different data, files of one name that differ")


def test_every_table_says_the_number_of_test_images(tmp_path):
    comparison = Comparison([evaluation(), replace(evaluation(), images=7)])
    assert all(table.title.endswith(", 4 to 7 test image(s)") for table in comparison.tables())
    comparison.write_markdown(tmp_path / "table.md")
    assert (tmp_path / "table.md").read_text().endswith("Measured on 4 to 7 test image(s).\n")


@pytest.mark.slow
def test_a_run_just_begun_has_the_settings_of_the_same_run_read_again(begin):
    run = begin(resize=(16, 16))
    assert run.settings == Run.open(run.path).settings
