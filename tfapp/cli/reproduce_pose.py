"""`tfapp reproduce pose-table-4.2` and `pose-table-b.2` to `-b.7`: models and poses of parts in a bin."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written
from tfapp.cli.reproduce_options import check_scale, parse_seeds, typed
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.reproduce.pose.tables import PARTS, READING, SOURCE, TABLES, table_rows

Option = typer.Option


def command_of(table):
    """Return the function behind `tfapp reproduce` of a `PoseTable`."""

    def pose_table(
        context: typer.Context,
        out: Annotated[
            Path, Option(help="Folder of scenes, runs and tables; tables with the same one share them.")
        ],
        scale: Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")] = "small",
        parts: Annotated[str, Option(help="Built-in parts, comma-separated.")] = ",".join(PARTS),
        instances: Annotated[str, Option(help="Numbers of parts in a scene, comma-separated.")] = ",".join(
            map(str, table.instances)
        ),
        variants: Annotated[str, Option(help="Variants of the method, comma-separated.")] = ",".join(
            table.variants
        ),
        seeds: Annotated[str, Option(help="Seeds of training, comma-separated.")] = "0,1,2",
        tilt: Annotated[
            float, Option(help="The camera looks from within this many degrees of the vertical.")
        ] = 0.0,
        epochs: Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")] = None,
        scenes: Annotated[int | None, Option(min=2, help="Scenes.", show_default="by scale")] = None,
    ):
        from tfapp.cli.pose_study import run_study
        from tfapp.reproduce.pose.variants import SCALES, variants_named

        check_scale(scale, SCALES)
        chosen = variants_named(variants)
        cells = _cells(parts, instances, chosen, parse_seeds(seeds))
        check_folder(out)
        results = run_study(SCALES[scale], cells, out, tilt=tilt, epochs=epochs, scenes=scenes)
        header, rows = table_rows(table, results, {variant.name: variant.title for variant in chosen})
        print_table(header, rows)
        _write(table, out, typed(context), header, rows, results)

    return pose_table


def help_of(table):
    """Return the help text of a table's command."""
    return f"{table.heading}: after {SOURCE}.\n\n{READING}"


def _cells(parts, instances, variants, seeds):
    """Return (part, instances, variant, seed) of every training."""
    names = [name.strip() for name in parts.split(",")]
    unknown = next((name for name in names if name not in PARTS), None)
    if unknown is not None:
        raise InputError(f"Unknown part {unknown!r}; choose some of: {', '.join(PARTS)}.")
    try:
        counts = [int(count) for count in instances.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InputError(
            f"--instances {instances!r} is not understood; expected numbers of at least 1 such as 2,3."
        )
    return [
        (part, count, variant, seed)
        for part in dict.fromkeys(names)
        for count in dict.fromkeys(counts)
        for variant in variants
        for seed in seeds
    ]


def _write(table, out, command, header, rows, results):
    from tfapp.files import atomic_path, write_json
    from tfapp.report.result_table import markdown_table

    written = [out / f"{table.name}.md", out / f"{table.name}.json"]
    seeds = len({key[3] for key in results})
    text = f"{table.heading}; mean ± standard deviation over {seeds} seeds. `{command}`\n\n"
    with atomic_path(written[0]) as temporary:
        temporary.write_text(f"{text}{markdown_table(header, rows)}\n\n{READING}\n", encoding="utf-8")
    names = ("part", "instances", "variant", "seed")
    cells = [dict(zip(names, key, strict=True)) | content for key, content in results.items()]
    write_json(written[1], {"command": command, "cells": cells})
    console.print(READING, soft_wrap=True)
    print_written(*written)


COMMANDS = {name: (command_of(table), help_of(table)) for name, table in TABLES.items()}
