"""Tables of Wu (2020) as transcribed: what the text itself says twice agrees, but for the slips that are told."""

import numpy as np
import pytest

from tfapp.reproduce.pose.printed import LOST, MEAN, OBJECTS, PRINTED
from tfapp.reproduce.pose.slips import SLIPS
from tfapp.reproduce.pose.tables import CLUSTERINGS, TABLES

# A number of two decimals is within this of what it was rounded from, and so is a mean of such.
ROUNDING = 0.01 + 1e-9


def known(cells):
    return {key: {name: value for name, value in one.items() if value != LOST} for key, one in cells.items()}


@pytest.mark.parametrize(
    ("number", "slips"),
    [("4.2", {(2, "SC", "F1")}), ("b.1", {(2, "SC", "F1"), (4, "K-means", "P")})],
)
def test_means_are_those_of_the_columns_but_for_the_slips(number, slips):
    cells, wrong = known(PRINTED[number]), set()
    for (part, count, method), means in cells.items():
        if part != MEAN:
            continue
        for measure, mean in means.items():
            columns = [cells[one, count, method].get(measure) for one in OBJECTS]
            if None not in columns and abs(np.mean(columns) - mean) > ROUNDING:
                wrong.add((count, method, measure))
    assert wrong == slips


def test_f1_lies_between_precision_and_recall_but_for_one():
    wrong = [
        (number, *key)
        for number, cells in PRINTED.items()
        for key, one in known(cells).items()
        if {"F1", "P", "R"} <= set(one)
        and not min(one["P"], one["R"]) <= one["F1"] <= max(one["P"], one["R"])
    ]
    assert wrong == [("b.1", "obj-14", 3, "K-means")]


def test_table_b_1_has_the_f1_of_table_4_2():
    for key, one in known(PRINTED["b.1"]).items():
        assert one.get("F1", PRINTED["4.2"][key]["F1"]) == PRINTED["4.2"][key]["F1"]


def test_bolts_of_table_b_2_are_those_of_table_b_1():
    for (part, count, key), one in PRINTED["b.2"].items():
        if key in ("v1", "v2") and count > 1:
            scores = {name: value for name, value in one.items() if name != "CD"}
            assert scores == PRINTED["b.1"][part, count, key]


def test_default_nut_is_the_same_in_every_table_but_for_one():
    defaults = {"b.3": "r=2.9", "b.4": "quaternion", "b.5": "m=1024", "b.6": "ρ=0.5", "b.7": "M=5000"}
    found = {number: PRINTED[number]["nut", 1, key]["CD"] for number, key in defaults.items()}
    assert found == {"b.3": 0.0011, "b.4": 0.0011, "b.5": 0.0011, "b.6": 0.0012, "b.7": 0.0011}


def test_bolt_of_table_b_7_has_the_two_channels_of_table_b_2():
    for count in (1, 2):
        assert PRINTED["b.7"]["bolt", count, "M=5000"] == PRINTED["b.2"]["bolt", count, "v3"]


def test_sentences_that_the_tables_do_not_bear_out():
    best = PRINTED["4.2"]
    for part, score in {"nut": 0.98, "obj-01": 0.93}.items():
        assert {best[part, 3, method]["F1"] for method in ("K-means", "v1", "v2")} == {score}
    distances = {key: one["CD"] for key, one in known(PRINTED["b.7"]).items() if "CD" in one}
    assert max(value for key, value in distances.items() if key[:2] == ("nut", 4)) == 0.0068
    bolts = {key: one["CD"] for key, one in PRINTED["b.3"].items() if key[:2] == ("bolt", 1)}
    assert min(bolts, key=bolts.get) == ("bolt", 1, "none")
    ranges = {key[2]: one["CD"] for key, one in PRINTED["b.6"].items() if key[1] == 1}
    assert sorted(ranges, key=ranges.get)[2] == "ρ=0.5"


def test_every_printed_cell_has_a_place_in_its_table():
    for table in TABLES.values():
        keys = {setting.key for setting in table.settings} | (set(CLUSTERINGS) if table.by_object else set())
        places = {(part, count) for part in table.instances for count in table.instances[part]}
        found = {key for key in PRINTED[table.number] if key[0] != MEAN}
        assert found == {(*place, key) for place in places for key in keys}


def test_every_table_says_what_to_know_of_it():
    assert list(SLIPS) == list(PRINTED) == [table.number for table in TABLES.values()]
