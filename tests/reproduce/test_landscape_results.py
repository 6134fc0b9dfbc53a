"""Results of the tables of Lu and Tong, from numbers by hand."""

import csv
from dataclasses import replace

import pytest

from tfapp.reproduce.landscape.results import FCNResult
from tfapp.reproduce.landscape.tables import TABLES, epoch_frames

TITLES = {"fcn-16s": "FCN-16s", "unet": "Unet"}
COLUMN = "sharpness [%], ε = 0.001"


def result(name="landscape-table-4", batches=(16,), values=((3.0, 5.0), (1.0, 6.0))):
    """Two networks, or one with two batches, with the values of two seeds each."""
    networks = ("fcn-16s", "unet") if len(batches) == 1 else ("unet",)
    table = replace(TABLES[name], networks=networks, batch_sizes=batches)
    made = FCNResult(table, "small", "tfapp reproduce ...", TITLES)
    cells = [(network, batch) for network in networks for batch in batches]
    for cell, numbers in zip(cells, values, strict=True):
        for seed, value in enumerate(numbers):
            made.add(*cell, seed, {"training loss": 0.5, COLUMN: value})
    return made


def test_cells_are_mean_and_standard_deviation_over_seeds():
    table = result().means()
    assert table.header == ["network", "training loss", COLUMN]
    assert table.rows[0] == ["FCN-16s", "0.5 ± 0", "4 ± 1.41"]


def test_ordering_counts_the_seeds_in_which_it_holds():
    (ordering,) = result().orderings()
    assert (ordering.holding, ordering.seeds) == (1, 2)
    assert ordering.ratio == pytest.approx(4 / 3.5)
    assert ordering.cell == "1.14 (1 of 2)"


def test_orderings_are_a_table_of_statements_by_measures():
    table = result(values=((1.0, 1.0), (2.0, 2.0))).ordering_table()
    assert table.header[1:] == [COLUMN]
    assert table.rows == [["FCN-16s is sharper than Unet", "0.5 (0 of 2)"]]


def test_batch_sizes_are_compared_within_each_network():
    made = result("landscape-table-6", (2, 16), ((1.0, 1.0), (4.0, 2.0)))
    (ordering,) = made.orderings()
    assert ordering.text == "Unet: batch 16 is sharper than batch 2"
    assert (ordering.ratio, ordering.holding) == (3.0, 2)
    assert made.means().rows[0][:2] == ["Unet", "2"]


def test_markdown_has_command_table_and_orderings():
    text = result().markdown()
    assert "tfapp reproduce ..." in text and "| Unet | 0.5 ± 0 | 3.5 ± 3.54 |" in text
    assert (
        "| FCN-16s is sharper than Unet | 1.14 (1 of 2) |" in text
        and "Mean ± standard deviation over 2 seeds." in text
    )


def test_csv_has_one_row_for_each_training(tmp_path):
    result().write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["seed"], row[COLUMN]) for row in rows] == [
        ("fcn-16s", "0", "3"),
        ("fcn-16s", "1", "5"),
        ("unet", "0", "1"),
        ("unet", "1", "6"),
    ]


def test_an_epoch_at_paper_scale_shows_every_frame_in_eight_ways():
    assert epoch_frames("paper", 100) == 800
