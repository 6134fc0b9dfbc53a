import shlex

import typer
from typer.testing import CliRunner

from tfapp.cli.train import train as train_command
from tfapp.runs import Run
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.training import train


def test_command_has_every_option_that_is_not_at_its_default():
    config = TrainConfig(head="softmax", resize=(32, 48), learn_tv_weight=False, epochs=3)
    assert config.command("wbc:/data/Dataset 2", "my run") == (
        "tfapp train 'wbc:/data/Dataset 2' --head softmax --no-learn-tv-weight --epochs 3 --resize 32x48 "
        "--out 'my run'"
    )


def test_recorded_command_goes_on_with_the_run_that_it_made(tmp_path, tiny):
    run = train("cells:20:32", tmp_path / "my run", tiny(epochs=1, resize=(32, 32), tv_weight=0.5))
    app = typer.Typer()
    app.command()(train_command)
    arguments = shlex.split(run.record["command"])[2:]
    assert CliRunner().invoke(app, arguments).exit_code == 0


def test_extending_a_run_updates_its_record(tmp_path, tiny):
    train("cells:20:32", tmp_path / "run", tiny(epochs=1))
    train("cells:20:32", tmp_path / "run", tiny(epochs=2))
    run = Run.open(tmp_path / "run")
    assert run.config["epochs"] == 2
    assert "--epochs 2" in run.record["command"]
