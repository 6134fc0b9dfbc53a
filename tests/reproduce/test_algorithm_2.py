"""Algorithm 2 on f1 to f3; the numbers were verified by loops in NumPy apart from this package."""

import pytest

from tfapp.reproduce.bpgrad.analytic import algorithm_2_path, algorithm_2_points, algorithm_2_table
from tfapp.solvers.search.functions import FUNCTIONS


@pytest.mark.reproduce
@pytest.mark.parametrize(("momentum", "updates"), [(0.0, 434), (0.9, 65)])
def test_updates_to_the_minimum_of_f1(momentum, updates):
    path = algorithm_2_path("f1", momentum, doubles=False, steps=500)
    assert path.updates_to(1e-4, FUNCTIONS["f1"].minimum) == updates
    assert path.points[-1, 0] == pytest.approx(4.913, abs=4e-3)


@pytest.mark.reproduce
@pytest.mark.parametrize(
    ("name", "momentum", "end"),
    [("f2", 0.0, 4.9132), ("f2", 0.9, 4.9136), ("f3", 0.0, 4.9132), ("f3", 0.9, 4.91335)],
)
def test_end_with_doubled_constant_is_the_local_minimum(name, momentum, end):
    path = algorithm_2_path(name, momentum, doubles=True, steps=400)
    assert path.points[-1, 0] == pytest.approx(end, abs=6e-5)


@pytest.mark.reproduce
def test_doubling_on_f1_would_stop_before_the_minimum():
    assert algorithm_2_path("f1", 0.0, doubles=True, steps=400).points[-1, 0] == pytest.approx(4.65, abs=5e-3)


@pytest.mark.reproduce
@pytest.mark.parametrize(
    ("name", "momentum", "low", "high"), [("f2", 0.0, 4.68, 5.14), ("f3", 0.9, 3.66, 6.05)]
)
def test_without_doubling_it_goes_round_and_round(name, momentum, low, high):
    last = algorithm_2_path(name, momentum, doubles=False).points[500:]
    assert (last.min(), last.max()) == pytest.approx((low, high), abs=6e-3)


@pytest.mark.slow
def test_table_and_numbers_are_those_of_the_path():
    path = algorithm_2_path("f1", 0.9, doubles=False, steps=70)
    ((title, end, *_, updates),) = algorithm_2_table({"f1": [path]}).rows
    assert (title, updates) == ("f1, μ = 0.9", "65") and float(end) == pytest.approx(
        path.points[-1, 0], abs=1e-4
    )
    points = algorithm_2_points({"f1": [path]})
    assert points.header == ("update", "f1, μ = 0.9: x", "f1, μ = 0.9: f") and len(points.rows) == 71
    assert float(points.rows[70][2]) == pytest.approx(path.losses[-1])
