"""`tfapp transfer train --schedule`: schedules that count in iterations, and what they cannot be."""

import numpy as np
import pytest

from tests.transfer.test_network import clouds, config
from tfapp.errors import InputError
from tfapp.optimizers.plateau_decay import plateau_of
from tfapp.runs.checkpoints import read_history
from tfapp.transfer import network as module
from tfapp.transfer.config import NetworkConfig
from tfapp.transfer.network import train_network

# A loss has to fall by half from one window of 10 iterations to the next.
PLATEAU = {"value": 0.1, "decay_every": 15_000, "schedule": "plateau+patience=250+threshold=0.5+factor=0.5"}


def test_schedule_counts_in_iterations():
    rate = module._solver(config(value=0.5, decay_every=15_000, schedule="step+every=100"))._learning_rate
    assert [float(rate(step)) for step in (0, 99, 100, 250)] == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_settings_without_a_schedule_are_stored_as_before():
    assert (
        "schedule" not in config().to_json() and config(schedule="cosine").to_json()["schedule"] == "cosine"
    )


def test_cosine_cannot_be_given_more_iterations():
    assert "iterations" not in config(schedule="cosine").extendable and "iterations" in config().extendable


@pytest.mark.slow
def test_training_with_a_decay_on_plateau_killed_and_resumed_is_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WINDOW", 10)
    features, labels = clouds()
    options = PLATEAU | {"schedule": PLATEAU["schedule"].replace("250", "10"), "iterations": 60}
    whole = train_network(tmp_path / "whole", features, labels, config(**options))

    def kill(done, total, note):
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(tmp_path / "killed", features, labels, config(**options), kill)
    again = train_network(tmp_path / "killed", features, labels, config(**options))
    rows, expected = (
        [row["learning_rate"] for row in read_history(tmp_path / name)] for name in ("killed", "whole")
    )
    assert rows == expected and len(set(rows)) > 1
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_plateau_of_windows_counts_their_iterations():
    plateau = plateau_of(module._solver(NetworkConfig(**PLATEAU)))
    plateau.observe(1.0, 250)
    plateau.observe(0.9, 250)
    assert plateau.state.falls == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schedule": "fast"}, "`schedule` fast is not understood"),
        (
            {"schedule": "cosine", "decay_every": 100},
            "both say how the learning rate falls; give one of them",
        ),
        (
            {"schedule": "cosine", "solver": "bpgrad"},
            "`schedule` is for solvers with a learning rate; bpgrad has L",
        ),
        ({"schedule": "plateau"}, r"expected at least plateau\+patience=250, got `schedule` plateau"),
        ({"schedule": "plateau+patience=250+watch=validation"}, "no data for validation; use watch=training"),
    ],
)
def test_schedule_that_cannot_be_gets_one_sentence(change, sentence):
    with pytest.raises(InputError, match=sentence):
        NetworkConfig(**change).check()
