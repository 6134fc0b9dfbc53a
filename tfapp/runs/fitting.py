"""Engine of all trainings: from the newest checkpoint, if there is one, to the last epoch, with Keras `fit()`."""

from dataclasses import dataclass
from typing import Any

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.landscape.fingerprint import hash_weights
from tfapp.runs.accelerators import compile_for_this_machine, waiting_on_accelerator
from tfapp.runs.callbacks import RunRecorder, StopAtLoss, StopOnDivergence, has_reached
from tfapp.runs.checkpoints import load_kept


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a training came to.

    Attributes:
        model: The Keras model as it is at the end.
        rows: Rows of its history, from the first epoch on.
        trained: Whether any of it was trained now; False if all had been done before.
    """

    model: Any
    rows: list
    trained: bool


def fit_or_resume(
    kept,
    last,
    begin,
    data,
    *,
    row=None,
    until_loss=None,
    diverged=None,
    prepare=None,
    before=(),
    callbacks=(),
    recorder=RunRecorder,
):
    """Train a model to its last epoch; what was done before and is kept is not done again.

    Killed at any moment and called again in the same way, it ends with the weights of an unbroken training.

    Args:
        kept: `Checkpoints` or `LastModel`: where the model and the history are kept on the way. Where these count
            iterations, `fit()` sees one epoch of all that are left.
        last: Epochs, or iterations, in all.
        begin: Function to the new, compiled model; not called where a model was kept.
        data: Function of the epochs, or iterations, that are done to the arguments of `fit()` for the others: `x`, and
            where they are needed `steps_per_epoch` and `validation_data`.
        row: Function of (model, logs, seconds) to a row of the history, as `RunRecorder` takes it; None for the logs
            and the seconds.
        until_loss: End after the first epoch whose training loss is at most this; None never does.
        diverged: Function of (loss, epoch, step), both counted from 1, to the message of the error when the loss
            becomes NaN or infinite; None to end without one, and without a row for that epoch.
        prepare: Function to be called with the model, new or kept, before it is trained further.
        before, callbacks: Further Keras callbacks, called before and after the model of an epoch is kept.
        recorder: Function of (kept, rows, row) to the callback that keeps it, a `RunRecorder`.

    Returns:
        `Fitted`.

    Raises:
        InputError: More was done already than `last`, or the history is damaged.
        TrainingDiverged: The loss became NaN or infinite, and `diverged` says how to tell it.
    """
    refuse_fewer(kept, last)
    model, done, rows = kept.resume()
    if model is None:
        model = begin()
    if done >= last or (rows and has_reached(rows[-1], until_loss)):
        return Fitted(model, rows, False)
    compile_for_this_machine(model)
    if prepare is not None:
        prepare(model)
    in_epochs = kept.unit == "epoch"
    watchers = [
        StopOnDivergence(diverged, 0 if in_epochs else done),
        *before,
        recorder(kept, rows, row or logs_and_seconds),
        StopAtLoss(until_loss),
        *callbacks,
    ]
    span = {"epochs": last, "initial_epoch": done} if in_epochs else {"steps_per_epoch": last - done}
    given = data(done)
    given["x"] = waiting_on_accelerator(given["x"])
    # The data come shuffled.
    model.fit(**given, **span, shuffle=False, verbose=0, callbacks=watchers)
    return Fitted(model, rows, True)


def refuse_fewer(kept, last):
    """Raise InputError if more epochs, or iterations, are done already than `last`."""
    done, units = kept.done(), f"{kept.unit}s"
    if done > last:
        raise InputError(f"{kept.folder} already has {done} {units}; `{units}` {last} would take some back.")


def save_finished(fitted, file, finished=None):
    """Write the model of a training that has come to its end, by write-then-rename; its own that is there stays.

    A training that was killed before it wrote its model may find there that of fewer epochs, which it went on from.

    Args:
        fitted: `Fitted`.
        file: `.keras` file.
        finished: The Keras model to write; None for the trained one, with its optimizer.
    """
    model = finished or fitted.model
    if fitted.trained or not _holds(file, model):
        with atomic_path(file) as temporary:
            model.save(temporary)


def _holds(file, model):
    """Return whether a `.keras` file has the weights of a model."""
    try:
        return file.is_file() and hash_weights(load_kept(file)) == hash_weights(model)
    except InputError:  # damaged
        return False


def logs_and_seconds(model, logs, seconds):
    """Return the row of an epoch that has what Keras logs and the seconds."""
    return {**{name: float(value) for name, value in logs.items()}, "seconds": seconds}
