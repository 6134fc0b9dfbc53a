import csv

import pytest
from PIL import Image

from tfapp.optimizers import SOLVERS
from tfapp.solvers.trainings.comparison import (
    Comparison,
    save_curves_png,
)
from tfapp.solvers.trainings.search import at_the_edge, best_values, grid_jobs, jobs_beyond
from tfapp.solvers.trainings.workload import Workload


def result(solver, value, error, objective=0.5, seed=0, diverged=False, measured=None):
    numbers = {
        "train_objective": objective,
        "train_error": 1.0,
        "test_objective": objective,
        "test_error": error,
    }
    history = {name: [2 * number, number] for name, number in numbers.items()}
    return {
        "solver": solver,
        "parameter": SOLVERS[solver].parameter,
        "value": value,
        "seed": seed,
        "epochs": 2,
        "diverged": diverged,
        "measured": measured or {},
        **({} if diverged else numbers | {"history": history}),
    }


def test_grid_tries_every_value_of_every_solver_on_validation_images():
    jobs = grid_jobs(Workload("digits", "lenet-5"), ["adam", "bpgrad-auto"], 2)
    assert [job.value for job in jobs] == list(SOLVERS["adam"].values)
    assert all(job.workload.holds_out and job.epochs == 2 for job in jobs)


def test_value_with_the_lowest_validation_error_is_taken():
    tried = [result("adam", 0.001, 2.0), result("adam", 0.003, 1.5), result("adam", 0.01, 9.0)]
    assert best_values(["adam"], tried) == {"adam": 0.003}


def test_ties_are_decided_by_the_validation_objective():
    tried = [result("adam", 0.001, 2.0, objective=0.3), result("adam", 0.003, 2.0, objective=0.2)]
    assert best_values(["adam"], tried) == {"adam": 0.003}


def searched_until_the_end(solver, error_of):
    """Return the values that a search tries in its order, with errors by a function."""
    workload = Workload("digits", "lenet-5")
    jobs, tried = grid_jobs(workload, [solver], 1), []
    while jobs:
        tried += [result(solver, job.value, error_of(job.value)) for job in jobs]
        jobs = jobs_beyond(workload, [solver], tried, 1)
    return [one["value"] for one in tried]


def test_search_goes_on_beyond_its_last_value_until_the_best_lies_inside():
    values = searched_until_the_end("rmsprop", lambda rate: abs(rate - 3e-5))
    assert values == [*SOLVERS["rmsprop"].values, 3e-5, 1e-5]


def test_search_of_lipschitz_constants_reaches_one_thousand():
    assert searched_until_the_end("bpgrad", lambda constant: -constant)[-2:] == [500.0, 1000.0]


def test_search_ends_where_larger_values_diverge():
    workload, values = Workload("digits", "lenet-5"), SOLVERS["bpgrad-plain"].values
    tried = [result("bpgrad-plain", value, 1 / value, diverged=value == values[-1]) for value in values]
    assert jobs_beyond(workload, ["bpgrad-plain"], tried, 1) == []


def test_diverged_values_are_not_taken():
    tried = [result("sgd", 1.0, 0.0, diverged=True), result("sgd", 0.1, 50.0)]
    assert best_values(["sgd"], tried) == {"sgd": 0.1}
    assert best_values(["sgd"], tried[:1]) == {"sgd": SOLVERS["sgd"].value}


def test_only_a_value_that_was_searched_is_marked_as_one_at_the_edge():
    results = [result(name, SOLVERS[name].ladder[-1], 1.0) for name in ("sgd", "adam")]
    comparison = Comparison(results, searched=["adam"])
    marked = [row[0] for row in comparison.table().rows if row[1].endswith("*")]
    assert marked == [SOLVERS["adam"].title] and comparison.at_edge == ["adam"]


def test_smallest_and_largest_values_that_a_search_can_try_are_at_the_edge():
    values = SOLVERS["adam"].ladder
    assert [at_the_edge("adam", value) for value in values] == [True, *[False] * (len(values) - 2), True]
    assert not at_the_edge("bpgrad-auto", "auto")


def test_row_has_mean_and_sample_deviation_over_seeds():
    comparison = Comparison([result("adam", 0.001, error, seed=seed) for seed, error in enumerate((1, 2, 3))])
    assert comparison.table().rows == [
        ["Adam", "rate 0.001", "0.5000 ± 0.0000", "1.00 ± 0.00", "2.00 ± 1.00"]
    ]


def test_best_solver_comes_first_and_diverged_ones_are_counted():
    rows = (
        Comparison(
            [
                result("sgd", 0.1, 3.0),
                result("adam", 0.001, 1.0),
                result("adam", 0.001, 0, seed=1, diverged=True),
            ]
        )
        .table()
        .rows
    )
    assert [row[0] for row in rows] == ["SGD", "Adam (1 diverged)"]


def test_constants_that_auto_found_are_in_the_table():
    found = [
        result("bpgrad-auto", "auto", 1, seed=s, measured={"lipschitz": L}) for s, L in enumerate((8.0, 10.0))
    ]
    assert Comparison(found).table().rows[0][1] == "L auto: 9 ± 1.41"


def test_csv_has_one_row_for_each_training(tmp_path):
    Comparison([result("sgd", 0.1, 3.0), result("adam", 0.001, 1.0)]).write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["solver"], float(row["test_error"])) for row in rows] == [("sgd", 3.0), ("adam", 1.0)]


def test_curves_are_drawn(tmp_path):
    results = [result(solver, SOLVERS[solver].value, 2.0, seed=s) for solver in SOLVERS for s in (0, 1)]
    save_curves_png(Comparison(results), tmp_path / "curves.png", "lenet-5 on digits")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 1500 and picture.convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_is_made_with_each_of_its_values(name):
    solver = SOLVERS[name]
    optimizers = [solver.make(value) for value in (*solver.values, solver.value)]
    assert len({type(optimizer) for optimizer in optimizers}) == 1
