"""Path of the weights through a training: the callback that records it, and its folder."""

import json
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.landscape.directions.structure import (
    PARAMETERS,
    check_same_structure,
    open_archive,
    parameters_from_json,
    parameters_of,
    structure_hash,
)
from tfapp.landscape.fingerprint import hash_arrays
from tfapp.packed import check_unpacked
from tfapp.records import Entries, OneOf, Text, Whole, read_record
from tfapp.report.tensorboard import check_tensorboard, summary_writer

FREQUENCIES = ("epoch", "step")
_FORMAT = 1
_RECORD = "trajectory.json"
_WHAT = "checkpoint of a trajectory"
_EXPECTED = Entries({"format": OneOf((_FORMAT,)), "parameters": PARAMETERS})
_NOTE = Entries({"step": Whole(least=0), "epoch": Whole(least=0), "weights": Text(), "structure": Text()})


class TrajectoryRecorder(keras.callbacks.Callback):
    """Write the trainable weights into a folder, from the start of the training to its end.

        model.fit(x, y, epochs=60, callbacks=[TrajectoryRecorder("run/trajectory")])
        directions = pca_directions(model, "run/trajectory")

    Each checkpoint is a NumPy archive that appears by write-then-rename, so that a kill leaves whole files
    only. A later training resumes the folder if its weights are those of one of the checkpoints, as
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
        if isinstance(every, bool) or not isinstance(every, Integral) or every < 1:
            raise InputError(f"`every` must be an integer >= 1. Received: every={every!r}.")
        if frequency not in FREQUENCIES:
            raise InputError(f"`frequency` must be 'epoch' or 'step'. Received: frequency={frequency!r}.")
        self.folder, self.every, self.frequency = Path(folder), int(every), frequency
        self._overwrite = overwrite
        if log_dir is not None:
            check_tensorboard()
        self._scalars = None if log_dir is None else _Scalars(log_dir)

    def on_train_begin(self, logs=None):
        stored = open_or_none(self.folder, self.model)
        kept, step = self._resume_point(None if self._overwrite else stored)
        self._overwrite = False  # a second `fit` with the same callback resumes
        self._offset = step - self._iterations()
        self._last, self._epoch = -1, 0
        if stored is not None:
            remove(self.folder, stored.steps[kept:])
        if kept:
            self._last, self._epoch = int(stored.steps[kept - 1]), int(stored.epochs[kept - 1])
            if self._scalars is not None:
                self._scalars.go_on(stored[0], stored[kept - 1])
        else:
            begin(self.folder, self.model)
        self._begun = False

    def on_epoch_begin(self, epoch, logs=None):
        # Not when the training begins: only here does one learn the number of its first epoch.
        if not self._begun:
            self._epoch = max(self._epoch, epoch)
            # The start; or, of a training that resumes, a checkpoint that a kill came before.
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
        write_checkpoint(self.folder, self.model, weights, self._step(), self._epoch)


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


class Trajectory:
    """The checkpoints of one training, in order of their steps; weights are read when they are asked for.

    Attributes:
        folder: where they are.
        parameters: the trainable parameters they hold.
        steps: int64 (m,), ascending, steps of the optimizer.
        epochs: int64 (m,), epochs that were finished.
        hashes: m hashes of the weights.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.parameters = _read_record(self.folder)
        self._files = sorted(self.folder.glob("step-*.npz"))
        notes = [self._note(file) for file in self._files]
        self.steps = np.array([note["step"] for note in notes], np.int64)
        self.epochs = np.array([note["epoch"] for note in notes], np.int64)
        self.hashes = [note["weights"] for note in notes]

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index: int) -> list[np.ndarray]:
        """Return the trainable weights of one checkpoint, float32, in the order of `parameters`."""
        with open_archive(self._files[index], _WHAT) as archive:
            return [self._read(archive, number) for number in range(len(self.parameters))]

    def parameter(self, number: int) -> np.ndarray:
        """Return one parameter at all checkpoints, float32 (m, *shape)."""
        values = []
        for file in self._files:
            with open_archive(file, _WHAT, [f"w{number}"]) as archive:
                values.append(self._read(archive, number))
        return np.stack(values)

    def _read(self, archive, number):
        array = archive[f"w{number}"]
        if array.shape != self.parameters[number].shape:
            raise ValueError(f"w{number} has shape {array.shape}")
        return array

    def _note(self, file):
        with open_archive(file, _WHAT) as archive:
            note = json.loads(str(archive["note"]))
            if fault := _NOTE.fault(note):
                raise ValueError(fault)
            if note["structure"] != structure_hash(self.parameters):
                raise ValueError(f"it is of another model than {_RECORD}")
            return note


def load_trajectory(folder) -> Trajectory:
    """Open what a `TrajectoryRecorder` wrote.

    Args:
        folder: its folder.

    Returns:
        `Trajectory` of at least one checkpoint.

    Raises:
        InputError: the folder does not exist, holds no trajectory, or a file of it is damaged.
    """
    trajectory = Trajectory(folder)
    if not len(trajectory):
        raise InputError(f"Expected checkpoints of a trajectory in {folder}. Received: none.")
    return trajectory


def open_or_none(folder, model: keras.Model) -> Trajectory | None:
    """Return the trajectory in a folder that a recorder may resume, None if there is none yet.

    Raises:
        InputError: the path is not a folder, or holds the trajectory of another model.
    """
    if not Path(folder, _RECORD).exists():
        if Path(folder).exists() and not Path(folder).is_dir():
            check_unpacked(folder)
            raise InputError(f"Expected a folder for a trajectory. Received: {folder}, which is a file.")
        return None
    trajectory = Trajectory(folder)
    check_same_structure(trajectory.parameters, model, f"The trajectory in {folder}")
    return trajectory if len(trajectory) else None


def begin(folder, model: keras.Model) -> None:
    """Write what the checkpoints of a folder have in common."""
    write_json(Path(folder) / _RECORD, {"format": _FORMAT, "parameters": parameters_of(model)})


def write_checkpoint(folder, model: keras.Model, weights: list[np.ndarray], step: int, epoch: int) -> None:
    """Write the weights of one step, by write-then-rename."""
    note = {
        "step": step,
        "epoch": epoch,
        "weights": hash_arrays(weights),
        "structure": structure_hash(parameters_of(model)),
    }
    arrays = {f"w{number}": array for number, array in enumerate(weights)}
    with atomic_path(_file(folder, step)) as temporary, open(temporary, "wb") as file:
        np.savez(file, note=np.array(json.dumps(note)), **arrays)


def remove(folder, steps: Iterable[int]) -> None:
    """Delete the checkpoints of some steps, and what a kill in the middle of one left behind."""
    for step in steps:
        _file(folder, step).unlink()
    for abandoned in Path(folder).glob(".step-*.part.npz"):
        abandoned.unlink()


def _file(folder, step):
    return Path(folder) / f"step-{step:010d}.npz"


def _read_record(folder):
    file = folder / _RECORD
    if not file.is_file():
        raise InputError(
            f"Expected the folder of a trajectory, as TrajectoryRecorder writes it. Received: {folder}, which has no "
            f"{_RECORD}."
        )
    try:
        record = read_record(file, _EXPECTED, "it may be of another version: record the training again.")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    return parameters_from_json(record["parameters"])
