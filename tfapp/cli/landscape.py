"""Command `tfapp landscape`."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_notices, print_table, print_written, resumes
from tfapp.cli.landscape_output import check_formats, draw, export, parse_formats, summary
from tfapp.cli.sources import open_run
from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable

Option = typer.Option
STATISTICS = (
    "The network has batch normalisation, whose moving statistics are those of the first solution everywhere: the "
    "losses at the others are not those of their networks. Add --reestimate to estimate the statistics at every point."
)
# In place of a further run: the weights that the training began with.
INITIAL = "initial"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


@resumes
def landscape(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of the trained run, of poses or solvers too.")
    ],
    n: Annotated[int, Option("--n", min=3, help="Points along each axis.")] = 33,
    range: Annotated[
        str | None,
        Option(
            help="Half width, 1 = 100 % of every filter's norm; or LOW:HIGH; or one of these per axis; or auto: what "
            "holds the solutions of --to, pca or a file.",
            show_default="1, auto with those",
        ),
    ] = None,
    directions: Annotated[
        str,
        Option(
            help="filter (Li et al.), unit-filter (Lu and Tong, orthogonal), lu-tong (their Algorithm 1 to the letter; "
            "their n = 40 are 41 points), layer, gradient, hessian, pca (of the trajectory that tfapp train "
            "--trajectory recorded), or an .npz file."
        ),
    ] = "filter",
    to: Annotated[
        str | None,
        Option(
            metavar="RUN2[,RUN3]",
            help="The line to the solution of another run, or to the initial weights of this one (initial), or the "
            "plane of three; with batch normalisation add --reestimate.",
        ),
    ] = None,
    layers: Annotated[
        str | None,
        Option(
            help="Move only these layers; comma-separated names.",
            show_default="all; of poses the network, not the object model",
        ),
    ] = None,
    biases: Annotated[bool, Option(help="Move biases and normalisation parameters too.")] = False,
    line: Annotated[bool, Option(help="One direction instead of two.")] = False,
    reestimate: Annotated[
        bool, Option(help="Estimate batch normalisation's moving statistics anew at every point.")
    ] = False,
    bfloat16: Annotated[
        bool, Option(help="Hidden layers compute in bfloat16; a few points are checked in float32.")
    ] = False,
    exact: Annotated[bool, Option(help="Measure every point; none is predicted.")] = False,
    tolerance: Annotated[
        float, Option(help="Error of predicted points that is aimed at, as a share of the range of losses.")
    ] = 0.01,
    budget: Annotated[
        str | None, Option(help="Stop after so long (60s, 5m, 1h); the same command resumes.")
    ] = None,
    dask: Annotated[
        str | None,
        Option(help="Dask scheduler whose workers measure the points, or local.", metavar="ADDRESS"),
    ] = None,
    samples: Annotated[int, Option(min=1, help="Frames, or scenes, that the loss is averaged over.")] = 32,
    held_out: Annotated[
        bool, Option("--held-out", help="For runs of poses: scenes that nothing was learned from.")
    ] = False,
    seed: Annotated[int, Option(min=0, help="Seed of the directions and of the frames.")] = 0,
    batch_size: Annotated[int, Option(min=1, help="Frames per forward pass.")] = 8,
    export_to: Annotated[
        str | None,
        Option(
            "--export", help="Further files, comma-separated: vts, vtp (ParaView), h5 (Li et al.'s programs)."
        ),
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, replacing the surface of these options.")] = False,
):
    """Draw the training loss on a plane through the solution; interrupted, the same command resumes.

    Of a run of `tfapp pose train` it is the Chamfer distance, in units of its network.
    """
    if range is None:
        range = "auto" if leads_to_solutions(directions, to) else "1"
    limits, seconds = parse_range(range), parse_seconds(budget)
    formats = parse_formats(export_to)
    check_choice(directions, to)
    source = open_run(run).solution(trajectory=directions == "pca", bfloat16=bfloat16, held_out=held_out)
    model = source.load_model()
    chosen = choose_directions(source, model, directions, to)
    if to is not None and not reestimate:
        from tfapp.landscape.moving_statistics import has_moving_statistics

        print_notices([STATISTICS] * has_moving_statistics(model))
    check_formats(formats, line=line or getattr(chosen, "v", ()) is None)
    switches = {"biases": biases, "line": line, "exact": exact, "reestimate": reestimate}
    switches |= {"bfloat16": bfloat16, "held-out": held_out}
    stem = _stem(n, range, seed, directions, to, layers, switches)
    file = source.path / "landscape" / f"{stem}.npz"
    with ConsoleProgress().task("loss surface", note="reading data") as task:
        from tfapp.landscape import landscape as measure

        surface = measure(
            model,
            *source.sample(samples, seed),
            n=n,
            range=limits,
            seed=seed,
            exact=exact,
            tolerance=tolerance,
            directions=chosen,
            layers=moved_layers(source, layers, directions, to),
            biases=biases,
            line=line,
            sample_errors=True,
            reestimate=reestimate,
            batch_size=batch_size,
            budget=seconds,
            path=file,
            dask=dask,
            progress=partial(task, note=""),
            overwrite=overwrite,
            compute_dtype="bfloat16" if bfloat16 else "float32",
        )
        task(surface.num_measured, surface.num_measured)
    print_table(ResultTable(("loss surface", ""), summary(surface, reestimate)))
    print_written(file, *draw(surface, file, source.title), *export(surface, file, formats))


def parse_range(text):
    """Return the `range` of `landscape` that a text such as 1, -1:2 or 0.5,-1:2 means; auto is itself."""
    if text == "auto":
        return text
    parts = [_limits(part, text) for part in text.split(",")]
    if len(parts) > 2:
        raise InputError(f"--range expects a range for each of two axes at most; got {text!r}.")
    return parts[0] if len(parts) == 1 else tuple(parts)


def _limits(part, text):
    try:
        numbers = [float(number) for number in part.split(":")]
    except ValueError:
        numbers = []
    # Weights are float32; infinity and NaN are no places of a grid.
    if not all(abs(number) <= 1e38 for number in numbers):
        numbers = []
    if len(numbers) == 1 and numbers[0] > 0:
        return (-numbers[0], numbers[0])
    if len(numbers) == 2 and numbers[0] < numbers[1]:
        return tuple(numbers)
    raise InputError(f"--range expects a positive number or LOW:HIGH, such as 1 or -0.5:1.5; got {text!r}.")


def parse_seconds(text):
    """Return seconds from 60, 60s, 5m or 1h; None from None."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", text.strip())
    if found is None or float(found[1]) == 0:
        raise InputError(f"--budget expects a time such as 60s, 5m or 1h; got {text!r}.")
    return float(found[1]) * _SECONDS[found[2]]


def _stem(n, range, seed, directions, to, layers, switches):
    """Name the file by the options that make another surface; defaults are not named."""
    if to is not None:
        marks = ["to", *(os.path.basename(os.path.realpath(other)) for other in to.split(","))]
    else:
        marks = [Path(directions).stem] * (directions != "filter")
    marks += ["layers"] * (layers is not None) + [name for name, on in switches.items() if on]
    numbers = f"n{n}-r{range.replace(':', 'to').replace(',', 'x')}-s{seed}"
    return "-".join(["surface", numbers, *marks])


def check_choice(directions, to):
    """Raise InputError for options that contradict each other."""
    if to is None:
        return
    if directions != "filter":
        raise InputError(f"--to gives the directions itself; leave out --directions {directions}.")
    others = to.split(",")
    if len(others) > 2 or not all(others):
        raise InputError(f"--to expects one run, or two with a comma between them; got {to!r}.")


def leads_to_solutions(directions, to):
    """Return whether there may be solutions that a picture should hold."""
    return to is not None or directions == "pca" or directions.endswith(".npz")


def choose_directions(solution, model, directions, to):
    """Return what `landscape` takes: the name of a kind, or `Directions`.

    Args:
        solution: The `Solution` whose landscape is drawn.
        model: Its model.
        directions: Name of a kind, `pca`, or an .npz file.
        to: Folders of one or two further runs, comma-separated, or None.
    """
    if to is not None:
        return _through(solution, model, to.split(","))
    if directions == "pca":
        return _of_trajectory(solution, model)
    if directions.endswith(".npz"):
        from tfapp.landscape import Directions

        return Directions.load(directions, model)
    return directions


def _through(solution, model, others):
    from tfapp.landscape import line_through, plane_through

    if INITIAL in others and solution.initial is None:
        raise InputError(f"The initial weights of {solution.path} are not known; give --to another run.")
    solutions = [solution, *(open_run(other).solution() for other in others if other != INITIAL)]
    names = [Path(each.path).resolve().name for each in solutions]
    if len(set(names)) < len(names):
        names = [str(each.path) for each in solutions]
    models = [each.load_model() for each in solutions[1:]]
    if INITIAL in others:
        place = others.index(INITIAL)
        names.insert(1 + place, "its initial weights")
        models.insert(place, solution.initial())
    return (line_through if len(models) == 1 else plane_through)(model, *models, names=tuple(names))


def _of_trajectory(solution, model):
    from tfapp.landscape import pca_directions

    if not solution.trajectory.is_dir():
        raise InputError(
            f"{solution.path} has no trajectory for --directions pca; train it again with --trajectory 1 --overwrite, "
            "which records the weights after every epoch."
        )
    return pca_directions(model, solution.trajectory)


# Directions that are made for one run; those to another run, or of the whole Hessian, move all that was trained.
_OF_ONE_RUN = ("filter", "unit-filter", "lu-tong", "layer", "gradient")


def moved_layers(solution, layers, directions, to):
    """Return the names of the layers that directions are limited to, or None for all that was trained.

    Args:
        solution: The `Solution` whose landscape is drawn.
        layers: What the user typed, or None for what the solution says.
        directions, to: As the user typed them.
    """
    if layers is not None:
        return layers.split(",")
    return solution.moved if to is None and directions in _OF_ONE_RUN else None
