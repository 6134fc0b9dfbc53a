"""Run folder of what was learned from a folder of scenes, with a network or without."""

import warnings

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import CAMERA_ENTRIES
from tfapp.pose.scenes.scene_folder import FOREGROUNDS, SceneFolder
from tfapp.records import Entries, ListOf, Moment, OneOf, TableOf, Text, Whole
from tfapp.runs.run import Run

# What the record of every such run has.
SCENES_ENTRIES = {
    "command": Text(),
    "created": Moment(),
    "camera": CAMERA_ENTRIES,
    "data": Entries(
        {
            "path": Text(),
            "foreground": OneOf(FOREGROUNDS),
            "stems": ListOf(Text()),
            "parts": TableOf(ListOf(Whole(0))),
        },
        {"object": Whole(0), "camera_type": Text(), "cameras": Text(), "contents": ListOf(Text())},
    ),
}


class ScenesRun(Run):
    """A run of scenes: the record names their folder, its camera, and which of them count for what."""

    serves_refined = True

    def check_record(self):
        """Raise InputError for the number of a scene that is not there."""
        scenes = len(self.record["data"]["stems"])
        if any(number >= scenes for numbers in self.record["data"]["parts"].values() for number in numbers):
            raise InputError(f"it has the number of a scene that is none of its {scenes}.")

    @property
    def config(self):
        return self.record["config"]

    @property
    def epochs(self):
        """Epochs that a network was trained for; 0 without one."""
        return self.config.get("epochs", 0)

    @property
    def splits(self):
        """Numbers of the scenes of `training` and `held-out`, by these names."""
        return {name: np.array(numbers, int) for name, numbers in self.record["data"]["parts"].items()}

    @property
    def object_id(self):
        """Object of a BOP dataset that the run is of; None for other folders."""
        return self.record["data"].get("object")

    @property
    def shown(self):
        """Instances that a scene of a BOP dataset must show; None for any number."""
        return self.record.get("instances")

    def folder(self):
        """Return the `SceneFolder` that it was made from; warns if depth or masks of scenes changed since.

        Raises:
            InputError: It is gone, or has other scenes or another camera now.
        """
        data = self.record["data"]
        folder = SceneFolder(
            data["path"],
            data["foreground"],
            object_id=self.object_id,
            camera_type=data.get("camera_type"),
            shown=self.shown,
        )
        if list(folder.stems) != data["stems"]:
            raise InputError(f"{data['path']} has other scenes than when {self.path} was made from them.")
        same = folder.common_camera.to_json() == self.record["camera"]
        if not same or folder.cameras_hash != data.get("cameras"):
            raise InputError(
                f"{data['path']} has another camera.json than when {self.path} was made from its scenes; restore it."
            )
        changed = self._changed(folder)
        if changed:
            warnings.warn(f"{changed}: what is told of them is of the changed scenes.", stacklevel=2)
        return folder

    def refuse_changed(self, folder):
        """Raise InputError if depth or masks of scenes changed since the run was begun: it would learn from both."""
        changed = self._changed(folder)
        if changed:
            raise InputError(f"{changed}; restore them, or start again with `overwrite`.")

    def _changed(self, folder):
        """Return a sentence without its end where scenes changed, or None; of earlier versions nothing can be told."""
        then = self.record["data"].get("contents", [])
        changed = [
            stem for stem, was, now in zip(folder.stems, then, _contents(folder), strict=False) if was != now
        ]
        if not changed:
            return None
        return (
            f"Depth or masks of {len(changed)} of the {len(then)} scenes of {folder.path} changed since {self.path} "
            f"was made from them, the first is {changed[0]}"
        )


def scenes_content(folder, training, held_out):
    """Return the entries of a new record that tell a `SceneFolder` and the numbers of its scenes."""
    return {
        "camera": folder.common_camera.to_json(),
        "data": {
            "path": str(folder.path.resolve()),
            "foreground": folder.foreground,
            "stems": list(folder.stems),
            "parts": {"training": training.tolist(), "held-out": held_out.tolist()},
            **folder.chosen_of_dataset,
            "contents": list(_contents(folder)),
        },
    }


def _contents(folder):
    """Yield what tells whether a scene is what it was: half of its SHA-256 is enough and keeps records small."""
    return (folder.content_hash(index)[:32] for index in range(len(folder)))


def refuse_image_options(options):
    """Raise InputError if there are options of an export of images of any size."""
    if "formats" in options:
        raise InputError(
            f"`{options['formats'][0]}` is for segmenters and runs of transfer; poses are served by TensorFlow, or by "
            "OpenVINO from the same folder: leave it out."
        )
    if options:
        raise InputError(
            f"`{next(iter(options))}` is not for poses: their images have the one size of the camera."
        )
