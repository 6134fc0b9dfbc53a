"""Commands `tfapp solvers minimise`, a global search with its certificate, and `search`, several side by side."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import parse_seeds, typed
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.report.result_table import ResultTable

Option = typer.Option
_FUNCTIONS = "f1, f2, f3, rosenbrock, sines-2, sines-3 or sines-4"


def minimise(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help=f"{_FUNCTIONS}; a function of your own: from Python.")],
    out: Annotated[Path, Option(help="Folder for search.json, samples.csv and the figures.")],
    bound: Annotated[
        str, Option(help="balls (Algorithm 1) or sawtooth (Piyavskii and Shubert: fewer evaluations).")
    ] = "balls",
    lipschitz: Annotated[
        float | None, Option(help="Lipschitz constant.", show_default="one that holds in the box")
    ] = None,
    rho: Annotated[float, Option(help="Algorithm 1 proves rho times the smallest value; in [0, 1).")] = 0.1,
    start: Annotated[
        str | None, Option(help="First sample, coordinates comma-separated.", show_default="2.5, ...")
    ] = None,
    budget: Annotated[int, Option(help="Evaluations at most.")] = 2000,
    max_seconds: Annotated[float | None, Option(help="Seconds at most.", show_default="no limit")] = None,
    tolerance: Annotated[float, Option(help="Gap between the bounds that is small enough.")] = 1e-4,
    animate: Annotated[bool, Option(help="Also search.gif, for one or two variables.")] = False,
):
    """Minimise a function over its box with branch_and_prune, and say what is proven."""
    from tfapp.files import write_json
    from tfapp.solvers.search.figures import save_bounds_png
    from tfapp.solvers.search.tables import search_json, search_rows, write_samples

    chosen = named(function)
    _check_out(out)
    if animate and chosen.dimension > 2:
        raise InputError(f"--animate draws one or two variables; {function} has {chosen.dimension}.")
    options = {"bound": bound, "rho": rho, "max_evaluations": budget, "max_seconds": max_seconds}
    slope = chosen.lipschitz if lipschitz is None else lipschitz
    result = run(chosen, slope, _point(start, chosen), tolerance=tolerance, **options)
    print_table(ResultTable(("what", function), search_rows(chosen, result)))
    written = [out / "search.json", out / "samples.csv", out / "bounds.png"]
    with claimed(out, waiting=ConsoleProgress().say):
        write_json(written[0], search_json(chosen, result, typed(context)))
        write_samples(result, written[1])
        save_bounds_png(chosen, result, written[2])
        written += _draw(chosen, result, out, animate)
    print_written(*written)


def search(
    context: typer.Context,
    out: Annotated[Path, Option(help="Folder for global-search.md, .csv and .png.")],
    functions: Annotated[
        str, Option(help=f"Of {_FUNCTIONS}, comma-separated.")
    ] = "f1,f2,f3,rosenbrock,sines-2,sines-3",
    budget: Annotated[int, Option(min=1, help="Evaluations of each search.")] = 1000,
    seeds: Annotated[str, Option(help="Seeds of LIPO and AdaLIPO, comma-separated.")] = "0,1,2,3,4,5,6,7,8,9",
):
    """Compare branch_and_prune with LIPO, AdaLIPO and SciPy's SHGO and DIRECT, by evaluations of the function."""
    from tfapp.files import write_text
    from tfapp.solvers.search.figures import save_comparison_png
    from tfapp.solvers.search.global_search import compare_searches
    from tfapp.solvers.search.tables import GAPS, SearchTable

    chosen, numbers = [named(name) for name in functions.split(",")], parse_seeds(seeds)
    _check_out(out)
    with ConsoleProgress().task("global searches") as task:
        traces = compare_searches(chosen, budget=budget, seeds=numbers, finest=min(GAPS), progress=task)
    table = SearchTable(traces, chosen, budget, typed(context))
    written = [out / f"global-search{suffix}" for suffix in (".md", ".csv", ".png")]
    with claimed(out, waiting=ConsoleProgress().say):
        write_text(written[0], table.markdown())
        table.write_csv(written[1])
        save_comparison_png(table, written[2])
    console.print(table.markdown(), markup=False, highlight=False, soft_wrap=True)
    print_written(*written)


def named(name):
    """Return the `AnalyticFunction` of a name, or raise InputError with the known names."""
    from tfapp.solvers.search.functions import FUNCTIONS

    if name not in FUNCTIONS:
        raise InputError(f"Unknown function {name!r}; choose one of: {', '.join(FUNCTIONS)}.")
    return FUNCTIONS[name]


def run(function, lipschitz, start, **options):
    """Run `branch_and_prune` on an `AnalyticFunction`; what it refuses becomes an InputError."""
    from tfapp.optimizers import branch_and_prune

    given = {"gradient": function.gradient, "start": start}
    try:
        return branch_and_prune(function.function, function.bounds, lipschitz, **given, **options)
    except ValueError as error:
        raise InputError(str(error)) from error


def _check_out(out):
    check_folder(out)


def _point(text, function):
    if text is None:
        return function.start
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--start {text!r} is not understood; expected {function.dimension} numbers such as "
            f"{','.join(f'{x:g}' for x in function.start)}."
        ) from None


def _draw(function, result, out, animate):
    """Write the figures that need one or two variables, and return their paths."""
    from tfapp.solvers.search.figures import save_discs_gif, save_discs_png, save_search_gif, save_steps_png

    writers = {1: (save_steps_png, save_search_gif), 2: (save_discs_png, save_discs_gif)}
    if function.dimension not in writers:
        return []
    save_picture, save_animation = writers[function.dimension]
    written = [out / "search.png"]
    save_picture(function, result, written[0])
    if animate:
        written.append(out / "search.gif")
        save_animation(function, result, written[1])
    return written
