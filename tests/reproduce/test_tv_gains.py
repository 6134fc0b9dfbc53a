import csv

import pytest

from tfapp.reproduce.tv.gains import BASELINE, METHODS, SETTINGS, Gains, jobs


def result(clean, noisy):
    return {"tv_weight": None, "rows": {"clean": [clean, 90.0, 1.0], "gaussian 0.1": [noisy, 80.0, 2.0]}}


@pytest.fixture
def study():
    study = Gains()
    for seed, (plain, behind, through) in enumerate([(80.0, 81.0, 82.0), (84.0, 85.0, 88.0)]):
        study.add("base", seed, {"Unet": result(plain, plain - 10), BASELINE: result(behind, behind - 9)})
        study.add("base", seed, {"implicit": result(through, through - 5)})
    return study


def test_gains_are_differences_of_the_same_seed(study):
    gain = study.gain("base", "implicit", "clean")
    assert (gain.mean, gain.spread, gain.runs) == pytest.approx((2.0, 2**0.5, 2))


def test_a_seed_without_the_baseline_does_not_count(study):
    study.add("base", 7, {"implicit": result(0.0, 0.0)})
    assert study.gain("base", "implicit", "clean").runs == 2


def test_a_method_that_was_not_trained_has_a_dash(study):
    study.add("few", 0, {"Unet": result(70.0, 60.0), BASELINE: result(71.0, 61.0)})
    line = study.markdown(["clean"]).splitlines()[-1]
    assert line == "| few | clean | 71.00 | -1.00 | – |"


def test_the_table_shows_mean_and_spread(study):
    line = study.markdown(["gaussian 0.1"]).splitlines()[-1]
    assert line == "| base | gaussian 0.1 | 74.00 ± 2.83 | -2.00 ± 0.00 | +6.00 ± 1.41 |"


def test_the_csv_averages_nothing_away(study, tmp_path):
    study.write_csv(tmp_path / "study.csv")
    with (tmp_path / "study.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 2 and rows[0]["mIoU"] == "80.000"


def test_all_settings_of_one_seed_come_before_the_next():
    seeds = [job.config.seed for job in jobs({}, 100, SETTINGS, METHODS, [0, 1])]
    assert seeds == sorted(seeds) and set(seeds) == {0, 1}


def test_settings_differ_from_the_base_in_one_thing():
    configs = {job.setting: job.config for job in jobs({}, 100, SETTINGS, ["softmax"], [0])}
    assert configs["few"].train_images == 6 and configs["few"].epochs == configs["base"].epochs


def test_a_setting_with_more_images_than_there_are_is_left_out():
    planned = jobs({}, 18, SETTINGS, ["softmax"], [0])
    assert "many" not in {job.setting for job in planned}


def test_the_base_takes_all_images_where_there_are_fewer():
    assert jobs({}, 18, ["base"], ["softmax"], [0])[0].config.train_images is None


def test_fixed_and_per_class_weights_are_trained_in_the_base_setting_only():
    planned = jobs({}, 100, SETTINGS, METHODS, [0])
    assert {job.setting for job in planned if job.method == "per-class"} == {"base"}
