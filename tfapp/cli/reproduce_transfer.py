"""`tfapp reproduce transfer-table-5.1`, `transfer-table-5.2` and `transfer-figure-5.3`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written
from tfapp.cli.reproduce_options import check_scale, parse_seeds, typed
from tfapp.files import check_folder
from tfapp.reproduce.transfer.source import READING, SOURCE

Option = typer.Option


def command_of(make):
    """Return the function behind `tfapp reproduce` that trains runs and gives them to `make`.

    Args:
        make: Function of the `Scale`, the runs by seed, the folder and the heading of tables that returns the files
            it wrote.
    """

    def command(
        context: typer.Context,
        data: Annotated[
            str,
            Option(help="cifar10:PATH, voc2007:PATH, ..., or a folder of CIFAR-10 (small), VOC2007 (paper)."),
        ],
        out: Annotated[
            Path, Option(help="Folder of runs and results; commands with the same one share them.")
        ],
        scale: Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")] = "small",
        seeds: Annotated[
            str, Option(help="Seeds of backbone, clusters and network, comma-separated.")
        ] = "0,1,2",
        backbone: Annotated[
            str | None,
            Option(
                help="Of keras.applications, or a .keras file.",
                show_default="small: a ResNet-18 trained first",
            ),
        ] = None,
        weights: Annotated[
            str | None, Option(help="Its weights: a file without the top, or imagenet.")
        ] = None,
        epochs: Annotated[
            int | None, Option(min=1, help="Epochs of a backbone that is trained.", show_default="by scale")
        ] = None,
        iterations: Annotated[
            int | None, Option(min=1, help="Of each network.", show_default="by scale")
        ] = None,
    ):
        from tfapp.cli.transfer_study import trained_runs
        from tfapp.data import names_multi_label
        from tfapp.reproduce.transfer.scales import SCALES

        check_scale(scale, SCALES)
        check_folder(out)
        chosen, numbers = SCALES[scale], parse_seeds(seeds)
        spec = data if names_multi_label(data) else f"{chosen.reader}:{data}"
        options = {"backbone": backbone, "weights": weights, "epochs": epochs, "iterations": iterations}
        runs = trained_runs(spec, chosen, numbers, out, **options)
        spread = f"mean ± standard deviation over {len(runs)} seeds" if len(runs) > 1 else "one seed"
        heading = f"After {SOURCE}; {spread}. `{typed(context)}`\n\n"
        written = make(chosen, runs, out, heading)
        console.print(READING, soft_wrap=True)
        print_written(*written)

    return command


def table_5_1(scale, runs, out, heading):
    """Write table 5.1, over the sizes of the two layers; return its files."""
    from tfapp.cli.transfer_grid import grid_of_run, print_grid
    from tfapp.reproduce.transfer.tables import merged_grid
    from tfapp.transfer.grid import write_grid
    from tfapp.transfer.pictures import save_grid_png

    grids = [
        grid_of_run(
            path, scale.hidden, scale.clusters, [seed], scale.form, title=f"seed {seed}: ", costs=scale.costs
        )[0]
        for seed, path in runs.items()
    ]
    content = merged_grid(grids)
    print_grid(content)
    folder = out / "transfer-table-5.1"
    written = write_grid(folder, content, heading)
    save_grid_png(content, folder / "grid.png")
    return [*written, folder / "grid.png"]


def table_5_2(scale, runs, out, heading):
    """Write table 5.2, of sharp, low-resolution and transferred features; return its files."""
    from tfapp.cli.transfer_study import evaluated_runs
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import markdown_table
    from tfapp.reproduce.transfer.tables import table_5_2 as table

    metrics = evaluated_runs(runs, scale)
    header, rows = table(metrics)
    print_table(header, rows)
    files = [out / f"transfer-table-5.2.{ending}" for ending in ("md", "json")]
    write_text(files[0], f"{heading}{markdown_table(header, rows)}\n\n{READING}\n")
    write_json(files[1], {"seeds": list(runs), "metrics": metrics})
    return files


def figure_5_3(scale, runs, out, heading):
    """Draw figure 5.3 of every run; return its files."""
    from tfapp.cli.transfer_tsne import print_agreements, tsne_of_run

    del scale, out, heading
    written = []
    for seed, path in runs.items():
        embedding, files = tsne_of_run(path, title=f"seed {seed}: ", seed=seed)
        print_agreements(embedding)
        written += files
    return written


_HELPS = {
    "transfer-table-5.1": "Mean average precision over the sizes of the two layers, N1 x N2.",
    "transfer-table-5.2": "Sharp, low-resolution and transferred features side by side, with both readings of the "
    "pseudo-labels.",
    "transfer-figure-5.3": "Sharp, low-resolution and transferred features of test images in the plane, by t-SNE; "
    "figure 5.1 too.",
}
COMMANDS = {
    name: (command_of(make), f"{_HELPS[name]}\n\n{READING}")
    for name, make in zip(_HELPS, (table_5_1, table_5_2, figure_5_3), strict=True)
}
