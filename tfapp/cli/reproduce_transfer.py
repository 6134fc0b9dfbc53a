"""`tfapp reproduce transfer-table-5.1`, `transfer-table-5.2` and `transfer-figure-5.3`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written
from tfapp.cli.reproduce_options import check_scale, parse_seeds, typed
from tfapp.files import check_folder
from tfapp.transfer.study.source import READING, SOURCE

Option = typer.Option
Data = Annotated[
    str, Option(help="cifar10:PATH, voc2007:PATH, ..., or a folder of CIFAR-10 (small), VOC2007 (paper).")
]
Out = Annotated[Path, Option(help="Folder of runs and results; commands with the same one share them.")]
ScaleName = Annotated[str, Option("--scale", help="small, for two cores, or paper, for a GPU.")]
Seeds = Annotated[str, Option(help="Seeds of backbone, clusters and network, comma-separated.")]
Backbone = Annotated[
    str | None,
    Option(help="Of keras.applications, or a .keras file.", show_default="small: a ResNet-18 trained first"),
]
Weights = Annotated[str | None, Option(help="Its weights: a file without the top, or imagenet.")]
Epochs = Annotated[
    int | None, Option(min=1, help="Epochs of a backbone that is trained.", show_default="by scale")
]
Iterations = Annotated[int | None, Option(min=1, help="Of each network.", show_default="by scale")]


def table_5_1(
    context: typer.Context,
    data: Data,
    out: Out,
    scale: ScaleName = "small",
    seeds: Seeds = "0,1,2",
    backbone: Backbone = None,
    weights: Weights = None,
    epochs: Epochs = None,
    iterations: Iterations = None,
):
    """Mean average precision over the sizes of the two layers, N1 x N2."""
    from tfapp.cli.transfer_grid import grid_of_run, print_grid
    from tfapp.transfer.grid import write_grid
    from tfapp.transfer.pictures.grid_picture import save_grid_png
    from tfapp.transfer.study.tables import merged_grid

    chosen, runs = _runs(data, out, scale, seeds, backbone, weights, epochs, iterations)
    grids = [
        grid_of_run(
            path,
            chosen.hidden,
            chosen.clusters,
            [seed],
            chosen.form,
            title=f"seed {seed}: ",
            costs=chosen.costs,
        )[0]
        for seed, path in runs.items()
    ]
    content = merged_grid(grids)
    print_grid(content)
    folder = out / "transfer-table-5.1"
    written = write_grid(folder, content, _heading(context, len(runs)))
    save_grid_png(content, folder / "grid.png")
    _end(*written, folder / "grid.png")


def table_5_2(
    context: typer.Context,
    data: Data,
    out: Out,
    scale: ScaleName = "small",
    seeds: Seeds = "0,1,2",
    backbone: Backbone = None,
    weights: Weights = None,
    epochs: Epochs = None,
    iterations: Iterations = None,
):
    """Sharp, low-resolution and transferred features side by side, with both readings of the pseudo-labels."""
    from tfapp.cli.transfer_study import evaluated_runs
    from tfapp.files import write_json, write_text
    from tfapp.result_text import markdown_table
    from tfapp.transfer.study.tables import table_5_2 as table

    chosen, runs = _runs(data, out, scale, seeds, backbone, weights, epochs, iterations)
    metrics = evaluated_runs(runs, chosen)
    header, rows = table(metrics)
    print_table(header, rows)
    files = [out / f"transfer-table-5.2.{ending}" for ending in ("md", "json")]
    write_text(files[0], f"{_heading(context, len(runs))}{markdown_table(header, rows)}\n\n{READING}\n")
    write_json(files[1], {"seeds": list(runs), "metrics": metrics})
    _end(*files)


def figure_5_3(
    context: typer.Context,
    data: Data,
    out: Out,
    scale: ScaleName = "small",
    seeds: Seeds = "0",
    backbone: Backbone = None,
    weights: Weights = None,
    epochs: Epochs = None,
    iterations: Iterations = None,
    images: Annotated[int, Option(min=10, help="Test images to show, at most.")] = 1000,
):
    """Sharp, low-resolution and transferred features of test images in the plane (figures 5.1 and 5.3), by t-SNE."""
    from tfapp.cli.transfer_tsne import print_agreements, tsne_of_run

    _, runs = _runs(data, out, scale, seeds, backbone, weights, epochs, iterations)
    for seed, path in runs.items():
        embedding, written = tsne_of_run(path, title=f"seed {seed}: ", most_images=images, seed=seed)
        print_agreements(embedding)
        print_written(*written)


def _runs(data, out, scale, seeds, backbone, weights, epochs, iterations):
    """Return the `Scale` and the trained runs by seed."""
    from tfapp.cli.transfer_study import trained_runs
    from tfapp.data import names_multi_label
    from tfapp.transfer.study.scales import SCALES

    check_scale(scale, SCALES)
    check_folder(out)
    chosen, numbers = SCALES[scale], parse_seeds(seeds)
    spec = data if names_multi_label(data) else f"{chosen.reader}:{data}"
    options = {"backbone": backbone, "weights": weights, "epochs": epochs, "iterations": iterations}
    return chosen, trained_runs(spec, chosen, numbers, out, **options)


def _heading(context, seeds):
    return f"After {SOURCE}; mean ± standard deviation over {seeds} seeds. `{typed(context)}`\n\n"


def _end(*written):
    console.print(READING, soft_wrap=True)
    print_written(*written)


COMMANDS = {
    "transfer-table-5.1": table_5_1,
    "transfer-table-5.2": table_5_2,
    "transfer-figure-5.3": figure_5_3,
}
