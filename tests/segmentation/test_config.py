import shlex

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.train import train as train_command
from tfapp.errors import InputError
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.stored_config import with_defaults
from tfapp.segmentation.training import train


def test_command_has_every_option_that_is_not_at_its_default():
    config = TrainConfig(head="softmax", resize=(32, 48), learn_tv_weight=False, epochs=3)
    assert config.command("wbc:/data/Dataset 2", "my run") == (
        "tfapp train 'wbc:/data/Dataset 2' --head softmax --no-learn-tv-weight --epochs 3 --resize 32x48 "
        "--out 'my run'"
    )


@pytest.mark.parametrize(
    ("model", "depth", "dropout"),
    [("unet", 4, 0.0), ("fcn-16s", 4, 0.0), ("res-unet", 4, 0.0), ("segnet", 5, 0.0), ("fcn-32s", 5, 0.5)],
)
def test_depth_and_dropout_are_the_models_own_unless_given(model, depth, dropout):
    own = TrainConfig(model=model).completed()
    assert (own.depth, own.dropout) == (depth, dropout)
    given = TrainConfig(model=model, depth=3, dropout=0.1).completed()
    assert (given.depth, given.dropout) == (3, 0.1)


def test_batch_normalisation_of_a_run_that_is_older_than_the_option_is_the_models_own():
    for model, own in (("segnet", True), ("unet", False)):
        assert with_defaults({"model": model})["batch_norm"] is own
    assert "--no-batch-norm" in TrainConfig(model="segnet", batch_norm=False).command("cells", "run")
    assert "--batch-norm" in TrainConfig(batch_norm=True).completed().command("cells", "run")


@pytest.mark.parametrize("model", ["unet", "fcn-4s", "segnet", "fcn-32s"])
def test_command_is_the_same_with_the_models_own_options_written_out(model):
    config = TrainConfig(model=model)
    assert config.completed().command("cells", "run") == config.command("cells", "run")


@pytest.mark.slow
def test_recorded_command_goes_on_with_the_run_that_it_made(begin):
    run = begin("my run", epochs=1, resize=(32, 32), tv_weight=0.5)
    app = typer.Typer()
    app.command()(train_command)
    arguments = shlex.split(run.record["command"])[2:]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (run.path / "model.keras").is_file()


def test_random_split_is_part_of_a_run(begin):
    assert begin(random_split=True).config["random_split"] is True
    assert "--random-split" in TrainConfig(random_split=True).command("cells", "run")


def test_number_of_training_images_limits_the_training_part(begin):
    run = begin(train_images=5)
    assert [len(part) for part in (run.split.train, run.split.validation, run.split.test)] == [5, 4, 6]
    assert len(run.frames("train")) == 5


def test_too_many_training_images_are_refused_before_anything_is_written(tmp_path, tiny):
    with pytest.raises(InputError, match="`train_images` must be from 1 to 10"):
        train("cells:20:32", tmp_path / "run", tiny(train_images=11))
    assert not (tmp_path / "run").exists()


def test_training_noise_is_in_the_training_part_only(begin):
    clean, noisy = begin("clean"), begin("noisy", train_noise="gaussian=0.1")
    for part, count in (("train", 3), ("validation", 0), ("test", 0)):  # a third of 10 training images
        pairs = zip(clean.frames(part), noisy.frames(part), strict=True)
        assert sum(not np.array_equal(a[0], b[0]) for a, b in pairs) == count


def test_command_of_a_run_with_a_mix_of_noises_is_quoted_for_the_shell():
    words = TrainConfig(train_noise="gaussian=0.03|salt-and-pepper=0.01").command("cells", "run")
    assert "--train-noise 'gaussian=0.03|salt-and-pepper=0.01'" in words


@pytest.mark.slow
def test_run_with_training_noise_goes_on_with_the_same_noise(tmp_path, tiny):
    options = {"train_noise": "gaussian=0.1|salt-and-pepper=0.1", "noisy_share": 0.5}
    train("cells:20:32", tmp_path / "broken", tiny(epochs=1, **options))
    resumed = train("cells:20:32", tmp_path / "broken", tiny(epochs=2, **options))
    whole = train("cells:20:32", tmp_path / "whole", tiny(epochs=2, **options))
    losses = [[row["loss"] for row in read_history(run.path)] for run in (resumed, whole)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_noise": "gaussian=0.1,0.2"}, "is not one noise"),
        ({"train_noise": "gaussian=2"}, "a number from 0 to 1"),
        ({"train_noise": "gaussian=0.1|"}, "a part is empty"),
        ({"noisy_share": 0.0}, "`noisy_share` must be above 0"),
        ({"noisy_share": 1.5}, "`noisy_share` must be above 0 and at most 1"),
        ({"train_noise": "gaussian=0.1", "noisy_share": 0.01}, "of 10 training image.s. is none"),
    ],
)
def test_unusable_training_noise_is_refused_before_anything_is_written(tmp_path, tiny, options, message):
    with pytest.raises(InputError, match=message):
        train("cells:20:32", tmp_path / "run", tiny(**options))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_older_than_an_option_goes_on_while_the_option_is_at_its_default(trained, copy_of, tiny):
    def age(record):
        for option in ("train_images", "train_noise", "noisy_share"):
            del record["config"][option]

    run = copy_of(trained["softmax"], edit=age)
    with pytest.raises(InputError, match=r"another train images \(None, not 5\)"):
        train("cells:20:32", run.path, tiny(head="softmax", epochs=4, train_images=5))
    assert train("cells:20:32", run.path, tiny(head="softmax", epochs=4)).config["epochs"] == 4
