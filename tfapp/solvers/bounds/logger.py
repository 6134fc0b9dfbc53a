"""A Keras callback that records what a loss-aware optimizer measures in each step, in words and in TensorBoard."""

import math
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.optimizers import LossAwareOptimizer, unwrapped
from tfapp.report.tensorboard import check_tensorboard, summary_writer
from tfapp.solvers.bounds.steps import PathCondition, StepTable

_MEANS = ("step_size", "gradient_norm")


class BoundsLogger(keras.callbacks.Callback):
    """Record loss, bounds, step size, gradient norm and L of every step of `BPGrad`.

        bounds = BoundsLogger("bounds.csv")
        model.compile(BPGrad(lipschitz=15.0), "sparse_categorical_crossentropy")
        history = model.fit(x, y, epochs=5, callbacks=[bounds])
        bounds.plot("bounds.png")

    `best_loss`, the smallest loss so far, is an upper bound of the optimum on the batches seen. `lower_bound`, rho
    times that, is what Wu (2020), chapter 3, calls the lower bound, and `gap` their difference. It is **no
    certificate**: nothing is proven of the losses between the places that were visited. For an optimizer without rho,
    such as `ALIG`, it is 0. Losses are those that the optimizer saw, its weight decay and `loss_offset` included.
    A step that was skipped repeats the numbers of the last one that was taken.

    `history` gets what there is at the end of an epoch, and of `step_size` and `gradient_norm` the means over its
    rows. A warning says, once in each `fit`, that steps were skipped and why, or that a gradient proves L to be too
    small for a Lipschitz constant; `"auto"` takes such an L on purpose.

    Args:
        path: CSV file with a row for each step, which grows at the end of each epoch; None for none. A training that
            resumes, after a restored backup or in a second `fit`, resumes the file; rows beyond its step are
            dropped.
        every: Integer >= 1: rows are those of every so many steps. Of steps within one execution
            (`steps_per_execution`) only the last can be seen.
        log_dir: Folder for TensorBoard, where the columns appear as `bounds/...`, about 25 points in an epoch; None
            for none.
        check_condition: Whether to check condition (3.4), see `PathCondition`, in two more columns, `condition_lhs`
            and `condition_rhs`; NaN where it was not checked.
        condition_every: Integer >= 1: check every so many steps.
        condition_limit: Integer >= 1: places to keep, each 4 bytes for each weight; then no more steps are checked.
        overwrite: Whether to replace the file of another training.

    Raises:
        InputError: A bad argument, `log_dir` without TensorBoard; when training starts, an optimizer that does not see
            the loss, `check_condition` with `lipschitz="auto"`, or the file of another training; at the end of an
            epoch, a rule for L that could not take a single step.
    """

    def __init__(
        self,
        path=None,
        *,
        every: int = 1,
        log_dir=None,
        check_condition: bool = False,
        condition_every: int = 1,
        condition_limit: int = 200,
        overwrite: bool = False,
    ):
        super().__init__()
        counts = {"every": every, "condition_every": condition_every, "condition_limit": condition_limit}
        for name, value in counts.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"`{name}` must be an integer >= 1. Received: {name}={value!r}.")
        self.every, self._step = every, 0
        self._table = StepTable(None if path is None else Path(path), overwrite)
        self._summaries = None if log_dir is None else BoundsSummaries(log_dir)
        self._condition = PathCondition(condition_every, condition_limit) if check_condition else None

    @property
    def steps(self) -> dict:
        """From the name of a column to float64 `(rows,)`.

        `epoch` and `step`, counted from 1, what the optimizer measures, `lower_bound` and `gap`.
        """
        return self._table.columns()

    @property
    def condition_places(self):
        """Where the weights were at the steps that were checked, and after the last of them.

        float32 `(steps + 1, weights)`.

        Raises:
            InputError: No step was checked.
        """
        return PathCondition(1, 1).places if self._condition is None else self._condition.places

    def on_train_begin(self, logs=None):
        self._optimizer = unwrapped(self.model.optimizer)
        if not isinstance(self._optimizer, LossAwareOptimizer):
            raise InputError(
                "BoundsLogger needs an optimizer that sees the loss, such as BPGrad. "
                f"Received: {type(self._optimizer).__name__}."
            )
        if self._condition is not None:
            _check_condition(self._optimizer, self.model.steps_per_execution)
        # What this callback reports at the end of an epoch need not be said again.
        self._optimizer.mark_skips_as_told()
        self._is_open, self._said = False, set()

    def on_epoch_begin(self, epoch, logs=None):
        # Not when the training begins: a backup may be restored after this callback's turn.
        if not self._is_open:
            self._open()
        # A second `fit` counts from 0 again.
        self._epoch = max(self._epoch, epoch) + 1
        self._num_skipped = self._optimizer.measured()["num_skipped"]

    def on_train_batch_begin(self, batch, logs=None):
        if self._condition is not None:
            self._condition.before_step(self.model, self._optimizer, self._step)

    def on_train_batch_end(self, batch, logs=None):
        before, self._step = self._step, self._num_steps()
        is_checked = self._condition is not None and self._condition.is_due
        # No new step while gradients are accumulated; several with `steps_per_execution`.
        if self._step // self.every > before // self.every or (is_checked and self._step > before):
            self._record()

    def on_epoch_end(self, epoch, logs=None):
        measured, rows = self._optimizer.measured(), self._table.flush()
        if self._summaries is not None:
            self._summaries.write(tuple(self.steps), rows)
        self._report(measured, (logs or {}).get("loss"))
        if logs is not None:
            logs.update(self._figures(measured, rows))

    def on_train_end(self, logs=None):
        if self._summaries is not None:
            self._summaries.close()

    def plot(self, path) -> None:
        """Draw loss and bounds over the steps, below them step size and gradient norm (figure 3.20).

        Args:
            path: PNG file, written by write-then-rename.

        Raises:
            InputError: No step was recorded.
        """
        from tfapp.solvers.bounds.figures import save_training_bounds_png

        save_training_bounds_png(self.steps, path)

    def plot_condition(self, path) -> None:
        """Draw both sides of condition (3.4) over the steps (figure 3.6).

        Args:
            path: PNG file, written by write-then-rename.

        Raises:
            InputError: No step was checked.
        """
        from tfapp.solvers.bounds.figures import save_condition_png

        save_condition_png(self.steps, path)

    def _num_steps(self):
        # Under MirroredStrategy it is no Keras variable.
        return int(tf.convert_to_tensor(self._optimizer.iterations))

    def _open(self):
        columns = ("epoch", "step", *self._optimizer.MEASURED, "lower_bound", "gap")
        if self._condition is not None:
            columns += ("condition_lhs", "condition_rhs")
        before, self._step = self._step, self._num_steps()
        if self._condition is not None and self._step != before:
            self._condition.clear()
        self._table.open(columns, self._step)
        self._epoch = int(self.steps["epoch"].max(initial=0))
        self._is_open = True

    def _record(self):
        measured = self._optimizer.measured()
        row = [self._epoch, self._step, *(measured | self._bounds(measured)).values()]
        if self._condition is not None:
            row += [self._condition.after_step(self.model, measured), row[-2]]
        self._table.add(row)

    def _bounds(self, measured):
        lower_bound = getattr(self._optimizer, "rho", 0.0) * measured["best_loss"]
        return {"lower_bound": lower_bound, "gap": measured["best_loss"] - lower_bound}

    def _figures(self, measured, rows):
        """Return what an epoch adds to the history."""
        figures = measured | self._bounds(measured)
        names = list(self.steps)
        means = {name: float(rows[:, names.index(name)].mean()) for name in _MEANS if len(rows)}
        # The history has the mean loss of the epoch under this name.
        return {name: value for name, value in (figures | means).items() if name != "loss"}

    def _report(self, measured, loss):
        check_auto(self._optimizer, measured, loss)
        num_new = measured["num_skipped"] - self._num_skipped
        sentences = {
            "skipped": skipped_steps(self._optimizer, measured, num_new, self._epoch, loss),
            "steep": steep_gradient(self._optimizer, measured),
        }
        for kind, sentence in sentences.items():
            if sentence and kind not in self._said:
                self._said.add(kind)
                warnings.warn(sentence, stacklevel=2)


def _check_condition(optimizer, steps_per_execution):
    if not {"lipschitz", "num_skipped"} <= set(optimizer.MEASURED):
        raise InputError(
            f"`check_condition` needs an optimizer with L, such as BPGrad. Received: {type(optimizer).__name__}."
        )
    if getattr(optimizer, "lipschitz", None) == "auto":
        raise InputError(
            '`check_condition` measures the lengths of plain weights, and `lipschitz="auto"` has a metric of its own, '
            'which changes from step to step: give a number, a schedule or "auto-median" for `lipschitz`.'
        )
    if steps_per_execution > 1:
        raise InputError(
            "`check_condition` needs the weights of every step: compile with steps_per_execution=1. "
            f"Received: steps_per_execution={steps_per_execution}."
        )


def why_skipped(optimizer, loss):
    """Return the most likely reason why steps were skipped, as the end of a sentence.

    Args:
        optimizer: `LossAwareOptimizer`.
        loss: Mean loss of the epoch, as Keras logs it, or None.
    """
    if loss is not None and not math.isfinite(loss):
        return "most likely because the loss was NaN or infinite: check the data, or take a larger L or `max_step`"
    if loss is not None and loss + optimizer.loss_offset < 0:
        return (
            f"most likely because the loss, {loss:.4g} in the mean, is negative: raise `loss_offset` "
            f"(now {optimizer.loss_offset:g})"
        )
    return (
        "because their gradient was zero (the loss is constant), NaN or infinite, or their loss negative (then raise "
        "`loss_offset`)"
    )


def skipped_steps(optimizer, measured, num_new, epoch, loss):
    """Return a sentence on the steps that an epoch skipped, or None.

    Args:
        optimizer: `LossAwareOptimizer`.
        measured: What its `measured()` returned.
        num_new: Steps that were skipped in this epoch.
        epoch: Its number, counted from 1.
        loss: As for `why_skipped`.
    """
    if num_new <= 0:
        return None
    total = f", {measured['num_skipped']:.0f} in all" if measured["num_skipped"] > num_new else ""
    return f"Epoch {epoch} skipped {num_new:.0f} steps{total}, {why_skipped(optimizer, loss)}."


def steep_gradient(optimizer, measured):
    """Return a sentence on a gradient that is steeper than L, or None.

    A rule that finds L chooses it below the largest gradient on purpose, and is not reproached with it.
    """
    largest, lipschitz = measured.get("max_gradient_norm", 0.0), measured.get("lipschitz", 0.0)
    if largest <= lipschitz or not lipschitz or isinstance(optimizer.lipschitz, str):
        return None
    return (
        f"A gradient had the norm {largest:.4g}, above L = {lipschitz:.4g}, which proves that L is too small to be a "
        "Lipschitz constant of the loss: if the training does not go well, take a larger `lipschitz`."
    )


def check_auto(optimizer, measured, loss):
    """Raise InputError if `"auto"` or `"auto-median"` has not found anything yet because no step could be taken."""
    rule = getattr(optimizer, "lipschitz", None)
    if not isinstance(rule, str) or not measured["num_skipped"]:
        return
    if math.isinf(measured["best_loss"]):
        raise InputError(
            f'`lipschitz="{rule}"` must see a loss that changes with the weights. Received: none of '
            f"{measured['num_skipped']:.0f} steps could be taken, {why_skipped(optimizer, loss)}."
        )


# More would slow a training down, and no screen shows them.
_POINTS = 25


class BoundsSummaries:
    """Writer of scalars `bounds/NAME`, whose steps are those of the optimizer.

    Args:
        log_dir: Folder of TensorBoard.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, log_dir):
        check_tensorboard()
        self._log_dir, self._writer = log_dir, None

    def write(self, columns, rows):
        """Write about 25 of the rows of an epoch, the last among them.

        Args:
            columns: Names of the columns, `step` among them.
            rows: float64 `(rows, columns)`.
        """
        if self._writer is None:
            self._writer = summary_writer(self._log_dir)
        spacing = max(len(rows) // _POINTS, 1)
        with self._writer.as_default():
            for row in rows[::-1][::spacing][::-1]:
                values = dict(zip(columns, row, strict=True))
                step = int(values.pop("step"))
                for name, value in values.items():
                    tf.summary.scalar(f"bounds/{name}", value, step)
        self._writer.flush()

    def close(self):
        """Close the file; a later `write` begins another one."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
