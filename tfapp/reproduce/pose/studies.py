"""Studies `pose-table-4.2` and `pose-table-b.1` to `-b.7`: the tables of Wu (2020), measured beside printed."""

from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.pose.objects import chosen_objects
from tfapp.reproduce.pose.printed import SOURCE
from tfapp.reproduce.pose.slips import SLIPS
from tfapp.reproduce.pose.tables import TABLES
from tfapp.reproduce.study import Option, Result, Study, files_of

SCALES = {"small": "for two cores.", "paper": "for a GPU."}
REMARKS = (
    "Scenes are simulated anew, of parts like those of the text; what is printed stands beside. Printed numbers are of "
    "scenes that were trained on, as the columns `training` are here.",
    "The text does not say how its spectral clustering was set; here it is the better of two that were searched.",
)
Out = Annotated[
    Path, Option(help="Folder of scenes, runs and results; commands with the same one share them.")
]
ScaleName = Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")]
Parts = Annotated[
    str | None,
    Option(
        help="Objects, comma-separated: bolt, camera-head, nut, obj-01, obj-14, obj-24, l-bracket.",
        show_default="those of the source",
    ),
]
Seeds = Annotated[tuple, Option(help="Seeds of training, comma-separated.", text="seeds")]
Tilt = Annotated[float, Option(help="The camera looks from within this many degrees of the vertical.")]
Epochs = Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")]
Scenes = Annotated[int | None, Option(min=2, help="Scenes.", show_default="by scale")]
Meshes = Annotated[
    Path | None,
    Option(
        help="Folder with obj_01, obj_14 and obj_24 of T-LESS as .stl, .ply or .obj.", show_default="none"
    ),
]
Protocol = Annotated[
    str | None,
    Option(
        help="held-out: a tenth of the scenes is; text: all are trained on and 500 of them evaluated.",
        show_default="held-out when small, text at the scale of the paper",
    ),
]
Network = Annotated[
    str | None,
    Option(
        help="tfapp, or text: depth three times in, a plain vector of 7 numbers an instance out.",
        show_default="tfapp when small, text at the scale of the paper",
    ),
]


def study_of(table):
    """Return the `Study` of a `PoseTable`."""

    def make(
        out: Out,
        scale: ScaleName = "small",
        parts: Parts = None,
        instances: Annotated[
            str | None,
            Option(help="Numbers of parts in a scene, comma-separated.", show_default="those of the source"),
        ] = None,
        variants: Annotated[
            str | None,
            Option(help="Variants of the method, comma-separated.", show_default="those of the source"),
        ] = None,
        seeds: Seeds = (0, 1, 2),
        tilt: Tilt = 0.0,
        epochs: Epochs = None,
        scenes: Scenes = None,
        meshes: Meshes = None,
        protocol: Protocol = None,
        network: Network = None,
        *,
        progress,
        command,
    ):
        from tfapp.reproduce.pose.runs import Runs
        from tfapp.reproduce.pose.table_rows import result_table, rows_of

        names, left_out = chosen_objects(tuple(table.instances), parts, meshes)
        cells = _cells(table, names, instances, variants, seeds)
        runs = Runs.of(
            out,
            scale,
            epochs=epochs,
            scenes=scenes,
            protocol=protocol,
            network=network,
            tilt=tilt,
            meshes=meshes,
            progress=progress,
        )
        results = runs.metrics(cells)
        rows = rows_of(table, results)
        filled = result_table(table, rows)
        remarks = [*left_out, *remarks_of(table)]
        written = _write(table, runs, command, filled, rows, results, remarks)
        shown = [name for name in filled.header if name[:2] not in ("P ", "R ")]
        places = [place for place, name in enumerate(filled.header) if name in shown]
        return Result([filled.columns(*places), *remarks], written)

    text = "\n\n".join(
        [f"Table {table.number.upper()}, {table.heading}: after {SOURCE}.", *remarks_of(table)]
    )
    return Study(table.name, table.heading, SOURCE, remarks_of(table), SCALES, make, help=text, trains=True)


def remarks_of(table):
    """Return the sentences below a table."""
    own = REMARKS if table.by_object else REMARKS[:1]
    return (*own, *SLIPS[table.number])


def counts_of(text):
    """Return the numbers of instances that a user typed.

    Raises:
        InputError: They are none.
    """
    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InputError(
            f"`instances` {text!r} is not understood; expected numbers of at least 1 such as 2,3."
        )
    return list(dict.fromkeys(counts))


def _cells(table, parts, instances, variants, seeds):
    """Return the `Cell` of every training."""
    from tfapp.reproduce.pose.runs import Cell
    from tfapp.reproduce.pose.variants import VARIANTS, variants_named

    chosen = None if variants is None else variants_named(variants)
    counts = None if instances is None else counts_of(instances)
    cells = []
    for part in parts:
        own = [VARIANTS[setting.variant_of(part)] for setting in table.settings] if chosen is None else chosen
        for count in table.instances_of(part) if counts is None else counts:
            cells += [Cell(part, count, variant, seed) for variant in own for seed in seeds]
    return cells


def _write(table, runs, command, filled, rows, results, remarks):
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import document

    written = files_of(runs.out, table.name, ".md", ".json")
    seeds = len({key[3] for key in results})
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    means = "; means over objects ± standard deviation over these" if table.by_object else ""
    scale = f"{runs.scale.scenes} scenes of {runs.scale.size}x{runs.scale.size}, epochs {runs.scale.config.epochs}"
    text = (
        f"Table {table.number.upper()} of {SOURCE}: {table.heading}. {scale}, protocol {runs.protocol}, network "
        f"{runs.network}; {over}{means}. `{command}`"
    )
    write_text(written[0], document(text, filled, remarks))
    names = ("part", "instances", "variant", "seed")
    content = {
        "command": command,
        "source": SOURCE,
        "protocol": runs.protocol,
        "network": runs.network,
        "rows": [row.to_json() for row in rows],
        "remarks": remarks,
        "cells": [dict(zip(names, key, strict=True)) | metrics for key, metrics in results.items()],
    }
    write_json(written[1], content)
    return written


STUDIES = tuple(study_of(table) for table in TABLES.values())
