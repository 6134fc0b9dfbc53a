"""The engine of all trainings, on a line that is fitted to three points."""

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import Checkpoints, LastModel, read_history, write_history
from tfapp.runs.fitting import fit_or_resume, save_finished

X = np.array([[0.0], [1.0], [2.0]], "f4")
KEEPERS = {"checkpoints": Checkpoints, "last model": lambda folder: LastModel(folder, steps=3)}


def begin(rate=0.1):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse", jit_compile=False)
    return model


def data(done):
    return {"x": X, "y": 2 * X + 1, "batch_size": 1}


class KillAfter(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.last:
            raise KeyboardInterrupt


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_killed_training_ends_with_weights_and_history_of_an_unbroken_one(tmp_path, keeper):
    whole = fit_or_resume(keeper(tmp_path / "whole"), 3, begin, data)
    with pytest.raises(KeyboardInterrupt):
        fit_or_resume(keeper(tmp_path / "killed"), 3, begin, data, callbacks=[KillAfter(2)])
    resumed = fit_or_resume(keeper(tmp_path / "killed"), 3, begin, data)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [row["epoch"] for row in resumed.rows] == [1, 2, 3]
    assert [row["loss"] for row in resumed.rows] == [row["loss"] for row in whole.rows]


def begin_with_dropout():
    keras.utils.set_random_seed(4)
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), inner])
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
    return model


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_what_dropout_drops_goes_on_where_a_training_was_killed(tmp_path, keeper):
    whole = fit_or_resume(keeper(tmp_path / "whole"), 4, begin_with_dropout, data)
    for last in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit_or_resume(
                keeper(tmp_path / "killed"), 4, begin_with_dropout, data, callbacks=[KillAfter(last)]
            )
    resumed = fit_or_resume(keeper(tmp_path / "killed"), 4, begin_with_dropout, data)
    assert [row["loss"] for row in resumed.rows] == [row["loss"] for row in whole.rows]


def test_training_without_random_layers_keeps_no_states(tmp_path):
    fit_or_resume(Checkpoints(tmp_path), 1, begin, data)
    assert not (tmp_path / "random-states.json").exists()


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_epoch_that_was_killed_before_it_was_kept_is_trained_again(tmp_path, keeper):
    with pytest.raises(KeyboardInterrupt):
        fit_or_resume(keeper(tmp_path), 3, begin, data, before=[KillAfter(2)])
    assert [row["epoch"] for row in read_history(tmp_path)] == [1]
    assert [row["epoch"] for row in fit_or_resume(keeper(tmp_path), 3, begin, data).rows] == [1, 2, 3]


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_finished_training_is_not_done_again(tmp_path, keeper):
    assert fit_or_resume(keeper(tmp_path), 2, begin, data).trained
    again = fit_or_resume(keeper(tmp_path), 2, begin, data)
    assert not again.trained and len(again.rows) == 2
    save_finished(again, tmp_path / "model.keras")
    written = (tmp_path / "model.keras").stat().st_mtime_ns
    save_finished(again, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_mtime_ns == written


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_model_of_fewer_epochs_is_not_taken_for_the_finished_one(tmp_path, keeper):
    file = tmp_path / "model.keras"
    save_finished(fit_or_resume(keeper(tmp_path), 1, begin, data), file)
    longer = fit_or_resume(keeper(tmp_path), 2, begin, data)
    # Killed here, before it was written.
    save_finished(fit_or_resume(keeper(tmp_path), 2, begin, data), file)
    for one, other in zip(
        keras.saving.load_model(file).get_weights(), longer.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_fewer_epochs_than_are_done_are_refused(tmp_path, keeper):
    fit_or_resume(keeper(tmp_path), 2, begin, data)
    with pytest.raises(InputError, match="already has 2 epochs; `epochs` 1 would take some back"):
        fit_or_resume(keeper(tmp_path), 1, begin, data)


def test_loss_that_is_reached_ends_the_training_for_good(tmp_path):
    fitted = fit_or_resume(Checkpoints(tmp_path), 5, begin, data, until_loss=100.0)
    assert len(fitted.rows) == 1
    assert not fit_or_resume(Checkpoints(tmp_path), 5, begin, data, until_loss=100.0).trained


class Losses(keras.callbacks.Callback):
    """Sets what the history says of each epoch."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses

    def on_epoch_end(self, epoch, logs=None):
        logs["loss"] = self.losses[epoch]


def trained_with(folder, losses, epochs):
    kept = Checkpoints(folder, best="loss")
    return kept, fit_or_resume(kept, epochs, begin, data, before=[Losses(losses)])


def test_model_of_the_smallest_loss_is_kept_the_first_of_several(tmp_path):
    losses = (3.0, 1.0, 2.0, 1.0)
    kept, fitted = trained_with(tmp_path / "all", losses, 4)
    _, second = trained_with(tmp_path / "two", losses, 2)
    assert kept.best_epoch(fitted.rows) == 2
    for one, other in zip(
        kept.best_model(fitted.rows).get_weights(), second.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in (tmp_path / "all" / "checkpoints").glob("best-*")] == ["best-00002.keras"]


def test_best_model_is_found_again_after_a_kill_before_it_was_copied(tmp_path):
    losses = (3.0, 1.0, 2.0)
    kept, fitted = trained_with(tmp_path, losses, 2)
    expected = kept.best_model(fitted.rows).get_weights()
    (tmp_path / "checkpoints" / "best-00002.keras").unlink()
    kept, fitted = trained_with(tmp_path, losses, 3)
    for one, other in zip(kept.best_model(fitted.rows).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_history_has_every_epoch_after_a_kill_between_its_two_files(tmp_path, keeper, monkeypatch):
    fit_or_resume(keeper(tmp_path / "whole"), 3, begin, data)
    expected = read_history(tmp_path / "whole")

    class Killed(Exception):
        pass

    def save(self, *args, **kwargs):
        raise Killed

    fit_or_resume(keeper(tmp_path / "cut"), 1, begin, data)
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save", save)
        with pytest.raises(Killed):
            fit_or_resume(keeper(tmp_path / "cut"), 3, begin, data)
    fit_or_resume(keeper(tmp_path / "cut"), 3, begin, data)
    rows = read_history(tmp_path / "cut")
    assert [(row["epoch"], row["loss"]) for row in rows] == [(row["epoch"], row["loss"]) for row in expected]


def test_best_model_that_is_gone_is_told(tmp_path):
    kept, fitted = trained_with(tmp_path, (1.0, 2.0, 3.0, 4.0), 4)
    (tmp_path / "checkpoints" / "best-00001.keras").unlink()
    with pytest.raises(InputError, match="best-00001.keras is gone, the best model so far; restore it"):
        kept.best_model(fitted.rows)


def test_divergence_is_an_error_that_says_where_the_last_good_checkpoint_is(tmp_path):
    kept = Checkpoints(tmp_path)
    fit_or_resume(kept, 1, begin, data, diverged=kept.diverged)
    x = np.full_like(X, np.nan)
    with pytest.raises(TrainingDiverged, match="in epoch 2, step 1; .*epoch-00001.keras.*`learning_rate`"):
        fit_or_resume(kept, 2, begin, lambda done: {"x": x, "y": x}, diverged=kept.diverged)


def test_divergence_without_a_sentence_ends_the_training_and_leaves_no_row(tmp_path):
    kept = LastModel(tmp_path, steps=3)
    fitted = fit_or_resume(kept, 400, lambda: begin(1e10), data)
    assert len(fitted.rows) < 400 and read_history(tmp_path) == fitted.rows


def test_history_that_is_read_and_written_again_keeps_its_text(tmp_path):
    write_history(tmp_path, [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1e-07}])
    text = (tmp_path / "history.csv").read_text()
    write_history(tmp_path, read_history(tmp_path))
    assert (tmp_path / "history.csv").read_text() == text and text.splitlines()[1] == "1,2.0"


@pytest.mark.slow
def test_damaged_history_is_one_sentence(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss\n1,2.0,3\n")
    with pytest.raises(InputError, match="history.csv is damaged; restore it"):
        read_history(tmp_path)
