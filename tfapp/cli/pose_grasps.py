"""Command `tfapp pose grasps`."""

import warnings
from dataclasses import asdict
from math import radians
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_written, resumes
from tfapp.cli.options import CameraType, Foreground, ObjectId
from tfapp.cli.pose_outputs import SceneOutputs, scenes_for
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option
_PARALLEL, _SUCTION = "Fingers", "Suction cup"
# A floor that is inclined to the vertical by more degrees is told.
_LEVEL = 15


@resumes
def grasps(
    run: Annotated[Path, typer.Argument(help="Refined run of `tfapp pose train`, or one of `fit`.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of scenes; no truth is needed.")],
    out: Annotated[Path, Option(help="Folder for grasps/NAME.json and pictures/NAME.png.")],
    gripper: Annotated[str, Option(help="parallel or suction.")],
    opening: Annotated[
        float | None, Option(help="Between the fingers at most, metres.", rich_help_panel=_PARALLEL)
    ] = None,
    finger_width: Annotated[
        float | None, Option(help="Metres.", show_default="0.01", rich_help_panel=_PARALLEL)
    ] = None,
    finger_thickness: Annotated[
        float | None, Option(help="Metres.", show_default="0.006", rich_help_panel=_PARALLEL)
    ] = None,
    finger_length: Annotated[
        float | None,
        Option(help="From palm to tip, metres.", show_default="0.045", rich_help_panel=_PARALLEL),
    ] = None,
    clearance: Annotated[
        float | None,
        Option(
            help="What either finger opens wider than the part, metres.",
            show_default="0.003",
            rich_help_panel=_PARALLEL,
        ),
    ] = None,
    friction: Annotated[
        float | None,
        Option(help="Coefficient between finger and part.", show_default="0.5", rich_help_panel=_PARALLEL),
    ] = None,
    cup_diameter: Annotated[float | None, Option(help="Metres.", rich_help_panel=_SUCTION)] = None,
    cup_length: Annotated[
        float | None,
        Option(help="From the lip to its holder, metres.", show_default="0.03", rich_help_panel=_SUCTION),
    ] = None,
    seal: Annotated[
        float | None,
        Option(
            help="How far what is below the lip may be from a plane, metres.",
            show_default="a tenth of the diameter",
            rich_help_panel=_SUCTION,
        ),
    ] = None,
    up: Annotated[
        str, Option(help="camera, where it looks down; floor, the dominant plane's normal; or X,Y,Z.")
    ] = "camera",
    max_tilt: Annotated[float, Option(help="Largest angle between approach and vertical in degrees.")] = 45.0,
    least_confidence: Annotated[
        float, Option(help="Parts whose pose has less confidence are not grasped.")
    ] = 0.5,
    most: Annotated[int, Option(help="Grasps of each part.")] = 10,
    foreground: Foreground = None,
    object_id: ObjectId = None,
    camera_type: CameraType = None,
):
    """Grasps of the parts in every scene, from above, free of what was measured, best first; no truth is needed.

    Finished scenes are left as they are, unless their depth, mask or camera changed.
    """
    from tfapp.pose.grasps.grippers import gripper_of
    from tfapp.pose.grasps.planner import GraspPlanner, PlanOptions, up_named
    from tfapp.pose.predictor import open_run, predictor

    held_by = gripper_of(
        gripper,
        opening=opening,
        finger_width=finger_width,
        finger_thickness=finger_thickness,
        finger_length=finger_length,
        clearance=clearance,
        friction=friction,
        cup_diameter=cup_diameter,
        cup_length=cup_length,
        seal=seal,
    )
    options = PlanOptions(up_named(up), radians(max_tilt), least_confidence, most)
    options.check()
    opened = open_run(run)
    chosen = predictor(opened)
    if chosen.unexplained:
        raise InputError(chosen.unexplained)
    if chosen.doubtful:
        warnings.warn(chosen.doubtful, stacklevel=2)
    folder = scenes_for(opened, scenes, foreground, object_id, camera_type)
    check_folder(out)
    record = _record(opened, folder, chosen, held_by, options)
    with claimed(out):
        # Before the model is looked at: that takes some seconds.
        outputs = SceneOutputs(out, "grasps", "grasps", "grasps", record)
        planner = GraspPlanner(chosen, held_by, options)
        console.print(f"{len(planner.candidates)} grasps of the model", highlight=False)
        _plan_all(out, outputs, planner, folder, held_by)
    print_written(out / "grasps", out / "pictures")


def _plan_all(out, outputs, planner, folder, gripper):
    from tfapp.pose.grasps.grasp_files import read_scene, write_grasps
    from tfapp.pose.pictures.grasp_pictures import save_grasps_png

    missing = outputs.missing(folder)
    with ConsoleProgress().task("scenes", len(folder)) as task:
        task(len(folder) - len(missing))
        for index in missing:
            plan, stem = planner.plan(folder, index), folder.stems[index]
            outputs.begin()
            title = f"{stem}: the best {gripper.kind} grasps"
            save_grasps_png(
                folder.depth(index),
                folder.camera_of(index),
                plan,
                gripper,
                out / "pictures" / f"{stem}.png",
                title if plan.grasps else f"{stem}: no grasp",
            )
            # Written last: it tells that the scene is done.
            write_grasps(out / "grasps" / f"{stem}.json", stem, plan, gripper)
            task.advance()
    # Of all of them: a command that is typed again says what the first said.
    done = [read_scene(out / "grasps" / f"{stem}.json") for stem in folder.stems]
    having = sum(count > 0 for count, _ in done)
    console.print(f"{having} of {len(done)} scenes have a grasp", highlight=False)
    inclined = sum(angle is not None and angle > radians(_LEVEL) for _, angle in done)
    if inclined:
        warnings.warn(
            f"the dominant plane of {inclined} of {len(done)} scenes is inclined by more than {_LEVEL} degrees to "
            "what `up` calls level; if it is the floor, give `up` floor.",
            stacklevel=2,
        )


def _record(run, folder, chosen, gripper, options):
    return {
        "run": str(run.path.resolve()),
        "refined model": chosen.fingerprint,
        "scenes": str(folder.path.resolve()),
        "foreground": folder.foreground,
        **{name: value for name, value in folder.chosen_of_dataset.items() if name != "cameras"},
        "gripper": gripper.to_json(),
        **asdict(options),
    }
