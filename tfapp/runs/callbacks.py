"""Callbacks of a training: checkpoints, history, a stop before NaN is saved, progress."""

import csv
import math
import time
from pathlib import Path

import keras

from tfapp.errors import InputError, WorkFailed
from tfapp.files import atomic_path

KEPT_CHECKPOINTS = 2


class TrainingDiverged(WorkFailed):
    """The loss became NaN or infinite; the message says where the last good checkpoint is."""


class StopOnDivergence(keras.callbacks.Callback):
    """Stop as soon as the loss is not finite, before the weights reach a checkpoint."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        checkpoint, _ = latest_checkpoint(self.folder)
        kept = f"the last good checkpoint is {checkpoint}" if checkpoint else "no epoch was finished"
        raise TrainingDiverged(
            f"The loss became {loss} in epoch {self.epoch + 1}, step {batch + 1}; {kept}. "
            "Train again with --overwrite and a smaller --learning-rate."
        )


class StopAtLoss(keras.callbacks.Callback):
    """End the training after the first epoch whose mean training loss is at most `loss`; None never does."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def on_epoch_end(self, epoch, logs=None):
        if self.loss is not None and logs["loss"] <= self.loss:
            self.model.stop_training = True


class RunRecorder(keras.callbacks.Callback):
    """After every epoch write a checkpoint and then one row of `history.csv`.

    In this order, and each by write-then-rename, so that the history never has an epoch that the
    checkpoints lack; rows beyond the checkpoint that a run goes on from are dropped, and so is what
    a kill in the middle of a checkpoint left behind.

    Args:
        folder: The run folder.
        further_columns: Function of the model to a dictionary of further numbers of an epoch, or None.
    """

    def __init__(self, folder, further_columns=None):
        super().__init__()
        self.folder = Path(folder)
        self.further_columns = further_columns
        self.rows = []

    def on_train_begin(self, logs=None):
        for abandoned in (self.folder / "checkpoints").glob(".epoch-*.part.keras"):
            abandoned.unlink()
        _, epochs = latest_checkpoint(self.folder)
        self.rows = read_history(self.folder)[:epochs]

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        if self.further_columns:
            row.update(self.further_columns(self.model))
        row["seconds"] = round(time.perf_counter() - self._start, 3)
        self.rows.append(row)
        with atomic_path(_checkpoint_path(self.folder, epoch + 1)) as temporary:
            self.model.save(temporary)
        with atomic_path(self.folder / "history.csv") as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
            writer.writerows(self.rows)
        for old in _checkpoints(self.folder)[:-KEPT_CHECKPOINTS]:
            old.unlink()


def read_history(folder):
    """Return the rows of `history.csv` as dictionaries of floats, empty if there is none."""
    file = Path(folder) / "history.csv"
    if not file.is_file():
        return []
    try:
        with file.open(newline="") as stream:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    except (ValueError, TypeError):
        raise InputError(f"{file} is damaged; restore it, or train again with --overwrite.") from None


def has_reached(folder, loss):
    """Return whether the last epoch of a run ended with a training loss of at most `loss`, which may be None."""
    rows = read_history(folder)[: latest_checkpoint(folder)[1]]
    return loss is not None and bool(rows) and rows[-1]["loss"] <= loss


def latest_checkpoint(folder):
    """Return (path, finished epochs) of the newest checkpoint, or (None, 0)."""
    found = _checkpoints(folder)
    return (found[-1], int(found[-1].stem.split("-")[1])) if found else (None, 0)


def _checkpoints(folder):
    return sorted((Path(folder) / "checkpoints").glob("epoch-*.keras"))


def _checkpoint_path(folder, epoch):
    return Path(folder) / "checkpoints" / f"epoch-{epoch:05d}.keras"


class ReportProgress(keras.callbacks.Callback):
    """Call `show(done, total, note)` after every batch, in batches over the whole training.

    Args:
        show: Function of (batches done in all epochs, batches in all, text with the running loss).
        describe: Function of the model to a text for the note, called after every epoch, or None.
    """

    def __init__(self, show, describe=None):
        super().__init__()
        self.show = show
        self.describe = describe
        self.epoch = 0
        self.validation = ""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        steps, epochs = self.params["steps"], self.params["epochs"]
        note = f"loss {logs['loss']:.4f}{self.validation}"
        self.show(self.epoch * steps + batch + 1, epochs * steps, note)

    def on_epoch_end(self, epoch, logs=None):
        self.validation = f" val {logs['val_loss']:.4f}" if "val_loss" in logs else ""
        if self.describe:
            self.validation += self.describe(self.model)

    def on_train_end(self, logs=None):
        if self.model.stop_training:
            done = (self.epoch + 1) * self.params["steps"]
            self.show(
                done, done, f"stopped after epoch {self.epoch + 1},{self.validation} loss {logs['loss']:.4f}"
            )
