"""Figures of Jia, Liu and Tai: what each shows, its curves and its pictures, from tiny runs."""

import csv

import numpy as np
import pytest

from tfapp.report.result_table import Summary
from tfapp.reproduce.tv.drawing import CELL, SIGMAS, curve_figure, example_sheet, panel_noise, write_curves
from tfapp.reproduce.tv.pairs import Pair
from tfapp.reproduce.tv.panels import FIGURES, CurveFigure

STEP = CELL + 6


def test_figures_show_what_their_captions_say():
    shown = {
        number: (figure.subject.plain, figure.models, getattr(figure, "panels", None))
        for number, figure in FIGURES.items()
    }
    assert shown == {
        1: ("Unet", (1,), (None, ("gaussian", "medium"))),
        2: ("Unet", (1, 2), None),
        3: (
            "Unet",
            (2,),
            (
                *(("salt-and-pepper", "small"), ("salt-and-pepper", "large")),
                *(("gaussian", "small"), ("gaussian", "medium")),
            ),
        ),
        4: ("Segnet", (1, 2), None),
        5: ("Segnet", (2,), (None, ("pepper", "medium"), ("gaussian", "medium"), ("gaussian", "large"))),
        6: ("Segnet", (1, 2), None),
        7: ("Segnet", (1,), (None, ("gaussian", "medium"), ("gaussian", "medium"), ("salt", "small"))),
    }
    assert [FIGURES[number].subject.reader for number in FIGURES] == [
        *("wbc", "wbc", "wbc", "camvid", "camvid", "sunrgbd", "sunrgbd")
    ]


def test_curves_go_from_one_to_ten_hundredths():
    assert SIGMAS == (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1)


def test_levels_grow_and_the_small_one_of_impulses_is_that_of_the_tables():
    for kind in ("gaussian", "salt", "pepper", "salt-and-pepper"):
        amounts = [panel_noise((kind, level)).amount for level in ("small", "medium", "large")]
        assert amounts == sorted(amounts)
        assert kind == "gaussian" or amounts[0] == 0.01
    assert panel_noise(None) is None


MEASURED = {
    f"{name}{model}": [Summary(80.0 - i + model, 0.5, 2) for i in range(10)]
    for model in (1, 2)
    for name in ("Unet", "RUnet")
}


def test_four_curves_have_a_colour_for_each_network_and_a_line_for_each_model():
    printed = {title: {0.05: 70.0} for title in MEASURED}
    [axes] = curve_figure(MEASURED, printed).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["Unet1"].get_color() == lines["Unet2"].get_color() != lines["RUnet1"].get_color()
    assert (lines["Unet1"].get_linestyle(), lines["Unet2"].get_linestyle()) == ("-", "--")
    np.testing.assert_allclose(lines["Unet1"].get_xdata(), SIGMAS)
    np.testing.assert_allclose(lines["RUnet2, published"].get_xdata(), [0.05])


def test_published_numbers_of_both_tables_stand_beside_the_curves(tmp_path):
    files = [tmp_path / f"f{suffix}" for suffix in (".md", ".csv", ".png")]
    table = write_curves(FIGURES[2], MEASURED, "tfapp reproduce tv-figure-2", "small.", files)
    assert table.header == [
        *("σ", "Unet1", "published", "RUnet1", "published", "Unet2", "published", "RUnet2", "published")
    ]
    # Tables 1 and 2 at 0.05; at 0.06 nothing was printed.
    row = {line[0]: line for line in table.rows}
    assert row["0.05"][2::2] == ["73.94", "79.25", "89.49", "90.24"] and row["0.06"][2::2] == 4 * ["–"]
    with files[1].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40 and {one["network"] for one in rows} == set(MEASURED)
    assert all(file.is_file() for file in files)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [n for n, figure in FIGURES.items() if not isinstance(figure, CurveFigure)]
)
def test_sheet_has_the_rows_and_columns_of_the_figure(plain_run, evaluated_run, number):
    sheet = example_sheet(FIGURES[number], Pair(plain_run, evaluated_run, 1.0))
    # Figure 1: (a) to (d) above (e) to (h). The others: input, truth and three answers below each of four inputs.
    assert (sheet.width - 6) // STEP == 4
    assert (sheet.height - 6) // STEP == (2 if number == 1 else 5)


@pytest.mark.slow
def test_noisy_input_of_figure_1_is_the_clean_one_with_noise(plain_run, evaluated_run):
    pixels = np.asarray(example_sheet(FIGURES[1], Pair(plain_run, evaluated_run, 1.0)), float)
    clean, noisy = pixels[-2 * STEP : -STEP, 6 : 6 + CELL], pixels[-STEP:, 6 : 6 + CELL]
    # Below the caption, away from the gaps.
    clean, noisy = (part[CELL // 2 : CELL - 8] for part in (clean, noisy))
    assert 1 < np.abs(clean - noisy).mean() < 40
