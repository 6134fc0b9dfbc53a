"""The folder of a training trajectory: one file of weights for every recorded step."""

import json
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.landscape.directions.archives import open_archive
from tfapp.landscape.directions.structure import (
    check_same_structure,
    parameters_from_json,
    parameters_of,
    structure_hash,
)
from tfapp.landscape.fingerprint import hash_arrays

_FORMAT = 1
_RECORD = "trajectory.json"
_WHAT = "checkpoint of a trajectory"


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
            with open_archive(file, _WHAT) as archive:
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
    """Return the trajectory in a folder that a recorder may go on with, None if there is none yet.

    Raises:
        InputError: the path is not a folder, or holds the trajectory of another model.
    """
    if not Path(folder, _RECORD).exists():
        if Path(folder).exists() and not Path(folder).is_dir():
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
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            raise ValueError
        return parameters_from_json(record["parameters"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file} is damaged, or of another version; record the training again.") from None
