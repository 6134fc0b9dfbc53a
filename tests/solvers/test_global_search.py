"""Searches for a global minimum under one budget: their comparison, and LIPO against its definition."""

import csv

import numpy as np
import pytest

from tfapp.solvers.search.functions import FUNCTIONS
from tfapp.solvers.search.global_search import (
    METHODS,
    SearchTrace,
    adalipo,
    compare_searches,
    lipo,
    run_search,
)
from tfapp.solvers.search.tables import SearchTable

CERTIFIED = {"Algorithm 1, ρ = 0.1", "Algorithm 1, ρ = 0.99", "Piyavskii-Shubert"}


def trace(errors, method="LIPO", seed=0):
    return SearchTrace("f3", method, seed, np.array(errors), None)


@pytest.fixture(scope="module")
def traces():
    return compare_searches([FUNCTIONS["f3"]], budget=60, seeds=(0, 1))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_to_the_budget(method):
    found = run_search(FUNCTIONS["sines-2"], method, budget=20, seed=0, finest=1e-3)
    assert 1 <= len(found.errors) <= 20 and found.errors.min() >= -1e-9


def test_random_methods_run_once_for_each_seed_others_once(traces):
    runs = {method: [one.seed for one in traces if one.method == method] for method in METHODS}
    assert runs == {method: [0, 1] if method in ("LIPO", "AdaLIPO") else [None] for method in METHODS}


def test_only_searches_with_a_proof_have_a_certificate(traces):
    assert {one.method for one in traces if one.certificate} == CERTIFIED
    for one in traces:
        if one.certificate:
            one.certificate.verify()
            assert one.certificate.lower_bound <= FUNCTIONS["f3"].minimum


def test_algorithm_1_ends_where_it_does_alone(traces):
    (found,) = (one for one in traces if one.method == "Algorithm 1, ρ = 0.1")
    assert len(found.errors) == 15 and found.evaluations_to(0.01) == 12


def test_evaluations_are_counted_to_the_first_value_within_the_gap():
    found = trace([5.0, 0.5, 0.7, 0.01])
    assert [found.evaluations_to(gap) for gap in (10, 0.5, 0.1, 0.001)] == [1, 2, 4, np.inf]


def test_progress_reaches_its_total():
    seen = []
    compare_searches(
        [FUNCTIONS["f3"]], budget=5, seeds=(0,), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(number, len(METHODS)) for number in range(1, len(METHODS) + 1)]


def test_table_has_medians_over_seeds_and_says_how_many_got_there():
    runs = [trace([1.0, 0.05], seed=0), trace([1.0, 1.0, 0.05], seed=1), trace([1.0, 0.5], seed=2)]
    table = SearchTable(runs, [FUNCTIONS["f3"]], 3, "command")
    assert table.table().rows == [["f3", "LIPO", "3 (2 of 3)", "–", "–", "0.05", "2", "none"]]


def test_table_has_the_proven_gap(traces):
    table = SearchTable(traces, [FUNCTIONS["f3"]], 60, "command")
    rows = {row[1]: row for row in table.table().rows}
    assert rows["Algorithm 1, ρ = 0.1"][-2:] == ["15", "3.57"]
    assert {method for method, row in rows.items() if row[-1] != "none"} == CERTIFIED


def test_files_hold_command_functions_and_every_run(traces, tmp_path):
    table = SearchTable(traces, [FUNCTIONS["f3"]], 60, "tfapp solvers search")
    text = table.markdown()
    assert "tfapp solvers search" in text and "x sin x + 15, L = 12.57, on [0, 12.57]" in text
    table.write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["seed"]) for row in rows] == [
        (one.method, "" if one.seed is None else str(one.seed)) for one in traces
    ]


BOUNDS = [(0.0, 1.0), (-1.0, 1.0)]


def cone(x):
    return float(np.linalg.norm(x - np.array([0.3, 0.2])))


@pytest.mark.parametrize("seed", range(3))
def test_every_point_of_lipo_could_have_been_smaller_than_all_before(seed):
    points, values = lipo(cone, BOUNDS, 1.5, max_evaluations=40, seed=seed)
    for count in range(1, len(values)):
        distances = np.linalg.norm(points[:count] - points[count], axis=1)
        assert (values[:count] - 1.5 * distances).max() <= values[:count].min()


def test_values_are_those_of_the_points_in_the_box():
    for points, values in (
        lipo(cone, BOUNDS, 1.5, max_evaluations=30, seed=0),
        adalipo(cone, BOUNDS, max_evaluations=30, seed=0),
    ):
        np.testing.assert_array_equal(values, [cone(point) for point in points])
        assert (points >= [0, -1]).all() and (points <= [1, 1]).all()


def test_lipo_is_closer_than_uniform_points_are():
    _, values = lipo(cone, BOUNDS, 1.5, max_evaluations=60, seed=1)
    uniform = np.random.default_rng(1).uniform([0, -1], [1, 1], (60, 2))
    assert values.min() < 0.3 * min(map(cone, uniform))


def test_adalipo_gets_near_the_minimum_without_a_constant():
    _, values = adalipo(cone, BOUNDS, max_evaluations=60, seed=0)
    assert values.min() < 0.02


def test_points_of_adalipo_respect_the_smallest_constant_of_the_grid_that_no_pair_contradicts():
    # Without exploration every point after the first is chosen by the estimate.
    points, values = adalipo(cone, BOUNDS, max_evaluations=25, seed=2, exploration=1e-12, growth=0.05)
    for count in range(2, len(values)):
        pairs = np.triu_indices(count, 1)
        distances = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
        steepest = (np.abs(values[pairs[0]] - values[pairs[1]]) / distances).max()
        constant = 1.05 ** np.ceil(np.log(steepest) / np.log(1.05))
        to_next = np.linalg.norm(points[:count] - points[count], axis=1)
        assert (values[:count] - constant * to_next).max() <= values[:count].min() + 1e-12


def test_exploration_with_certainty_is_uniform_search():
    points, _ = adalipo(cone, BOUNDS, max_evaluations=400, seed=0, exploration=1.0)
    counts, *_ = np.histogram2d(*points.T, bins=2, range=BOUNDS)
    # 100 are expected in each quarter, with a standard deviation of 8.7.
    assert abs(counts - 100).max() < 35


def test_lipo_gives_up_when_no_point_is_left_to_try():
    points, _ = lipo(lambda x: float(abs(x[0] - 0.3)), [(0.0, 1.0)], 1.0, max_evaluations=1000, seed=0)
    assert 2 <= len(points) < 1000


@pytest.mark.parametrize(
    "search", [lambda **o: lipo(cone, BOUNDS, 1.5, **o), lambda **o: adalipo(cone, BOUNDS, **o)]
)
def test_the_same_seed_gives_the_same_points(search):
    first, second, other = (search(max_evaluations=15, seed=seed)[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
