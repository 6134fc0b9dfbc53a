import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.transfer.network import k_means_centroids, pseudo_labels

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)


def test_centroids_are_the_means_of_clouds_that_lie_apart():
    rng = np.random.default_rng(0)
    features = np.repeat(CENTRES, 20, 0) + rng.normal(0, 0.1, (60, 2)).astype(np.float32)
    found = k_means_centroids(features, 3)
    expected = features.reshape(3, 20, 2).mean(1)
    order = np.lexsort(found.round().T)
    np.testing.assert_allclose(found[order], expected[np.lexsort(expected.round().T)], atol=1e-5)


def test_readings_compare_other_features():
    high, low = CENTRES[[0, 1, 2]], CENTRES[[1, 1, 0]]
    assert pseudo_labels(high, low, CENTRES, "own").tolist() == [0, 1, 2]
    assert pseudo_labels(high, low, CENTRES, "nearest").tolist() == [1, 1, 0]


def test_more_clusters_than_different_images_are_refused():
    features = np.repeat(CENTRES, 4, 0)
    with pytest.raises(InputError, match="`clusters` 4 is more than the 3 images whose features differ"):
        k_means_centroids(features, 4)


def test_same_seed_gives_the_same_centroids():
    features = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        k_means_centroids(features, 5, seed=3), k_means_centroids(features, 5, seed=3)
    )
