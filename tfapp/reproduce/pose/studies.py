"""Studies `pose-table-4.2` and `pose-table-b.2` to `-b.7`: models and poses of parts in a bin."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.pose.tables import ASSUMED, PARTS, SOURCE, TABLES, result_table
from tfapp.reproduce.study import Option, Result, Study, files_of

SCALES = {"small": "for two cores.", "paper": "for a GPU."}


def study_of(table):
    """Return the `Study` of a `PoseTable`."""

    def make(
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
        seeds: Annotated[tuple, Option(help="Seeds of training, comma-separated.", text="seeds")] = (0, 1, 2),
        tilt: Annotated[
            float, Option(help="The camera looks from within this many degrees of the vertical.")
        ] = 0.0,
        epochs: Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")] = None,
        scenes: Annotated[int | None, Option(min=2, help="Scenes.", show_default="by scale")] = None,
        *,
        progress,
        command,
    ):
        from tfapp.reproduce.pose.variants import SCALES as SETTINGS
        from tfapp.reproduce.pose.variants import variants_named

        chosen = variants_named(variants)
        cells = _cells(parts, instances, chosen, seeds)
        options = {"tilt": tilt, "epochs": epochs, "scenes": scenes, "progress": progress}
        results = measure_cells(SETTINGS[scale], cells, out, **options)
        filled = result_table(table, results, {variant.name: variant.title for variant in chosen})
        return Result([filled, ASSUMED], _write(table, out, command, filled, results))

    text = f"{table.heading}: after {SOURCE}.\n\n{ASSUMED}"
    return Study(table.name, table.heading, SOURCE, (ASSUMED,), SCALES, make, help=text)


def measure_cells(scale, cells, out, *, tilt, epochs, scenes, progress):
    """Simulate, train and evaluate; what is done already is not done again.

    Args:
        scale: `Scale`.
        cells: List of (part, instances, `Variant`, seed).
        out: Folder; scenes go to `scenes/PART-N`, runs to `runs/PART-N/VARIANT/seed-S`.
        tilt: Of the camera, degrees.
        epochs, scenes: In place of those of the scale, or None.
        progress: `Progress`; it is told the table of every run.

    Returns:
        Dictionary from (part, instances, name of the variant, seed) to the content of `metrics.json`.
    """
    scenes = scenes or scale.scenes
    configs = [scale.of(variant, seed) for _, _, variant, seed in cells]
    if epochs is not None:
        configs = [replace(config, epochs=epochs) for config in configs]
    for part, instances in dict.fromkeys(cell[:2] for cell in cells):
        folder = _scenes_of(out, part, instances, tilt)
        _simulate(part, instances, scale.size, scenes, tilt, folder, progress)
    results = {}
    for number, (cell, config) in enumerate(zip(cells, configs, strict=True), 1):
        part, instances, variant, seed = cell
        folder = _scenes_of(out, part, instances, tilt)
        run = out / "runs" / folder.name / variant.name / f"seed-{seed}"
        title = f"{number} of {len(cells)}: {folder.name}, {variant.title}, seed {seed}"
        results[part, instances, variant.name, seed] = _metrics(folder, run, config, title, progress)
    return results


def _scenes_of(out, part, instances, tilt):
    return out / "scenes" / (f"{part}-{instances}" + (f"-tilt-{tilt:g}" if tilt else ""))


def _simulate(part, instances, size, scenes, tilt, folder, progress):
    from tfapp.pose.simulation.simulate import part_named, simulate_scenes
    from tfapp.pose.simulation.simulator import SceneSettings

    settings = SceneSettings(part_named(part), instances, size, tilt)
    with progress.task(f"scenes of {folder.name}", scenes) as task:
        simulate_scenes(settings, folder, scenes, processes=os.cpu_count(), command="", progress=task)


def _metrics(scenes, run, config, title, progress):
    from tfapp.pose.evaluate import METRICS, evaluate_run
    from tfapp.pose.training import train

    file = run / METRICS
    trained = train(scenes, run, config, progress=progress, title=title)
    if not is_evaluated(trained):
        # Of the network, also where somebody has refined the run since.
        evaluation = evaluate_run(run, progress=progress, refined=False)
        for table in evaluation.tables():
            progress.table(table)
        for sentence in evaluation.remarks():
            progress.say(sentence)
    else:
        progress.say(f"{title}: evaluated already")
    return json.loads(file.read_text(encoding="utf-8"))


def is_evaluated(run):
    """Return whether a `PoseRun` has metrics of its network as it is, and of all pixels, as those of now are.

    A run may have been trained further, or refined.
    """
    from tfapp.pose.evaluate import METRICS

    file = run.path / METRICS
    if not file.is_file():
        return False
    stored = json.loads(file.read_text(encoding="utf-8"))
    if stored.get("pixels") != "all" or stored.get("refined"):
        return False
    return "weights" in stored and run.is_current(stored["weights"])


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
            f"`instances` {instances!r} is not understood; expected numbers of at least 1 such as 2,3."
        )
    return [
        (part, count, variant, seed)
        for part in dict.fromkeys(names)
        for count in dict.fromkeys(counts)
        for variant in variants
        for seed in seeds
    ]


def _write(table, out, command, filled, results):
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import document

    written = files_of(out, table.name, ".md", ".json")
    seeds = len({key[3] for key in results})
    text = f"{table.heading}; mean ± standard deviation over {seeds} seeds. `{command}`"
    write_text(written[0], document(text, filled, ASSUMED))
    names = ("part", "instances", "variant", "seed")
    cells = [dict(zip(names, key, strict=True)) | content for key, content in results.items()]
    write_json(written[1], {"command": command, "cells": cells})
    return written


STUDIES = tuple(study_of(table) for table in TABLES.values())
