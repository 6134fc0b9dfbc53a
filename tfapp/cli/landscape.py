"""`tfapp landscape`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import finish, follow, print_table, print_written, progress_bar
from tfapp.cli.landscape_directions import check_choice, choose_directions, leads_to_solutions
from tfapp.cli.landscape_pictures import check_formats, draw, export, parse_formats
from tfapp.cli.landscape_solution import check_kind, moved_layers, open_solution
from tfapp.cli.landscape_summary import summary
from tfapp.errors import InputError

Option = typer.Option
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def landscape(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the trained run, of poses too.")],
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
            help="filter (Li et al.), unit-filter (Lu and Tong), layer, gradient, hessian, pca (of the trajectory that "
            "tfapp train --trajectory recorded), or an .npz file."
        ),
    ] = "filter",
    to: Annotated[
        str | None,
        Option(
            metavar="RUN2[,RUN3]",
            help="The line to the solution of another run, or the plane of three; with batch normalisation add "
            "--reestimate.",
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
        str | None, Option(help="Stop after so long (60s, 5m, 1h); the same command goes on.")
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
    """Draw the training loss on a plane through the solution; interrupted, the same command goes on.

    Of a run of `tfapp pose train` it is the Chamfer distance, in units of its network.
    """
    if range is None:
        range = "auto" if leads_to_solutions(directions, to) else "1"
    limits, seconds = parse_range(range), parse_seconds(budget)
    formats = parse_formats(export_to)
    check_choice(directions, to)
    check_kind(run, directions, bfloat16=bfloat16, held_out=held_out)
    source = open_solution(run)
    model = source.load_model()
    chosen = choose_directions(source, model, directions, to)
    check_formats(formats, line=line or getattr(chosen, "v", ()) is None)
    switches = {"biases": biases, "line": line, "exact": exact, "reestimate": reestimate}
    switches |= {"bfloat16": bfloat16, "held-out": held_out}
    stem = _stem(n, range, seed, directions, to, layers, switches)
    file = source.path / "landscape" / f"{stem}.npz"
    with progress_bar() as bar:
        task = bar.add_task("loss surface", total=None, note="reading data")
        from tfapp.landscape import landscape as measure

        surface = measure(
            model,
            *source.sample("held-out" if held_out else "train", samples, seed),
            n=n,
            range=limits,
            seed=seed,
            exact=exact,
            tolerance=tolerance,
            directions=chosen,
            layers=moved_layers(run, layers, directions, to),
            biases=biases,
            line=line,
            sample_errors=True,
            reestimate=reestimate,
            batch_size=batch_size,
            budget=seconds,
            path=file,
            dask=dask,
            progress=follow(bar, task),
            overwrite=overwrite,
            compute_dtype="bfloat16" if bfloat16 else "float32",
        )
        finish(bar, task, surface.num_measured)
    print_table(("loss surface", ""), summary(surface))
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
    if len(numbers) == 1 and numbers[0] > 0:
        return (-numbers[0], numbers[0])
    if len(numbers) == 2 and numbers[0] < numbers[1]:
        return tuple(numbers)
    raise InputError(f"--range expects a positive number or LOW:HIGH, such as 1 or -0.5:1.5; got {text!r}.")


def parse_seconds(text):
    """Return seconds from 60, 60s, 5m or 1h; None from None."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or float(found[1]) == 0:
        raise InputError(f"--budget expects a time such as 60s, 5m or 1h; got {text!r}.")
    return float(found[1]) * _SECONDS[found[2]]


def _stem(n, range, seed, directions, to, layers, switches):
    """Name the file by the options that make another surface; defaults are not named."""
    if to is not None:
        marks = ["to", *(Path(other).resolve().name for other in to.split(","))]
    else:
        marks = [Path(directions).stem] * (directions != "filter")
    marks += ["layers"] * (layers is not None) + [name for name, on in switches.items() if on]
    numbers = f"n{n}-r{range.replace(':', 'to').replace(',', 'x')}-s{seed}"
    return "-".join(["surface", numbers, *marks])
