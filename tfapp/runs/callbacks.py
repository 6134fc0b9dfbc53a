"""Callbacks of a training: what is kept after every epoch, a stop before NaN is saved, progress."""

import math
import time

import keras

from tfapp.errors import WorkFailed
from tfapp.runs.rates import observe_plateaus, rates_of_last_update


class TrainingDiverged(WorkFailed):
    """The loss became NaN or infinite; the message says where the last good checkpoint is."""


class StopOnDivergence(keras.callbacks.Callback):
    """Stop as soon as the loss is not finite, before the weights are kept.

    Args:
        sentence: Function of (loss, epoch, step), both counted from 1, to the message of the `TrainingDiverged` that is
            raised; None to end the training without an error.
        first_step: Steps that were done before the first one of an epoch.
    """

    def __init__(self, sentence, first_step=0):
        super().__init__()
        self.sentence, self.first_step = sentence, first_step
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.sentence is not None:
            raise TrainingDiverged(self.sentence(loss, self.epoch + 1, self.first_step + batch + 1))
        self.model.stop_training = True


class StopAtLoss(keras.callbacks.Callback):
    """End the training after the first epoch whose mean training loss is at most `loss`; None never does."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def on_epoch_end(self, epoch, logs=None):
        if has_reached(logs, self.loss):
            self.model.stop_training = True


def has_reached(row, loss):
    """Return whether the training loss in a row of a history is at most `loss`, which may be None."""
    return loss is not None and row["loss"] <= loss


class RunRecorder(keras.callbacks.Callback):
    """After every epoch keep the model and one more row of the history; an epoch whose loss is not finite has none.

    A row has the learning rate of the last update of its epoch, unless the history was begun by a version that told
    none. A decay on plateau looks at the loss before the model is kept, which so has how far it is.

    Args:
        kept: `Checkpoints` or `LastModel`, which keep them.
        rows: Rows of the history so far; the new ones are put to them.
        row: Function of (model, logs, seconds that the epoch took) to a row, without its number and the rate.
    """

    def __init__(self, kept, rows, row):
        super().__init__()
        self.kept, self.rows, self.row = kept, rows, row

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.record(epoch + 1, logs)

    def record(self, number, logs, watched=None):
        """Keep the model and the row of this number.

        Args:
            number: Epoch, or iteration, counted from 1.
            logs: What Keras logs.
            watched: The logs that a decay on plateau looks at, where they are others.
        """
        if not math.isfinite(logs["loss"]):
            return
        seconds = round(time.perf_counter() - self._start, 3)
        last = self.rows[-1] if self.rows else None
        rates = rates_of_last_update(self.model)
        if last is not None and not rates.keys() <= last.keys():
            rates = {}
        # The time stays the last column: whoever compares histories leaves it out.
        row = {self.kept.unit: number, **rates, **self.row(self.model, logs, seconds)}
        observe_plateaus(self.model, watched or logs, number - (last[self.kept.unit] if last else 0))
        self.rows.append(row)
        self.kept.keep(self.model, self.rows)


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
        # What was shown with the last batch has the validation of the epoch before.
        steps, epochs = self.params["steps"], self.params["epochs"]
        self.show((epoch + 1) * steps, epochs * steps, f"loss {logs['loss']:.4f}{self.validation}")

    def on_train_end(self, logs=None):
        if self.model.stop_training:
            done = (self.epoch + 1) * self.params["steps"]
            self.show(
                done, done, f"stopped after epoch {self.epoch + 1},{self.validation} loss {logs['loss']:.4f}"
            )
