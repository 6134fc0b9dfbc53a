from types import SimpleNamespace

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape.window import limits, resolve


def through(points):
    return SimpleNamespace(points=None if points is None else np.array(points, float))


def test_directions_without_points_are_drawn_from_minus_one_to_one():
    assert resolve("auto", through(None)) == 1.0


def test_a_line_is_drawn_from_half_its_length_before_to_half_behind():
    assert resolve("auto", through([[0], [1]])) == (-0.5, 1.5)


def test_a_plane_is_drawn_in_a_square_around_its_points_with_a_margin():
    (low, high), (bottom, top) = resolve("auto", through([[0, 0], [1, 0], [0.4, 0.6]]))
    np.testing.assert_allclose([low, high, bottom, top], [-0.25, 1.25, 0.3 - 0.75, 0.3 + 0.75])


def test_a_line_in_a_plane_holds_the_points_projected_to_it():
    assert resolve("auto", through([[0, 5], [2, 9]]), line=True) == (-1.0, 3.0)


@pytest.mark.parametrize("range", [0.5, (-1, 2), ((-1, 1), (0, 2))])
def test_other_ranges_stay_what_they_are(range):
    assert resolve(range, through([[0], [1]])) is range


@pytest.mark.parametrize("range", ["wide", None, 0, (1, -1), (0, np.inf), (1, 2, 3)])
def test_what_is_no_window_is_refused(range):
    with pytest.raises(InputError, match="`range` must be a positive number"):
        limits(range)


@pytest.mark.parametrize("range", [1e-7, 1e-320, ((-1, 1), (0, 1e-8)), (1000, 1000.0001)])
def test_window_in_which_weights_do_not_move_is_refused(range):
    with pytest.raises(InputError, match="float32 weights do not move"):
        limits(range)


def test_small_window_in_which_weights_move_is_taken():
    assert limits((1000, 1000.01))[0] == (1000, 1000.01)
