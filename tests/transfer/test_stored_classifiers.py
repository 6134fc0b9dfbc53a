"""Files of classifiers whose values no fit has given."""

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.transfer.classifiers import LinearClassifiers, keep_classifiers, read_classifiers

MACHINES = LinearClassifiers(np.ones((4, 2)), np.zeros(2), 1.0, (0.5,))


def test_file_gives_back_what_was_kept(tmp_path):
    keep_classifiers(tmp_path / "a.npz", MACHINES, ("cat", "dog"), "ab")
    machines, names, digest = read_classifiers(tmp_path / "a.npz")
    np.testing.assert_array_equal(machines.weights, MACHINES.weights)
    assert (machines.cost, names, digest) == (1.0, ("cat", "dog"), "ab")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"weights": np.full((4, 2), np.nan)}, "a weight is NaN or infinite"),
        ({"biases": np.array([0, np.inf])}, "a weight is NaN or infinite"),
        ({"biases": np.zeros(3)}, r"are not float64 \(dimension, 2\) and \(2,\)"),
        ({"weights": np.ones((4, 2), np.float32)}, "its weights float32"),
        ({"class_names": np.array(["cat"])}, r"are not float64 \(dimension, 1\)"),
        ({"cost": np.array(["high"])}, "is damaged"),
    ],
    ids=["NaN", "infinity", "biases", "type", "names", "cost"],
)
def test_values_that_no_fit_gave_are_refused(tmp_path, change, found):
    file = tmp_path / "a.npz"
    keep_classifiers(file, MACHINES, ("cat", "dog"), "ab")
    with np.load(file) as stored:
        arrays = dict(stored)
    np.savez(file, **arrays | change)
    with pytest.raises(InputError, match=f"a.npz is damaged.*{found}.*evaluate again|a.npz {found}"):
        read_classifiers(file)
