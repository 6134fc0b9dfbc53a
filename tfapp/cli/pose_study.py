"""Simulate, train and evaluate for the tables of poses; what is done already is not done again."""

import json
import os
from dataclasses import replace

from tfapp.cli.console import console, finish, follow, progress_bar
from tfapp.cli.pose_evaluate import evaluate_run
from tfapp.cli.pose_train import train_with_progress


def run_study(scale, cells, out, *, tilt=0.0, epochs=None, scenes=None):
    """Return, from (part, instances, name of the variant, seed) to the content of `metrics.json`.

    Args:
        scale: `Scale`.
        cells: List of (part, instances, `Variant`, seed).
        out: Folder; scenes go to `scenes/PART-N`, runs to `runs/PART-N/VARIANT/seed-S`.
        tilt: Of the camera, degrees.
        epochs, scenes: In place of those of the scale.
    """
    scenes = scenes or scale.scenes
    configs = [scale.of(variant, seed) for _, _, variant, seed in cells]
    if epochs is not None:
        configs = [replace(config, epochs=epochs) for config in configs]
    for part, instances in dict.fromkeys(cell[:2] for cell in cells):
        _simulate(part, instances, scale.size, scenes, tilt, _scenes_of(out, part, instances, tilt))
    results = {}
    for number, (cell, config) in enumerate(zip(cells, configs, strict=True), 1):
        part, instances, variant, seed = cell
        folder = _scenes_of(out, part, instances, tilt)
        run = out / "runs" / folder.name / variant.name / f"seed-{seed}"
        title = f"{number} of {len(cells)}: {folder.name}, {variant.title}, seed {seed}"
        results[part, instances, variant.name, seed] = _metrics(folder, run, config, title)
    return results


def _scenes_of(out, part, instances, tilt):
    return out / "scenes" / (f"{part}-{instances}" + (f"-tilt-{tilt:g}" if tilt else ""))


def _simulate(part, instances, size, scenes, tilt, folder):
    from tfapp.pose.simulation.simulate import part_named, simulate_scenes
    from tfapp.pose.simulation.simulator import SceneSettings

    settings = SceneSettings(part_named(part), instances, size, tilt)
    with progress_bar() as bar:
        task = bar.add_task(f"scenes of {folder.name}", total=scenes, note="")
        simulate_scenes(
            settings, folder, scenes, processes=os.cpu_count(), command="", progress=follow(bar, task)
        )
        finish(bar, task, scenes)


def _metrics(scenes, run, config, title):
    file = run / "metrics.json"
    train_with_progress(scenes, run, config, title=title)
    # A run that was trained further has older metrics than its model.
    if not file.is_file() or file.stat().st_mtime < (run / "model.keras").stat().st_mtime:
        evaluate_run(run)
    else:
        console.print(f"{title}: evaluated already", soft_wrap=True, markup=False, highlight=False)
    return json.loads(file.read_text(encoding="utf-8"))
