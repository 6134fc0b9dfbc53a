import pytest

from tfapp.landscape import Surface
from tfapp.landscape.figures.panels import axis_labels, common_label, step_units


def surface(labels=("first", "second"), relative=(1.0, 0.35), absolute=(12.345, 4.2), line=False):
    directions = {"labels": list(labels), "relative": list(relative), "absolute": list(absolute)}
    return Surface.empty(3, metadata={"directions": directions}, line=line)


def test_labels_name_the_direction_and_the_step_in_both_units():
    assert axis_labels(surface()) == (
        "α · first\n(1 = 100 % of |w| = 12.3)",
        "β · second\n(1 = 35 % of |w| = 4.2)",
    )


@pytest.mark.parametrize("metadata", [{}, {"directions": {}}])
def test_a_surface_that_does_not_know_its_directions_has_plain_labels(metadata):
    assert axis_labels(Surface.empty(3, metadata=metadata)) == ("α (relative)", "β (relative)")


def test_a_line_has_no_second_direction():
    line = surface(["first"], [1.0, None], [2.0, None], line=True)
    assert axis_labels(line) == ("α · first\n(1 = 100 % of |w| = 2)", "β (relative)")


def test_long_names_are_broken_into_lines_that_fit_under_a_picture():
    label = axis_labels(surface(["from one run to another run " * 4, "second"]))[0]
    assert max(map(len, label.split("\n"))) <= 46


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (surface(), "α · first\n(1 = 100 % of |w| = 12.3)"),
        (surface(absolute=(3.0, 4.2)), "α · first"),
        (surface(["other", "second"]), "α (relative)"),
    ],
    ids=["same", "other length", "other direction"],
)
def test_lines_share_what_is_the_same_of_their_labels(second, expected):
    assert common_label([surface(), second]) == expected


def test_the_units_of_a_surface_without_lengths_are_empty():
    assert step_units(Surface.empty(3)) == ("", "")
