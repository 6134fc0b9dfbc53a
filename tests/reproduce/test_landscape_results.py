"""Results of the tables of Lu and Tong, from numbers by hand."""

import csv
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_1samp

from tfapp.reproduce.landscape.orders import geometric_interval, order_table, paired_permutation
from tfapp.reproduce.landscape.results import FCNResult
from tfapp.reproduce.landscape.sharpness_pictures import draw_sharpness
from tfapp.reproduce.landscape.tables import TABLES
from tfapp.reproduce.landscape.trainings import nothing_learned

COLUMN = "ε = 0.1"


def result(name="landscape-table-4", batches=(16,), values=((3.0, 5.0), (1.0, 6.0)), column=COLUMN):
    """Two networks, or one with two batches, with the values of some seeds each."""
    networks = ("fcn-16s", "unet") if len(batches) == 1 else ("unet",)
    table = replace(TABLES[name], networks=networks, batch_sizes=batches)
    made = FCNResult(table, "small", "tfapp reproduce ...")
    cells = [(network, batch) for network in networks for batch in batches]
    for cell, numbers in zip(cells, values, strict=True):
        for seed, value in enumerate(numbers):
            made.add(*cell, seed, {"training loss": 0.5, column: value})
    return made


def test_cells_are_mean_and_standard_deviation_over_seeds():
    table = result().means()
    assert table.header == ["network", "training loss", COLUMN]
    assert table.rows[0] == ["FCN-16s", "0.5 ± 0", "4 ± 1.41"]


def test_printed_numbers_stand_beside_ours():
    table = result().as_printed()
    assert table.header == ["network", COLUMN, "printed"]
    assert table.rows == [["FCN-16s", "4 ± 1.41", "2.1822"], ["U-Net", "3.5 ± 3.54", "1.4608"]]


def test_table_6_has_the_columns_of_the_paper_batch_sizes_within_each_size_of_the_box():
    made = result("landscape-table-6", (2, 16), ((1.0, 1.0), (4.0, 2.0)), "ε = 0.01")
    table = made.as_printed()
    assert table.header == ["network", "ε = 0.01, B2", "printed", "ε = 0.01, B16", "printed"]
    assert table.rows == [["U-Net", "1 ± 0", "0.0175", "3 ± 1.41", "0.0288"]]


def test_other_sizes_of_the_box_have_no_printed_column():
    assert result(column="ε = 0.3").as_printed() is None


def test_ordering_counts_the_seeds_in_which_it_holds():
    (ordering,) = result().orderings()
    assert (ordering.holding, ordering.seeds, ordering.p) == (1, 2, None)
    assert ordering.ratio == pytest.approx(4 / 3.5)
    assert ordering.cell == "1.14 (1 of 2)"


def test_ordering_has_the_ratio_of_the_printed_numbers():
    (ordering,) = result().orderings()
    assert ordering.printed == pytest.approx(2.1822 / 1.4608)
    assert order_table([ordering]).rows == [["FCN-16s is sharper than U-Net", "1.14 (1 of 2)", "1.49"]]


def test_batch_sizes_are_compared_within_each_network():
    made = result("landscape-table-6", (2, 16), ((1.0, 1.0), (4.0, 2.0)), "ε = 0.01")
    (ordering,) = made.orderings()
    assert ordering.text == "U-Net: batch 16 is sharper than batch 2"
    assert (ordering.ratio, ordering.holding) == (3.0, 2)
    assert ordering.printed == pytest.approx(0.0288 / 0.0175)
    assert made.means().rows[0][:2] == ["U-Net", "2"]


def test_orders_of_five_seeds_have_a_test():
    (ordering,) = result(values=((2.0,) * 5, (1.0,) * 5)).orderings()
    assert ordering.p == 1 / 32 and ordering.cell == "2 (5 of 5, p = 0.031)"


def test_interval_of_a_geometric_mean_is_that_of_scipys_t_test_on_the_logarithms():
    values = np.exp(np.random.default_rng(0).normal(1.0, 0.7, 6))
    expected = ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    mean, low, high = geometric_interval(values)
    assert (low, high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert mean == pytest.approx(np.prod(values) ** (1 / 6))
    assert geometric_interval([1.0]) is None and geometric_interval([1.0, 0.0]) is None


def test_sharpness_has_a_table_of_intervals_and_scores_have_none():
    table = result(values=((2.0, 8.0), (1.0, 0.0))).intervals()
    assert table.header == ["network", "batch", COLUMN]
    assert table.rows[0][2].startswith("4 [") and table.rows[1] == ["U-Net", "16", "–"]
    assert result("landscape-table-1", column="Rand").intervals() is None


def test_picture_of_sharpness_has_a_diagram_for_each_column_and_a_point_for_each_seed():
    values = {
        (network, batch): {seed: {"a": 1.0 + seed, "b": seed - 1.0} for seed in range(3)}
        for network in ("fcn-16s", "unet")
        for batch in (2, 16)
    }
    figure = draw_sharpness(values, ["a", "b"])
    first, second = figure.axes
    assert (first.get_title(), first.get_yscale(), second.get_yscale()) == ("a", "log", "linear")
    points = [line for line in first.lines if len(line.get_xdata()) == 3 and line.get_marker() == "o"]
    assert len(points) == 4 and sorted(points[0].get_ydata()) == [1, 2, 3]
    assert [text.get_text() for text in figure.legends[0].texts] == ["batch 2", "batch 16"]


def test_permutation_test_is_that_of_scipy_on_the_logarithms():
    rng = np.random.default_rng(0)
    first, second = np.exp(rng.normal(0.3, 1, (2, 8)))

    def sum_of_differences(a, b, axis):
        return np.sum(a - b, axis=axis)

    expected = permutation_test(
        (np.log(first), np.log(second)),
        sum_of_differences,
        permutation_type="samples",
        vectorized=True,
        alternative="greater",
        n_resamples=10_000,
    )
    assert paired_permutation(first, second) == pytest.approx(expected.pvalue, abs=1e-9)


def test_permutation_test_of_more_pairs_than_can_be_gone_through_is_near_the_exact_one():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1, 20)
    # By the normal approximation of the sum of signs times differences.
    z = differences.sum() / np.sqrt(np.sum(differences**2))
    from scipy.stats import norm

    assert paired_permutation(differences, np.zeros(20)) == pytest.approx(norm.sf(z), abs=0.02)


def test_equal_numbers_say_nothing():
    assert paired_permutation([1, 2, 3], [1, 2, 3]) == 1


@pytest.mark.parametrize(
    ("name", "falling"),
    [
        ("landscape-table-1", ("unet", "res-unet", "fcn-16s")),
        ("landscape-table-2", ("unet", "res-unet", "fcn-16s")),
        ("landscape-table-3", ("unet", "res-unet", "fcn-16s")),
        ("landscape-table-4", ("fcn-16s", "res-unet", "unet")),
        ("landscape-table-5", ("fcn-16s", "fcn-8s", "fcn-4s")),
        ("landscape-table-6", ("fcn-16s", "res-unet", "unet")),
    ],
)
def test_orders_that_are_looked_up_are_those_of_the_printed_numbers(name, falling):
    table = TABLES[name]
    made = FCNResult(table, "paper", "")
    checked = {(order.larger[0], order.smaller[0]) for order in table.orders}
    assert set(pairwise(falling)) <= checked
    for order in table.orders:
        for column in made._published.columns:
            name = column.partition(", B")[0]
            larger, smaller = (made.printed(key, name) for key in (order.larger, order.smaller))
            assert larger > smaller, (order.text, column)


def test_markdown_has_command_tables_orders_and_what_is_left_open():
    text = result().markdown()
    assert "tfapp reproduce ..." in text and "| U-Net | 3.5 ± 3.54 | 1.4608 |" in text
    assert "| FCN-16s is sharper than U-Net | 1.14 (1 of 2) | 1.49 |" in text
    assert "Mean ± standard deviation over 2 seeds." in text
    assert "that of the third network is not said" in text


def test_caption_of_figure_6_is_beside_our_test_losses():
    table = replace(TABLES["landscape-figure-6"], networks=("fcn-16s", "fcn-8s"))
    made = FCNResult(table, "small", "")
    for network, loss in (("fcn-16s", 0.06), ("fcn-8s", 0.05)):
        made.add(network, 16, 0, {"training loss": 0.03, "test loss": loss})
    assert made.means().header == ["network", "training loss", "test loss", "printed"]
    assert made.means().rows == [
        ["FCN-16s", "0.03", "0.06", "0.05889"],
        ["FCN-8s", "0.03", "0.05", "0.05524"],
    ]
    (ordering,) = made.orderings()
    assert ordering.text == "FCN-16s has a higher test loss than FCN-8s" and ordering.holding == 1


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


@pytest.mark.parametrize(
    ("answers", "told"), [([[0.9, 0.1]] * 6, True), ([[0.9, 0.1], [0.2, 0.8]] * 3, False)]
)
def test_reference_that_gives_every_pixel_the_same_class_is_told(answers, told, tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,seconds\n1,0.536,2.0\n")

    class Stub:
        path, image_pairs = tmp_path, False

        def sample(self, *_):
            return None, None, None

        def load_model(self):
            return self

        def predict(self, *_, **__):
            return np.array(answers).reshape(1, 2, 3, 2)

    found = nothing_learned(Stub(), 3)
    assert (found is not None) == told
    assert (
        not told or "learned nothing" in found and "0.536, which the others of seed 3 have to reach" in found
    )
