"""Learning rates in the history of a training, and decay on plateau through the engine, killed and resumed."""

import keras
import numpy as np
import pytest

from tests.runs.test_fit_or_resume import KEEPERS, KillAfter, X, begin, data
from tfapp.errors import InputError
from tfapp.optimizers import PlateauDecay, RateSchedule
from tfapp.optimizers.plateau_decay import plateau_of
from tfapp.runs.checkpoints import Checkpoints, read_history, write_history
from tfapp.runs.fitting import fit_or_resume
from tfapp.runs.rates import parse_schedule


def plateau_model():
    # So high a rate that the loss does not fall in each epoch.
    return begin(PlateauDecay(0.2, factor=0.5, patience=1, threshold=0.0))


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_training_with_a_decay_on_plateau_killed_and_resumed_is_an_unbroken_one(tmp_path, keeper):
    whole = fit_or_resume(keeper(tmp_path / "whole"), 8, plateau_model, data)
    assert 1 < len({row["learning_rate"] for row in whole.rows})
    for epoch in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            fit_or_resume(keeper(tmp_path / "killed"), 8, plateau_model, data, callbacks=[KillAfter(epoch)])
    resumed = fit_or_resume(keeper(tmp_path / "killed"), 8, plateau_model, data)
    names = ("loss", "learning_rate")
    assert [[row[name] for name in names] for row in resumed.rows] == [
        [row[name] for name in names] for row in whole.rows
    ]
    assert plateau_of(resumed.model.optimizer).state == plateau_of(whole.model.optimizer).state
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rate_of_an_epoch_is_that_of_its_updates_and_falls_after_the_loss_that_did_not(tmp_path):
    rows = fit_or_resume(Checkpoints(tmp_path), 8, plateau_model, data).rows
    expected, rate, best = [], 0.2, np.inf
    for row in rows:
        expected.append(rate)
        rate, best = (rate, row["loss"]) if row["loss"] < best else (rate / 2, best)
    np.testing.assert_allclose([row["learning_rate"] for row in rows], expected, rtol=1e-6)
    assert [row["learning_rate"] for row in read_history(tmp_path)] == [row["learning_rate"] for row in rows]


def test_rate_of_an_epoch_with_a_rate_by_update_is_that_of_its_last_update(tmp_path):
    rows = fit_or_resume(
        Checkpoints(tmp_path), 2, lambda: begin(RateSchedule.parse("1/t+half=1").schedule(0.01, 3)), data
    ).rows
    # Updates 2 and 5 of epochs of 3.
    np.testing.assert_allclose(
        [row["learning_rate"] for row in rows], [0.01 * 3 / 5, 0.01 * 3 / 8], rtol=1e-6
    )


@pytest.mark.parametrize("watch", [None, "training"])
def test_plateau_is_that_of_the_validation_loss_unless_training_is_watched(tmp_path, watch):
    best = []

    class Losses(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            best.append(logs["loss" if watch else "val_loss"])

    decay = PlateauDecay(0.01, watch=watch)
    validated = lambda done: data(done) | {"validation_data": (X, 5 * X)}  # noqa: E731
    fitted = fit_or_resume(Checkpoints(tmp_path), 1, lambda: begin(decay), validated, callbacks=[Losses()])
    assert plateau_of(fitted.model.optimizer).state.best == best[0]


def test_history_that_was_begun_without_rates_goes_on_without(tmp_path):
    fit_or_resume(Checkpoints(tmp_path), 1, begin, data)
    rows = [
        {name: value for name, value in row.items() if name != "learning_rate"}
        for row in read_history(tmp_path)
    ]
    write_history(tmp_path, rows)
    fit_or_resume(Checkpoints(tmp_path), 2, begin, data)
    assert [list(row) for row in read_history(tmp_path)] == 2 * [["epoch", "loss", "seconds"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "`schedule` fast is not understood. A schedule must begin with one of"),
        ("plateau+least=1", "`least` must be a rate no higher than"),
        ("plateau+watch=validation", "this training has no data for validation; use watch=training"),
    ],
)
def test_schedule_that_a_training_cannot_have_gets_one_sentence(text, words):
    with pytest.raises(InputError, match=words):
        parse_schedule(text, 0.1)
