"""`tfapp train --solver`: a solver with all its options in place of an optimizer and its rates."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.segmentation.conftest import SPEC, TINY
from tfapp.cli.main import app
from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.optimizers import AdaptiveOptimizer, BPGrad
from tfapp.segmentation.compiling import make_optimizer
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.page.page import _optimizer
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import new_model, train

SOFTMAX = replace(TINY, head="softmax", learning_rate=None)


def test_solver_has_the_parameters_that_it_names():
    adam = make_optimizer(TrainConfig(solver="adam=0.0001:beta_1=0.99:epsilon=1e-9").completed())
    assert isinstance(adam, AdaptiveOptimizer) and adam.rule == "adam"
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.99, 0.999, 1e-9)
    assert float(adam.learning_rate) == pytest.approx(1e-4)


def test_rates_of_a_solver_change_at_their_epochs():
    sgd = make_optimizer(TrainConfig(solver="sgd-momentum=0.001/0.0001@3", epochs=4).completed(), steps=5)
    rates = [float(sgd._learning_rate(step)) for step in range(20)]
    np.testing.assert_allclose(rates, 10 * [1e-3] + 10 * [1e-4])


def test_decay_in_the_gradient_is_that_of_the_optimizer_and_not_of_the_loss():
    config = replace(SOFTMAX, solver="bpgrad=500:decay=in-gradient", weight_decay=0.01).completed()
    assert new_model(config, open_dataset(SPEC), None).losses == []
    optimizer = make_optimizer(config, 1)
    assert isinstance(optimizer, BPGrad) and optimizer.weight_decay == 0.01


def test_decay_of_other_solvers_is_in_the_loss():
    config = replace(SOFTMAX, solver="adagrad=0.01:rho=1", weight_decay=0.01).completed()
    assert new_model(config, open_dataset(SPEC), None).losses
    assert not make_optimizer(config, 1).weight_decay


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--solver sgdd=0.1", "--solver sgdd=0.1 is not understood: `name` must be one of bpgrad"),
        ("--solver sgd=fast", "--solver sgd=fast is not understood"),
        ("--solver adam:speed=2", "is not understood: adam has the options beta_1=..."),
        ("--solver sgd=0.1 --optimizer sgd", "--solver says which optimizer trains and how fast; leave out"),
        ("--solver sgd=0.1 --learning-rate 0.1", "leave out --learning-rate 0.1"),
        ("--solver sgd=0.1 --schedule cosine", "leave out --schedule cosine"),
        (
            "--solver bpgrad=5:decay=in-gradient --weight-decay 0.1",
            "the weight of the total variation too; use decay=in-loss",
        ),
    ],
)
def test_solver_that_cannot_be_used_gets_one_sentence_and_leaves_nothing(tmp_path, options, sentence):
    out = tmp_path / "run"
    result = CliRunner().invoke(app, ["train", SPEC, "--out", str(out), *options.split()])
    said = " ".join(result.output.split())
    assert result.exit_code == 2 and sentence in said and "Traceback" not in said
    assert not out.exists()


def test_rates_that_end_with_the_last_epoch_cannot_be_given_more():
    assert TrainConfig(solver="sgd=0.1..0.001").extendable == ()
    assert "epochs" in TrainConfig(solver="sgd=0.1/0.01@3").extendable


@pytest.mark.slow
def test_run_by_a_solver_killed_in_its_second_epoch_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    class Killed(keras.callbacks.Callback):
        def __init__(self, *arguments):
            super().__init__()

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    options = {"epochs": 2, "weight_decay": 0.001}
    for solver in ("bpgrad=50:form=authors:decay=in-gradient:mean=epoch", "sgd-momentum=0.1/0.01@2"):
        config = replace(SOFTMAX, solver=solver, **options)
        whole = train(SPEC, tmp_path / solver[:3] / "whole", config)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("tfapp.segmentation.training.ReportProgress", Killed)
            train(SPEC, tmp_path / solver[:3] / "broken", config)
        broken = train(SPEC, tmp_path / solver[:3] / "broken", config)
        for one, other in zip(
            whole.load_model().get_weights(), broken.load_model().get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        run = Run.open(broken.path)
        assert f"--solver {solver}" in run.record["command"] and _optimizer(run) == solver


def test_solver_of_a_run_is_checked_when_it_is_read():
    with pytest.raises(InputError, match="`solver` adam:speed=2 is not understood"):
        TrainConfig(solver="adam:speed=2").check()
