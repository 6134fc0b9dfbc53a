"""Study `pose-refined`: models and poses that no label and no CAD model goes into, over parts, sensors and seeds."""

import json
import re
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable, document, mean_and_spread
from tfapp.reproduce.study import Option, Result, Study, files_of
from tfapp.runs.ahead import do_ahead, is_ahead
from tfapp.runs.progress import SILENT

NAME = "pose-refined"
SOURCE = "Y. Wu's dissertation, chapter 4, whose task it is; the refinement is this package's own"
CASES = "bolt-2,bolt-3,bolt-4,nut-2,nut-3,nut-4,l-bracket-1-tilt-60,camera-head-2"
STARTS = ("clustering", "network")
SIZE, HELD_OUT = 64, 0.25
# `tfapp.pose.evaluation.reference_models.INTERIOR`, which is slow to import.
_INSIDE = "random points inside the part"
# Columns that a terminal has room for, and their titles there.
_SHOWN = {
    "scenes": "scenes",
    "sensor": "sensor",
    "F1": "F1",
    "rotation, median °": "median °",
    "rotation, mean °": "mean °",
    "within 10° and 5 mm": "in 10°, 5 mm",
    "refused": "refused",
}
# Titles of columns, where `metrics.json` has their numbers, factor and format.
COLUMNS = {
    "F1": ("held-out", "scores", "ours", "f1", 1, ".3f"),
    "F1, K-means": ("held-out", "scores", "K-means", "f1", 1, ".3f"),
    "F1, spectral": ("held-out", "scores", "spectral clustering", "f1", 1, ".3f"),
    "rotation, median °": ("held-out", "poses", "rotation_median", 180 / np.pi, ".1f"),
    "rotation, mean °": ("held-out", "poses", "rotation_mean", 180 / np.pi, ".1f"),
    "translation, median mm": ("held-out", "poses", "translation_median", 1000, ".2f"),
    "within 10° and 5 mm": ("held-out", "poses", "within_10_degrees_5_mm", 1, ".3f"),
    "right of the surest 50 %": ("held-out", "poses", "precision_at_50", 1, ".3f"),
    "AUROC": ("held-out", "poses", "confidence_auroc", 1, ".2f"),
    "model to part, mm": ("model", "learned_to_cad", "median", 1000, ".2f"),
    "part to model, mm": ("model", "cad_to_learned", "median", 1000, ".2f"),
    "points inside to part, mm": (
        "model",
        "references",
        _INSIDE,
        "learned_to_cad",
        "median",
        1000,
        ".2f",
    ),
}
REMARKS = (
    "Held-out scenes; their truth is used for the scores alone. Where the refined model does not explain its scenes, "
    "`tfapp pose segment` refuses to tell poses: such runs are counted as refused, and their numbers stand here all "
    "the same.",
    "Minutes are those of simulating, fitting and training together on the machine that made the table, and do not "
    "stand where a run was resumed or had been made before; they grow with whatever else the machine does.",
)
_CASE = re.compile(r"(?P<part>.+?)-(?P<instances>[1-9][0-9]?)(-tilt-(?P<tilt>[0-9]+(\.[0-9]+)?))?")


@dataclass(frozen=True)
class Case:
    """Scenes of a part.

    Attributes:
        part: Name of a built-in part, or the path of a mesh file.
        instances: Parts in each scene.
        tilt: Of the camera, degrees.
        sensor: Name of what the scenes are seen with.
        start: Where the poses begin: `clustering` or `network`.
        seed: Of the scenes and of all that follows.
    """

    part: str
    instances: int
    tilt: float
    sensor: str
    start: str
    seed: int

    @property
    def scenes(self):
        """Name of the folder of scenes."""
        tilt = f"-tilt-{self.tilt:g}" if self.tilt else ""
        return f"{Path(self.part).stem}-{self.instances}{tilt}-{self.sensor}-seed-{self.seed}"

    @property
    def row(self):
        """First cells of its row, which it shares with the other seeds."""
        tilt = f", tilt {self.tilt:g}°" if self.tilt else ""
        return f"{Path(self.part).stem}, N = {self.instances}{tilt}", self.sensor, self.start


def make(
    out: Annotated[Path, Option(help="Folder of scenes, runs and tables; a killed study there resumes.")],
    cases: Annotated[
        str, Option(help="PART-N or PART-N-tilt-DEGREES, with commas; PART may be a mesh file.")
    ] = CASES,
    units: Annotated[
        str | None, Option(help="Of mesh files: m, cm, mm or inch.", show_default="none")
    ] = None,
    sensors: Annotated[str, Option(help="ideal, realsense, photoneo, kinect, with commas.")] = "ideal",
    starts: Annotated[str, Option(help="clustering, network, with commas.")] = "clustering",
    seeds: Annotated[tuple, Option(help="Seeds, comma-separated.", text="seeds")] = (0, 1, 2),
    scenes: Annotated[int, Option(min=8, help="Scenes of each; a quarter of them is held out.")] = 200,
    *,
    progress,
    command,
):
    """Simulate, fit and evaluate every case that is not in the table yet, and write it after each."""
    every = chosen_cases(cases, sensors, starts, seeds)
    for part in dict.fromkeys(case.part for case in every):
        _part(part, units)
    results = kept_results(out, scenes)
    left = [case for case in every if case not in results]
    if is_ahead():
        # Workers of Dask cannot start the processes that simulate.
        for number, case in enumerate(left, 1):
            _simulate(case, units, scenes, Path(out), f"{number} of {len(left)}: {case.scenes}", progress)
        do_ahead(
            measure, [((case, units, scenes, Path(out), case.scenes, SILENT), {}) for case in left], progress
        )
    for number, case in enumerate(every, 1):
        title = f"{number} of {len(every)}: {case.scenes}, {case.start}"
        if case in results:
            progress.say(f"{title}: measured already")
            continue
        results[case] = measure(case, units, scenes, Path(out), title, progress)
        _write(out, command, results, scenes)
    written = _write(out, command, results, scenes)
    return Result([_shown(refined_table(results)), *REMARKS], written)


def chosen_cases(cases, sensors, starts, seeds):
    """Return the `Case`s that the options name.

    Raises:
        InputError: For a text that is none.
    """
    from tfapp.pose.simulation.sensors import sensor_named

    found = []
    for text in _names(cases):
        match = _CASE.fullmatch(text)
        if match is None:
            raise InputError(
                f"`cases` {text!r} is not understood; expected PART-N or PART-N-tilt-DEGREES, as bolt-2."
            )
        found.append((match["part"], int(match["instances"]), float(match["tilt"] or 0)))
    for name in _names(sensors):
        sensor_named(name, None)
    unknown = next((name for name in _names(starts) if name not in STARTS), None)
    if unknown is not None:
        raise InputError(f"Unknown start {unknown!r}; choose some of: {', '.join(STARTS)}.")
    # The first seed of everything first: a study that is cut tells something of each.
    return [
        Case(*scenes, sensor, start, seed)
        for seed in seeds
        for sensor in _names(sensors)
        for scenes in found
        for start in _names(starts)
    ]


def kept_results(out, scenes):
    """Return what the table in a folder has already, content by `Case`: it may be gathered over several days.

    Raises:
        InputError: It was made of another number of scenes, or is damaged.
    """
    file = files_of(out, NAME, ".json")[0]
    if not file.is_file():
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        made_of, cells = record["scenes"], record["cells"]
        names = [field.name for field in fields(Case)]
        found = {Case(*(cell.pop(name) for name in names)): cell for cell in cells}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged ({error}); remove it.") from None
    if made_of != scenes:
        raise InputError(f"{file} was made of {made_of} scenes, not `scenes` {scenes}; choose another `out`.")
    return found


def _names(text):
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _part(name, units):
    from tfapp.pose.simulation.parts import BUILT_IN
    from tfapp.pose.simulation.simulate import part_named

    return part_named(name, None if name in BUILT_IN else units)


def measure(case, units, scenes, out, title, progress):
    """Do what is left to do of a case, and return the content of its `metrics.json`, `refused` and `minutes`."""
    from tfapp.pose.evaluate import METRICS, evaluate_run
    from tfapp.pose.predictor import open_run
    from tfapp.pose.refinement.refined_run import unexplained

    folder, run = out / "scenes" / case.scenes, out / "runs" / case.scenes / case.start
    times, began = run.parent / f"{case.start}-minutes.json", time.monotonic()
    fresh = not folder.exists() and not run.exists()
    _simulate(case, units, scenes, out, title, progress)
    _fit(case, folder, run, title, progress)
    if fresh:
        times.write_text(json.dumps({"minutes": (time.monotonic() - began) / 60}), encoding="utf-8")
    if not (run / METRICS).is_file():
        evaluate_run(run, progress=progress)
    content = json.loads((run / METRICS).read_text(encoding="utf-8"))
    minutes = json.loads(times.read_text(encoding="utf-8"))["minutes"] if times.is_file() else None
    # What the table is made of, and what stands beside it; the whole is in the folder of the run.
    model = {name: value for name, value in content["model"].items() if name != "other_minima"}
    content = {"parts": {"held-out": content["parts"]["held-out"]}, "model": model}
    return content | {"refused": unexplained(open_run(run)) is not None, "minutes": minutes}


def _simulate(case, units, scenes, out, title, progress):
    from tfapp.pose.simulation.sensors import sensor_named
    from tfapp.pose.simulation.simulator import SceneSettings
    from tfapp.reproduce.pose.runs import simulate

    settings = SceneSettings(
        _part(case.part, units),
        case.instances,
        SIZE,
        case.tilt,
        case.seed,
        None,
        sensor_named(case.sensor, None),
    )
    simulate(settings, out / "scenes" / case.scenes, scenes, progress, f"{title}: scenes")


def _fit(case, folder, run, title, progress):
    """Make the refined run of a case, without a network or after the training of one."""
    from tfapp.pose.fitted_run import FitConfig, fit
    from tfapp.pose.refinement.beginnings import NetworkBeginning
    from tfapp.pose.refinement.refined_run import RefineOptions, refine_run
    from tfapp.pose.training import train
    from tfapp.reproduce.pose.variants import SCALES, VARIANTS

    if case.start == "clustering":
        fit(folder, run, FitConfig(held_out=HELD_OUT, seed=case.seed), RefineOptions(), progress=progress)
        return
    variant = VARIANTS["hypotheses-unturned" if case.tilt else "hypotheses"]
    config = replace(SCALES["small"].of(variant, case.seed), held_out=HELD_OUT)
    trained = train(folder, run, config, progress=progress, title=title)
    refine_run(trained, NetworkBeginning(trained.load_model()), progress=progress)


def refined_table(results):
    """Return the `ResultTable` of results by `Case`: means over the seeds of each, with their standard deviation."""
    rows = {}
    for case, content in results.items():
        rows.setdefault(case.row, []).append(content)
    header = ["scenes", "sensor", "start", "seeds", *COLUMNS, "refused", "minutes"]
    lines = []
    for row, contents in rows.items():
        numbers = [
            _mean([_value(one, *where) for one in contents], factor, form)
            for *where, factor, form in COLUMNS.values()
        ]
        refused = sum(one["refused"] for one in contents)
        minutes = _mean([one["minutes"] for one in contents], 1, ".1f")
        lines.append([*row, len(contents), *numbers, f"{refused} of {len(contents)}", minutes])
    return ResultTable(header, lines)


def _shown(table):
    chosen = table.columns(*(table.header.index(title) for title in _SHOWN))
    return ResultTable(list(_SHOWN.values()), chosen.rows)


def _value(content, *where):
    """Return a number of `metrics.json`, None where it has none."""
    content = content if where[0] == "model" else content["parts"]
    for name in where:
        content = None if content is None else content.get(name)
    return content


def _mean(values, factor, form):
    return mean_and_spread([factor * value for value in values if value is not None], form)


def _write(out, command, results, scenes):
    from tfapp.files import write_json, write_text

    written = files_of(out, NAME, ".md", ".csv", ".json")
    table = refined_table(results)
    blocks = [f"`{command}`", table, list(REMARKS)]
    write_text(written[0], document(*blocks, title=STUDY.heading))
    table.write_csv(written[1])
    cells = [vars(case) | content for case, content in results.items()]
    write_json(written[2], {"command": command, "scenes": scenes, "cells": cells})
    return written


STUDY = Study(
    NAME,
    "Models and poses of parts in a bin without labels and CAD, over parts, sensors and seeds",
    SOURCE,
    REMARKS,
    {},
    make,
    trains=True,
)
STUDIES = (STUDY,)
