"""Solvers that train a segmenter: options, trainings, and the table of what they reach."""

from dataclasses import replace

import numpy as np

from tfapp.data import parse_noises
from tfapp.optimizers import SOLVERS
from tfapp.optimizers.catalogue import value_text
from tfapp.report.result_table import ResultTable, mean_and_spread
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.training import train

# Of `TrainConfig`, beside the parameter that is searched, for solvers that are not called like its optimizer.
OPTIONS = {
    "bpgrad-auto": {"optimizer": "bpgrad"},
    "bpgrad-plain": {"optimizer": "bpgrad", "momentum": 0.0},
    "sgd-momentum": {"optimizer": "sgd", "momentum": 0.9},
}
MEASURES = ("accuracy", "mean_iou")


def solver_options(name, parameter, value):
    """Return the options of `TrainConfig` that train with a solver at a value of its parameter.

    Args:
        name: One of `tfapp.optimizers.SOLVERS`.
        parameter: `lipschitz` or `learning_rate`.
        value: A number, or `auto`.
    """
    return OPTIONS.get(name, {"optimizer": name}) | {
        parameter: str(value) if parameter == "lipschitz" else value
    }


def train_by(solver, value, spec, out, config, progress):
    """Train a segmenter by a solver, or resume where it stood; return the `Run`, or None if it diverged.

    Args:
        solver, value, spec, out, config: As for `training_by`.
        progress: `Progress`.
    """
    arguments = training_by(solver, value, spec, out, config)
    try:
        return train(*arguments, progress=progress, title=arguments[1].name)
    except TrainingDiverged:
        return None


def training_by(solver, value, spec, out, config):
    """Return the arguments of `tfapp.segmentation.training.train` that train a segmenter by a solver.

    Args:
        solver: One of `tfapp.optimizers.SOLVERS`.
        value: Of its parameter.
        spec: Dataset as on the command line.
        out: Folder that holds the folder of the run.
        config: The `TrainConfig`, options of the solver aside.
    """
    own = replace(config, **solver_options(solver, SOLVERS[solver].parameter, value))
    return spec, out / f"{solver}-{value}-seed{config.seed}", own


def tried_values(solver, config):
    """Return the values of a solver's parameter that its search trains with: none where there is nothing to search.

    Args:
        solver, config: As for `best_value`.
    """
    values = SOLVERS[solver].values
    return values if len(values) > 1 and config.epochs else ()


def best_value(spec, out, config, solver, progress):
    """Return the value of a solver's parameter with the smallest validation loss after a short training.

    A solver with one value keeps it; so does one with no epochs for the search, or whose trainings all diverge.

    Args:
        spec, out, solver, progress: As for `train_by`.
        config: The `TrainConfig` of the short trainings.
    """
    losses = {}
    for value in tried_values(solver, config):
        run = train_by(solver, value, spec, out, config, progress)
        if run:
            losses[value] = read_history(run.path)[-1]["val_loss"]
    return min(losses, key=losses.get) if losses else SOLVERS[solver].value


def clean_row(run):
    """Return the `Row` of a run on its clean test images."""
    return evaluate(Segmenter(run), EvaluationData(run), parse_noises(["gaussian=0"])).rows[0]


class SolverTable:
    """What several solvers reach with one network, over seeds."""

    def __init__(self):
        self._results = []

    def add(self, solver, title, parameter, value, seed, row):
        """Add a training; `row` is that of the clean test images, None if the training diverged."""
        self._results.append((solver, title, parameter, value, seed, row))

    def table(self) -> ResultTable:
        """Return a row for each solver, mean ± standard deviation in percent, best mean IoU first."""
        solvers = dict.fromkeys(result[0] for result in self._results)
        rows = [self._row(solver) for solver in sorted(solvers, key=self._mean_iou, reverse=True)]
        return ResultTable(("solver", "parameter", "accuracy %", "mean IoU %"), rows)

    def write_csv(self, path):
        """Write one row for each training."""
        rows = []
        for solver, _, parameter, value, seed, row in self._results:
            numbers = [f"{getattr(row, name):.5f}" for name in MEASURES] if row else ["diverged"]
            rows.append([solver, parameter, value, seed, *numbers])
        ResultTable(["solver", "parameter", "value", "seed", *MEASURES], rows).write_csv(path)

    def _row(self, solver):
        same = [result for result in self._results if result[0] == solver]
        _, title, parameter, value, _, _ = same[0]
        kept = [row for *_, row in same if row]
        lost = f" ({len(same) - len(kept)} diverged)" if len(kept) < len(same) else ""
        letter = {"lipschitz": "L", "learning_rate": "rate"}[parameter]
        numbers = [mean_and_spread([100 * getattr(row, name) for row in kept], ".2f") for name in MEASURES]
        return [title + lost, f"{letter} {value_text(value)}", *numbers]

    def _mean_iou(self, solver):
        kept = [row.mean_iou for name, *_, row in self._results if name == solver and row]
        return np.mean(kept) if kept else -1.0
