"""Tables and pages of Jia, Liu and Tai as files, beside the published numbers, from measures by hand and tiny runs."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfapp.reproduce.tv.pairs import Pair, pair_folders
from tfapp.reproduce.tv.published import published_table
from tfapp.reproduce.tv.results import TVResult, curve_figure, write_table
from tfapp.reproduce.tv.tables import TABLES
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import Evaluation, Row
from tfapp.segmentation.run import Run
from tfapp.segmentation.shape_scores import ShapeScores

NOISES = (
    ("clean", "gaussian", 0.0),
    ("gaussian 0.05", "gaussian", 0.05),
    ("salt-and-pepper 0.01", "salt-and-pepper", 0.01),
)


def evaluation(title, values, run="run", images=4):
    """An evaluation with mIoU in percent: clean, at sigma 0.05, and under a noise that was not printed."""
    rows = tuple(Row(*n, 0.9, v / 100, (0.5, 0.5, 0.5), 1.0) for n, v in zip(NOISES, values, strict=True))
    return Evaluation(title, run, 0.5, images, ("a", "b", "c"), 0, rows)


@pytest.fixture
def result(plain_run, evaluated_run, tmp_path):
    """Table 1 from one tiny pair with measures by hand, to be written to `tmp_path`."""
    folders = list(pair_folders(tmp_path / "model-1", "unet", 0).values())
    for run, target in zip((plain_run, evaluated_run), folders, strict=True):
        shutil.copytree(run.path, target)
    pair = Pair(Run.open(folders[0]), Run.open(folders[1]), 1.0)
    return TVResult(TABLES[1], "small", "tfapp reproduce <it>", [pair], Comparison(measured(pair)))


def measured(pair, images=None):
    return [
        replace(
            evaluation(title, (90, 80, 70), str(run.path), images or len(run.split.test)),
            class_names=run.class_names,
            settings=run.settings,
        )
        for title, run, _ in pair.heads
    ]


def test_scores_of_shapes_stand_beneath_the_measures_if_there_are_any(result, tmp_path):
    shapes = 3 * (ShapeScores(7.25, 2, 0, 0, 0.5, 4.0),)
    with_shapes = [
        replace(one, rows=tuple(replace(row, shapes=shapes) for row in one.rows))
        for one in result.comparison.evaluations
    ]
    for scored in (result, replace(result, comparison=Comparison(with_shapes))):
        has_shapes = scored is not result
        text, _, _, _, page = write_table(scored, tmp_path)
        assert [("7.2 of 2.0" in file.read_text()) for file in (text, page)] == 2 * [has_shapes]


def test_published_numbers_stand_beside_ours_with_the_difference(result):
    mean_iou, *_ = result.beside()
    assert mean_iou.header == ["noise", "Unet", "published", "difference", "RUnet", "published", "difference"]
    # Table 1 of the text: 89.79 and 90.15 clean, 73.94 and 79.25 at 0.05.
    assert mean_iou.rows == [
        ["clean", "90.00", "89.79", "+0.21", "90.00", "90.15", "-0.15"],
        ["gaussian 0.05", "80.00", "73.94", "+6.06", "80.00", "79.25", "+0.75"],
        ["salt-and-pepper 0.01", "70.00", "–", "–", "70.00", "–", "–"],
    ]


def test_every_measure_is_compared(result):
    assert [one.title.split(" ")[0] for one in result.beside()] == ["mIoU", "accuracy", "RE"]


def test_misprints_are_noted_beneath(result):
    text = result.markdown()
    assert all(f"- Of the published table: {remark}" in text for remark in published_table(1).remarks)


def test_protocol_of_the_training_stands_beside_that_of_the_text(result):
    assert "| protocol | here | in the text |" in result.markdown()
    rows = {name: (here, text) for name, here, text in result.protocol().rows}
    run = result.pairs[0].regular
    assert rows["training images"] == (str(len(run.split.train)), "60")
    assert rows["iterations"] == (str(run.config["epochs"] * run.config["steps_per_epoch"]), "20,000")


def test_csv_has_a_row_for_each_published_network_measure_and_noise(result, tmp_path):
    result.write_published(tmp_path / "beside.csv")
    with (tmp_path / "beside.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * len(NOISES)
    [row] = [
        r for r in rows if (r["network"], r["measure"], r["noise"]) == ("RUnet", "mIoU", "gaussian 0.05")
    ]
    assert (float(row["ours"]), float(row["published"]), float(row["difference"])) == (80.0, 79.25, 0.75)


def test_curves_are_the_means_over_seeds_with_the_published_ones_beside(result):
    two = Comparison([evaluation("Unet", (90, 80, 1)), evaluation("Unet", (92, 84, 2))])
    [axes] = curve_figure(replace(result, comparison=two)).axes
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["Unet"].get_xdata(), [0, 0.05])
    np.testing.assert_allclose(lines["Unet"].get_ydata(), [91, 82])
    np.testing.assert_allclose(lines["Unet, published"].get_ydata(), [89.79, 73.94])


@pytest.mark.slow
def test_files_of_the_table_are_named_in_the_order_of_importance(result, tmp_path):
    names = [path.name for path in write_table(result, tmp_path)]
    suffixes = (".md", ".csv", "-published.csv", ".png", ".html")
    assert names == [f"tv-table-1{suffix}" for suffix in suffixes]
    assert all((tmp_path / name).is_file() for name in names)


def test_command_is_text_in_the_page(result, tmp_path):
    write_table(result, tmp_path)
    page = (tmp_path / "tv-table-1.html").read_text(encoding="utf-8")
    assert "tfapp reproduce &lt;it&gt;" in page and "<it>" not in page


def test_single_training_is_called_one(result):
    assert "One training each; in percent." in result.markdown()


@pytest.mark.parametrize(
    ("chosen_on", "words"),
    [("validation", "validation images"), ("training", "clean training images"), ("hand", "set by hand")],
)
def test_table_says_what_decided_on_lambda(result, chosen_on, words):
    pairs = [replace(pair, chosen_on=chosen_on) for pair in result.pairs]
    assert words in replace(result, pairs=pairs)._lambda()


@pytest.mark.slow
def test_table_says_how_many_of_the_test_images_were_used(result):
    [pair] = result.pairs
    images = len(pair.plain.split.test)
    assert f"{images} for testing" in result.markdown()
    some = replace(result, comparison=Comparison(measured(pair, images - 1)))
    assert f"{images - 1} of {images}, evenly spaced, for testing" in some.markdown()
