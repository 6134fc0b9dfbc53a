"""`tfapp landscape`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written, progress_bar

Option = typer.Option


def landscape(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the trained run.")],
    n: Annotated[int, Option("--n", help="Points along each axis, odd.")] = 21,
    range: Annotated[float, Option(help="Half width; 1 moves every filter by 100 % of its norm.")] = 0.5,
    samples: Annotated[int, Option(min=1, help="Training frames that the loss is averaged over.")] = 32,
    seed: Annotated[int, Option(min=0, help="Seed of the two directions and of the frames.")] = 0,
    batch_size: Annotated[int, Option(min=1, help="Frames per forward pass.")] = 8,
    overwrite: Annotated[bool, Option(help="Start again, replacing the surface of these options.")] = False,
):
    """Draw the training loss on a plane through the solution; interrupted, the same command goes on."""
    from tfapp.runs import Run

    source = Run.open(run)
    file = source.path / "landscape" / f"surface-n{n}-r{range:g}-s{seed}.npz"
    with progress_bar() as bar:
        task = bar.add_task("loss surface", total=n * n, note="reading data")
        from tfapp.landscape import landscape as measure

        surface = measure(
            source.load_model(),
            *source.sample("train", samples, seed),
            n=n,
            range=range,
            seed=seed,
            batch_size=batch_size,
            path=file,
            progress=lambda done, total: bar.update(task, completed=done, total=total, note=""),
            overwrite=overwrite,
        )
        bar.update(task, completed=n * n, note="")
    print_table(("loss surface", ""), _summary(surface))
    print_written(file, *_draw(surface, file, source.title))


def _draw(surface, file, title):
    """Write the figures beside the surface and return their paths."""
    from tfapp.landscape import save_contour_png, save_html, save_surface_png, surface_html

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
    milliseconds = [f"{1e3 * timing[name]:.1f} ms" for name in ("seconds_per_point", "seconds_bare_forward")]
    return [
        *rows,
        ("NaN cells", f"{check['nan_cells']} of {surface.status.size}"),
        ("weights untouched", "yes" if check["weights_untouched"] else "NO"),
        ("share of parameters moved", f"{check['share_perturbed']:.2%}"),
        ("cosine of the directions", f"{check['cosine']:.4f}"),
        ("a point", milliseconds[0]),
        ("a bare forward pass", milliseconds[1]),
    ]
