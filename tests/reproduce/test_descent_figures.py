"""Figures 1.1 and 1.2 of the thesis chapter and figure 2 of the lecture: what their commands write."""

import csv

import numpy as np
import pytest

from tfapp.reproduce.registry import STUDIES
from tfapp.reproduce.thesis.descent import RATES, descend


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("figures")
    return {
        name: STUDIES[name].run({"out": out})
        for name in ("thesis-figure-1.1", "thesis-figure-1.2", "lecture-figure-2")
    }


def test_every_picture_is_written(made):
    assert all(result.written[0].suffix == ".png" and result.written[0].is_file() for result in made.values())


def test_line_search_is_told_from_the_worst_start(made):
    with made["thesis-figure-1.1"].written[2].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(rows[1][name]) for name in ("x1", "x2")] == pytest.approx([90 / 11, -9 / 11], rel=1e-5)
    assert float(rows[0]["f"]) == 55


def test_descent_reaches_the_minimum_at_once_by_the_best_rate_and_diverges_by_more_than_twice_as_much():
    ends = [abs(descend(share))[[1, -1]] for share in RATES.values()]
    assert np.argmin([first for first, _ in ends]) == 1 and ends[1][0] == 0
    assert [last > 1 for _, last in ends] == [False, False, False, True]


def test_one_rate_is_the_same_in_both_ellipses_and_adagrad_is_better_on_the_axes(made):
    rows = {row[0]: row for row in made["lecture-figure-2"].shown[0].rows}
    assert rows["gradient descent"][2] == rows["gradient descent"][3]
    assert rows["AdaGrad"][2] < rows["AdaGrad"][3]
