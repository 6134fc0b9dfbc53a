import pytest

from tfapp.errors import InputError
from tfapp.transfer.grid import cells, check_cells, grid_of, grid_table


def cell(hidden, clusters, seed, value):
    return {"hidden": hidden, "clusters": clusters, "seed": seed, "mean": {"area": value, "11-point": 0.0}}


def test_every_pair_of_sizes_is_trained_with_every_seed():
    found = [tuple(one.values()) for one in cells([4, 8], [2], [0, 1])]
    assert found == [(4, 2, 0), (4, 2, 1), (8, 2, 0), (8, 2, 1)]


def test_table_has_means_and_spreads_in_percent():
    measured = [cell(8, 2, 0, 0.50), cell(8, 2, 1, 0.52), cell(4, 2, 0, 0.25)]
    without = {"area": 0.4, "11-point": 0.0}
    table = grid_table(grid_of(measured, without, without, "area"))
    assert table.header == ["", "N2 = 2"]
    # The sample standard deviation of 50 and 52 is the square root of 2.
    assert table.rows == [["N1 = 4", "25.00"], ["N1 = 8", "51.00 ± 1.41"]]


@pytest.mark.parametrize(
    "hidden, clusters, sentence",
    [
        ([4], [50], "`clusters` 50 is more than the 40"),
        ([0], [4], "at least 1"),
        ([4], [1], "at least 1 .* and 2"),
    ],
)
def test_sizes_out_of_range_get_one_sentence(hidden, clusters, sentence):
    with pytest.raises(InputError, match=sentence):
        check_cells(cells(hidden, clusters, [0]), 40)
