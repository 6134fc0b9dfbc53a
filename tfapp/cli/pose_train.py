"""Command `tfapp pose train`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written
from tfapp.cli.options import typed

Option = typer.Option


def train(
    context: typer.Context,
    scenes: Annotated[Path, typer.Argument(help="Folder of scenes, of `tfapp pose simulate` or your own.")],
    out: Annotated[Path, Option(help="Run folder; a killed run there resumes.")],
    instances: Annotated[
        int | None,
        Option(help="Parts in every scene.", show_default="what scenes.json says"),
    ] = None,
    points: Annotated[int, Option(help="Points of the object model.")] = 256,
    observed: Annotated[int, Option(help="Points drawn of what each scene shows.")] = 256,
    side: Annotated[
        float | None,
        Option(help="Side in metres of the cube that the model begins in.", show_default="half the unit"),
    ] = None,
    channels: Annotated[int, Option(help="1, or 2 for the rotations R and -R of each part.")] = 1,
    combination: Annotated[str, Option(help="Over the channels: min, or softmin as eq. 4.2.")] = "min",
    gamma_rate: Annotated[float, Option(help="What gamma of the softmin grows by in a step.")] = 0.002,
    hypotheses: Annotated[
        int, Option(help="Poses that each part takes the best of; more than 1 is beyond Wu (2020).")
    ] = 8,
    backbone: Annotated[str, Option(help="small or resnet-18.")] = "small",
    size: Annotated[int, Option(help="Side in pixels of what the network sees.")] = 64,
    translation: Annotated[
        str, Option(help="direct, or centroid: around the centroids of the points (leans on K-means).")
    ] = "direct",
    visibility: Annotated[
        str, Option(help="hidden-points, soft (hidden points have a gradient), or none.")
    ] = "hidden-points",
    exponent: Annotated[
        float | None,
        Option(help="Of the radius of the hidden-point removal.", show_default="2.4 to 512 points, then 2.9"),
    ] = None,
    squared: Annotated[bool, Option(help="Square the lengths of the Chamfer distance.")] = False,
    foreground: Annotated[
        str | None,
        Option(
            help="What is a part: mask, plane or all.", show_default="mask if there are masks, else plane"
        ),
    ] = None,
    turn: Annotated[
        bool, Option(help="Turn scenes about the optical axis, each time by another angle; beyond Wu (2020).")
    ] = True,
    epochs: Annotated[int, Option(help="Epochs in all.")] = 60,
    batch_size: Annotated[int, Option(help="Scenes per batch.")] = 32,
    learning_rate: Annotated[float, Option(help="Of the network, by Adam.")] = 0.001,
    model_learning_rate: Annotated[float, Option(help="Of the object model, by Adam.")] = 0.003,
    decay: Annotated[float, Option(help="Factor of both rates every --decay-epochs.")] = 0.31,
    decay_epochs: Annotated[int, Option(help="Epochs between two such falls.")] = 25,
    held_out: Annotated[float, Option(help="Share of the scenes that nothing is learned from.")] = 0.1,
    seed: Annotated[int, Option(help="Of weights, points, order and split.")] = 0,
    tensorboard: Annotated[
        Path | None,
        Option(help="Folder for TensorBoard: curves, and pictures of the model.", show_default="none"),
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
):
    """Learn a part's 3D model and the poses of its instances from depth; killed, the same command resumes."""
    options = dict(locals())
    from tfapp.pose.config import PoseConfig
    from tfapp.pose.training import train as run_training

    config = PoseConfig(**{field.name: options[field.name] for field in fields(PoseConfig)})
    run = run_training(
        scenes,
        out,
        config,
        command=typed(context),
        overwrite=overwrite,
        callbacks=_tensorboard(tensorboard),
        progress=ConsoleProgress(),
    )
    print_written(run.path / "model.keras", run.path / "history.csv")
    following = "evaluate" if run.folder().has_truth else "show"
    console.print(f"next: tfapp pose {following} {run.path}", soft_wrap=True, markup=False, highlight=False)


def _tensorboard(folder):
    from tfapp.files import check_folder
    from tfapp.pose.tensorboard import PoseTensorBoard

    if folder is None:
        return ()
    check_folder(folder, "tensorboard")
    return (PoseTensorBoard(folder),)
