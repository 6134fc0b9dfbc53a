"""What a training keeps on its way: the newest model, from which it resumes, and `history.csv` up to there."""

import csv
import math
import os
import shutil
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import atomic_path, check_regular_file
from tfapp.models.weights import load_keras_model
from tfapp.optimizers import unwrapped
from tfapp.records import SHORTENED
from tfapp.runs.random_states import keep_random_states, restore_random_states

KEPT_CHECKPOINTS = 2
LAST = "last.keras"
HISTORY = "history.csv"


class Checkpoints:
    """The models after the two newest epochs, `checkpoints/epoch-00001.keras` and so on, beside `history.csv`.

    Args:
        folder: Folder of the training.
        best: Column of the history, such as `val_loss`: the model of the epoch with the smallest number in it is kept
            too, `checkpoints/best-00001.keras`, the first of several; None for none.
    """

    unit = "epoch"

    def __init__(self, folder, best=None):
        self.folder, self.best = Path(folder), best

    def done(self):
        """Return the number of finished epochs."""
        return latest_checkpoint(self.folder)[1]

    def resume(self):
        """Return (model, epochs that it has done, rows of the history up to there); the model is None at the start."""
        for abandoned in (self.folder / "checkpoints").glob(".epoch-*.part.keras"):
            abandoned.unlink()
        checkpoint, done = latest_checkpoint(self.folder)
        model = None if checkpoint is None else load_kept(checkpoint)
        if model is not None:
            restore_random_states(model, self.folder, done)
        rows = read_history(self.folder)[:done]
        # Killed between an epoch's model and its copy.
        self._keep_best(rows)
        return model, done, rows

    def diverged(self, loss, epoch, step, remedy="a smaller `learning_rate`"):
        """Return the sentence that the loss became NaN or infinite; it names the newest checkpoint, and the remedy."""
        checkpoint, _ = latest_checkpoint(self.folder)
        kept = f"the last good checkpoint is {checkpoint}" if checkpoint else "no epoch was finished"
        return (
            f"The loss became {loss} in epoch {epoch}, step {step}; {kept}. "
            f"Train again with `overwrite` and {remedy}."
        )

    def keep(self, model, rows):
        """Write the history, and then the model after the epoch of its last row: a model that was kept has its row."""
        write_history(self.folder, rows)
        keep_random_states(model, self.folder, rows[-1][self.unit])
        with atomic_path(_checkpoint_path(self.folder, rows[-1][self.unit])) as temporary:
            model.save(temporary)
        self._keep_best(rows)
        for old in _checkpoints(self.folder)[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def best_epoch(self, rows):
        """Return the number of the epoch with the smallest number in the column `best`, the first of several.

        Args:
            rows: Of the history, at least one.
        """
        return min(rows, key=lambda row: row[self.best])[self.unit]

    def best_model(self, rows):
        """Return the model of that epoch.

        Raises:
            InputError: Its file is gone or damaged.
        """
        file = _best_path(self.folder, self.best_epoch(rows))
        if not file.is_file():
            raise InputError(
                f"{file} is gone, the best model so far; restore it, or train again with `overwrite`."
            )
        return load_kept(file)

    def _keep_best(self, rows):
        if self.best is None or not rows:
            return
        file = _best_path(self.folder, self.best_epoch(rows))
        source = _checkpoint_path(self.folder, self.best_epoch(rows))
        if not file.is_file() and source.is_file():
            with atomic_path(file) as temporary:
                shutil.copyfile(source, temporary)
        if file.is_file():
            for old in set(file.parent.glob("best-*.keras")) - {file}:
                old.unlink()


class LastModel:
    """One model, `last.keras`, whose optimizer tells how far it is, beside `history.csv`.

    Args:
        folder: Folder of the training.
        unit: What a row of the history counts, `epoch` or `iteration`.
        steps: Iterations of one unit.
    """

    def __init__(self, folder, unit="epoch", steps=1):
        self.folder, self.unit, self.steps = Path(folder), unit, steps

    def done(self):
        """Return the number of units that the history has."""
        rows = read_history(self.folder)
        return int(rows[-1][self.unit]) if rows else 0

    def resume(self):
        """Return (model, units that it has done, rows of the history up to there); the model is None at the start."""
        for abandoned in self.folder.glob(f".{Path(LAST).stem}.*.part.keras"):
            abandoned.unlink()
        if not (self.folder / LAST).is_file():
            return None, 0, []
        model = load_kept(self.folder / LAST)
        done = math.ceil(int(unwrapped(model.optimizer).iterations) / self.steps)
        restore_random_states(model, self.folder, done)
        return model, done, [row for row in read_history(self.folder) if row[self.unit] <= done]

    def keep(self, model, rows):
        """Write the history, and then the model: a model that was kept has its row."""
        write_history(self.folder, rows)
        keep_random_states(model, self.folder, rows[-1][self.unit])
        with atomic_path(self.folder / LAST) as temporary:
            model.save(temporary)


def load_kept(file, remedy="train again with `overwrite`"):
    """Return the model that a training kept, with its optimizer; a run of somebody else is loaded no less carefully.

    Args:
        file: `Path` of the `.keras` file.
        remedy: What to do about one that is damaged.

    Raises:
        InputError: As `load_keras_model`.
    """
    try:
        return load_keras_model(file, compiled=True)
    except InputError as error:
        reason = str(error).removeprefix(f"{file} ").removeprefix("cannot be loaded: ").rstrip(".")
        raise InputError(f"{file} cannot be loaded ({reason}); {remedy}.") from error


def latest_checkpoint(folder):
    """Return (path, finished epochs) of the newest of the `Checkpoints` in a folder, or (None, 0)."""
    found = _checkpoints(folder)
    return (found[-1], int(found[-1].stem.split("-")[1])) if found else (None, 0)


def _checkpoints(folder):
    return sorted((Path(folder) / "checkpoints").glob("epoch-*.keras"))


def _checkpoint_path(folder, epoch):
    return Path(folder) / "checkpoints" / f"epoch-{epoch:05d}.keras"


def _best_path(folder, epoch):
    return Path(folder) / "checkpoints" / f"best-{epoch:05d}.keras"


def read_history(folder):
    """Return the rows of `history.csv` as dictionaries of numbers, empty if there is none.

    The first column counts, epochs or iterations, in whole numbers, also where some program wrote 1.0 for 1.

    Raises:
        InputError: The file is damaged.
    """
    file = Path(folder) / HISTORY
    if not os.path.lexists(file):
        return []
    try:
        check_regular_file(file)
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows = [{name: _number(text) for name, text in row.items()} for row in reader]
            return _counted(rows, reader.fieldnames)
    except (ValueError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{file} is damaged{_told(error)}; restore it, or train again with `overwrite`."
        ) from None


_UNITS = ("epoch", "iteration")


def _counted(rows, names):
    unit = (names or [""])[0]
    if unit not in _UNITS or len(set(names)) < len(names):
        raise _BadRow(
            f"its first line is {SHORTENED.repr(','.join(names or []))}, expected {' or '.join(_UNITS)} and other names"
        )
    last = 0
    for row in rows:
        count = row[unit]
        if not (last < count < 2**53 and count == int(count)):
            raise _BadRow(f"{unit} {count} follows {last}, expected rising whole numbers")
        row[unit] = last = int(count)
    return rows


class _BadRow(ValueError):
    """A row that no history has; the message says why."""


def _told(error):
    return f" ({error})" if isinstance(error, _BadRow) else ""


def write_history(folder, rows):
    """Write `history.csv` by write-then-rename, under the names of the last row, of which there is at least one."""
    with atomic_path(Path(folder) / HISTORY) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)


def _number(text):
    # Counts stay counts, so that rows that are read and written again keep their text.
    return int(text) if text.isascii() and text.isdigit() else float(text)
