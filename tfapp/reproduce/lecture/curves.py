"""Table, sentences and picture of figure 1: what the solvers reached, after how many updates and seconds."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.report.figures import save_png
from tfapp.report.result_table import DASH, ResultTable
from tfapp.solvers.styles import colour

_TITLES = {"kfac": "K-FAC", "sgd-momentum": "SGD, μ = 0.9", "adam": "Adam"}
_COLOURS = {"kfac": "#d62728"} | {name: colour(name) for name in ("sgd-momentum", "adam")}


def best_of(curves) -> dict:
    """Return, of each network and solver, the training whose last training loss is smallest, with its curve.

    Args:
        curves: From `Training`s to their `Curve`s.
    """
    best = {}
    for training, curve in curves.items():
        key = training.network, training.solver
        if key not in best or _last(curve) < _last(best[key][1]):
            best[key] = training, curve
    return best


def _last(curve):
    return curve.train[-1] if np.isfinite(curve.train[-1]) else np.inf


def first_at(curve, loss):
    """Return the updates and seconds after which a training loss was first reached, or None if it never was."""
    reached = [index for index, value in enumerate(curve.train) if value <= loss]
    return (curve.updates[reached[0]], curve.seconds[reached[0]]) if reached else None


def table_of(best) -> ResultTable:
    """Return a row for each network and solver: losses, time of an update, and how soon K-FAC was where it ended."""
    rows = []
    for (network, solver), (training, curve) in best.items():
        there = first_at(best[network, "kfac"][1], curve.train[-1])
        rows.append(
            (
                network,
                _TITLES[solver],
                f"{training.rate:g}",
                curve.updates[-1],
                f"{curve.train[-1]:.4g}",
                f"{curve.test[-1]:.4g}",
                f"{min(curve.test):.4g}",
                f"{1000 * curve.seconds[-1] / max(curve.updates[-1], 1):.0f}",
                f"{curve.seconds[-1]:.0f}",
                there[0] if there else DASH,
                f"{there[1]:.0f}" if there else DASH,
            )
        )
    header = (
        *("network", "solver", "rate", "updates", "training loss", "test loss", "least test loss"),
        *("ms an update", "seconds", "K-FAC there: updates", "seconds of K-FAC"),
    )
    return ResultTable(header, rows)


def sentences(best) -> list[str]:
    """Return what the table says of updates, time and test loss, one sentence for each network."""
    told = []
    for network in dict.fromkeys(network for network, _ in best):
        kfac, sgd = best[network, "kfac"][1], best[network, "sgd-momentum"][1]
        there = first_at(kfac, sgd.train[-1])
        if there is None:
            first = f"K-FAC did not reach the last training loss of SGD with momentum, {sgd.train[-1]:.4g}"
        else:
            first = (
                f"K-FAC reached the last training loss of SGD with momentum, {sgd.train[-1]:.4g}, after {there[0]} "
                f"updates and {there[1]:.0f} s, SGD after {sgd.updates[-1]} and {sgd.seconds[-1]:.0f} s"
            )
        others = min(min(best[network, name][1].test) for name in ("sgd-momentum", "adam"))
        least = min(kfac.test)
        order = "below" if least < others else "above"
        told.append(
            f"{network}: {first}; its least test loss, {least:.4g}, lies {order} the least of the others, {others:.4g}."
        )
    return told


def save_figure(best, path):
    """Draw training loss (solid) and test loss (dashed) over updates and over seconds, one row for each network."""
    networks = list(dict.fromkeys(network for network, _ in best))
    figure = Figure(figsize=(9, 3.6 * len(networks)), layout="constrained")
    axes = figure.subplots(len(networks), 2, squeeze=False)
    for row, network in zip(axes, networks, strict=True):
        for panel, horizontal, unit in zip(row, ("updates", "seconds"), ("updates", "seconds"), strict=True):
            for (other, solver), (training, curve) in best.items():
                if other != network:
                    continue
                label = _TITLES[solver] + ("" if solver == "kfac" else f", rate {training.rate:g}")
                places = getattr(curve, horizontal)
                panel.plot(places, curve.train, color=_COLOURS[solver], lw=1.5, label=label)
                panel.plot(places, curve.test, color=_COLOURS[solver], lw=1, ls="--")
            panel.set(xlabel=unit, ylabel="loss: training, test (dashed)", yscale="log", title=network)
        row[0].legend(fontsize=8)
    save_png(figure, path)
