"""Command `tfapp pose landscape`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import ObjectId
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.report.result_table import ResultTable

Option = typer.Option
POINTS = 512


def landscape(
    scenes: Annotated[
        Path, typer.Argument(help="Folder of scenes of `tfapp pose simulate`, or of a BOP dataset.")
    ],
    out: Annotated[Path, Option(help="Folder for the picture and the numbers.")],
    scene: Annotated[str, Option(help="Name of the scene, or its number from 0.")] = "0",
    instance: Annotated[
        int | None, Option(help="Number of the instance from 1.", show_default="the one most is seen of")
    ] = None,
    object_id: ObjectId = None,
    axes: Annotated[
        str,
        Option(help="Turn about two of the part's axes: long, middle, short, or x, y, z of its file."),
    ] = "short,long",
    steps: Annotated[int, Option(min=8, help="Angles of a whole turn about each axis; even.")] = 72,
    points: Annotated[
        int | None, Option(min=5, help="Points of the true mesh.", show_default=str(POINTS))
    ] = None,
    run: Annotated[
        Path | None,
        Option(
            help="Run of `tfapp pose train`: its object model, laid onto the part.",
            show_default="the true mesh",
        ),
    ] = None,
    visibility: Annotated[
        str, Option(help="hidden-points, soft (hidden points have a gradient), or none.")
    ] = "hidden-points",
    exponent: Annotated[
        float | None,
        Option(
            min=0,
            max=10,
            help="Of the radius of the hidden-point removal.",
            show_default="2.0 to 512 points, then 2.9",
        ),
    ] = None,
    seed: Annotated[int, Option(min=0, help="Of the points that are drawn.")] = 0,
):
    """Draw the loss of one scene over two rotation angles of an instance around its true pose."""
    from tfapp.pose.model.settings import VISIBILITIES, usual_exponent
    from tfapp.pose.posed_loss import PosedLoss, choose_scene
    from tfapp.pose.rotation_surface import measure_surface, parse_axes, part_axes
    from tfapp.pose.scene_comparison import part_symmetries
    from tfapp.pose.scenes.bop_layout import is_bop
    from tfapp.pose.scenes.scene_folder import SceneFolder

    names = parse_axes(axes)
    if steps % 2:
        raise InputError(f"--steps must be even, so that half a turn is one of them; got {steps}.")
    if visibility not in VISIBILITIES:
        raise InputError(f"Unknown --visibility {visibility!r}; choose one of: {', '.join(VISIBILITIES)}.")
    check_folder(out)
    # Around one object, others in view would only be in the way; the truth is known anyway.
    folder = SceneFolder(scenes, "mask" if is_bop(scenes) else None, object_id=object_id)
    chosen = choose_scene(folder, scene, instance, seed=seed)
    cloud = _object_points(folder, run, points, seed)
    exponent = usual_exponent(len(cloud)) if exponent is None else exponent
    loss = PosedLoss(
        cloud, chosen.observed, chosen.poses, chosen.instance, visibility=visibility, exponent=exponent
    )
    with ConsoleProgress().task("poses", steps**2) as task:
        surface = measure_surface(
            loss,
            part_axes(*folder.object_mesh()),
            names,
            steps=steps,
            symmetries=part_symmetries(folder),
            progress=task,
        )
    facts = {
        "scenes": str(folder.path),
        "scene": chosen.name,
        "instance": chosen.instance + 1,
        "object": "mesh" if run is None else str(run),
        "points": len(cloud),
        "observed": len(chosen.observed),
        "visibility": visibility,
        "exponent": exponent,
        "steps": steps,
        "seed": seed,
    }
    with claimed(out, waiting=ConsoleProgress().say):
        written = _write(surface, out / f"{chosen.name}-instance-{chosen.instance + 1}", folder, facts)
    _print(surface)
    print_written(*written)


def _object_points(folder, run, points, seed):
    """Return the object (m, 3) in the part's frame, metres: of the true mesh, or what a run learned of it."""
    from tfapp.pose.evaluate import register
    from tfapp.pose.evaluation.cad_surface import CadSurface
    from tfapp.pose.predictions import learned_points
    from tfapp.pose.run import PoseRun

    if run is None:
        return CadSurface(*folder.object_mesh()).sample(points or POINTS, seed)
    if points is not None:
        raise InputError("--points is for the true mesh; a run keeps the points that it learned.")
    model = PoseRun.open(run).load_model()
    learned, seen = learned_points(model)
    return register((learned, seen), folder).apply(learned[seen])


def _write(surface, stem, folder, facts):
    from tfapp.pose.pictures.rotation_surface_picture import save_rotation_surface_png

    part = (folder.record or {}).get("part", folder.path.name)
    paths = [stem.with_name(stem.name + suffix) for suffix in (".png", ".npz", ".json")]
    of = "" if facts["object"] == "mesh" else ", learned model"
    save_rotation_surface_png(
        surface, paths[0], f"{part}{of}: loss of scene {facts['scene']} as instance {facts['instance']} turns"
    )
    surface.save(paths[1])
    surface.save_json(paths[2], **facts)
    return paths


def _print(surface):
    rows = [
        [
            ", ".join(_degrees(angle) for angle in minimum.angles),
            f"{1e3 * minimum.loss:.2f}",
            f"{1e3 * minimum.depth:.2f}",
            _degrees(minimum.rotation_error),
        ]
        for minimum in surface.minima
    ]
    header = [f"angles about {' and '.join(surface.names)} °", "loss mm", "depth mm", "from the truth °"]
    print_table(ResultTable(header, rows, "local minima"))
    console.print(_sentence(surface), soft_wrap=True, highlight=False)


def _sentence(surface):
    """Say whether the loss has a minimum where the ends of the part are swapped."""
    truth = f"{1e3 * surface.truth:.2f} mm at the true pose"
    if not surface.swapped_minima:
        return f"No local minimum has the ends of the part swapped; the loss is {truth}."
    found = surface.swapped_minima[0]
    about = ", ".join(
        f"{_degrees(angle)}° about {name}" for name, angle in zip(surface.names, found.angles, strict=True)
    )
    return (
        f"A local minimum has the ends of the part swapped ({about}): {1e3 * found.loss:.2f} mm against {truth}; "
        f"{1e3 * found.depth:.2f} mm must be climbed to leave it."
    )


def _degrees(angle):
    # The turn from -180 to below 180 degrees: half a turn is called 180.
    degrees = round(float(np.degrees(angle)), 1)
    return f"{180 if degrees == -180 else degrees:g}"
