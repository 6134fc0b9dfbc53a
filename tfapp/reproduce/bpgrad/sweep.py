"""Sweep over a parameter of BPGrad: how much it matters for the errors."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from tfapp.optimizers import SWEEPS
from tfapp.report.figures import save_png
from tfapp.solvers.trainings.training import Job

LIPSCHITZ = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
SYMBOLS = {"lipschitz": "L", "rho": "ρ"}


def sweep_jobs(workload, solver, seeds, epochs):
    """Return the trainings of a figure: BPGrad over L, or `bpgrad-rho` over rho, with every seed."""
    values = LIPSCHITZ if solver == "bpgrad" else SWEEPS[solver].values
    return [Job(workload, solver, value, seed, epochs) for value in values for seed in seeds]


def save_sweep_png(results, path, title):
    """Draw training objective and test error over the values of the parameter; crosses are diverged trainings.

    Args:
        results: Results of the trainings of `sweep_jobs`.
        path: PNG file, written by write-then-rename.
        title: Text above.
    """
    parameter = results[0]["parameter"]
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    values = sorted({result["value"] for result in results})
    for axes, (name, label) in zip(
        panels, (("train_objective", "training objective"), ("test_error", "test error, %")), strict=True
    ):
        found = {v: [r[name] for r in results if r["value"] == v and not r["diverged"]] for v in values}
        kept = [value for value in values if found[value]]
        means = np.array([np.mean(found[value]) for value in kept])
        spread = np.array([[np.min(found[v]), np.max(found[v])] for v in kept]).T
        axes.errorbar(kept, means, np.abs(spread - means), marker="o", capsize=3, color="C0")
        lost = [value for value in values if len(found[value]) < sum(r["value"] == value for r in results)]
        axes.plot(lost, [axes.get_ylim()[1]] * len(lost), "x", color="C3", label="diverged")
        axes.set(xlabel=SYMBOLS[parameter], ylabel=label, yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
        if parameter == "lipschitz":
            axes.set_xscale("log")
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.xaxis.set_minor_locator(NullLocator())
        if lost:
            axes.legend(frameon=False)
    figure.suptitle(title)
    save_png(figure, path)


def sweep_rows(results):
    """Return header and rows of text: value, seeds, mean objective and errors."""
    symbol = SYMBOLS[results[0]["parameter"]]
    header = (symbol, "seeds", "diverged", "training objective", "test error %")
    rows = []
    for value in sorted({result["value"] for result in results}):
        same = [result for result in results if result["value"] == value]
        kept = [result for result in same if not result["diverged"]]
        numbers = [
            f"{np.mean([r[name] for r in kept]):{form}}" if kept else "–"
            for name, form in (("train_objective", ".4f"), ("test_error", ".2f"))
        ]
        rows.append([f"{value:g}", str(len(same)), str(len(same) - len(kept)), *numbers])
    return header, rows
