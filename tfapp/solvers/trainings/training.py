"""One training of one solver, in a folder, from which a killed one goes on."""

import csv
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.optimizers import SOLVERS, SWEEPS, make_solver, unwrapped
from tfapp.solvers.trainings.workload import Workload, objective

JOB, MODEL, HISTORY, RESULT = "job.json", "last.keras", "history.csv", "result.json"
COLUMNS = ("epoch", "train_objective", "train_error", "test_objective", "test_error")


@dataclass(frozen=True)
class Job:
    """A training to do.

    Attributes:
        workload: Images and network.
        solver: One of `SOLVERS`.
        value: Value of its parameter.
        seed: Of the initial weights and of the order of the batches.
        epochs: Passes over the training images.
    """

    workload: Workload
    solver: str
    value: float | str
    seed: int
    epochs: int

    @property
    def folder(self):
        """Name of its folder."""
        value = self.value if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.solver}-{value}-seed{self.seed}"

    def to_json(self):
        return asdict(self)


def train(job, folder, progress=None, callbacks=()):
    """Train, keep the model and the history after every epoch, and return the result.

    Args:
        job: What to train.
        folder: Where to; a training that was finished there is not done again, and one that was begun goes on.
        progress: Function of the epoch that was finished, or None.
        callbacks: Further Keras callbacks; they are called before the model of an epoch is kept.

    Returns:
        Dictionary: solver, value, seed, epochs, `diverged`, the last row of the history, the history as lists by
        column, and what the optimizer measured last. Errors are shares in percent. A training whose loss
        becomes NaN or infinite stops and has diverged.

    Raises:
        InputError: If the folder holds another training.
    """
    folder = Path(folder)
    _check_same(job, folder)
    if (folder / RESULT).is_file():
        return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    model, rows = _begun(job, folder)
    batches, steps = job.workload.training_batches(job.seed, len(rows))
    model.fit(
        batches,
        steps_per_epoch=steps,
        initial_epoch=len(rows),
        epochs=job.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, _Keep(job, folder, rows, progress)],
    )
    result = _result(job, model, rows)
    write_json(folder / RESULT, result)
    return result


def _check_same(job, folder):
    file = folder / JOB
    wanted = json.loads(json.dumps(job.to_json()))
    if not file.is_file():
        write_json(file, wanted)
    elif json.loads(file.read_text(encoding="utf-8")) != wanted:
        raise InputError(
            f"{folder} holds a training with other settings; choose another --out, or remove it with --overwrite."
        )


def _begun(job, folder):
    """Return the model as it was kept after its last epoch, or a new one, and the history so far."""
    if not (folder / MODEL).is_file():
        model = job.workload.build(job.seed)
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        model.compile(make_solver(job.solver, job.value), objective(), metrics=[accuracy])
        # Left to the first step, the variables of the solver, or of a metric given by its name, have TensorFlow
        # trace that step twice.
        model.optimizer.build(model.trainable_variables)
        return model, []
    model = keras.models.load_model(folder / MODEL)
    done = math.ceil(
        int(unwrapped(model.optimizer).iterations) / job.workload.training_batches(job.seed, 0)[1]
    )
    with (folder / HISTORY).open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return model, rows[:done]


class _Keep(keras.callbacks.Callback):
    """Tests the model and keeps it and the history after every epoch; ends a training that has diverged."""

    def __init__(self, job, folder, rows, progress):
        super().__init__()
        self._job, self._folder, self._rows, self._progress = job, folder, rows, progress

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            return
        tested = self.model.evaluate(self._job.workload.test_batches(), verbose=0, return_dict=True)
        values = [logs["loss"], 100 * (1 - logs["accuracy"]), tested["loss"], 100 * (1 - tested["accuracy"])]
        self._rows.append(dict(zip(COLUMNS, [epoch + 1, *values], strict=True)))
        with atomic_path(self._folder / HISTORY) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self._rows)
        # After the history: a model that was kept has its row.
        with atomic_path(self._folder / MODEL) as temporary:
            self.model.save(temporary)
        if self._progress:
            self._progress(epoch + 1)


def _result(job, model, rows):
    optimizer = unwrapped(model.optimizer)
    last = rows[-1] if rows else {}
    finite = len(rows) == job.epochs and all(map(math.isfinite, last.values()))
    return {
        "solver": job.solver,
        "parameter": (SOLVERS | SWEEPS)[job.solver].parameter,
        "value": job.value,
        "seed": job.seed,
        "epochs": job.epochs,
        "diverged": not finite,
        **(last if finite else {}),
        "history": {name: [row[name] for row in rows] for name in COLUMNS} if finite else {},
        "measured": optimizer.measured() if hasattr(optimizer, "measured") and finite else {},
    }
