import numpy as np
import pytest

from tests.transfer.test_few_labels import ONE_CLASS
from tfapp.errors import InputError
from tfapp.transfer.evaluation import ComparedFeatures
from tfapp.transfer.feature_names import HIGH, LOW
from tfapp.transfer.grid import cells, check_cells, grid_of, grid_table, with_held_out


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


def compared():
    features = np.arange(40, dtype=np.float32)[:, None]
    pair = (features, features + 100)
    targets = (ONE_CLASS, ONE_CLASS)
    return ComparedFeatures(
        {HIGH: pair, LOW: pair, "transferred": pair}, targets, tuple("abcd"), True, 0.5, 0.5, ()
    )


def test_held_out_images_are_training_images_that_are_not_fitted_to():
    found = with_held_out(compared(), 0.25, seed=1)
    assert set(found.features) == {HIGH, LOW}
    fitting, testing = (part[:, 0] for part in found.features[LOW])
    assert len(testing) == 10 and sorted([*fitting, *testing]) == list(range(40))
    np.testing.assert_array_equal(found.targets[1], ONE_CLASS[testing.astype(int)])


def test_no_share_leaves_the_test_images():
    found = with_held_out(compared(), 0.0, seed=1)
    assert (found.features[LOW][1] >= 100).all() and found.held_out == 0


@pytest.mark.parametrize(("share", "sentence"), [(1.0, "must lie in"), (0.01, "no positive example")])
def test_share_that_leaves_nothing_is_refused(share, sentence):
    with pytest.raises(InputError, match=sentence):
        with_held_out(compared(), share, seed=0)
