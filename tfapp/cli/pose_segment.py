"""`tfapp pose segment`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tfapp.cli.console import print_written, progress_bar
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option


def segment(
    run: Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train`.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of scenes; no truth is needed.")],
    out: Annotated[Path, Option(help="Folder for labels/NAME.png and poses/NAME.json.")],
    foreground: Annotated[
        str | None,
        Option(
            help="What is a part: mask, plane or all.", show_default="mask if there are masks, else plane"
        ),
    ] = None,
    choose: Annotated[str, Option(help="distance, the best fit, or network.")] = "distance",
):
    """Label every pixel of the parts with its instance, and write the poses; finished scenes are left as they are."""
    from tfapp.pose.pose_run import PoseRun
    from tfapp.pose.scenes.scene_folder import SceneFolder

    opened = PoseRun.open(run)
    model, folder = opened.load_model(), SceneFolder(scenes, foreground)
    check_folder(out)
    _check_camera(model, folder)
    missing = [
        index for index, stem in enumerate(folder.stems) if not (out / "poses" / f"{stem}.json").is_file()
    ]
    with progress_bar() as bar:
        task = bar.add_task("scenes", total=len(folder), completed=len(folder) - len(missing), note="")
        for index in missing:
            _segment_one(model, folder, index, opened.config["observed"], choose, out)
            bar.advance(task)
    print_written(out / "labels", out / "poses")


def _check_camera(model, folder):
    trained = model.settings.camera
    other = [name for name, value in trained.items() if getattr(folder.camera, name) != value]
    if other:
        raise InputError(
            f"{folder.path} has another camera than the scenes that the model was trained on ({other[0]} "
            f"{getattr(folder.camera, other[0])}, not {trained[other[0]]}); train on scenes of this camera."
        )


def _segment_one(model, folder, index, observed, choose, out):
    from PIL import Image

    from tfapp.files import atomic_path, write_json
    from tfapp.pose.evaluation.instances import label_picture, label_points
    from tfapp.pose.observations import observe
    from tfapp.pose.predictions import predict_poses

    observations = observe(folder, observed, indices=[index])
    [found] = predict_poses(model, observations, choose=choose)
    points, pixels = folder.camera.back_project(observations.depth[0])
    labels = label_points(points, found.clouds, found.visible)
    picture = label_picture(labels, pixels, observations.depth[0].shape)
    stem = folder.stems[index]
    with atomic_path(out / "labels" / f"{stem}.png") as temporary:
        Image.fromarray(picture.astype(np.uint8)).save(temporary)
    # Written last: it tells that the scene is done.
    write_json(
        out / "poses" / f"{stem}.json",
        {
            "rotation": found.rotation.tolist(),
            "translation": found.translation.tolist(),
            "reflected": found.reflected.tolist(),
            "chamfer_distance": found.distance,
        },
    )
