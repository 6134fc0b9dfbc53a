"""Tables, figures and pages of Jia, Liu and Tai as files, from measures by hand and two tiny runs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tfapp.data import Noise
from tfapp.reproduce.tv import results
from tfapp.reproduce.tv.pairs import CHOICE, Pair, pair_folders
from tfapp.reproduce.tv.results import CELL, TVResult, curve_figure, example_sheet, write_table
from tfapp.reproduce.tv.tables import TABLES
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import Evaluation, Row, store_metrics
from tfapp.segmentation.run import Run


def evaluation(title, values, run="run", images=4):
    """An evaluation with mIoU in percent at sigma 0, 0.05 and under salt."""
    noises = (("clean", "gaussian", 0.0), ("gaussian 0.05", "gaussian", 0.05), ("salt 0.01", "salt", 0.01))
    rows = tuple(Row(*n, 0.9, v / 100, (0.5, 0.5, 0.5), 1.0) for n, v in zip(noises, values, strict=True))
    return Evaluation(title, run, 0.5, images, ("a", "b", "c"), 0, rows)


@pytest.fixture
def lines():
    """The lines of a figure of both models over two seeds, by label."""
    one = Comparison([evaluation("Unet", (90, 80, 1)), evaluation("Unet", (92, 84, 2))])
    two = Comparison([evaluation("Unet", (88, 86, 3)), evaluation("Unet", (88, 86, 3))])
    [axes] = curve_figure({1: one, 2: two}).axes
    return {line.get_label(): line for line in axes.lines}


def test_curves_are_the_means_over_seeds_at_gaussian_sigmas_only(lines):
    np.testing.assert_allclose(lines["Unet, model 1"].get_xdata(), [0, 0.05])
    np.testing.assert_allclose(lines["Unet, model 1"].get_ydata(), [91, 82])


def test_models_differ_by_dash_and_networks_by_colour(lines):
    one, two = lines["Unet, model 1"], lines["Unet, model 2"]
    assert (one.get_linestyle(), two.get_linestyle()) == ("-", "--")
    assert one.get_color() == two.get_color()


@pytest.fixture(scope="module")
def sheet(plain_run, evaluated_run):
    """The sheet of two test images."""
    return example_sheet({1: Pair(plain_run, evaluated_run, 1.0)}, Noise("gaussian", 0.2), 2)


@pytest.mark.slow
def test_sheet_has_input_truth_and_three_answers_clean_and_noisy(sheet):
    assert sheet.width == 5 * (CELL + 6) + 6
    # Square images: as many cells down, two rows for each image, below the line of titles.
    assert (sheet.height - 6) // (CELL + 6) == 4


def test_sheet_shows_clean_and_noisy_input(sheet):
    pixels = np.asarray(sheet, float)
    first = pixels[-2 * (CELL + 6) : -(CELL + 6), 6 : 6 + CELL]
    second = pixels[-(CELL + 6) :, 6 : 6 + CELL]
    # Below the caption, away from the gaps.
    clean, noisy = (part[CELL // 2 : CELL - 8] for part in (first, second))
    assert np.abs(clean - noisy).mean() > 5


def pair_in(folder, plain, regular, **settings):
    """Copy two runs to where a table has them, change their settings, and store measures by hand."""
    folders = list(pair_folders(folder, "unet", 0).values())
    for run, target in zip((plain, regular), folders, strict=True):
        shutil.copytree(run.path, target)
        record = json.loads((target / "run.json").read_text())
        record["config"].update(settings)
        (target / "run.json").write_text(json.dumps(record))
    choice = {"weight": 1.0, "epochs": record["config"]["epochs"]}
    (folders[0] / CHOICE).write_text(json.dumps(choice))
    pair = Pair(Run.open(folders[0]), Run.open(folders[1]), 1.0)
    return pair, measure_by_hand(pair)


def measure_by_hand(pair, images=None):
    """Store measures of the three columns in the folders of a pair, and return them."""
    made = []
    for title, run, _ in pair.heads:
        own = evaluation(title, (90, 80, 1), str(run.path), images or len(run.split.test))
        made.append(replace(own, class_names=run.class_names, settings=run.settings))
        store_metrics(run, made[-1])
    return made


@pytest.fixture
def blank_sheet(monkeypatch):
    """Take a blank picture for the figure of examples, which the networks would have to answer for."""
    monkeypatch.setattr(results, "example_sheet", lambda *_: Image.new("RGB", (8, 8)))


@pytest.fixture
def result(plain_run, evaluated_run, tmp_path):
    """Table 1 from one tiny pair, to be written to `tmp_path`."""
    pair, evaluations = pair_in(tmp_path / "model-1", plain_run, evaluated_run)
    return TVResult(TABLES[1], "small", "tfapp reproduce <it>", [pair], Comparison(evaluations), [])


def caption_of(out):
    page = (out / "tv-table-1.html").read_text(encoding="utf-8")
    return page.partition("<figcaption>Figure 2: ")[2].partition("</figcaption>")[0]


@pytest.mark.slow
def test_files_of_the_table_are_named_in_the_order_of_importance(result, tmp_path):
    names = [path.name for path in write_table(result, tmp_path)]
    assert names == ["tv-table-1.md", "tv-table-1.csv", "tv-table-1.html", "figure-2.png", "figure-3.png"]
    assert all((tmp_path / name).is_file() for name in names)
    with Image.open(tmp_path / "figure-3.png") as sheet:
        assert sheet.width == 5 * (CELL + 6) + 6


@pytest.mark.usefixtures("blank_sheet")
def test_other_model_with_the_same_settings_joins_the_figures(result, plain_run, evaluated_run, tmp_path):
    pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05")
    write_table(result, tmp_path)
    assert "model 2 (dashed)" in caption_of(tmp_path)


@pytest.mark.usefixtures("blank_sheet")
def test_other_model_with_other_settings_is_left_out(result, plain_run, evaluated_run, tmp_path):
    pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05", learning_rate=0.5)
    write_table(result, tmp_path)
    assert "Model 1 only; tfapp reproduce tv-table-2 with this --out adds the other" in caption_of(tmp_path)


@pytest.mark.usefixtures("blank_sheet")
def test_other_model_that_is_not_tested_yet_is_left_out(result, plain_run, evaluated_run, tmp_path):
    pair, _ = pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05")
    (pair.plain.path / "metrics.json").unlink()
    write_table(result, tmp_path)
    assert "Model 1 only" in caption_of(tmp_path)


@pytest.mark.usefixtures("blank_sheet")
def test_command_is_text_in_the_page(result, tmp_path):
    write_table(result, tmp_path)
    page = (tmp_path / "tv-table-1.html").read_text(encoding="utf-8")
    assert "tfapp reproduce &lt;it&gt;" in page and "<it>" not in page


def test_single_training_is_called_one(result):
    assert "One training each; in percent." in result.markdown()


@pytest.mark.slow
def test_table_says_how_many_of_the_test_images_were_used(result):
    [pair] = result.pairs
    images = len(pair.plain.split.test)
    assert f"{images} for testing" in result.markdown()
    some = replace(result, comparison=Comparison(measure_by_hand(pair, images - 1)))
    assert f"{images - 1} of {images}, evenly spaced, for testing" in some.markdown()
