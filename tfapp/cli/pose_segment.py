"""Command `tfapp pose segment`."""

import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, print_written, resumes
from tfapp.cli.options import CameraType, Foreground, ObjectId
from tfapp.cli.pose_outputs import SceneOutputs, scenes_for
from tfapp.errors import InputError
from tfapp.files import check_folder, write_json

Option = typer.Option
# Of the parts of a scene; where less is in view it is told.
WELL_SEEN = 0.95


@resumes
def segment(
    run: Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train` or `fit`.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of scenes; no truth is needed.")],
    out: Annotated[Path, Option(help="Folder for labels/NAME.png and poses/NAME.json.")],
    foreground: Foreground = None,
    object_id: ObjectId = None,
    camera_type: CameraType = None,
    choose: Annotated[str, Option(help="distance, the best fit, or network.")] = "distance",
    refined: Annotated[
        bool | None,
        Option(help="Poses by the refined model.", show_default="yes, where `tfapp pose refine` made one"),
    ] = None,
    poses: Annotated[
        str | None,
        Option(
            help="Write all poses in one file besides: csv, json, bop (results of the BOP challenge), with commas.",
            show_default="none",
        ),
    ] = None,
):
    """Label every pixel of the parts with its instance, and write the poses.

    Finished scenes are left as they are, unless their depth, mask or camera changed.
    """
    from tfapp.pose.pose_tables import check_bop, forms_named, write_pose_tables
    from tfapp.pose.predictor import open_run, predictor

    forms = [] if poses is None else forms_named(poses)
    opened = open_run(run)
    chosen = predictor(opened, choose, refined)
    if chosen.unexplained:
        raise InputError(chosen.unexplained)
    if chosen.doubtful:
        warnings.warn(chosen.doubtful, stacklevel=2)
    folder = scenes_for(opened, scenes, foreground, object_id, camera_type)
    if "bop" in forms:
        check_bop(folder)
    check_folder(out)
    record = _record(opened, folder, chosen)
    with claimed(out):
        _segment(out, record, chosen, folder, opened.config["observed"])
        tables = write_pose_tables(forms, out, folder, _frame(opened))
    print_written(out / "labels", out / "poses", *tables)


def _frame(run):
    cad = run.config.get("cad")
    of = f"the frame of {cad['path']}" if cad else f"the frame of the object model of {run.path}"
    return f"from {of} into that of the camera (x right, y down, z forward)"


def _segment(out, record, chosen, folder, observed):
    from tfapp.pose.observations import observe

    outputs = SceneOutputs(out, "segment", "labels", "poses", record)
    missing = outputs.missing(folder)
    cut = 0
    with ConsoleProgress().task("reading", len(missing)) as task:
        # All of them are looked at before the first is segmented: a bad one is told at once.
        for index in missing:
            [seen] = chosen.share_seen(folder, observe(folder, observed, indices=[index]))
            cut += seen < WELL_SEEN
            task.advance()
    if cut:
        warnings.warn(
            f"{cut} of {len(missing)} scenes show more than {1 - WELL_SEEN:.0%} of their parts beyond the field of "
            "view that the network was trained with; it does not see these.",
            stacklevel=2,
        )
    with ConsoleProgress().task("scenes", len(folder)) as task:
        task(len(folder) - len(missing))
        for index in missing:
            labels, poses = _segment_one(chosen, folder, index, observed)
            outputs.begin()
            _write(out, folder.stems[index], labels, poses)
            task.advance()


def _record(run, folder, chosen):
    models = {"refined model": chosen.fingerprint, "distilled network": chosen.distilled}
    return {
        "run": str(run.path.resolve()),
        "training": run.record["created"],
        "epochs": run.epochs,
        "scenes": str(folder.path.resolve()),
        "foreground": folder.foreground,
        "choose": chosen.choose,
        **{name: value for name, value in folder.chosen_of_dataset.items() if name != "cameras"},
        **{name: found for name, found in models.items() if found is not None},
    }


def _segment_one(chosen, folder, index, observed):
    """Return the label picture, uint8 (height, width), and what the file of poses says."""
    from tfapp.pose.evaluation.instances import label_picture, label_points
    from tfapp.pose.observations import observe

    observations = observe(folder, observed, indices=[index])
    [found] = chosen.poses(folder, observations)
    points, pixels = folder.camera_of(index).back_project(observations.depth[0])
    labels = label_points(points, found.clouds, found.visible)
    picture = label_picture(labels, pixels, observations.depth[0].shape)
    poses = {
        "rotation": found.rotation.tolist(),
        "translation": found.translation.tolist(),
        "reflected": found.reflected.tolist(),
        "chamfer_distance": found.distance,
    }
    for name in ("residual", "shown", "margin", "confidence"):
        if getattr(found, name) is not None:
            poses[name] = getattr(found, name).tolist()
    return picture.astype(np.uint8), poses


def _write(out, stem, labels, poses):
    from PIL import Image

    from tfapp.report.figures import save_image

    save_image(Image.fromarray(labels), out / "labels" / f"{stem}.png")
    # Written last: it tells that the scene is done.
    write_json(out / "poses" / f"{stem}.json", poses)
