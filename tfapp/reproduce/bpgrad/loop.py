"""Figure 3.4 of Wu (2020): Algorithm 1 goes on where steps by eq. 3.12 fall into a loop."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable
from tfapp.reproduce.bpgrad.analytic import run_algorithm_1
from tfapp.solvers.search.functions import FUNCTIONS
from tfapp.solvers.styles import LOWER

NAME, RHO, UPDATES = "f3", 0.1, 400
# Closer than this two places are the same: the path nears its loop step by step.
SAME = 0.01
_APART = 0.15
TITLE = "Samples on f3 = x sin x + 15, L = 4π, ρ = 0.1, from 2.5"
NOTES = (
    "The text draws its figure on a function that it does not name, by hand; f3 of its eq. 3.6 shows the same.",
    "Eq. 3.12 steps by (f(x) - ρ min f) / L against the sign of the slope, and looks at no ball but that around the "
    "place where it is. Algorithm 1 takes the nearest place outside of all balls.",
)


def steps_by_3_12(updates=UPDATES):
    """Return the places, float64 (updates + 1,), of x <- x - eta sign(f'(x)) with eta by eq. 3.12, from the start."""
    function = FUNCTIONS[NAME]
    places, best = [float(function.start[0])], np.inf
    for _ in range(updates):
        x = np.array(places[-1:])
        value = float(function.function(x))
        best = min(best, value)
        step = (value - RHO * best) / function.lipschitz
        places.append(places[-1] - step * float(np.sign(np.ravel(function.gradient(x))[0])))
    return np.array(places)


def loop_of(places):
    """Return where a path comes back to for the first time, and after how many steps; None where it never does.

    Args:
        places: float64 (steps + 1,).

    Returns:
        (number of the place, length of the loop) or None.
    """
    for now in range(1, len(places)):
        before = np.flatnonzero(np.abs(places[:now] - places[now]) < SAME)
        if len(before):
            return int(before[-1]), int(now - before[-1])
    return None


def table_of(search, places) -> ResultTable:
    """Return a row for each way of sampling: how many places it sees, and the best of them.

    Args:
        search: `SearchResult` of Algorithm 1.
        places: What `steps_by_3_12` returned.
    """
    function = FUNCTIONS[NAME]
    loop = loop_of(places)
    told = f"from step {loop[0]}, {loop[1]} places" if loop else "none"
    values = [float(function.function(np.array([x]))) for x in places]
    distinct = loop[0] + loop[1] if loop else len(places)
    best = int(search.values.argmin())
    return ResultTable(
        ("samples by", "different places", "loop", "best x", "f − f*"),
        [
            (
                "Algorithm 1",
                len(search.values),
                "none, covered",
                f"{search.samples[best, 0]:.4f}",
                f"{search.values[best] - function.minimum:.2g}",
            ),
            (
                "eq. 3.12",
                distinct,
                told,
                f"{places[int(np.argmin(values))]:.4f}",
                f"{min(values) - function.minimum:.2g}",
            ),
        ],
    )


def save_loop_figure(search, places, path):
    """Draw f with the samples of both, in their order, and the balls around them as triangles.

    Args:
        search, places: As for `table_of`.
        path: PNG file, written by write-then-rename.
    """
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    loop = loop_of(places)
    shown = places[: loop[0] + 2 * loop[1] + 1] if loop else places
    for axes, (title, samples) in zip(
        panels, (("(a) Algorithm 1", search.samples[:, 0]), ("(b) steps by eq. 3.12", shown)), strict=True
    ):
        _draw(axes, title, samples)
    panels[-1].set_xlabel("x")
    figure.suptitle(TITLE)
    save_png(figure, path)


def _draw(axes, title, samples):
    function = FUNCTIONS[NAME]
    (low, high), x = function.bounds[0], np.linspace(*function.bounds[0], 600)
    curve = [float(function.function(np.array([one]))) for one in x]
    axes.plot(x, curve, color="#2b6cb0", lw=1.6)
    values = np.array([float(function.function(np.array([one]))) for one in samples])
    floor = RHO * values.min()
    radii = (values - floor) / function.lipschitz
    for place, value, radius in zip(samples, values, radii, strict=True):
        axes.plot(
            [place - radius, place, place + radius], [floor, value, floor], ":", color="#2b6cb0", lw=0.9
        )
    axes.plot(samples, values, "--", color="0.35", lw=0.8, label="order of the samples")
    axes.scatter(samples, values, color=qualitative(1), s=22, zorder=3)
    for number, (place, value) in enumerate(zip(samples, values, strict=True), 1):
        if np.abs(samples[: number - 1] - place).min(initial=np.inf) < _APART:
            # A number on top of another one could not be read.
            continue
        axes.annotate(str(number), (place, value), (3, 5), textcoords="offset points", fontsize=8)
    axes.axhline(floor, color=LOWER, lw=0.9, label="ρ × smallest sample")
    axes.legend(frameon=False, loc="upper left")
    axes.set(title=title, ylabel="f", xlim=(low, high), ylim=(0, 1.05 * max(curve)))


def search():
    """Return the `SearchResult` of Algorithm 1 on the function of the figure."""
    return run_algorithm_1(NAME)
