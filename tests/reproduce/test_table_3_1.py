"""Table 3.1; its numbers were verified by loops in NumPy apart from this package."""

import numpy as np
import pytest

from tfapp.reproduce.bpgrad.analytic import (
    ROSENBROCK_SOLVERS,
    ROSENBROCK_UPDATES,
    rosenbrock_table,
)
from tfapp.reproduce.bpgrad.published import published_row
from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, SolverPath, trace_path
from tfapp.solvers.search.functions import ROSENBROCK

SOLVERS = {solver.name: solver for solver in ROSENBROCK_SOLVERS}


def path_of(name, steps=ROSENBROCK_UPDATES):
    return trace_path(TENSOR_FUNCTIONS["rosenbrock"], ROSENBROCK.start, SOLVERS[name], steps)


@pytest.mark.reproduce
@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("bpgrad-plain", (0.7732, 0.5968)),
        ("bpgrad", (0.9719, 0.9445)),
        ("sgd", (0.8624, 0.7432)),
        ("sgd-momentum", (0.9787, 0.9578)),
        ("adam", (0.9963, 0.9926)),
    ],
)
def test_end_after_4000_updates(name, end):
    np.testing.assert_allclose(path_of(name).points[-1], end, atol=6e-5)


@pytest.mark.reproduce
@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("rmsprop", [(0.9297, 0.8932), (0.9497, 0.8731)]),
        ("adagrad", [(0.9874, 0.9797), (0.9906, 0.9765)]),
        ("adadelta", [(0.7386, 0.5963), (0.7857, 0.5665)]),
    ],
)
def test_solvers_that_jump_across_the_valley_end_at_one_of_two_points(name, ends):
    # The last bits of the arithmetic decide at which, and the third digit of Adadelta's.
    found = sorted(path_of(name).points[-2:].tolist())
    np.testing.assert_allclose(found, ends, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "rate", "rho", "share", "epsilon"),
    [("rmsprop", 0.02, 0.99, 0.01, 1e-6), ("adagrad", 0.01, 0.9, 1.0, 1e-10)],
)
def test_rules_are_those_of_matconvnet(name, rate, rho, share, epsilon):
    # solver/rmsprop.m and solver/adagrad.m of MatConvNet 1.0-beta25.
    point, squares, expected = np.array(ROSENBROCK.start), np.zeros(2), []
    for _ in range(61):
        expected.append(point)
        gradient = ROSENBROCK.gradient(point)
        squares = rho * squares + share * gradient**2
        point = point - rate * gradient / (np.sqrt(squares) + epsilon)
    np.testing.assert_allclose(path_of(name, 60).points, expected, rtol=1e-5)


def ended(name, *point):
    return SolverPath(SOLVERS[name], np.array([ROSENBROCK.start, point, point]), np.zeros(3))


def test_table_says_which_digits_agree():
    lines = rosenbrock_table(
        [
            ended("sgd", 0.8624, 0.7432),
            ended("bpgrad", 0.9719, 0.9445),
            ended("adam", 0.5, 0.5),
            ended("eve", 1, 1),
        ]
    ).rows
    assert [line[-1] for line in lines] == ["both", "one of two", "neither", "–"]
    assert lines[1][2:4] == ("(0.97, 0.95)", "(0.9719, 0.9445)")


def test_of_a_solver_that_jumps_the_nearer_point_counts():
    points = np.array([ROSENBROCK.start, (0.95, 0.87), (0.93, 0.89)])
    [line] = rosenbrock_table([SolverPath(SOLVERS["rmsprop"], points, np.zeros(3))]).rows
    assert line[3:] == ("(0.9300, 0.8900) and (0.9500, 0.8700)", "both")


@pytest.mark.slow
def test_every_solver_of_the_printed_table_is_walked():
    printed = [name for name in SOLVERS if published_row("3.1", name)]
    assert len(printed) == 8
