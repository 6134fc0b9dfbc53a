"""Command `tfapp pose refine`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written, resumes

Option = typer.Option


@resumes
def refine(
    run: Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train`.")],
    rounds: Annotated[int, Option(help="Rounds at most; fewer where the residual stops to fall.")] = 15,
    scenes: Annotated[
        int | None, Option(help="Training scenes to fuse the model from at most.", show_default="all")
    ] = None,
    start: Annotated[
        str, Option("--from", help="network, or clustering: then nothing of the network counts.")
    ] = "network",
    tensorboard: Annotated[
        Path | None, Option(help="Folder for TensorBoard: curves of the rounds.", show_default="none")
    ] = None,
    overwrite: Annotated[bool, Option(help="Refine again, in place of what is there.")] = False,
):
    """Refine poses and object model by turns, on training scenes and without a label; a killed refinement resumes.

    Every instance is registered to the model, and the model is fused anew from what the best of them show. Later
    `tfapp pose evaluate`, `segment` and `show` use the refined model.
    """
    from tfapp.pose.refinement.refined_run import RefineOptions
    from tfapp.pose.run import PoseRun

    opened = PoseRun.open(run)
    refine_and_print(opened, RefineOptions(rounds, scenes, start), tensorboard, overwrite)
    print_next(opened)


def refine_and_print(run, options, tensorboard=None, overwrite=False):
    """Refine a run and say what came of it."""
    from tfapp.files import check_folder
    from tfapp.pose.refinement.refined_run import FOLDER, refine_run
    from tfapp.pose.tensorboard import RoundCurves

    watch = {}
    if tensorboard is not None:
        check_folder(tensorboard, "tensorboard")
        watch = {"watch": RoundCurves(tensorboard)}
    refined = refine_run(run, options, overwrite=overwrite, progress=ConsoleProgress(), **watch)
    extent = f"{1000 * refined.extent:.1f} mm large"
    console.print(f"refined object model: {len(refined.points)} points, {extent}", highlight=False)
    console.print(f"symmetries found: {refined.symmetries.describe()}", highlight=False)
    print_written(run.path / FOLDER)


def print_next(run):
    """Print the command that looks at a run."""
    following = "evaluate" if run.folder().has_truth else "show"
    console.print(f"next: tfapp pose {following} {run.path}", soft_wrap=True, markup=False, highlight=False)
