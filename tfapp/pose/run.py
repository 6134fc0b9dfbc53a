"""The run folder of a pose model."""

from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.pose.config import EXTENDABLE
from tfapp.pose.observations import observe
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.runs.record import POSE, versions
from tfapp.runs.run import RunFolder

MODEL, FORMAT = "model.keras", 1


class PoseRun(RunFolder):
    """A pose model in a folder: `run.json`, `checkpoints/`, `history.csv`, `model.keras`, `figures/`."""

    kind, newest = POSE, FORMAT

    @property
    def config(self):
        return self.record["config"]

    @property
    def parts(self):
        """Numbers of the scenes of `training` and `held-out`, by these names."""
        return {name: np.array(numbers, int) for name, numbers in self.record["data"]["parts"].items()}

    def folder(self):
        """Return the `SceneFolder` that it was trained on.

        Raises:
            InputError: It is gone, or has other scenes or another camera now.
        """
        data = self.record["data"]
        folder = SceneFolder(data["path"], data["foreground"])
        if list(folder.stems) != data["stems"]:
            raise InputError(f"{data['path']} has other scenes than when {self.path} was trained on them.")
        if asdict(folder.camera) != self.record["camera"]:
            raise InputError(
                f"{data['path']} has another camera.json than when {self.path} was trained on its scenes; restore it."
            )
        return folder

    @property
    def title(self):
        """What was learned, for pictures."""
        folder = Path(self.record["data"]["path"]).name
        return f"poses of {self.record['instances']} in {folder}, {self.config['backbone']} network"

    def sample(self, part, count, seed):
        """Return depth `(count, height, width)` and points `(count, n, 3)` of scenes, drawn without replacement.

        Args:
            part: `training` or `held-out`.
            count: Number of scenes; fewer if the part has fewer.
            seed: Of which ones.

        Raises:
            InputError: The part has no scenes, or they cannot be read.
        """
        numbers = self.parts[part]
        if not len(numbers):
            raise InputError(f"{self.path} has no {part} scenes; it was trained with --held-out 0.")
        chosen = np.sort(np.random.default_rng(seed).permutation(numbers)[:count])
        drawn = observe(self.folder(), self.config["observed"], indices=chosen, seed=self.config["seed"])
        return drawn.depth, drawn.points

    def load_model(self):
        """Return the trained `PoseModel`.

        Raises:
            InputError: The training has not ended, or the file is damaged.
        """
        from tfapp.pose.model.pose_model import PoseModel

        file = self.path / MODEL
        if not file.is_file():
            raise InputError(
                f"{self.path} has no {MODEL}: its training has not ended; run the same `tfapp pose train` to go on."
            )
        try:
            return keras.models.load_model(file, custom_objects={"PoseModel": PoseModel})
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{file} cannot be loaded ({error}); train again with --overwrite.") from error


def create_run(path, command, config, folder, frame, instances, parts):
    """Write `run.json` of a new run and return the run."""
    record = {
        "format": FORMAT,
        "kind": POSE,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "config": asdict(config),
        "instances": instances,
        "frame": asdict(frame),
        "camera": asdict(folder.camera),
        "data": {
            "path": str(folder.path.resolve()),
            "foreground": folder.foreground,
            "stems": list(folder.stems),
            "parts": {name: numbers.tolist() for name, numbers in parts.items()},
        },
        "versions": versions(),
    }
    run = PoseRun(Path(path), record)
    run.save()
    return run


def check_same(run, config, folder):
    """Raise InputError if a run has other scenes or options than these, but for those that may extend it."""
    here, there = (Path(path).resolve() for path in (folder.path, run.record["data"]["path"]))
    run.refuse_other({"scenes": str(here)}, {"scenes": str(there)})
    run.refuse_other(
        {name: value for name, value in asdict(config).items() if name not in EXTENDABLE}, run.config
    )
