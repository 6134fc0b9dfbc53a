import csv

import numpy as np
import pytest

from tfapp.solvers.search.functions import FUNCTIONS
from tfapp.solvers.search.global_search import METHODS, SearchTrace, compare_searches, run_search
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
