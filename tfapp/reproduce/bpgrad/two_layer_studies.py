"""Studies of the two-layer net of section 3.3.3.3: distance of two solutions, objectives of all solvers, bounds."""

from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.report.result_table import document
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
UPDATES = {"small": 300, "paper": 2000}
NetScale = Annotated[str, Option(help="small: 300 updates; paper: 2000.")]
Updates = Annotated[int | None, Option(min=1, help="Updates.", show_default="by scale")]
NetSeed = Annotated[int, Option(min=0, help="Of examples, initial weights and batches.")]


def two_layer_net(
    out: Out,
    scale: Annotated[str, Option(help="small: one seed; paper: those of --seeds.")] = "small",
    seeds: Annotated[tuple, Option(help="Seeds, comma-separated.", text="seeds")] = (0, 1, 2),
    *,
    progress,
    command,
):
    """Train by SGD and by BPGrad for 20 epochs, and measure how far their weights are apart."""
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import two_layer_distance as net

    seeds = seeds[:1] if scale == "small" else seeds
    with progress.task("trainings") as task:
        found = net.measure(seeds, task)
    table = net.distance_table(found)
    written = files_of(out, "bpgrad-two-layer-net", ".md", ".csv")
    write_text(written[0], document(table, net.NOTES, title=net.TITLE, source=SOURCE, command=command))
    net.distance_rows(found).write_csv(written[1])
    return Result([table], written)


def two_layer_objectives(
    out: Out,
    scale: NetScale = "small",
    solvers: Annotated[dict | None, Option(help="As in `tfapp solvers compare`.", text="solvers")] = None,
    updates: Updates = None,
    seed: NetSeed = 0,
    *,
    progress,
    command,
):
    """Draw the objective of the solvers on the two-layer net."""
    from tfapp.files import write_text
    from tfapp.optimizers import SOLVERS
    from tfapp.reproduce.bpgrad import two_layer as net

    chosen = dict.fromkeys(SOLVERS) if solvers is None else solvers
    options = {"steps": updates or UPDATES[scale], "seed": seed}
    panels = {}
    for title, batch_size in net.MODES.items():
        with progress.task(title) as task:
            panels[title] = net.best_curves(chosen, batch_size, progress=task, **options)
    written = files_of(out, "bpgrad-two-layer-objectives", ".png", ".csv", ".md")
    net.save_objectives_png(panels, written[0], net.TITLE)
    net.objectives_table(panels).write_csv(written[1])
    ends = net.ends_table(panels)
    write_text(written[2], document(ends, net.NOTES, title=net.TITLE, command=command))
    return Result([ends], written)


def two_layer_bounds(
    out: Out,
    scale: NetScale = "small",
    updates: Updates = None,
    lipschitz: Annotated[float, Option(help="L of BPGrad.")] = 5.0,
    seed: NetSeed = 0,
    *,
    progress,
    command,
):
    """Draw bounds and step size of BPGrad on the two-layer net."""
    del progress, command
    from tfapp.reproduce.bpgrad import two_layer as net
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    written = []
    for name, (title, batch_size) in zip(("full-batch", "batches"), net.MODES.items(), strict=True):
        written += files_of(out, f"bpgrad-two-layer-bounds-{name}", ".png", ".csv")
        options = {"steps": updates or UPDATES[scale], "seed": seed, "path": written[-1]}
        try:
            bounds = net.follow_bounds(lipschitz, batch_size, **options)
        except ValueError as error:
            raise InputError(str(error)) from error
        heading = f"two-layer net, {title}, BPGrad, L = {lipschitz:g}, ρ = 0.1, momentum 0.9"
        save_training_bounds_png(bounds.steps, written[-2], heading)
    return Result([], written)


def _study(name, heading, make, scales):
    help = f"{heading}. {_ASSUMED}"
    return Study(name, heading, SOURCE, (_ASSUMED,), scales, make, help=help)


_ASSUMED = (
    "The text has no figure of it; its data and weights are Gaussian, and nothing else is said of them."
)
_NET_SCALES = {name: f"{updates} updates." for name, updates in UPDATES.items()}
STUDIES = (
    _study(
        "bpgrad-two-layer-net",
        "Section 3.3.3.3: how far the solutions of SGD and BPGrad are apart after 20 epochs, batches of 200",
        two_layer_net,
        {"small": "one seed.", "paper": "three seeds."},
    ),
    _study(
        "bpgrad-two-layer-objectives",
        "Section 3.3.3.3: objective of the solvers on a two-layer net of 10,302 parameters",
        two_layer_objectives,
        _NET_SCALES,
    ),
    _study(
        "bpgrad-two-layer-bounds",
        "Section 3.3.3.3: bounds and step size of BPGrad on the two-layer net",
        two_layer_bounds,
        _NET_SCALES,
    ),
)
