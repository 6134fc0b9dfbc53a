"""Command `tfapp pose fit`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli import pose_refine
from tfapp.cli.console import ConsoleProgress, resumes
from tfapp.cli.options import CameraType, Foreground, ObjectId, typed

Option = typer.Option


@resumes
def fit(
    context: typer.Context,
    scenes: Annotated[Path, typer.Argument(help="Folder of scenes, of `tfapp pose simulate` or your own.")],
    out: Annotated[Path, Option(help="Run folder; a killed fit there resumes.")],
    instances: Annotated[
        str | None,
        Option(
            help="Parts in every scene: N, LEAST-MOST, or auto for 1-12.",
            show_default="what scenes.json says",
        ),
    ] = None,
    cad: Annotated[
        Path | None,
        Option(
            help="Mesh of the part (STL, OBJ, PLY): nothing is learned.", show_default="found from the scenes"
        ),
    ] = None,
    units: Annotated[str | None, Option(help="Of --cad: m, cm, mm or inch.", show_default="none")] = None,
    foreground: Foreground = None,
    object_id: ObjectId = None,
    camera_type: CameraType = None,
    rounds: Annotated[int, Option(help="Rounds at most; fewer where the residual stops to fall.")] = 15,
    most_scenes: Annotated[
        int | None, Option("--scenes", help="Scenes to fuse the model from at most.", show_default="all")
    ] = None,
    observed: Annotated[int, Option(help="Points drawn of each scene where it is evaluated.")] = 256,
    held_out: Annotated[float, Option(help="Share of the scenes that nothing is learned from.")] = 0.1,
    seed: Annotated[int, Option(help="Of the split.")] = 0,
    tensorboard: Annotated[
        Path | None, Option(help="Folder for TensorBoard: curves of the rounds.", show_default="none")
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
):
    """Poses without a network: of a part whose CAD model is known, or by a model that grows from the scenes alone.

    Later `tfapp pose evaluate`, `segment` and `show` use the run.
    """
    from tfapp.pose.fitted_run import FitConfig
    from tfapp.pose.fitted_run import fit as fit_scenes
    from tfapp.pose.refinement.refined_run import RefineOptions

    config = FitConfig(
        instances=instances,
        cad=cad,
        units=units,
        foreground=foreground,
        object_id=object_id,
        camera_type=camera_type,
        observed=observed,
        held_out=held_out,
        seed=seed,
    )
    run, model = fit_scenes(
        scenes,
        out,
        config,
        RefineOptions(rounds, most_scenes),
        command=typed(context),
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **pose_refine.watching(tensorboard),
    )
    pose_refine.print_model(run, model)
    pose_refine.print_next(run)
