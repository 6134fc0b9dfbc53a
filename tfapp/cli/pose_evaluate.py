"""`tfapp pose evaluate` and `tfapp pose show`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tfapp.cli.console import console, follow, print_table, print_written, progress_bar

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train`.")]
Choose = Annotated[
    str, Option(help="Which alternative counts: distance, the best fit, or network, what it says itself.")
]
SHOWN = 8


def evaluate(
    run: Run,
    choose: Choose = "distance",
    scenes: Annotated[int | None, Option(min=1, help="Scenes of each part.", show_default="all")] = None,
    baselines: Annotated[bool, Option(help="K-means and spectral clustering of the same points.")] = True,
):
    """Segmentation, object model and poses against the truth of simulated scenes, held out and trained on."""
    print_written(*evaluate_run(run, choose, scenes, baselines))


def show(
    run: Run,
    choose: Choose = "distance",
    scenes: Annotated[int, Option(min=1, help="Scenes to show.")] = SHOWN,
):
    """Pictures and a page of the learned model and of some scenes; needs no truth."""
    opened, model, folder, registration = _open(run)
    results, shown = _of_parts(opened, model, folder, registration, choose, scenes, baselines=False)
    print_written(*_draw(opened, model, folder, registration, shown, results))


def evaluate_run(path, choose="distance", scenes=None, baselines=True):
    """Evaluate a run, print its tables, and return the files that were written, `metrics.json` first."""
    from tfapp.files import write_json

    run, model, folder, registration = _open(path)
    results, shown = _of_parts(run, model, folder, registration, choose, scenes, baselines)
    _print(results, registration)
    content = {"choose": choose, "parts": {name: result.to_json() for name, result in results.items()}}
    if registration is not None:
        content["model"] = _model_json(registration)
    drawn = _draw(run, model, folder, registration, shown, results)
    # Written last: it tells that all of it is done.
    write_json(run.path / "metrics.json", content)
    return [run.path / "metrics.json", *drawn]


def _open(path):
    """Return the `PoseRun`, its model, its scenes, and the model's registration to the part if that is known."""
    from tfapp.pose.evaluate import register
    from tfapp.pose.run import PoseRun

    run = PoseRun.open(path)
    model, folder = run.load_model(), run.folder()
    return run, model, folder, register(model, folder) if folder.has_truth else None


def _of_parts(run, model, folder, registration, choose, most, baselines):
    """Return `PartResults` and `SegmentedScene`s by the name of the part."""
    from tfapp.pose.evaluate import evaluate_scenes
    from tfapp.pose.observations import observe
    from tfapp.pose.predictions import check_choice, predict_poses

    # Before all scenes are read.
    check_choice(choose)
    results, shown = {}, {}
    with progress_bar() as bar:
        for name, numbers in run.parts.items():
            if not len(numbers):
                continue
            task = bar.add_task(f"{name}: reading", total=None, note="")
            chosen = numbers[:most]
            observations = observe(
                folder,
                run.config["observed"],
                indices=chosen,
                seed=run.config["seed"],
                progress=follow(bar, task),
            )
            task = bar.add_task(f"{name}: poses", total=None, note="")
            poses = predict_poses(model, observations, choose=choose, progress=follow(bar, task))
            task = bar.add_task(f"{name}: comparing", total=None, note="")
            results[name], shown[name] = evaluate_scenes(
                folder, observations, poses, registration, baselines=baselines, progress=follow(bar, task)
            )
    return results, shown


def _print(results, registration):
    rows = []
    for part, result in results.items():
        for method, scores in result.scores.items():
            values = [f"{scores[name]:.3f}" for name in ("f1", "precision", "recall")]
            ours = method == "ours"
            rows.append(
                [f"{part}, {method}", *values, f"{1000 * result.distance:.2f}" if ours else "-"]
                + (_pose_cells(result.poses) if ours else ["-", "-"])
            )
    if rows:
        header = ["scenes", "F1", "precision", "recall", "Chamfer mm", "rotation °", "translation mm"]
        print_table(header, rows)
    else:
        for part, result in results.items():
            console.print(f"{part}: {result.scenes} scenes, Chamfer distance {1000 * result.distance:.2f} mm")
    if registration is not None:
        there, back = registration.learned_to_cad, registration.cad_to_learned
        console.print(
            f"learned model to part: median {1000 * there.median:.2f} mm; part to learned model: "
            f"median {1000 * back.median:.2f} mm, mean {1000 * back.mean:.2f} mm"
            + ("; the mirror image of the part was learned" if registration.reflected else "")
        )


def _pose_cells(poses):
    if poses is None:
        return ["-", "-"]
    rotation = poses["rotation_median"]
    return [
        "-" if rotation is None else f"{np.degrees(rotation):.1f}",
        f"{1000 * poses['translation_median']:.1f}",
    ]


def _model_json(registration):
    sides = {name: getattr(registration, name) for name in ("learned_to_cad", "cad_to_learned")}
    distances = {name: {"median": side.median, "mean": side.mean} for name, side in sides.items()}
    return {"reflected": bool(registration.reflected), **distances}


def _draw(run, model, folder, registration, shown, results):
    """Draw the model, scenes of each part and the page; return the files."""
    from tfapp.pose.evaluate import learned_points
    from tfapp.pose.pictures.model_pictures import save_model_beside_cad_png, save_model_png
    from tfapp.pose.pictures.page import save_page
    from tfapp.pose.pictures.scene_pictures import save_scenes_png

    points, visible = learned_points(model)
    figures = run.path / "figures"
    written = [figures / "model.png"]
    save_model_png(points, written[0], visible=visible)
    if registration is not None:
        written.append(figures / "model-beside-part.png")
        save_model_beside_cad_png(points, registration, *folder.object_mesh(), written[-1], visible=visible)
    for part, scenes in shown.items():
        written.append(figures / f"scenes-{part}.png")
        save_scenes_png(scenes[:SHOWN], written[-1], f"{part} scenes")
    cad = None if registration is None else (registration, *folder.object_mesh())
    first = [scene for scenes in reversed(shown.values()) for scene in scenes[:SHOWN]]
    written.append(run.path / "pose.html")
    title = f"{(folder.record or {}).get('part', folder.path.name)}, {model.settings.instances} instances"
    save_page(written[-1], title, points, first, visible=visible, cad=cad, facts=_facts(results))
    return written


def _facts(results):
    facts = {}
    for part, result in results.items():
        facts[f"Chamfer distance, {part} scenes"] = f"{1000 * result.distance:.2f} mm"
        if "ours" in result.scores:
            facts[f"F1, {part} scenes"] = f"{result.scores['ours']['f1']:.3f}"
    return facts
