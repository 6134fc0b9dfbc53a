import numpy as np
import pytest

from tfapp.data import Noise
from tfapp.reproduce.tv.pairs import Pair
from tfapp.reproduce.tv.results import CELL, curve_figure, example_sheet
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import Evaluation, Row


def evaluation(title, values, run="run"):
    """An evaluation with mIoU in percent at sigma 0, 0.05 and under salt."""
    noises = (("clean", "gaussian", 0.0), ("gaussian 0.05", "gaussian", 0.05), ("salt 0.01", "salt", 0.01))
    rows = tuple(Row(*n, 0.9, v / 100, (0.5, 0.5), 1.0) for n, v in zip(noises, values, strict=True))
    return Evaluation(title, run, 0.5, 4, ("a", "b"), 0, rows)


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


@pytest.fixture(scope="session")
def pair(plain_run, evaluated_run):
    return Pair(plain_run, evaluated_run, 1.0)


def test_sheet_has_input_truth_and_three_answers_clean_and_noisy(pair):
    sheet = example_sheet({1: pair}, Noise("gaussian", 0.07), 2)
    assert sheet.width == 5 * (CELL + 6) + 6
    # Square images: as many cells down, two rows for each image, below the line of titles.
    assert (sheet.height - 6) // (CELL + 6) == 4


def test_sheet_shows_clean_and_noisy_input(pair):
    sheet = np.asarray(example_sheet({1: pair}, Noise("gaussian", 0.2), 1), float)
    first = sheet[-2 * (CELL + 6) : -(CELL + 6), 6 : 6 + CELL]
    second = sheet[-(CELL + 6) :, 6 : 6 + CELL]
    # Below the caption, away from the gaps.
    clean, noisy = (part[CELL // 2 : CELL - 8] for part in (first, second))
    assert np.abs(clean - noisy).mean() > 5
