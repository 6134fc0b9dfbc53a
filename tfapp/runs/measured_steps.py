"""Training by plain gradient steps on whose way the step itself is measured, which resumes like every other.

Every so many updates, before an update is made, loss and gradient of its batch are measured along its step, and the
internal covariate shift of layers over it: `tfapp.landscape.gradient_step` and `covariate_shift`.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.landscape import BatchGradient, covariate_shift, gradient_step
from tfapp.landscape.gradient_steps import NotFinite
from tfapp.records import Entries, Flag, read_record
from tfapp.runs.callbacks import ReportProgress
from tfapp.runs.checkpoints import LastModel, read_history, write_history
from tfapp.runs.fitting import fit_or_resume
from tfapp.runs.record import keep_settings

SETTINGS, RESULT = "job.json", "result.json"


@dataclass(frozen=True)
class StepPlan:
    """How to train and what to measure.

    Attributes:
        rate: Learning rate of plain gradient steps, above 0.
        updates: How many.
        every: Updates between two measurements; `updates` is a multiple of it.
        factors: Step sizes of the measurements, as multiples of the rate.
        layers: Layers whose covariate shift is measured, at most.
    """

    rate: float
    updates: int = 200
    every: int = 20
    factors: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    layers: int = 4

    def check(self):
        """Raise InputError for a number out of its range."""
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InputError(f"`learning_rate` must be a finite number above 0; got {self.rate}.")
        for name in ("updates", "every", "layers"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1; got {getattr(self, name)}.")
        if self.updates % self.every:
            raise InputError(
                f"`updates` must be a multiple of `every`; got {self.updates} and {self.every}, such as "
                f"{-(-self.updates // self.every) * self.every} and {self.every}."
            )
        if not (self.factors and all(math.isfinite(one) and one > 0 for one in self.factors)):
            raise InputError(
                f"`factors` must be finite numbers above 0, such as 0.5,1,2,4; got {self.factors}."
            )


@dataclass(frozen=True)
class MeasuredTraining:
    """What was measured along a training.

    Attributes:
        rows: Of each measurement a dictionary: after `updates` updates, of the next batch, its `loss`, the norm of its
            `gradient`, the least and largest loss (`loss_min`, `loss_max`) and change of the gradient (`change_min`,
            `change_max`) over the step sizes, the effective `smoothness`; of the covariate shift of the measured layers
            the mean (`shift`), that of its share of their gradient (`relative_shift`) and of the `cosine`, and of each
            layer `shift NAME` and so on; and `mean_loss` and `accuracy` of the `every` batches that followed.
        diverged: Whether the loss became NaN or infinite before the last update; what was measured before is there, the
            last time with an infinite `mean_loss`.
    """

    rows: list
    diverged: bool


@claiming("folder")
def train_measured(folder, plan, settings, build, batches, task=None) -> MeasuredTraining:
    """Train a model and measure its steps; a finished training is read, and one that was killed goes on.

    Args:
        folder: Folder of this training alone.
        plan: `StepPlan`.
        settings: Dictionary of all else that decides it, as JSON can hold it: data, network, seed.
        build: Function to a new model, not compiled, and its loss.
        batches: Function of a number of updates to an endless `tf.data.Dataset` of the batches after them.
        task: Called as `tfapp.runs.progress.Task` with the updates that are done, or None.

    Returns:
        `MeasuredTraining`.

    Raises:
        InputError: For a plan out of range, or a folder with another training.
    """
    plan.check()
    folder = Path(folder)
    keep_settings(
        folder / SETTINGS,
        {**asdict(plan), **settings},
        f"{folder} holds a training with other settings; choose another `out`, or remove it with `overwrite`.",
    )
    if (folder / RESULT).is_file():
        again = "remove it and run the same command again."
        result = read_record(folder / RESULT, Entries({"diverged": Flag()}), again)
        return MeasuredTraining(read_history(folder), result["diverged"])
    measured = _Measured(plan, batches)
    fitted = fit_or_resume(
        LastModel(folder, steps=plan.every),
        plan.updates // plan.every,
        lambda: _compiled(plan, *build()),
        lambda done: {"x": batches(done * plan.every), "steps_per_epoch": plan.every},
        row=measured.row,
        before=[measured],
        callbacks=[] if task is None else [ReportProgress(task)],
    )
    rows, diverged = fitted.rows, len(fitted.rows) < plan.updates // plan.every
    if diverged and measured.found:
        # What was measured before the batches with which it diverged is no less true.
        rows = [
            *rows,
            {"epoch": len(rows) + 1, **measured.found, "mean_loss": math.inf, "accuracy": math.nan},
        ]
        write_history(folder, rows)
    write_json(folder / RESULT, {"diverged": diverged})
    return MeasuredTraining(rows, diverged)


def _compiled(plan, model, loss):
    # The metric by its class: given by name, Keras makes it at the first step, which is then traced twice.
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(keras.optimizers.SGD(plan.rate), loss, metrics=[accuracy])
    model.optimizer.build(model.trainable_variables)
    return model


class _Measured(keras.callbacks.Callback):
    """Measure the first step of every epoch before it is made; `found` has what was measured last."""

    def __init__(self, plan, batches):
        super().__init__()
        self.plan, self.batches = plan, batches
        self._gradient, self.found = None, {}

    def on_epoch_begin(self, epoch, logs=None):
        updates = epoch * self.plan.every
        self._gradient = self._gradient or BatchGradient(self.model)
        batch = next(iter(self.batches(updates)))
        rates = [factor * self.plan.rate for factor in self.plan.factors]
        try:
            step = gradient_step(self.model, *batch, rates=rates, gradient=self._gradient)
        except NotFinite:
            # The step that follows meets the same, and ends the training without a row.
            self.found = {}
            return
        options = {"rate": self.plan.rate, "layers": self.plan.layers, "gradient": self._gradient}
        self.found = {"updates": updates, **_of_step(step)}
        self.found |= _of_layers(covariate_shift(self.model, *batch, **options))

    def row(self, model, logs, seconds):
        """Return the row of an epoch, as `fit_or_resume` takes it."""
        del model, seconds
        return {**self.found, "mean_loss": logs["loss"], "accuracy": logs["accuracy"]}


def _of_step(step):
    return {
        "loss": step.loss,
        "gradient": step.gradient,
        **dict(zip(("loss_min", "loss_max"), step.loss_range, strict=True)),
        **dict(zip(("change_min", "change_max"), step.change_range, strict=True)),
        "smoothness": step.smoothness,
    }


def _of_layers(shifts):
    measures = {"shift": "shift", "relative_shift": "relative", "cosine": "cosine"}
    found = {
        name: sum(getattr(one, attribute) for one in shifts) / len(shifts)
        for name, attribute in measures.items()
    }
    by_layer = {
        f"{name} {one.name}": getattr(one, attribute)
        for name, attribute in measures.items()
        for one in shifts
    }
    return found | by_layer
