"""Draws of few labels, paired intervals, and what is kept of a curve."""

import numpy as np
import pytest
from scipy import stats

from tfapp.errors import InputError
from tfapp.transfer import few_labels
from tfapp.transfer.few_labels import (
    ALL,
    LabelCurve,
    curves_table,
    difference,
    differences_table,
    draw_images,
    label_draws,
    measure_curve,
    parse_counts,
)

RNG = np.random.default_rng(0)
ONE_CLASS = np.where(np.eye(4, dtype=np.int8)[np.arange(40) % 4] == 1, 1, -1)


def test_images_of_one_class_are_drawn_as_often_as_asked_for():
    chosen = draw_images(ONE_CLASS, 3, np.random.default_rng(1))
    assert len(chosen) == 12 and (np.diff(chosen) > 0).all()
    assert ((ONE_CLASS[chosen] == 1).sum(0) == 3).all()


def test_images_of_several_classes_count_for_each_of_them():
    targets = np.where(RNG.random((60, 5)) < 0.4, 1, -1)
    chosen = draw_images(targets, 4, np.random.default_rng(0))
    counts = (targets[chosen] == 1).sum(0)
    assert (counts >= 4).all() and len(chosen) < 4 * 5


def test_class_with_fewer_images_gives_all_of_them():
    targets = ONE_CLASS.copy()
    targets[4:, 0] = -1
    chosen = draw_images(targets, 3, np.random.default_rng(0))
    assert (targets[chosen, 0] == 1).sum() == 1


def test_class_that_all_drawn_images_show_gets_an_image_without_it():
    targets = np.ones((20, 2), int)
    targets[7, 0] = targets[11, 1] = -1
    chosen = draw_images(targets, 2, np.random.default_rng(0))
    assert {7, 11} <= set(chosen.tolist())


def test_draws_differ_and_are_the_same_for_a_seed():
    first, again = (label_draws(ONE_CLASS, 2, 3, seed=5) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert [len(one) for one in label_draws(ONE_CLASS, ALL, 3, seed=5)] == [40]


@pytest.mark.parametrize("text", ["", "0", "1,-2", "1,x", "1.5"])
def test_counts_that_are_not_understood_are_refused(text):
    with pytest.raises(InputError, match="expected whole numbers above 0, such as 1,5,20,all"):
        parse_counts(text)


def test_counts_rise_and_all_labels_come_last():
    assert parse_counts("all, 20,1,5,5") == [1, 5, 20, ALL]


def test_interval_of_one_network_is_that_of_the_paired_t_test():
    first, second = RNG.normal(size=(2, 1, 8))
    mean, half = difference(first, second)
    expected = stats.ttest_rel(first[0], second[0]).confidence_interval(0.95)
    np.testing.assert_allclose([mean - half, mean + half], expected, rtol=1e-9)


def test_interval_of_networks_and_draws_covers_the_truth_at_least_as_often_as_it_says():
    rng, covered = np.random.default_rng(3), 0
    for _ in range(400):
        of_networks, of_draws = rng.normal(size=(3, 1)), rng.normal(size=(1, 5))
        mean, half = difference(2 + of_networks + of_draws + 0.3 * rng.normal(size=(3, 5)), np.zeros((3, 5)))
        covered += abs(mean - 2) <= half
    assert covered / 400 > 0.93


def test_single_number_has_no_interval():
    assert difference([[0.5]], [[0.25]]) == (0.25, None)


def test_draws_that_have_all_images_are_one_and_have_no_interval():
    assert [len(places) for places in label_draws(ONE_CLASS, 100, 5, seed=0)] == [40]
    assert difference([[0.5, 0.5]], [[0.25, 0.25]]) == (0.25, None)


def test_tables_are_in_percent_and_points():
    curves = [
        LabelCurve("low", "LR", {1: [[0.50, 0.52]], ALL: [[0.7]]}),
        LabelCurve("transferred", "ours", {1: [[0.60, 0.64]], ALL: [[0.75]]}),
    ]
    assert curves_table(curves).header == ["features", "1 label", "all labels"]
    assert curves_table(curves).rows[0] == ["LR", "51.0 ± 1.4", "70.0"]
    half = stats.t.ppf(0.975, 1) * 1.0  # differences 10 and 12: a standard error of 1
    assert differences_table(curves).rows == [["ours", f"+11.0 ± {half:.1f}", "+5.0"]]


def test_curve_that_is_kept_is_not_fitted_again_and_that_of_other_features_is(tmp_path, monkeypatch):
    labels = np.arange(40) % 4
    features = np.eye(4, 6)[labels].astype(np.float32) + 0.2 * RNG.normal(size=(40, 6)).astype(np.float32)
    options = {"draws": 2, "seed": 0, "form": "area"}
    pair, targets, file = (
        (features[:30], features[30:]),
        (ONE_CLASS[:30], ONE_CLASS[30:]),
        tmp_path / "low.json",
    )
    first = measure_curve(pair, targets, [1, 2], file, **options)
    assert set(first) == {1, 2} and all(len(values) == 2 for values in first.values())
    steps = []
    longer = measure_curve(pair, targets, [1, 2, ALL], file, **options, progress=steps.append)
    assert {count: longer[count] for count in (1, 2)} == first and steps == [2, 2, 1]

    def fail(*_, **__):
        raise AssertionError("a classifier was fitted")

    monkeypatch.setattr(few_labels, "fit_classifiers", fail)
    assert measure_curve(pair, targets, [1, 2, ALL], file, **options) == longer
    with pytest.raises(AssertionError):
        measure_curve((2 + features[:30], features[30:]), targets, [1], file, **options)
