"""`tfapp reproduce bpgrad-figure-3.12` and `-3.13`: solvers on a two-layer net, and the bounds of BPGrad on it."""

from typing import Annotated

import typer

from tfapp.cli.console import finish, follow, print_table, print_written, progress_bar
from tfapp.cli.reproduce_options import typed
from tfapp.cli.reproduce_paths import Out, check_arguments
from tfapp.cli.solvers_compare import chosen_solvers
from tfapp.errors import InputError

Option = typer.Option
_UPDATES = {"small": 300, "paper": 2000}
Scale = Annotated[str, Option(help="small: 300 updates; paper: 2000.")]
Updates = Annotated[int | None, Option(min=1, help="Updates.", show_default="by scale")]
Seed = Annotated[int, Option(min=0, help="Of examples, initial weights and batches.")]


def figure_3_12(
    context: typer.Context,
    out: Out,
    scale: Scale = "small",
    solvers: Annotated[str, Option(help="As in `tfapp solvers compare`.")] = "all",
    updates: Updates = None,
    seed: Seed = 0,
):
    """Figure 3.12: objective of the solvers on a two-layer net of 10,302 parameters.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    chosen = chosen_solvers(solvers)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import two_layer as problem
    from tfapp.reproduce.bpgrad import two_layer as report
    from tfapp.reproduce.bpgrad.two_layer import save_objectives_png
    from tfapp.solvers.paths.paths import markdown, write_table

    panels = {}
    with progress_bar() as bar:
        for title, batch_size in problem.MODES.items():
            task = bar.add_task(title, total=None, note="")
            options = {"steps": updates or _UPDATES[scale], "seed": seed}
            panels[title] = problem.best_curves(chosen, batch_size, progress=follow(bar, task), **options)
            finish(bar, task)
    written = [out / f"bpgrad-figure-3.12{suffix}" for suffix in (".png", ".csv", ".md")]
    save_objectives_png(panels, written[0], report.TITLE)
    write_table(*report.columns(panels), written[1])
    lines = report.rows(panels)
    write_text(written[2], markdown(report.TITLE, typed(context), report.HEADER, lines, report.NOTES))
    print_table(report.HEADER, lines)
    print_written(*written)


def figure_3_13(
    out: Out,
    scale: Scale = "small",
    updates: Updates = None,
    lipschitz: Annotated[float, Option(help="L of BPGrad.")] = 5.0,
    seed: Seed = 0,
):
    """Figure 3.13: bounds and step size of BPGrad on the two-layer net.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    from tfapp.reproduce.bpgrad import two_layer as problem
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    written = []
    for name, (title, batch_size) in zip(("full-batch", "batches"), problem.MODES.items(), strict=True):
        written += [out / f"bpgrad-figure-3.13-{name}{suffix}" for suffix in (".png", ".csv")]
        options = {"steps": updates or _UPDATES[scale], "seed": seed, "path": written[-1]}
        try:
            bounds = problem.follow_bounds(lipschitz, batch_size, **options)
        except ValueError as error:
            raise InputError(str(error)) from error
        heading = f"two-layer net, {title}, BPGrad, L = {lipschitz:g}, ρ = 0.1, momentum 0.9"
        save_training_bounds_png(bounds.steps, written[-2], heading)
    print_written(*written)


COMMANDS = {"bpgrad-figure-3.12": figure_3_12, "bpgrad-figure-3.13": figure_3_13}
