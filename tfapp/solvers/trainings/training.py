"""One training of one solver, in a folder, from which a killed one resumes."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from tfapp.files import write_json
from tfapp.optimizers import EpochRates, LossAwareOptimizer, make_solver, solver_of, unwrapped
from tfapp.optimizers.catalogue import value_text
from tfapp.records import Entries, Flag, ListOf, Number, TableOf, Text, Whole, checked, read_record
from tfapp.runs.accelerators import jit_compile
from tfapp.runs.checkpoints import LAST, LastModel
from tfapp.runs.fitting import fit_or_resume
from tfapp.runs.record import JOB, keep_settings
from tfapp.solvers.trainings.workload import Workload

MODEL, RESULT = LAST, "result.json"
_AGAIN = "remove it and run the same command again."


@dataclass(frozen=True)
class _Value(Number):
    """A finite number, or a text of those that stand in its place."""

    noun: str = "a finite number, 'auto' or rates by epoch"

    def holds(self, value):
        return (
            value in ("auto", "auto-median") or EpochRates.is_text(value)
            if isinstance(value, str)
            else super().holds(value)
        )


_ENTRIES = Entries(
    {
        "solver": Text(),
        "value": _Value(),
        "seed": Whole(0),
        "epochs": Whole(1),
        "diverged": Flag(),
        "history": TableOf(),
    }
)
# Metric of the loss without the decay of the weights.
_LOSS_ALONE = "cross_entropy"
COLUMNS = ("epoch", "train_objective", "train_error", "test_objective", "test_error")
# Of a training that did not diverge.
_MEASURES = Entries(
    {
        **{name: Number() for name in COLUMNS},
        "history": Entries({name: ListOf(Number()) for name in COLUMNS}),
        "measured": TableOf(),
    }
)


@dataclass(frozen=True)
class Job:
    """A training to do.

    Attributes:
        workload: Images and network.
        solver: One of `SOLVERS`, with or without options: as for `tfapp.optimizers.solver_of`.
        value: Value of its parameter, as for `tfapp.optimizers.make_solver`.
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
        name = f"{self.solver}-{value_text(self.value)}-seed{self.seed}"
        return name.replace(":", ",").replace("/", ",")

    def to_json(self):
        return asdict(self) | {"workload": self.workload.to_json()}


def train(job, folder, progress=None, callbacks=()):
    """Train, keep the model and the history after every epoch, and return the result.

    Args:
        job: What to train.
        folder: Where to; a training that was finished there is not done again, and one that was begun resumes.
        progress: Function of the epoch that was finished, or None.
        callbacks: Further Keras callbacks; they are called before the model of an epoch is kept.

    Returns:
        Dictionary: solver, value, seed, epochs, `diverged`, the last row of the history, the history as lists by
        column, and what the optimizer measured last. Errors are shares in percent. A training whose loss
        becomes NaN or infinite stops and has diverged.

    Raises:
        InputError: If the folder holds another training.
    """
    folder, workload = Path(folder), job.workload
    keep_settings(
        folder / JOB,
        job.to_json(),
        f"{folder} holds a training with other settings; choose another `out`, or remove it with `overwrite`.",
    )
    if (folder / RESULT).is_file():
        result = read_record(folder / RESULT, _ENTRIES, _AGAIN)
        return result if result["diverged"] else checked(result, folder / RESULT, _MEASURES, _AGAIN)
    _, steps = workload.training_batches(job.seed, 0)

    told = _LOSS_ALONE if workload.loss_alone else "loss"

    def tested(model, logs, seconds):
        found = model.evaluate(workload.test_batches(), verbose=0, return_dict=True)
        values = [logs[told], 100 * (1 - logs["accuracy"]), found[told], 100 * (1 - found["accuracy"])]
        return dict(zip(COLUMNS[1:], values, strict=True))

    def show(epoch, logs):
        if progress and math.isfinite(logs["loss"]):
            progress(epoch + 1)

    fitted = fit_or_resume(
        LastModel(folder, steps=steps),
        job.epochs,
        lambda: compiled(job, steps),
        lambda epochs: {"x": workload.training_batches(job.seed, epochs)[0], "steps_per_epoch": steps},
        row=tested,
        before=callbacks,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=show), _SkipsAreTold()],
    )
    result = _result(job, fitted.model, fitted.rows)
    write_json(folder / RESULT, result)
    return result


class _SkipsAreTold(keras.callbacks.Callback):
    """A training that diverges is recorded as such and told by whoever asked for it: no further warning."""

    def on_train_begin(self, logs=None):
        if isinstance(unwrapped(self.model.optimizer), LossAwareOptimizer):
            unwrapped(self.model.optimizer).mark_skips_as_told()


def compiled(job, steps):
    """Return the network of a job at its initial weights, compiled with its solver.

    Args:
        job: The `Job`.
        steps: Updates of an epoch.
    """
    solver = job.workload.factored(make_solver(job.solver, job.value, steps, job.epochs))
    model = job.workload.build_for(solver, job.seed)
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if job.workload.loss_alone:
        metrics.append(job.workload.loss_metric(_LOSS_ALONE))
    model.compile(solver, job.workload.objective(), metrics=metrics, jit_compile=jit_compile())
    # Left to the first step, the variables of the solver, or of a metric given by its name, have TensorFlow
    # trace that step twice.
    model.optimizer.build(model.trainable_variables)
    return model


def _result(job, model, rows):
    optimizer = unwrapped(model.optimizer)
    last = rows[-1] if rows else {}
    finite = len(rows) == job.epochs and all(map(math.isfinite, last.values()))
    return {
        "solver": job.solver,
        "parameter": solver_of(job.solver).parameter,
        "value": job.value,
        "seed": job.seed,
        "epochs": job.epochs,
        "diverged": not finite,
        **({name: last[name] for name in COLUMNS} if finite else {}),
        "history": {name: [row[name] for row in rows] for name in COLUMNS} if finite else {},
        "measured": optimizer.measured() if hasattr(optimizer, "measured") and finite else {},
    }
