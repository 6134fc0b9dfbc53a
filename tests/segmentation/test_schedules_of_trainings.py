"""`tfapp train --schedule` and `--l1-penalty`: what they make, what is refused, and runs from before them."""

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.segmentation.conftest import SPEC
from tfapp.cli.main import app
from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.optimizers.plateau_decay import plateau_of
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.page.page import _optimizer
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import new_model, train

# The loss of validation does not fall by so much in each epoch.
PLATEAU = {
    **{"head": "softmax", "epochs": 6, "steps_per_epoch": 2, "learning_rate": 0.1},
    "schedule": "plateau+patience=1+factor=0.5+threshold=0.3",
}


class Killed(keras.callbacks.Callback):
    def __init__(self, last):
        super().__init__()
        self.last = last

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.last:
            raise KeyboardInterrupt


def rates(run):
    return [row["learning_rate"] for row in read_history(run.path)]


@pytest.fixture(scope="module")
def on_plateau(train_once):
    return train_once("plateau", **PLATEAU)


@pytest.mark.slow
def test_rate_falls_after_each_epoch_whose_validation_loss_did_not(on_plateau):
    expected, rate, best = [], 0.1, np.inf
    for row in read_history(on_plateau.path):
        expected.append(rate)
        improved = row["val_loss"] < best * (1 - 0.3)
        rate, best = (rate, row["val_loss"]) if improved else (rate / 2, best)
    assert len(set(expected)) > 1
    np.testing.assert_allclose(rates(on_plateau), expected, rtol=1e-6)


@pytest.mark.slow
def test_run_with_a_decay_on_plateau_killed_twice_ends_as_an_unbroken_one(on_plateau, tmp_path, tiny):
    for epoch in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            train(SPEC, tmp_path / "broken", tiny(**PLATEAU), callbacks=[Killed(epoch)])
    broken = train(SPEC, tmp_path / "broken", tiny(**PLATEAU))
    assert rates(broken) == rates(on_plateau)
    one, other = on_plateau.load_model(), broken.load_model()
    assert plateau_of(one.optimizer).state == plateau_of(other.optimizer).state
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_schedule_is_part_of_the_settings_and_of_the_page(on_plateau, tiny):
    run = Run.open(on_plateau.path)
    assert f"--schedule {PLATEAU['schedule']}" in run.record["command"]
    assert _optimizer(run) == f"adam, learning rate 0.1, {PLATEAU['schedule']}"
    with pytest.raises(InputError, match="another schedule"):
        train(SPEC, run.path, tiny(**PLATEAU | {"schedule": "plateau+patience=2+factor=0.5"}))


def test_order_and_defaults_of_what_is_typed_make_no_other_schedule():
    one, other = (
        TrainConfig(schedule=text).completed().schedule
        for text in ("plateau+factor=0.5+patience=3", "plateau+patience=3+factor=0.5+warmup=0")
    )
    assert one == other == "plateau+patience=3+factor=0.5"


def test_what_ends_with_the_last_epoch_alone_cannot_be_given_more():
    assert (
        TrainConfig(schedule="cosine+warmup=2").extendable
        == TrainConfig(solver="sgd=0.1@cosine").extendable
        == ()
    )
    assert "epochs" in TrainConfig(schedule="step+every=3").extendable
    assert "epochs" in TrainConfig(solver="sgd=0.1@1/t+half=5").extendable


def test_penalties_are_those_of_numpy_and_of_the_kernels_alone():
    config = TrainConfig(base_width=2, depth=1, weight_decay=0.3, l1_penalty=0.02).completed()
    model = new_model(config, open_dataset("cells:4:32"), None)
    kernels = [np.array(one, np.float64) for one in model.trainable_variables if one.name == "kernel"]
    expected = sum(0.02 * np.abs(one).sum() + 0.15 * np.square(one).sum() for one in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_penalty_stays_in_the_loss_where_the_decay_is_in_the_gradient():
    options = {"solver": "bpgrad=5:decay=in-gradient", "weight_decay": 0.3, "l1_penalty": 0.02}
    model = new_model(
        TrainConfig(head="softmax", base_width=2, **options).completed(), open_dataset("cells:4:32"), None
    )
    kernels = [np.array(one, np.float64) for one in model.trainable_variables if one.name == "kernel"]
    assert float(sum(model.losses)) == pytest.approx(
        sum(0.02 * np.abs(one).sum() for one in kernels), rel=1e-5
    )


@pytest.mark.slow
def test_run_from_before_penalty_and_rates_of_epochs_goes_on_without(trained, copy_of, tiny):
    def age(record):
        del record["config"]["l1_penalty"]

    run = copy_of(trained["softmax"], edit=age)
    history = run.path / "history.csv"
    lines = [line.split(",") for line in history.read_text().splitlines()]
    place = lines[0].index("learning_rate")
    history.write_text("".join(",".join(cells[:place] + cells[place + 1 :]) + "\n" for cells in lines))
    with pytest.raises(InputError, match=r"another l1 penalty \(0.0, not 0.1\)"):
        train(SPEC, run.path, tiny(head="softmax", epochs=4, l1_penalty=0.1))
    longer = train(SPEC, run.path, tiny(head="softmax", epochs=4))
    rows = read_history(longer.path)
    assert len(rows) == 4 and all("learning_rate" not in row for row in rows)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            "--schedule fast",
            "--schedule fast is not understood. A schedule must begin with one of constant, cosine",
        ),
        ("--schedule step", "step needs every: a whole number of epochs from 1, such as step+every=10"),
        (
            "--schedule plateau+least=1",
            "`least` must be a rate no higher than the one that plateau begins with, 0.001",
        ),
        ("--schedule plateau+patience=two", "patience of plateau must be a whole number of epochs from 1"),
        ("--schedule plateau --validate-on-test", "let it watch the other loss, by plateau+watch=training"),
        (
            "--solver sgd=0.1@plateau --validate-on-test",
            "let it watch the other loss, by plateau+watch=training",
        ),
        (
            "--schedule plateau+watch=validation --validation-share 0",
            "The decay on plateau watches the loss of validation, and this training has no data for validation",
        ),
        ("--solver sgd=0.1@linear", "A schedule must begin with one of constant"),
        ("--l1-penalty -1", "--l1-penalty must be a number from 0"),
    ],
)
def test_option_that_cannot_be_used_gets_one_sentence_and_leaves_nothing(tmp_path, options, sentence):
    arguments = [
        "train",
        SPEC,
        "--out",
        str(tmp_path / "run"),
        "--base-width",
        "2",
        "--depth",
        "1",
        *options.split(),
    ]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
    said = " ".join(result.output.split())
    assert result.exit_code == 2 and sentence in said and "Traceback" not in said
    assert not (tmp_path / "run").exists()
