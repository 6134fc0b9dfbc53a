"""Schedules of a learning rate by name, against their formulas, and decay on plateau against Keras's callback."""

import math

import keras
import numpy as np
import pytest

from tfapp.optimizers import EpochRates, PlateauDecay, RateSchedule, WarmUp, make_solver
from tfapp.optimizers.catalogue import read_setting
from tfapp.optimizers.plateau_decay import PlateauState, plateau_of, rate_of_last_update

STEPS, EPOCHS = 4, 6
UPDATES = np.arange(STEPS * EPOCHS)
# With a rate of 0.5; the update of epoch e, from 0, is e * STEPS and so on.
FORMULAS = {
    "cosine": 0.25 * (1 + np.cos(np.pi * UPDATES / (STEPS * EPOCHS))),
    "step+every=2+factor=0.3": 0.5 * 0.3 ** (UPDATES // STEPS // 2),
    "1/t+half=3": 0.5 / (1 + UPDATES / (3 * STEPS)),
    "constant+warmup=1.5": 0.5 * np.minimum(1, (UPDATES + 1) / 6),
    "step+every=2+factor=0.3+warmup=1": 0.5
    * 0.3 ** (UPDATES // STEPS // 2)
    * np.minimum(1, (UPDATES + 1) / 4),
}


def rates_of(schedule):
    return [float(schedule(update)) for update in UPDATES]


@pytest.mark.parametrize("text", FORMULAS)
def test_rates_are_those_of_the_formula(text):
    schedule = EpochRates.parse(f"0.5@{text}").schedule(STEPS, EPOCHS)
    np.testing.assert_allclose(rates_of(schedule), FORMULAS[text], rtol=1e-5, atol=1e-7)


def test_warm_up_in_front_of_steps_leaves_them_where_they_are():
    schedule = EpochRates.parse("0.5/0.05@3+warmup=1").schedule(STEPS, EPOCHS)
    expected = np.where(UPDATES < 8, 0.5, 0.05) * np.minimum(1, (UPDATES + 1) / 4)
    np.testing.assert_allclose(rates_of(schedule), expected, rtol=1e-5)


def test_squares_of_rates_that_fall_as_one_over_t_have_a_finite_sum_and_the_rates_none():
    # Robbins and Monro: with half = 1 update the rates are 1/(1 + t), whose sums are the harmonic numbers.
    schedule = RateSchedule.parse("1/t+half=1").schedule(1.0, 1)
    rates = np.array([float(schedule(update)) for update in range(400)])
    assert rates.sum() == pytest.approx(math.log(400) + np.euler_gamma, abs=2e-3)
    assert np.square(rates).sum() < math.pi**2 / 6 < np.square(rates).sum() + 1 / 400


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_plateaus_are_those_of_the_callback_of_keras(patience):
    losses = np.random.default_rng(patience).normal(size=60).cumsum() / 10 + 3
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=patience, min_delta=0, min_lr=1e-6
    )
    callback.set_model(model)
    callback.on_train_begin()
    ours, rates, expected = PlateauDecay(0.5, 0.5, patience, threshold=0.0, least=1e-6), [], []
    for epoch, loss in enumerate(losses):
        ours.observe(loss)
        callback.on_epoch_end(epoch, {"loss": loss})
        rates.append(float(ours(0)))
        expected.append(float(model.optimizer.learning_rate))
    assert len(set(rates)) > 3
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_improvement_smaller_than_the_threshold_counts_as_none():
    state = PlateauState()
    for loss in (1.0, 0.995, 0.99):
        state = state.after(loss, patience=2, threshold=0.01)
    assert state == PlateauState(1, 1.0, 0)


def test_loss_that_is_no_number_is_no_improvement():
    state = PlateauState().after(1.0, 3, 0.0).after(math.nan, 3, 0.0)
    assert state == PlateauState(0, 1.0, 1)


@pytest.mark.parametrize("observed", [(), (1.0, 2.0, 2.0)])
def test_saved_optimizer_has_how_far_the_decay_is_behind_a_warm_up_too(observed):
    optimizer = keras.optimizers.SGD(WarmUp(PlateauDecay(0.4, 0.5, 2), 1))
    for loss in observed:
        plateau_of(optimizer).observe(loss)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert plateau_of(again).state == plateau_of(optimizer).state
    assert rate_of_last_update(again) == pytest.approx(0.2 if observed else 0.4)


def test_solver_takes_a_schedule_behind_its_rate():
    name, value = read_setting("adam=0.01@plateau+patience=3+watch=training:beta_1=0.8")
    assert (name, value) == ("adam:beta_1=0.8", "0.01@plateau+patience=3+watch=training")
    plateau = plateau_of(make_solver(name, value, steps_per_epoch=2))
    assert (plateau.patience, plateau.watch, plateau.factor) == (3, "training", 0.1)


@pytest.mark.parametrize(
    "text",
    ["0.1@cosine", "0.1@plateau+patience=3+factor=0.5", "0.1@1/t+half=10+warmup=2.5", "0.1..0.01+warmup=2"],
)
def test_rates_with_a_schedule_are_written_as_they_are_read(text):
    assert str(EpochRates.parse(text)) == text


def test_options_at_their_defaults_are_not_told():
    assert str(RateSchedule.parse("plateau+factor=0.1+warmup=0+patience=10")) == "plateau"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("linear", "must begin with one of constant, cosine, step, plateau, 1/t"),
        ("step", r"step needs every: a whole number of epochs from 1, such as step\+every=10"),
        ("step+every=2.5", "every of step must be a whole number of epochs from 1. Received: every=2.5"),
        ("step+every=2+factor=1", "factor of step must be a number between 0 and 1"),
        ("plateau+patience=0", "patience of plateau must be a whole number"),
        ("plateau+watch=test", "watch of plateau must be auto, training or validation"),
        ("plateau+patience", r"plateau has the options \+patience=..., .* Received: 'patience'"),
        ("plateau+patience=1+patience=2", "each once"),
        ("cosine+every=3", r"cosine has the options \+warmup=\.\.\."),
        ("cosine+", "cosine has the options"),
        ("cosine+warmup=-1", "warmup of cosine must be epochs, a number of at least 0"),
        ("1/t", "1/t needs half"),
        ("1/t+half=nan", "half of 1/t must be epochs, a number above 0"),
    ],
)
def test_schedule_of_another_form_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        EpochRates.parse(f"0.1@{text}")


def test_smallest_rate_above_the_first_is_refused():
    with pytest.raises(
        ValueError, match="`least` must be a rate no higher than the one that plateau begins with, 0.1"
    ):
        EpochRates.parse("0.1@plateau+least=0.2")


@pytest.mark.parametrize("text", ["0.1@cosine+warmup=5", "0.1/0.01@3+warmup=5", "0.1@constant+warmup=8"])
def test_warm_up_that_is_no_shorter_than_the_training_is_refused(text):
    with pytest.raises(ValueError, match="A warm-up must be shorter than the training, which has 5 epochs"):
        EpochRates.parse(text).schedule(10, 5)
