"""Number of clusters by stability: whether k-means on two halves of the images finds the same clusters."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from tfapp.errors import InputError
from tfapp.transfer import stability as module
from tfapp.transfer.stability import agreement_of_halves, measure_stability, stability_remark


@pytest.fixture(scope="module")
def blobs():
    """Six groups that are far apart."""
    centres = 20 * np.eye(6, 8)
    return make_blobs(240, centers=centres, cluster_std=0.5, random_state=0)[0].astype(np.float32)


def measured(features, file, counts=(3, 6, 12), **options):
    return measure_stability(features, counts, file, **{"repeats": 3, "seed": 0, **options})


def test_number_of_groups_that_are_apart_is_the_most_stable_one(blobs, tmp_path):
    content = measured(blobs, tmp_path / "stability.json")
    found = {one["count"]: one["agreements"] for one in content["clusters"]}
    assert found[6] == [1.0, 1.0, 1.0] and max(found[3] + found[12]) < 0.99
    assert "6 clusters are the most stable ones" in stability_remark(content)


def test_halves_of_features_without_groups_agree_little():
    features = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
    assert agreement_of_halves(features, 10, seed=0, number=0) < 0.2


def test_what_was_measured_of_the_same_features_is_taken(blobs, tmp_path, monkeypatch):
    first = measured(blobs, tmp_path / "stability.json", (3, 6))
    calls = []
    monkeypatch.setattr(module, "agreement_of_halves", lambda *_, **options: calls.append(options) or 0.5)
    again = measured(blobs, tmp_path / "stability.json", (3, 6, 12))
    assert again["clusters"][:2] == first["clusters"] and len(calls) == 3
    measured(blobs + 1, tmp_path / "stability.json", (3,))
    assert len(calls) == 6


@pytest.mark.parametrize("counts", [(1,), (3, 121), ()])
def test_numbers_out_of_range_are_refused(counts, blobs, tmp_path):
    with pytest.raises(InputError, match="`clusters` must be from 2 to 120, half of the 240 training images"):
        measured(blobs, tmp_path / "stability.json", counts)
    assert not (tmp_path / "stability.json").exists()
