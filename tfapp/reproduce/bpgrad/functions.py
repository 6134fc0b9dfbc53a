"""Studies of functions of one and two variables: figures 3.3, 3.4, 3.7 to 3.13 and table 3.1."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
Same = Annotated[str, Option(help="small or paper: the same here, it takes seconds.")]
SCALES = {"small": "it takes seconds.", "paper": "the same."}


def figure_3_3(
    out: Annotated[Path, Option(help="Folder for the figure (PNG and GIF), the samples and the table.")],
    scale: Same = "small",
    *,
    progress,
    command,
):
    """Let Algorithm 1 search on f3, and count its samples on f1 and f2."""
    del scale, progress
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import analytic
    from tfapp.solvers.search.figures import save_search_gif, save_steps_png
    from tfapp.solvers.search.functions import FUNCTIONS
    from tfapp.solvers.search.tables import write_samples

    results = {name: analytic.run_algorithm_1(name) for name in ("f3", "f2", "f1")}
    written = files_of(out, "bpgrad-figure-3.3", ".png", ".gif", ".csv", ".md")
    save_steps_png(FUNCTIONS["f3"], results["f3"], written[0], title=analytic.ALGORITHM_1_TITLE)
    save_search_gif(FUNCTIONS["f3"], results["f3"], written[1])
    write_samples(results["f3"], written[2])
    write_text(written[3], analytic.algorithm_1_document(results, command))
    return Result([analytic.algorithm_1_table(results)], written)


def table_3_1(out: Out, scale: Same = "small", *, progress, command):
    """Run the solvers on Rosenbrock's function."""
    del scale
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import analytic

    found = _rosenbrock_paths(progress)
    table = analytic.rosenbrock_table(found)
    written = files_of(out, "bpgrad-table-3.1", ".md", ".csv")
    write_text(written[0], analytic.rosenbrock_document(found, command))
    table.write_csv(written[1])
    return Result([table.columns(0, 2, 3, 4)], written)


def figure_3_4(out: Out, scale: Same = "small", *, progress, command):
    """Draw the samples of Algorithm 1 and those of eq. 3.12, which fall into a loop."""
    del scale, progress
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.bpgrad import loop

    found, places = loop.search(), loop.steps_by_3_12()
    table = loop.table_of(found, places)
    written = files_of(out, "bpgrad-figure-3.4", ".png", ".md")
    loop.save_loop_figure(found, places, written[0])
    write_text(written[1], document(table, loop.NOTES, title=loop.TITLE, source=SOURCE, command=command))
    return Result([table], written)


def iterates(out: Out, scale: Same = "small", *, progress, command):
    """Draw f1, f2 and f3 with the iterates of Algorithm 2."""
    del scale, progress
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import analytic
    from tfapp.solvers.paths.figures import save_iterates_png
    from tfapp.solvers.search.functions import FUNCTIONS

    found = {name: analytic.usual_paths(name) for name in analytic.NAMES}
    panels = [
        (FUNCTIONS[name], found[name][row], f"{name}, {found[name][row].solver.title}")
        for row in range(len(analytic.MOMENTA))
        for name in analytic.NAMES
    ]
    written = files_of(out, "bpgrad-iterates", ".png", ".md", ".csv")
    save_iterates_png(panels, written[0], "Iterates of Algorithm 2 from 2.5, L = 4π, ρ = 0.1")
    write_text(written[1], analytic.algorithm_2_document(found, command))
    analytic.algorithm_2_points(found).write_csv(written[2])
    return Result([analytic.algorithm_2_table(found)], written)


def trajectory_figure(number):
    """Return the function that draws where nine solvers go on one function."""

    def make(out: Out, scale: Same = "small", *, progress, command):
        del scale
        from tfapp.files import write_text
        from tfapp.reproduce.bpgrad import trajectories
        from tfapp.solvers.paths.figures import save_iterates_png
        from tfapp.solvers.search.functions import FUNCTIONS

        name = trajectories.FIGURES[number]
        paths = trajectories.paths_on(name, progress)
        samples = trajectories.samples_of_algorithm_1(name)
        table = trajectories.table_of(name, paths, samples)
        panels = [
            (FUNCTIONS[name], path, f"{path.solver.title}: {row[2]}")
            for path, row in zip(paths, table.rows[:-1], strict=True)
        ]
        panels.append((FUNCTIONS[name], *trajectories.best_of(name, samples)))
        title = f"Solvers on {name} = {FUNCTIONS[name].formula}, with the updates to 1e-4"
        written = files_of(out, f"bpgrad-figure-{number}", ".png", ".csv", ".md")
        save_iterates_png(panels, written[0], title)
        trajectories.points_of([*paths, samples]).write_csv(written[1])
        write_text(written[2], trajectories.document_of(number, table, command))
        return Result([table], written)

    return make


def rosenbrock_figure(number, who, names):
    """Return the function that draws the paths of some solvers over Rosenbrock's function."""

    def make(out: Out, scale: Same = "small", *, progress, command):
        del scale, command
        from tfapp.solvers.paths.figures import save_paths_png, window_around
        from tfapp.solvers.paths.paths import write_paths
        from tfapp.solvers.search.functions import ROSENBROCK as FUNCTION

        found = _rosenbrock_paths(progress, names)
        written = files_of(out, f"bpgrad-figure-{number}", ".png", ".csv")
        window = window_around(found, FUNCTION.minimiser, FUNCTION.bounds)
        title = f"{who}, {len(found[0].losses) - 1:,} updates"
        save_paths_png(FUNCTION.function, window, FUNCTION.minimiser, found, written[0], title)
        write_paths(found, written[1])
        return Result([], written)

    return make


def rosenbrock_gaps(out: Out, scale: Same = "small", *, progress, command):
    """Draw |f - f*| of the solvers on Rosenbrock's function."""
    del scale, command
    from tfapp.reproduce.bpgrad.analytic import ROSENBROCK_TITLE
    from tfapp.solvers.paths.figures import GapPanel, save_gaps_png
    from tfapp.solvers.paths.paths import write_losses
    from tfapp.solvers.search.functions import ROSENBROCK

    found = _rosenbrock_paths(progress)
    written = files_of(out, "bpgrad-rosenbrock-gaps", ".png", ".csv")
    save_gaps_png([GapPanel(ROSENBROCK_TITLE, found, ROSENBROCK.minimum)], written[0])
    write_losses(found, written[1])
    return Result([], written)


def _rosenbrock_paths(progress, names=None):
    from tfapp.reproduce.bpgrad import analytic
    from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, trace_path, trace_paths
    from tfapp.solvers.search.functions import ROSENBROCK

    function = TENSOR_FUNCTIONS["rosenbrock"]
    updates = analytic.ROSENBROCK_UPDATES
    solvers = analytic.ROSENBROCK_SOLVERS
    return trace_paths(
        [solver for solver in solvers if names is None or solver.name in names],
        lambda solver: trace_path(function, ROSENBROCK.start, solver, updates),
        progress,
    )


_TRAJECTORIES = "Figure {}: where nine solvers go on {}, until they are within 1e-4 of a minimum"
_TRAJECTORIES_SOURCE = "Y. Wu, dissertation, section 3.3.3.1 and appendix A.3"
_ROSENBROCK_FIGURES = (
    ("3.10", "SGD without and with momentum", ("sgd", "sgd-momentum")),
    ("3.11", "RMSProp and Adam", ("rmsprop", "adam")),
    ("3.12", "Adadelta and Adagrad", ("adadelta", "adagrad")),
    ("3.13", "BPGrad without and with momentum", ("bpgrad-plain", "bpgrad")),
)
_HEADING_TABLE = "Table 3.1: where solvers are on Rosenbrock's function after 4,000 updates"
_DAMPED = "SGD with momentum is assumed to be damped: with the rate of the text it diverges otherwise."
_START = "The start, 2.5, is assumed for the solvers; the text gives it for Algorithm 1."
_HEADING_3_3 = "Figure 3.3: Algorithm 1 on f3, step by step, with the counts for f1 and f2"
STUDIES = (
    Study(
        "bpgrad-figure-3.3",
        _HEADING_3_3,
        SOURCE,
        (
            "The signs in the rule for the next sample are assumed to be those that give the numbers of Wu (2020).",
        ),
        SCALES,
        figure_3_3,
        help=f"{_HEADING_3_3}.",
    ),
    Study(
        "bpgrad-table-3.1",
        _HEADING_TABLE,
        "Y. Wu, dissertation, section 3.3.3.2, table 3.1 and appendix A.4",
        (_DAMPED,),
        SCALES,
        table_3_1,
        help=f"{_HEADING_TABLE}. {_DAMPED}",
    ),
    Study(
        "bpgrad-figure-3.4",
        "Figure 3.4: samples of Algorithm 1, and of eq. 3.12, which fall into a loop",
        SOURCE,
        ("The text does not name its function; f3 is assumed.",),
        SCALES,
        figure_3_4,
    ),
    Study(
        "bpgrad-iterates",
        "f1, f2 and f3 with the iterates of Algorithm 2; no figure of the text",
        SOURCE,
        (),
        SCALES,
        iterates,
    ),
    *(
        Study(
            f"bpgrad-figure-{number}",
            _TRAJECTORIES.format(number, name),
            _TRAJECTORIES_SOURCE,
            (_START,),
            SCALES,
            trajectory_figure(number),
            help=f"{_TRAJECTORIES.format(number, name)}. {_START}",
        )
        for number, name in (("3.7", "f1"), ("3.8", "f2"), ("3.9", "f3"))
    ),
    *(
        Study(
            f"bpgrad-figure-{number}",
            f"Figure {number}: {who} on Rosenbrock's function",
            "Y. Wu, dissertation, section 3.3.3.2 and appendix A.4",
            (_DAMPED,) if "sgd" in names else (),
            SCALES,
            rosenbrock_figure(number, who, names),
            help=" ".join(
                [f"Figure {number}: {who} on Rosenbrock's function.", *[_DAMPED] * ("sgd" in names)]
            ),
        )
        for number, who, names in _ROSENBROCK_FIGURES
    ),
    Study(
        "bpgrad-rosenbrock-gaps",
        "|f - f*| of the solvers of table 3.1 on Rosenbrock's function; no figure of the text",
        SOURCE,
        (),
        SCALES,
        rosenbrock_gaps,
    ),
)
