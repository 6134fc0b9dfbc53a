import numpy as np
import pytest

from tfapp.landscape import Surface
from tfapp.landscape.figures.panels import (
    Panel,
    common_scale,
    common_window,
    make_panels,
    rows_and_columns,
    window_ticks,
)


def bowl(n=5, range=1.0, centre=0.5, metadata=None):
    surface = Surface.empty(n, range, metadata or {})
    for i, j in surface.todo():
        surface.record(i, j, 1 + surface.alphas[i] ** 2 + surface.betas[j] ** 2)
    surface.centre = centre
    return surface


@pytest.mark.parametrize("n", [4, 5])
def test_the_loss_of_the_solution_is_that_of_the_centre_and_not_of_a_cell(n):
    assert Panel.of(bowl(n), "").centre == 0.5


@pytest.mark.parametrize(
    "surface",
    [bowl(centre=np.nan), bowl(range=(0.5, 1.0)), bowl(range=((-1, 1), (0.5, 1)))],
    ids=["not finite", "left of the window", "below the window"],
)
def test_a_solution_that_cannot_be_drawn_has_no_loss(surface):
    assert not Panel.of(surface, "").has_solution


def test_the_scale_holds_a_solution_that_is_on_no_grid():
    assert common_scale(make_panels([bowl(4)], [""])).low == 0.5


def test_the_window_is_the_union_of_those_of_the_panels():
    panels = make_panels([bowl(range=0.5), bowl(range=((-0.2, 2), (-3, 0.1)))], ["a", "b"])
    assert common_window(panels) == ((-0.5, 2.0), (-3.0, 0.5))


def test_the_note_says_how_many_points_were_measured_and_how_well_the_others_are_predicted():
    prediction = {"points": 54, "max_error": 0.0083, "rms_error": 0.001, "failed": False}
    surface = bowl(metadata={"prediction": prediction})
    assert Panel.of(surface, "").note == ""
    surface.status[1::2] = 3
    expected = "15 of 25 points measured, error ≤ 0.83 % of the range at 54 of them"
    assert Panel.of(surface, "").note == expected


def test_the_note_of_a_surface_that_is_not_complete_tells_no_error():
    surface = bowl()
    surface.status[1] = 0
    assert Panel.of(surface, "").note == "20 of 25 points measured"


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (-1, 1, ["−1", "−0.5", "0", "0.5", "1"]),
        (-0.3, 1.1, ["0", "0.5", "1"]),
        (-0.014, 0.069, ["0", "0.02", "0.04", "0.06"]),
    ],
)
def test_ticks_are_the_ends_of_a_symmetric_window_and_round_numbers_of_another(low, high, texts):
    places, written = window_ticks(low, high)
    assert written == texts
    np.testing.assert_allclose([float(text.replace("−", "-")) for text in written], places, atol=1e-12)


def test_the_points_of_a_trajectory_are_a_path_and_others_are_not():
    directions = {"points": [[0.0, 0.0], [1.0, 0.5]], "point_names": ["a", "b"]}
    paths = [
        Panel.of(bowl(metadata={"directions": directions | {"kind": kind}}), "") for kind in ("pca", "plane")
    ]
    assert [path.is_path for path in paths] == [True, False]
    assert paths[0].points.tolist() == directions["points"] and paths[0].point_names == ("a", "b")


@pytest.mark.parametrize(
    ("count", "columns", "expected"), [(3, None, (3, 1)), (6, 3, (3, 2)), (5, 3, (3, 2)), (2, 3, (2, 1))]
)
def test_panels_fill_rows_of_as_many_columns_as_asked_for(count, columns, expected):
    assert rows_and_columns(count, columns) == expected
