"""Names of solvers with options, values of their parameters, and rates by epoch."""

import keras
import numpy as np
import pytest

from tfapp.optimizers import SOLVERS, AdaptiveOptimizer, BPGrad, EpochRates, make_solver, solver_of
from tfapp.optimizers.catalogue import read_setting


def rates_of(text, steps, epochs):
    """Return the rate of every update of a training."""
    schedule = EpochRates.parse(text).schedule(steps, epochs)
    return [float(schedule(update)) for update in range(steps * epochs)]


def test_rates_change_with_the_first_update_of_their_epochs():
    expected = np.repeat([0.05, 0.05, 0.005, 0.0005], 3)
    np.testing.assert_allclose(rates_of("0.05/0.005@3/0.0005@4", 3, 4), expected, rtol=1e-6)


def test_span_of_rates_is_the_logspace_of_matlab():
    expected = np.repeat(np.logspace(-1, -4, 20), 2)
    np.testing.assert_allclose(rates_of("0.1..0.0001", 2, 20), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "text", ["0.05/0.005@31/0.0005@61", "0.1..0.0001", "1e-05/1e-06@2", "0.1234567891/0.1@2"]
)
def test_rates_are_written_as_they_are_read(text):
    assert str(EpochRates.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.1/0.01", "are written RATE/RATE@EPOCH"),
        ("0.1@3", "are written RATE/RATE@EPOCH"),
        ("0.1/0@3", "must be finite numbers above 0"),
        ("1e400/0.1@2", "must be finite numbers above 0"),
        ("0.1/0.01@0", "must ascend from 2 on"),
        ("0.1/0.01@99999999999", "must ascend from 2 on, below 1,000,000"),
        ("0.1/0.01@9/0.001@3", "must ascend from 2 on"),
        ("0.1/0.01@1", "must ascend from 2 on"),
    ],
)
def test_rates_of_another_form_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        EpochRates.parse(text)


def test_span_needs_the_epochs_of_the_training():
    with pytest.raises(ValueError, match="need the updates of an epoch and the epochs"):
        make_solver("sgd", "0.1..0.001", steps_per_epoch=10)


def test_options_behind_a_name_reach_the_optimizer():
    adam = make_solver("adam:beta_1=0.99:beta_2=0.9999:bias_correction=no", 0.02)
    assert isinstance(adam, AdaptiveOptimizer) and not adam.bias_correction
    assert (adam.beta_1, adam.beta_2) == (0.99, 0.9999) and float(adam.learning_rate) == pytest.approx(0.02)


def test_adaptive_solvers_without_options_are_those_of_keras():
    kinds = {name: type(make_solver(name)) for name in ("adagrad", "adadelta", "rmsprop", "adam")}
    of_keras = keras.optimizers
    assert list(kinds.values()) == [of_keras.Adagrad, of_keras.Adadelta, of_keras.RMSprop, of_keras.Adam]


def test_mean_of_an_epoch_is_that_of_its_updates():
    solver = make_solver("bpgrad:form=authors:mean=epoch", 15.0, steps_per_epoch=600)
    assert isinstance(solver, BPGrad) and (solver.form, solver.mean_steps) == ("authors", 600)


def test_options_are_told_with_their_symbols():
    solver = solver_of("rmsprop:rho=0.7:epsilon=1e-8")
    assert (solver.title, solver.told, solver.full_title) == (
        "RMSProp",
        "ρ = 0.7, ε = 1e-8",
        "RMSProp, ρ = 0.7, ε = 1e-8",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("newton", "must be one of bpgrad"),
        ("sgd:rho=0.9", "sgd has no options"),
        ("adam:rho=0.9", "adam has the options beta_1=..., .* Received: 'rho=0.9'"),
        ("adam:beta_1", "Received: 'beta_1'"),
        ("adam:beta_1=0.9:beta_1=0.8", "each once"),
        ("adam:beta_1=1", r"`beta_1` must lie in \[0, 1\)"),
        ("adam:beta_1=much", "`beta_1` must be a number"),
        ("bpgrad:form=other", "`form` must be one of algorithm-2, authors"),
    ],
)
def test_unknown_solver_or_option_is_refused(name, words):
    with pytest.raises(ValueError, match=words):
        solver_of(name)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("adam", ("adam", None)),
        ("adam=0.001:beta_1=0.99", ("adam:beta_1=0.99", 0.001)),
        ("bpgrad=auto", ("bpgrad", "auto")),
        ("bpgrad-plain=auto-median", ("bpgrad-plain", "auto-median")),
        ("sgd=0.05/0.005@31", ("sgd", "0.05/0.005@31")),
    ],
)
def test_setting_is_a_name_with_options_and_a_value(text, setting):
    assert read_setting(text) == setting


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(
            (f"adam={value}", "Expected a positive number, the rate of adam")
            for value in ("0", "-1", "nan", "auto")
        ),
        ("adam=much", "Expected a positive number, the rate of adam. Received: 'much'"),
        ("bpgrad=0.1/0.2@3", "L has no values by epoch"),
        ("sgd=0.1/0.2", "RATE/RATE@EPOCH"),
        ("bpgrad-auto=15", "bpgrad-auto finds its L itself"),
    ],
)
def test_value_that_the_parameter_cannot_have_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        read_setting(text)


@pytest.mark.parametrize("name", [name for name, solver in SOLVERS.items() if len(solver.ladder) > 1])
def test_first_values_of_a_search_are_a_part_of_its_ladder_in_order(name):
    solver = SOLVERS[name]
    assert list(solver.ladder) == sorted(solver.ladder) and set(solver.values) < set(solver.ladder)
    assert solver.ladder[0] == (1.0 if solver.parameter == "lipschitz" else 1e-5)
    assert solver.ladder[-1] >= (1000.0 if solver.parameter == "lipschitz" else 1.0)
