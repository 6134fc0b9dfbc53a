"""Adam does not converge on the problem of Reddi, Kale and Kumar (2018), theorem 1, and AMSGrad does."""

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.solvers.paths.reddi_example import fit, regrets_table
from tfapp.solvers.paths.solvers import ON_REDDI, solvers_on

STEPS = 3000


@pytest.fixture(scope="module")
def found():
    return {solver.name: fit(solver, STEPS) for solver in ON_REDDI}


def numpy_points(never_forgets):
    """Return the points of Adam, or AMSGrad, of theorem 1 by a loop over NumPy."""
    x, square, largest, points = 0.0, 0.0, 0.0, [0.0]
    for step in range(STEPS):
        slope = 3.0 if step % 3 == 0 else -1.0
        square = 0.1 * square + 0.9 * slope**2
        largest = max(largest, square)
        root = np.sqrt(largest if never_forgets else square) + 1e-8
        x = float(np.clip(x - 0.1 / np.sqrt(step + 1) * slope / root, -1, 1))
        points.append(x)
    return np.array(points)


@pytest.mark.parametrize(("name", "never_forgets"), [("adam", False), ("amsgrad", True)])
def test_paths_are_those_of_a_loop(found, name, never_forgets):
    np.testing.assert_allclose(found[name].points[:, 0], numpy_points(never_forgets), atol=1e-4)


def test_adam_ends_at_the_worst_point_and_amsgrad_at_the_best(found):
    ends = {name: path.points[-1, 0] for name, path in found.items()}
    assert ends["adam"] > 0.95 and ends["rmsprop"] > 0.95
    assert max(ends[name] for name in ("amsgrad", "sgd", "adagrad")) < -0.95


def test_regret_is_the_mean_of_what_was_lost_against_the_best_point(found):
    points = found["adam"].points[:9, 0]
    lost = np.array([3, -1, -1] * 3) * (points + 1)
    np.testing.assert_allclose(found["adam"].losses[:9], np.cumsum(lost) / np.arange(1, 10))
    assert regrets_table(found.values()).rows[-1][0] in ("Adam", "RMSProp")


def test_solver_that_needs_positive_losses_is_refused():
    with pytest.raises(InputError, match="BPGrad needs losses that are not negative"):
        solvers_on("reddi", {"bpgrad": 1.0})


def test_solver_without_settings_is_asked_for_a_value():
    with pytest.raises(InputError, match="give another solver its parameter, such as eve=0.01"):
        solvers_on("reddi", {"eve": None})
