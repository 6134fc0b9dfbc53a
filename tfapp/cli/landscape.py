"""`tfapp landscape`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written, progress_bar
from tfapp.errors import InputError

Option = typer.Option
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def landscape(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the trained run.")],
    n: Annotated[int, Option("--n", min=3, help="Points along each axis.")] = 33,
    range: Annotated[
        str,
        Option(help="Half width, 1 = 100 % of every filter's norm; or LOW:HIGH; or one of these per axis."),
    ] = "1",
    directions: Annotated[
        str,
        Option(
            help="filter (Li et al.), unit-filter (Lu and Tong), layer, gradient, hessian, or an .npz file."
        ),
    ] = "filter",
    layers: Annotated[
        str | None, Option(help="Move only these layers; comma-separated names.", show_default="all")
    ] = None,
    biases: Annotated[bool, Option(help="Move biases and normalisation parameters too.")] = False,
    line: Annotated[bool, Option(help="One direction instead of two.")] = False,
    reestimate: Annotated[
        bool, Option(help="Estimate batch normalisation's moving statistics anew at every point.")
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
    samples: Annotated[int, Option(min=1, help="Training frames that the loss is averaged over.")] = 32,
    seed: Annotated[int, Option(min=0, help="Seed of the directions and of the frames.")] = 0,
    batch_size: Annotated[int, Option(min=1, help="Frames per forward pass.")] = 8,
    overwrite: Annotated[bool, Option(help="Start again, replacing the surface of these options.")] = False,
):
    """Draw the training loss on a plane through the solution; interrupted, the same command goes on."""
    from tfapp.runs import Run

    limits, seconds = parse_range(range), parse_seconds(budget)
    source = Run.open(run)
    switches = {"biases": biases, "line": line, "exact": exact, "reestimate": reestimate}
    stem = _stem(n, range, seed, directions, layers, switches)
    file = source.path / "landscape" / f"{stem}.npz"
    with progress_bar() as bar:
        task = bar.add_task("loss surface", total=None, note="reading data")
        from tfapp.landscape import landscape as measure

        surface = measure(
            source.load_model(),
            *source.sample("train", samples, seed),
            n=n,
            range=limits,
            seed=seed,
            exact=exact,
            tolerance=tolerance,
            directions=directions,
            layers=None if layers is None else layers.split(","),
            biases=biases,
            line=line,
            sample_errors=True,
            reestimate=reestimate,
            batch_size=batch_size,
            budget=seconds,
            path=file,
            dask=dask,
            progress=lambda done, total: bar.update(task, completed=done, total=total, note=""),
            overwrite=overwrite,
        )
        bar.update(task, completed=surface.num_measured, total=surface.num_measured, note="")
    print_table(("loss surface", ""), _summary(surface))
    print_written(file, *_draw(surface, file, source.title))


def parse_range(text):
    """Return the `range` of `landscape` that a text such as 1, -1:2 or 0.5,-1:2 means."""
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


def _stem(n, range, seed, directions, layers, switches):
    """Name the file by the options that make another surface; defaults are not named."""
    kind = Path(directions).stem
    marks = [kind] * (kind != "filter") + ["layers"] * (layers is not None)
    marks += [name for name, on in switches.items() if on]
    numbers = f"n{n}-r{range.replace(':', 'to').replace(',', 'x')}-s{seed}"
    return "-".join(["surface", numbers, *marks])


def _draw(surface, file, title):
    """Write the figures beside the surface and return their paths."""
    from tfapp.landscape import save_contour_png, save_curves_png, save_html, save_surface_png, surface_html

    if len(surface.betas) == 1:
        curve = file.with_suffix(".png")
        save_curves_png([surface], [title], curve)
        return (curve,)
    if not surface.complete:
        return ()
    contour, page = file.with_name(f"{file.stem}-contour.png"), file.with_suffix(".html")
    save_surface_png(surface, file.with_suffix(".png"), title)
    save_contour_png(surface, contour, title)
    save_html(surface_html(surface, title), page)
    return file.with_suffix(".png"), contour, page


def _summary(surface):
    check, timing = surface.metadata["self_check"], surface.metadata["timing"]
    rows = [
        ("f(0, 0), the solution", f"{check['centre']:.6g}"),
        ("model.evaluate", f"{check['evaluate']:.6g}"),
        ("difference", f"{check['centre_minus_evaluate']:.1e}"),
    ]
    for name in ("minimum", "maximum"):
        if check[name] is not None:
            loss, alpha, beta = check[name]
            rows.append((name, f"{loss:.6g} at ({alpha:g}, {beta:g})"))
    rows += [*_prediction_rows(surface), *_direction_rows(surface)]
    times = (("a point", "seconds_per_point"), ("a bare forward pass", "seconds_bare_forward"))
    return [
        *rows,
        ("NaN cells", f"{check['nan_cells']} of {surface.status.size}"),
        ("weights untouched", "yes" if check["weights_untouched"] else "NO"),
        ("share of parameters moved", f"{check['share_perturbed']:.2%}"),
        *((label, f"{1e3 * timing[name]:.1f} ms") for label, name in times if name in timing),
    ]


def _prediction_rows(surface):
    """Say how many points were measured, and how well the others are predicted."""
    measured, found = surface.num_measured, surface.metadata["prediction"]
    rows = [("points measured", f"{measured} of {surface.status.size}")]
    if not surface.metadata["finished"]:
        return [*rows, ("budget", "ended; the same command goes on")]
    if found["failed"]:
        return [*rows, ("prediction", "did not work here: every point was measured")]
    if found["points"]:
        errors = f"max {found['max_error']:.2%}, rms {found['rms_error']:.2%} of the range"
        rows.append((f"error at {found['points']} points", errors))
    return rows


def _direction_rows(surface):
    directions, check = surface.metadata["directions"], surface.metadata["self_check"]
    rows = []
    for name, label, relative, absolute in zip(
        ("α", "β"), directions["labels"], directions["relative"], directions["absolute"], strict=False
    ):
        rows.append((f"{name} = 1, {label}", f"{relative:.0%} of the weights, {absolute:.4g}"))
    if check.get("cosine") is not None:
        rows.append(("cosine of the directions", f"{check['cosine']:.4f}"))
    return rows
