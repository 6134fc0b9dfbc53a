"""Conditions (3.13) and (3.15) on paths of BPGrad, against the definition in NumPy."""

import numpy as np
import pytest

from tfapp.solvers.bounds.conditions import direction_conditions

L, RHO = 4.0, 0.1


def bowl(x):
    """Return a loss and its gradient whose steps turn: an ellipse with a ripple."""
    scales = np.array([1.0, 4.0, 9.0])
    return 1 + 0.5 * np.sum(scales * x**2) + 0.3 * np.sin(3 * x).sum(), scales * x + 0.9 * np.cos(3 * x)


def path_of(momentum, form, steps=60):
    """Return places, losses, step sizes and unit directions of BPGrad by the formula."""
    x, velocity, best = np.array([2.0, -1.5, 1.0]), np.zeros(3), np.inf
    places, losses, sizes, directions = [x], [], [], []
    for _ in range(steps):
        loss, gradient = bowl(x)
        best = min(best, loss)
        eta, direction = (loss - RHO * best) / L, gradient / np.linalg.norm(gradient)
        inside, outside = (eta, 1.0) if form == "algorithm-2" else (1.0, eta)
        velocity = momentum * velocity - inside * direction
        x = x + outside * velocity
        places.append(x)
        losses.append(loss)
        sizes.append(eta)
        directions.append(direction)
    return tuple(map(np.array, (places, losses, sizes, directions)))


@pytest.mark.parametrize("form", ["algorithm-2", "authors"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_shares_are_those_of_the_definition(momentum, form):
    places, losses, sizes, directions = path_of(momentum, form)
    found = direction_conditions(places, losses, sizes, L, momentum, form)
    for step in range(1, len(losses)):
        inner = (places[:step] - places[step]) @ directions[step]
        with_losses = inner >= (losses[:step] - losses[step]) / L
        assert found.share_with_losses[step] == pytest.approx(with_losses.mean())
        assert found.share_without[step] == pytest.approx(np.mean(inner >= 0))
        assert found.with_losses[step] == with_losses.all() and found.without[step] == (inner >= 0).all()
    assert 0 < found.share_with_losses.mean() < 1 and 0 < found.share_without.mean() < 1


def test_straight_way_down_meets_both_conditions():
    places = np.linspace(1, 0, 11)[:, None] * np.array([[3.0, 4.0]])
    losses = np.linalg.norm(places[:-1], axis=1)
    found = direction_conditions(places, losses, np.full(10, 0.5), 1.0, 0.0, "algorithm-2")
    assert found.with_losses.all() and found.without.all()


def test_step_back_breaks_condition_3_15():
    places = np.array([[0.0], [1.0], [0.5]])
    found = direction_conditions(places, np.ones(2), np.array([1.0, 0.5]), 1.0, 0.0, "algorithm-2")
    assert found.without.tolist() == [True, False]
