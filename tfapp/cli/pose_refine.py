"""Command `tfapp pose refine`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written, resumes
from tfapp.errors import InputError

Option = typer.Option
STARTS = ("network", "clustering")


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

    if start not in STARTS:
        raise InputError(f"Unknown --from {start!r}; choose one of: {', '.join(STARTS)}.")
    opened = PoseRun.open(run)
    refine_and_print(opened, RefineOptions(rounds, scenes), tensorboard, overwrite, start)
    print_next(opened)


def refine_and_print(run, options, tensorboard=None, overwrite=False, start="network"):
    """Refine a run and say what came of it."""
    from tfapp.pose.refinement.beginnings import ClusteringBeginning, NetworkBeginning
    from tfapp.pose.refinement.refined_run import refine_run

    watch, model = watching(tensorboard), run.load_model()
    count = model.settings.instances
    beginning = NetworkBeginning(model) if start == "network" else ClusteringBeginning((count, count))
    refined = refine_run(run, beginning, options, overwrite=overwrite, progress=ConsoleProgress(), **watch)
    print_model(run, refined)


def watching(tensorboard):
    """Return the argument `watch` of a refinement with curves in a folder, if there is one, as a dict."""
    from tfapp.files import check_folder
    from tfapp.pose.tensorboard import RoundCurves

    if tensorboard is None:
        return {}
    check_folder(tensorboard, "tensorboard")
    return {"watch": RoundCurves(tensorboard)}


def print_model(run, refined):
    """Say what a refined model is, and where it lies."""
    from tfapp.pose.refinement.known_part import doubtful, known_part_fit
    from tfapp.pose.refinement.refined_run import FOLDER, unexplained

    extent = f"{1000 * refined.extent:.1f} mm large"
    console.print(f"refined object model: {len(refined.points)} points, {extent}", highlight=False)
    fit = known_part_fit(run)
    if fit is not None and fit.residual is not None:
        console.print(
            f"in {fit.scenes} scenes {1000 * fit.residual:.2f} mm are left of the median instance, and {fit.shown:.0%} "
            "of the side that faces the camera was measured",
            highlight=False,
            soft_wrap=True,
        )
    sentence = unexplained(run) or doubtful(run)
    if sentence:
        console.print(f"Warning: {sentence}", style="yellow", highlight=False, soft_wrap=True)
    console.print(f"symmetries found: {refined.symmetries.describe()}", highlight=False)
    print_written(run.path / FOLDER)


def print_next(run):
    """Print the command that looks at a run."""
    following = "evaluate" if run.folder().has_truth else "show"
    console.print(
        f"next: tfapp pose {following} {run.typed_path}", soft_wrap=True, markup=False, highlight=False
    )
