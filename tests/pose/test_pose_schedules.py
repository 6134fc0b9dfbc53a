"""`tfapp pose train --schedule`: both rates of a pose model follow it."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.pose.posed_scenes import CONFIG
from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig
from tfapp.pose.training import compile_pose_model, train
from tfapp.runs.checkpoints import read_history


def optimizers(**options):
    compiled = []
    model = SimpleNamespace(compile=lambda *optimizers, **others: compiled.extend(optimizers))
    compile_pose_model(model, PoseConfig(epochs=10, **options), 4)
    return compiled


def test_both_rates_follow_the_schedule():
    steps = np.arange(40)
    for optimizer, rate in zip(optimizers(schedule="cosine"), (0.001, 0.003), strict=True):
        expected = rate / 2 * (1 + np.cos(np.pi * steps / 40))
        found = [float(optimizer._learning_rate(step)) for step in steps]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_rates_without_a_schedule_fall_in_steps_as_before():
    first, _ = optimizers(decay=0.5, decay_epochs=2)
    assert [float(first._learning_rate(step)) for step in (0, 7, 8)] == pytest.approx([0.001, 0.001, 0.0005])


def test_run_from_before_schedules_has_none():
    assert asdict(PoseConfig())["schedule"] is None and PoseConfig().extendable == ("epochs",)
    assert PoseConfig(schedule="cosine").extendable == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"schedule": "cosin"}, "`schedule` cosin is not understood"),
        (
            {"schedule": "cosine", "decay": 0.5},
            "`schedule` cosine and `decay` 0.5 both say how the learning rates fall",
        ),
        (
            {"schedule": "plateau+least=0.002"},
            "`least` must be a rate no higher than the one that plateau begins with",
        ),
        ({"schedule": "plateau+watch=validation"}, "no data for validation"),
    ],
)
def test_schedule_that_cannot_be_gets_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PoseConfig(**options).check()


@pytest.mark.slow
def test_history_has_both_rates_of_a_plateau(squares_training, tmp_path):
    config = replace(CONFIG, epochs=3, schedule="plateau+patience=1+threshold=0.9+factor=0.5")
    if (config.decay, config.decay_epochs) != (PoseConfig.decay, PoseConfig.decay_epochs):
        config = replace(config, decay=PoseConfig.decay, decay_epochs=PoseConfig.decay_epochs)
    run = train(squares_training.scenes, tmp_path / "run", config)
    rows = read_history(run.path)
    for name, first in (
        ("learning_rate", config.learning_rate),
        ("model_learning_rate", config.model_learning_rate),
    ):
        # The first loss is an improvement on none.
        np.testing.assert_allclose([row[name] for row in rows], [first, first, first / 2], rtol=1e-6)
