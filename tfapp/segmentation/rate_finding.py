"""A learning rate for the training of a segmenter, found by raising it until the loss diverges; nothing is trained."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfapp.data import training_stream
from tfapp.data.frames import MEMORY_BYTES
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.models import stride_of
from tfapp.optimizers import RateRangeTest, find_learning_rate, solver_of
from tfapp.optimizers.arguments import positive_integer
from tfapp.optimizers.catalogue import base_of, read_setting
from tfapp.optimizers.rate_range_test import END, FACTOR, START, UPDATES, rising_rates
from tfapp.report.colours import SOLUTION, qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable
from tfapp.runs.progress import SILENT
from tfapp.segmentation.building import new_model
from tfapp.segmentation.compiling import compile_configured
from tfapp.segmentation.preparation import prepare
from tfapp.segmentation.training import LEAST_STEPS, opened


@dataclass(frozen=True, eq=False)
class FoundRate:
    """Losses of a training at rising learning rates, and what follows from them.

    Attributes:
        test: `RateRangeTest`.
        solver: Name of the solver that has the rate; None for that of `--optimizer`.
    """

    test: RateRangeTest
    solver: str | None = None

    @property
    def suggestion(self):
        """The suggested learning rate, or None."""
        return self.test.suggestion

    @property
    def sentence(self) -> str:
        """What follows, in words."""
        rates = self.test.rates
        if not self.test.diverged:
            return f"The loss does not diverge up to a learning rate of {rates[-1]:.3g}; give a larger `end`."
        if self.suggestion is None:
            return f"The loss diverges at the first learning rate, {rates[0]:.3g}; give a smaller `start`."
        value = f"{self.suggestion:.3g}"
        given = (
            f"--learning-rate {value}"
            if self.solver is None
            else f"--solver {_with_rate(self.solver, value)}"
        )
        return (
            f"The loss diverges at a learning rate of {rates[-1]:.3g}; begin with the one below: tfapp train with "
            f"{given}."
        )

    def table(self) -> ResultTable:
        """Return a row for each learning rate."""
        rows = [[f"{rate:.3g}", f"{mean:.5g}", self._word(rate)] for rate, mean in self._points()]
        return ResultTable(("learning rate", "mean loss", ""), [["0", f"{self.test.initial:.5g}", ""], *rows])

    def write(self, folder, command="") -> list[Path]:
        """Write `lr-find.json`, `lr-find.csv` and `lr-find.png`, and return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / f"lr-find{suffix}" for suffix in (".json", ".csv", ".png")]
        finite = [[float(loss) if np.isfinite(loss) else None for loss in row] for row in self.test.losses]
        content = {
            "command": command,
            "suggestion": self.suggestion,
            "diverged_at": float(self.test.rates[-1]) if self.test.diverged else None,
            "initial_loss": self.test.initial,
            "rates": self.test.rates.tolist(),
            "losses": finite,
        }
        write_json(written[0], content)
        rows = [(f"{rate:.6g}", f"{mean:.6g}") for rate, mean in self._points()]
        ResultTable(("learning_rate", "mean_loss"), rows).write_csv(written[1])
        save_png(draw_range_test(self.test), written[2])
        return written

    def _points(self):
        return zip(self.test.rates, self.test.means, strict=True)

    def _word(self, rate):
        if rate == self.suggestion:
            return "suggested"
        return "diverges" if self.test.diverged and rate == self.test.rates[-1] else ""


def _with_rate(solver, rate):
    """Return the text of a solver, whose rate is not set, with one: `adam:beta_1=0.8` as `adam=0.1:beta_1=0.8`."""
    base = base_of(solver)
    return f"{base}={rate}{solver.removeprefix(base)}"


def find_rate(
    spec,
    config,
    *,
    start=START,
    end=END,
    factor=FACTOR,
    updates=UPDATES,
    progress=SILENT,
    image_memory=MEMORY_BYTES,
    cache=None,
) -> FoundRate:
    """Return the losses at rising learning rates of the training that `tfapp train` would begin; nothing is written.

    Args:
        spec: Dataset as on the command line.
        config: A `TrainConfig`; its epochs, its rate and its schedule count for nothing.
        start, end, factor, updates: As of `tfapp.optimizers.find_learning_rate`.
        progress: `Progress` that shows the learning rates.
        image_memory, cache: As of `tfapp.segmentation.training.train`.

    Raises:
        InputError: For anything in the input that cannot be used.
    """
    config = replace(config, learning_rate=None, schedule="constant")
    config.check()
    try:
        # Before the data are read.
        rising_rates(start, end, factor)
        positive_integer("updates", updates)
    except ValueError as error:
        raise InputError(str(error)) from error
    if config.solver is not None:
        _check_solver(config.solver)
    config = config.completed()
    with progress.task("learning rates", note="reading data") as task:
        dataset = opened(spec, config, progress.say)
        model = new_model(config, dataset, config.encoder_weights)
        prepared = prepare(config, dataset, stride_of(model), progress.say, image_memory, cache)
        frames = prepared.frames
        compile_configured(model, config, dataset, max(LEAST_STEPS, -(-len(frames) // config.batch_size)))
        stream = training_stream(
            frames,
            batch_size=config.batch_size,
            seed=config.seed,
            augment=prepared.augment,
            images_together=prepared.images_together,
        )
        try:
            test = find_learning_rate(
                model,
                stream,
                start=start,
                end=end,
                factor=factor,
                updates=updates,
                progress=lambda done, total, mean: task(done, total, f"loss {mean:.4g}"),
            )
        except ValueError as error:
            raise InputError(str(error)) from error
    return FoundRate(test, config.solver)


def _check_solver(text):
    name, value = read_setting(text)
    if solver_of(name).parameter != "learning_rate":
        raise InputError(
            f"`solver` {text} has {solver_of(name).symbol} and no learning rate to look for; name another."
        )
    if value is not None:
        raise InputError(
            f"`solver` {text} has a learning rate, which is what is looked for; leave it out: {name}."
        )


def draw_range_test(test) -> Figure:
    """Return the figure of a `RateRangeTest`: losses over learning rates, the suggestion marked."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    rates, means = test.rates, test.means
    axes.axhline(test.initial, color="0.5", lw=0.9, ls=":", label="initial weights")
    finite = np.isfinite(means)
    axes.plot(rates[finite], means[finite], ".-", color=qualitative(0), label="mean over the updates")
    if test.diverged:
        axes.axvline(rates[-1], color=SOLUTION, lw=1, ls="--", label=f"diverges, {rates[-1]:.3g}")
    if test.suggestion is not None:
        axes.plot(test.suggestion, means[-2], "o", ms=9, mfc="none", mew=1.6, color=qualitative(2))
        axes.axvline(test.suggestion, color=qualitative(2), lw=1.2, label=f"suggested, {test.suggestion:.3g}")
    # What diverges is too high to leave the others their room.
    shown = [test.initial, *means[finite & (means <= 1.5 * abs(test.initial) + test.initial)]]
    low, high = min(shown), max(shown)
    axes.set_ylim(low - 0.06 * (high - low or 1), high + 0.25 * (high - low or 1))
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    return figure
