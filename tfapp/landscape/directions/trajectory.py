"""A Keras callback that records the path of the weights through a training."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.directions import trajectory_files
from tfapp.landscape.fingerprint import hash_arrays
from tfapp.summaries import check_tensorboard, summary_writer

FREQUENCIES = ("epoch", "step")


class TrajectoryRecorder(keras.callbacks.Callback):
    """Write the trainable weights into a folder, from the start of the training to its end.

        model.fit(x, y, epochs=60, callbacks=[TrajectoryRecorder("run/trajectory")])
        directions = pca_directions(model, "run/trajectory")

    Each checkpoint is a NumPy archive that appears by write-then-rename, so that a kill leaves whole files
    only. A later training goes on with the folder if its weights are those of one of the checkpoints, as
    after `fit` or a restored backup, or if its optimizer has made steps already; checkpoints beyond that
    point are of a continuation that was given up, and are deleted.

    Args:
        folder: where to write; made if it does not exist.
        every: integer >= 1, epochs or steps between two checkpoints. The start and the end are always
            recorded.
        frequency: what `every` counts, "epoch" or "step" (of the optimizer).
        overwrite: delete the trajectory that the folder holds when the training starts.
        log_dir: folder for TensorBoard, to which every checkpoint adds `trajectory/weight_norm`, |w|;
            `trajectory/step_length`, the distance from the checkpoint before; and
            `trajectory/cosine_to_start`, the cosine of the angle between w and the weights at the start. None
            for none.

    Raises:
        InputError: a bad argument, or `log_dir` without TensorBoard; and when the training starts, before
            anything is written, a folder that holds the trajectory of another model or of another training.
    """

    def __init__(
        self, folder, every: int = 1, *, frequency: str = "epoch", overwrite: bool = False, log_dir=None
    ):
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise InputError(f"`every` must be an integer >= 1. Received: every={every!r}.")
        if frequency not in FREQUENCIES:
            raise InputError(f"`frequency` must be 'epoch' or 'step'. Received: frequency={frequency!r}.")
        self.folder, self.every, self.frequency = Path(folder), every, frequency
        self._overwrite = overwrite
        if log_dir is not None:
            check_tensorboard()
        self._scalars = None if log_dir is None else _Scalars(log_dir)

    def on_train_begin(self, logs=None):
        stored = trajectory_files.open_or_none(self.folder, self.model)
        kept, step = self._resume_point(None if self._overwrite else stored)
        self._overwrite = False  # a second `fit` with the same callback goes on
        self._offset = step - self._iterations()
        self._last, self._epoch = -1, 0
        if stored is not None:
            trajectory_files.remove(self.folder, stored.steps[kept:])
        if kept:
            self._last, self._epoch = int(stored.steps[kept - 1]), int(stored.epochs[kept - 1])
            if self._scalars is not None:
                self._scalars.go_on(stored[0], stored[kept - 1])
        else:
            trajectory_files.begin(self.folder, self.model)
        self._begun = False

    def on_epoch_begin(self, epoch, logs=None):
        # Not when the training begins: only here does one learn the number of its first epoch.
        if not self._begun:
            self._epoch = max(self._epoch, epoch)
            # The start; or, of a training that goes on, a checkpoint that a kill came before.
            if self._last < 0 or self._due():
                self._record()
            self._begun = True

    def on_train_batch_end(self, batch, logs=None):
        # Several steps may run between two calls (`steps_per_execution`).
        if self.frequency == "step" and self._due():
            self._record()

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = max(self._epoch, epoch) + 1  # a second `fit` may count from 0 again
        if self.frequency == "epoch" and self._due():
            self._record()
        elif self._last == self._step():
            # Only now does one know that the step ended an epoch.
            self._write(self._weights())

    def on_train_end(self, logs=None):
        self._record()
        if self._scalars is not None:
            self._scalars.close()

    def _resume_point(self, stored):
        """Return how many stored checkpoints are kept, and the step that the model is at."""
        iterations = self._iterations()
        if stored is None:
            return 0, iterations
        now = hash_arrays(self._weights())
        if now in stored.hashes:
            kept = len(stored) - stored.hashes[::-1].index(now)
            if kept > 1 or len(stored) == 1:
                return kept, int(stored.steps[kept - 1])
        elif iterations > stored.steps[0] and iterations not in stored.steps:
            return int(np.count_nonzero(stored.steps < iterations)), iterations
        raise InputError(
            f"{self.folder} holds {len(stored)} checkpoints of another training, up to step {stored.steps[-1]}; "
            "choose another folder, or start again with overwrite=True."
        )

    def _iterations(self):
        return int(self.model.optimizer.iterations)

    def _step(self):
        return self._iterations() + self._offset

    def _weights(self):
        return [np.asarray(variable.numpy(), np.float32) for variable in self.model.trainable_variables]

    def _due(self):
        """Return whether the present weights are of a step or epoch that is recorded."""
        if self.frequency == "epoch":
            return self._epoch % self.every == 0
        return self._step() // self.every > self._last // self.every

    def _record(self):
        """Write the present weights, once for each step."""
        if self._step() <= self._last:
            return
        weights = self._weights()
        self._write(weights)
        self._last = self._step()
        if self._scalars is not None:
            self._scalars.write(weights, self._last)

    def _write(self, weights):
        trajectory_files.write_checkpoint(self.folder, self.model, weights, self._step(), self._epoch)


class _Scalars:
    """Writes what the weights do to TensorBoard."""

    def __init__(self, log_dir):
        self._log_dir = log_dir
        self._writer = self._start = self._previous = None

    def go_on(self, start, previous):
        self._start, self._previous = start, previous

    def write(self, weights, step):
        if self._writer is None:
            self._writer = summary_writer(self._log_dir)
        self._start = weights if self._start is None else self._start
        norm = _norm(weights)
        cosine = _dot(weights, self._start) / max(norm * _norm(self._start), np.finfo(np.float64).tiny)
        with self._writer.as_default(step):
            tf.summary.scalar("trajectory/weight_norm", norm)
            tf.summary.scalar("trajectory/cosine_to_start", cosine)
            if self._previous is not None:
                tf.summary.scalar("trajectory/step_length", _distance(weights, self._previous))
        self._writer.flush()  # as safe from a kill as the checkpoint
        self._previous = weights

    def close(self):
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _dot(a, b):
    return sum(float(np.vdot(x.astype(np.float64), y)) for x, y in zip(a, b, strict=True))


def _norm(a):
    return float(np.sqrt(_dot(a, a)))


def _distance(a, b):
    return _norm([x.astype(np.float64) - y for x, y in zip(a, b, strict=True)])
