"""Trainings on whose way the gradient step is measured: what a row says, divergence, and going on after a kill."""

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import covariate_shift, gradient_step
from tfapp.runs.measured_steps import StepPlan, train_measured
from tfapp.solvers.trainings.twins import batches_after, measured_training, twins_of
from tfapp.solvers.trainings.workload import Workload, objective

WORKLOAD = Workload("digits:120", "lenet-5", batch_size=20, weight_decay=0.0, batch_norm=True)
PLAN = StepPlan(0.1, updates=9, every=3, factors=(0.5, 2.0), layers=2)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Folder and result of a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("measured") / "training"
    return folder, measured_training(WORKLOAD, PLAN, 0, folder)


@pytest.mark.slow
def test_a_row_has_the_measures_of_the_batch_that_follows_at_the_weights_before_it(unbroken):
    model, batches = WORKLOAD.build(0), batches_after(WORKLOAD, 0)
    model.compile(keras.optimizers.SGD(PLAN.rate), objective())
    for x, y in batches(0).take(3):
        model.train_on_batch(x, y)
    x, y = next(iter(batches(3)))
    step = gradient_step(model, x, y, rates=[0.05, 0.2])
    row = unbroken[1].rows[1]
    assert row["updates"] == 3 and row["loss"] == pytest.approx(step.loss, rel=1e-4)
    assert (row["loss_min"], row["loss_max"]) == pytest.approx(step.loss_range, rel=1e-3)
    assert row["smoothness"] == pytest.approx(step.smoothness, rel=1e-3)
    shifts = covariate_shift(model, x, y, rate=PLAN.rate, layers=2)
    assert row["shift"] == pytest.approx(np.mean([one.shift for one in shifts]), rel=1e-3)
    assert row["cosine scores"] == pytest.approx(shifts[-1].cosine, rel=1e-3)


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_had_not_been(unbroken, tmp_path):
    def interrupt(done, total=None, note=None):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured_training(WORKLOAD, PLAN, 0, tmp_path / "broken", interrupt)
    assert measured_training(WORKLOAD, PLAN, 0, tmp_path / "broken").rows == unbroken[1].rows


@pytest.mark.slow
def test_a_finished_training_is_read_and_one_with_other_settings_refused(unbroken):
    folder, found = unbroken

    def refuse():
        raise AssertionError("nothing is to be built")

    settings = {"workload": WORKLOAD.to_json(), "seed": 0}
    assert train_measured(folder, PLAN, settings, refuse, None) == found
    with pytest.raises(InputError, match="holds a training with other settings"):
        measured_training(WORKLOAD, PLAN, 1, folder)


@pytest.mark.slow
def test_a_training_that_diverges_keeps_what_was_measured_before(tmp_path):
    plan = StepPlan(1e12, updates=4, every=2, layers=1)
    plain = Workload("digits:120", "lenet-5", batch_size=20, weight_decay=0.0)
    found = measured_training(plain, plan, 0, tmp_path / "diverged")
    assert found.diverged and [row["updates"] for row in found.rows] == [0]
    assert np.isfinite(found.rows[0]["loss"])
    again = measured_training(plain, plan, 0, tmp_path / "diverged")
    assert again.diverged and again.rows[0]["loss"] == found.rows[0]["loss"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0.0}, "`learning_rate` must be a finite number above 0"),
        (
            {"updates": 10, "every": 4},
            "`updates` must be a multiple of `every`; got 10 and 4, such as 12 and 4",
        ),
        ({"factors": ()}, "`factors` must be finite numbers above 0"),
        ({"layers": 0}, "`layers` must be at least 1"),
    ],
)
def test_plans_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        StepPlan(**{"rate": 0.1} | options).check()


def test_twins_are_the_network_without_and_with_what_is_asked_for():
    lenet = Workload("digits:120", "lenet-5")
    assert [one.batch_norm for one in twins_of(lenet, "batch-norm").values()] == [False, True]
    residual = Workload("digits:120", "resnet-20", batch_norm=False)
    assert list(twins_of(residual, "shortcuts")) == [
        "plain-20 without batch norm",
        "resnet-20 without batch norm",
    ]
    assert twins_of(lenet, "none") == {"lenet-5": lenet}


@pytest.mark.parametrize(
    ("workload", "twins", "words"),
    [
        (WORKLOAD, "bn", "Unknown `twins` 'bn'; choose one of: none, batch-norm, shortcuts"),
        (WORKLOAD, "batch-norm", "trains the network both ways; leave out `batch_norm`"),
        (WORKLOAD, "shortcuts", "`twins` shortcuts is for plain-20, .*; got lenet-5"),
        (Workload("digits:120", "two-layer"), "batch-norm", "`batch_norm` is for lenet-5, .*; got two-layer"),
    ],
)
def test_twins_that_there_are_none_of_are_refused(workload, twins, words):
    with pytest.raises(InputError, match=words):
        twins_of(workload, twins)
