"""`tfapp pose simulate`, `train`, `evaluate` and `show`, and the group that all commands of poses stand in."""

import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli import (
    pose_distil,
    pose_fit,
    pose_grasps,
    pose_landscape,
    pose_model,
    pose_refine,
    pose_segment,
)
from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import (
    ConsoleProgress,
    TensorFlowCommand,
    console,
    print_table,
    print_written,
    resumes,
)
from tfapp.cli.options import SCHEDULES, CameraType, Foreground, ObjectId, typed

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train`.")]
Choose = Annotated[
    str, Option(help="Which alternative counts: distance, the best fit, or network, what it says itself.")
]
Refined = Annotated[
    bool | None,
    Option(help="Poses by the refined model.", show_default="yes, where `tfapp pose refine` made one"),
]
app = typer.Typer(help="Learn 3D models and poses of parts from depth images.", no_args_is_help=True)


@resumes
def simulate(
    context: typer.Context,
    part: Annotated[str, Option(help="nut, bolt, l-bracket, camera-head, or an STL, OBJ or PLY file.")],
    out: Annotated[Path, Option(help="Folder for the scenes; a broken-off one resumes.")],
    instances: Annotated[int, Option(help="Copies of the part in each scene.")] = 2,
    scenes: Annotated[int, Option(help="Scenes in the folder; more than it has are added.")] = 500,
    units: Annotated[
        str | None, Option(help="m, cm, mm or inch; needed for a file.", show_default="none")
    ] = None,
    size: Annotated[int, Option(help="Height and width of the depth images in pixels.")] = 224,
    tilt: Annotated[
        float, Option(help="The camera looks from within this many degrees of the vertical; 0: from above.")
    ] = 0.0,
    half_width: Annotated[
        float | None,
        Option("--bin", help="Half-width of the bin's floor in metres.", show_default="1.4 times the part"),
    ] = None,
    sensor: Annotated[
        str, Option(help="ideal, realsense, photoneo or kinect: what the scenes are seen with.")
    ] = "ideal",
    effects: Annotated[
        str | None,
        Option(
            help="Of the sensor, with commas: noise, jitter, flying-pixels, holes, shadow, quantisation.",
            show_default="all it has",
        ),
    ] = None,
    true_mask: Annotated[
        bool | None,
        Option(
            "--true-mask/--no-true-mask",
            help="Masks of the parts, as no camera gives; without them, the region of the floor.",
            show_default="only of the ideal sensor",
        ),
    ] = None,
    seed: Annotated[int, Option(help="Decides all scenes.")] = 0,
    processes: Annotated[
        int | None, Option(min=1, help="Working at a time; changes no scene.", show_default="one a core")
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the scenes in --out.")] = False,
):
    """Drop copies of a part into a bin and take depth images, with masks, true labels and true poses."""
    from tfapp.pose.simulation.sensors import sensor_named
    from tfapp.pose.simulation.simulate import part_named, simulate_scenes
    from tfapp.pose.simulation.simulator import SceneSettings

    chosen = None if effects is None else [name.strip() for name in effects.split(",") if name.strip()]
    seen_with = sensor_named(sensor, chosen)
    settings = SceneSettings(
        part_named(part, units), instances, size, tilt, seed, half_width, seen_with, true_mask
    )
    note = "" if len(settings.part.pieces) else "cutting the part into convex pieces"
    with ConsoleProgress().task("scenes", scenes, note) as task:
        folder = simulate_scenes(
            settings,
            out,
            scenes,
            processes=processes or os.cpu_count(),
            overwrite=overwrite,
            command=typed(context),
            progress=partial(task, note=""),
        )
    shape = f"{1000 * settings.part.extent:.3g} mm large, in a bin of half-width {1000 * settings.half_width:.3g} mm"
    console.print(
        f"{len(folder)} scenes of {instances} x {settings.part.name}, {shape}; {size}x{size} pixels",
        soft_wrap=True,
    )
    if seen_with is not None:
        console.print(told_of_sensor(settings), soft_wrap=True)
    print_written(out, out / "scenes.png")


def told_of_sensor(settings):
    """Return a sentence about the sensor of `SceneSettings`: where it stands, and which effects it has."""
    sensor = settings.sensor
    sentence = f"seen by {sensor.name} from {settings.distance:.3g} m: {', '.join(sensor.effects)}"
    if settings.size <= settings.finest:
        return sentence
    return f"{sentence}; finer than the sensor's own pixels, of which there are {settings.finest} across"


@resumes
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
    rho: Annotated[
        float | None,
        Option(help="The same in units of the network, the ρ of Wu (2020).", show_default="0.5"),
    ] = None,
    channels: Annotated[int, Option(help="1, or 2 for the rotations R and -R of each part.")] = 1,
    combination: Annotated[str, Option(help="Over the channels: min, or softmin as eq. 4.2.")] = "min",
    gamma_rate: Annotated[float, Option(help="What gamma of the softmin grows by in a step.")] = 0.002,
    gamma_end: Annotated[
        float | None,
        Option(help="What gamma reaches in the last step, in place of --gamma-rate.", show_default="none"),
    ] = None,
    hypotheses: Annotated[
        int, Option(help="Poses that each part takes the best of; more than 1 is beyond Wu (2020).")
    ] = 8,
    backbone: Annotated[str, Option(help="small or resnet-18.")] = "small",
    size: Annotated[int, Option(help="Side in pixels of what the network sees.")] = 64,
    network_input: Annotated[
        str, Option(help="What the network sees: points, or depth, three times, as in Wu (2020).")
    ] = "points",
    rotation: Annotated[
        str, Option(help="Numbers that the network gives for a rotation: quaternion, ortho6d or axis-angle.")
    ] = "quaternion",
    base_poses: Annotated[
        bool, Option(help="Add fixed places and random orientations to what the network gives.")
    ] = True,
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
    foreground: Foreground = None,
    object_id: ObjectId = None,
    camera_type: CameraType = None,
    turn: Annotated[
        bool, Option(help="Turn scenes about the optical axis, each time by another angle; beyond Wu (2020).")
    ] = True,
    epochs: Annotated[int, Option(help="Epochs in all.")] = 60,
    batch_size: Annotated[int, Option(help="Scenes per batch.")] = 32,
    learning_rate: Annotated[float, Option(help="Of the network, by Adam.")] = 0.001,
    model_learning_rate: Annotated[float, Option(help="Of the object model, by Adam.")] = 0.003,
    decay: Annotated[float, Option(help="Factor of both rates every --decay-epochs.")] = 0.31,
    decay_epochs: Annotated[int, Option(help="Epochs between two such falls.")] = 25,
    schedule: Annotated[
        str | None, Option(help=f"In place of --decay. {SCHEDULES}", show_default="--decay")
    ] = None,
    held_out: Annotated[float, Option(help="Share of the scenes that nothing is learned from.")] = 0.1,
    training_scenes: Annotated[
        int | None,
        Option(help="Scenes to learn from.", show_default="all that are not held out"),
    ] = None,
    precision: Annotated[
        str, Option(help="float32, or mixed_bfloat16: its backbone faster on accelerators that have it.")
    ] = "float32",
    seed: Annotated[int, Option(help="Of weights, points, order and split.")] = 0,
    refine: Annotated[
        bool, Option("--refine", help="Then refine poses and model, as `tfapp pose refine` does.")
    ] = False,
    tensorboard: Annotated[
        Path | None,
        Option(help="Folder for TensorBoard: curves, and pictures of the model.", show_default="none"),
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
    config_file: ConfigFile = None,
):
    """Learn a part's 3D model and the poses of its instances from depth; killed, the same command resumes."""
    options = dict(locals())
    from tfapp.pose.config import PoseConfig
    from tfapp.pose.refinement.refined_run import RefineOptions
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
    if refine:
        pose_refine.refine_and_print(run, RefineOptions(), tensorboard)
    pose_refine.print_next(run)


def _tensorboard(folder):
    from tfapp.files import check_folder
    from tfapp.pose.tensorboard import PoseTensorBoard

    if folder is None:
        return ()
    check_folder(folder, "tensorboard")
    return (PoseTensorBoard(folder),)


def evaluate(
    run: Run,
    choose: Choose = "distance",
    refined: Refined = None,
    scenes: Annotated[int | None, Option(min=1, help="Scenes of each split.", show_default="all")] = None,
    baselines: Annotated[bool, Option(help="K-means and spectral clusterings of the same pixels.")] = True,
):
    """Segmentation, object model and poses against the truth of simulated scenes, held out and trained on."""
    from tfapp.pose.evaluate import evaluate_run

    evaluation = evaluate_run(run, choose, scenes, baselines, ConsoleProgress(), refined=refined)
    for table in evaluation.tables():
        print_table(table)
    for sentence in evaluation.remarks():
        console.print(sentence)
    print_written(*evaluation.written)


def show(
    run: Run,
    choose: Choose = "distance",
    refined: Refined = None,
    scenes: Annotated[int, Option(min=1, help="Scenes to show.")] = 8,
):
    """Pictures and a page of the learned model and of some scenes; needs no truth."""
    from tfapp.pose.evaluate import draw_run

    print_written(*draw_run(run, choose, scenes, ConsoleProgress(), refined=refined))


app.command("simulate")(simulate)
app.command("train", cls=TensorFlowCommand)(train)
app.command("evaluate", cls=TensorFlowCommand)(evaluate)
app.command("fit", cls=TensorFlowCommand)(pose_fit.fit)
app.command("refine", cls=TensorFlowCommand)(pose_refine.refine)
app.command("distil", cls=TensorFlowCommand)(pose_distil.distil)
app.command("segment", cls=TensorFlowCommand)(pose_segment.segment)
app.command("model", cls=TensorFlowCommand)(pose_model.model)
app.command("grasps", cls=TensorFlowCommand)(pose_grasps.grasps)
app.command("show", cls=TensorFlowCommand)(show)
app.command("landscape", cls=TensorFlowCommand)(pose_landscape.landscape)
