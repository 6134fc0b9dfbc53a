import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import shannon_entropy
from skimage.metrics import adapted_rand_error, variation_of_information

from tfapp.data import open_dataset
from tfapp.segmentation.membrane_scores import THRESHOLDS, membrane_scores, overlap_scores, thinned


def row(text):
    return np.array([[int(digit) for digit in text]])


def two_cells(size=20, membrane=(9, 10)):
    """A membrane down the middle of a square."""
    truth = np.ones((size, size), bool)
    truth[:, list(membrane)] = False
    return truth


# By hand from p_ij, the shares of the pixels of true cells; logarithms to base 2.
@pytest.mark.parametrize(
    ("truth", "proposal", "rand", "information"),
    [
        ("1110222", "1110222", 1, 1),
        ("1110222", "3330111", 1, 1),  # names do not matter
        ("1110222", "1112222", 1, 1),  # nor what lies on true membranes
        # t = 1/2, 1/2; s = 1: a merger. 2 (1/4 + 1/4) / (1/2 + 1); nothing is known of t.
        ("1110222", "1111111", 2 / 3, 0),
        # t = 1; s = 1/2, 1/2: a split. 2 (1/4 + 1/4) / (1 + 1/2); nothing was to be known.
        ("1111", "1122", 2 / 3, 0),
        # t = 1/2, 1/2; s = 3/4, 1/4. I = 1 + 0.811278 - 1.5.
        ("11112222", "11111122", 2 / 3, 2 * 0.311278 / 1.811278),
        # A pixel on a line is a cell of its own: s = 3/4, 1/4.
        ("1111", "1110", 2 * (9 / 16 + 1 / 16) / (1 + 10 / 16), 0),
        # Two of them are two: s = 1/2, 1/4, 1/4.
        ("1111", "1100", 2 * (3 / 8) / (1 + 3 / 8), 0),
        # t = 1/2, 1/2; s = 1/2, 1/4, 1/4; I = 1, H(s) = 1.5.
        ("1122", "1100", 2 * (3 / 8) / (1 / 2 + 3 / 8), 2 / 2.5),
        ("1111", "1111", 1, 1),
        ("0000", "1122", 0, 0),
    ],
)
def test_scores_of_small_cases_are_those_by_hand(truth, proposal, rand, information):
    scores = overlap_scores(row(truth), row(proposal))
    assert scores == pytest.approx((rand, information), abs=1e-6)


def random_labels(seed):
    rng = np.random.default_rng(seed)
    cells = ndimage.zoom(rng.integers(1, 8, (6, 6)), 20, order=0)
    other = ndimage.zoom(rng.integers(1, 9, (8, 8)), 15, order=0)
    cells[rng.random(cells.shape) < 0.2] = 0
    other[rng.random(other.shape) < 0.05] = 0
    # The library has one object 0 where the challenge has one for every pixel.
    apart = np.where(other == 0, np.arange(other.size).reshape(other.shape) + 9, other)
    return cells, other, apart


@pytest.mark.parametrize("seed", [0, 1])
def test_rand_score_is_one_minus_the_adapted_rand_error_of_scikit_image(seed):
    truth, proposal, apart = random_labels(seed)
    error, _, _ = adapted_rand_error(truth, apart)
    # It counts n (n - 1) pairs where the challenge counts n^2.
    assert overlap_scores(truth, proposal)[0] == pytest.approx(1 - error, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_information_score_follows_from_the_variation_of_information_of_scikit_image(seed):
    truth, proposal, apart = random_labels(seed)
    variation = variation_of_information(truth, apart, ignore_labels=[0]).sum()
    entropies = sum(shannon_entropy(part[truth > 0]) for part in (truth, apart))
    # 2 I = H(t) + H(s) - VI
    expected = (entropies - variation) / entropies
    assert overlap_scores(truth, proposal)[1] == pytest.approx(expected, rel=1e-6)


def test_membrane_is_thinned_to_a_line_of_one_pixel_in_its_middle():
    labels = thinned(two_cells(membrane=(7, 8, 9, 10, 11)))
    np.testing.assert_array_equal(labels == 0, np.indices(labels.shape)[1] == 9)
    assert set(np.unique(labels[:, :9])) == {1} and set(np.unique(labels[:, 10:])) == {2}


def test_membrane_that_parts_nothing_vanishes():
    cells = np.ones((12, 12), bool)
    cells[4:8, 4:7] = False
    np.testing.assert_array_equal(thinned(cells), np.ones((12, 12)))


def test_cells_that_touch_at_a_corner_are_two():
    cells = np.zeros((8, 8), bool)
    cells[:4, :4] = cells[4:, 4:] = True
    labels = thinned(cells)
    assert labels.max() == 2 and labels[0, 0] != labels[-1, -1]


def test_image_without_cells_is_one_cell():
    np.testing.assert_array_equal(thinned(np.zeros((5, 6), bool)), np.ones((5, 6)))


def test_width_of_the_membranes_does_not_matter():
    truth = two_cells()
    wide = two_cells(membrane=range(6, 14)).astype(float)
    scores = membrane_scores([truth], [wide])
    assert scores.rand == pytest.approx(1, abs=1e-3) and scores.information == pytest.approx(1, abs=1e-3)


def test_thresholds_are_those_of_the_challenge():
    np.testing.assert_allclose(THRESHOLDS, np.arange(11) / 10)
    assert THRESHOLDS[-1] < 1


def test_probability_one_is_above_every_threshold():
    truth = two_cells()
    assert membrane_scores([truth], [truth.astype(np.float32)], thresholds=THRESHOLDS[-1:]).rand == 1


def test_best_threshold_is_told_for_each_score():
    truth = two_cells()
    # Inside the left cell a wall that is taken for a membrane from 0.7 on; the true one is found from 0.35 on.
    probability = np.where(truth, 1.0, 0.35)
    probability[:, 4] = 0.65
    scores = membrane_scores([truth], [probability])
    assert scores[:2] == (1, 1)
    np.testing.assert_allclose(scores[2:], [0.4, 0.4])


def test_all_slices_have_one_threshold():
    truth = two_cells()
    low, high = np.where(truth, 0.35, 0.05), np.where(truth, 0.95, 0.65)
    alone = [membrane_scores([truth], [part]).rand for part in (low, high)]
    together = membrane_scores([truth] * 2, [low, high])
    assert alone == [1, 1] and together.rand < 1
    merged = overlap_scores(thinned(truth), np.ones(truth.shape, int))[0]
    assert together.rand == pytest.approx((1 + merged) / 2, abs=0.06)


def test_every_slice_is_reported():
    done = []
    membrane_scores([two_cells()] * 3, [np.ones((20, 20))] * 3, advance=lambda: done.append(1))
    assert len(done) == 3


def test_gap_in_a_membrane_costs_more_than_its_width_on_a_real_slice(real_data):
    truth = open_dataset(f"isbi2012:{real_data('isbi2012')}").items[0].read_mask() == 1
    wide = ndimage.binary_erosion(truth, iterations=2, border_value=1)
    open_wide = ndimage.binary_dilation(truth, iterations=2)
    scores = [
        membrane_scores([truth], [part.astype(float)], thresholds=(0.5,)) for part in (truth, wide, open_wide)
    ]
    assert scores[0].rand == pytest.approx(1)
    assert scores[1].rand > 0.9 and scores[1].information > 0.95
    assert scores[2].rand < scores[1].rand and scores[2].information < scores[1].information
