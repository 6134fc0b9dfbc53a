"""Run folder of a pose model."""

from dataclasses import asdict, fields
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig
from tfapp.pose.observations import observe
from tfapp.pose.posed_loss import ChamferModel
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.scenes_run import SCENES_ENTRIES, ScenesRun, refuse_image_options
from tfapp.records import Entries, ListOf, Number, Whole, entries_of
from tfapp.runs.record import POSE
from tfapp.runs.run import Solution

_ENTRIES = Entries(
    SCENES_ENTRIES
    | {
        "config": entries_of(PoseConfig, ("backbone", "observed", "epochs", "seed")),
        "instances": Whole(1),
        "frame": Entries({"centre": ListOf(Number(), 3), "unit": Number(above=0)}),
    }
)


class PoseRun(ScenesRun):
    """A pose model in a folder: `run.json`, `checkpoints/`, `history.csv`, `model.keras`, `figures/`."""

    kind = POSE
    holds = "a pose model"
    entries = _ENTRIES

    def check_record(self):
        """Raise InputError for an option that is out of range, or the number of a scene that is not there."""
        known = {field.name for field in fields(PoseConfig)}
        PoseConfig(**{name: value for name, value in self.config.items() if name in known}).check()
        super().check_record()

    @property
    def title(self):
        """What was learned, for pictures."""
        folder = Path(self.record["data"]["path"]).name
        return f"poses of {self.record['instances']} in {folder}, {self.config['backbone']} network"

    def sample(self, split, count, seed):
        """Return depth `(count, height, width)` and points `(count, n, 3)` of scenes, drawn without replacement.

        Depth is as the model's camera sees it.

        Args:
            split: `training` or `held-out`.
            count: Number of scenes; fewer if the split has fewer.
            seed: Of which ones.

        Raises:
            InputError: The split has no scenes, or they cannot be read.
        """
        numbers = self.splits[split]
        if not len(numbers):
            raise InputError(f"{self.path} has no {split} scenes; it was trained with `held_out` 0.")
        chosen = np.sort(np.random.default_rng(seed).permutation(numbers)[:count])
        drawn = observe(self.folder(), self.config["observed"], indices=chosen, seed=self.config["seed"])
        return drawn.seen_by(Camera(**self.record["camera"])), drawn.points

    def solution(self, *, trajectory=False, bfloat16=False, held_out=False):
        """Return the `Solution` that a landscape is drawn around: its loss is the Chamfer distance alone.

        Directions of one run move the network and leave the object model as it is.
        """
        self.refuse_segmenter_options({"`directions` pca": trajectory, "`bfloat16`": bfloat16})
        return Solution(
            self.path,
            self.title,
            lambda: ChamferModel.of(self.load_model()),
            partial(self.sample, "held-out" if held_out else "training"),
            moved=["pose_network"],
        )

    def export(
        self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, refined=None, **serving
    ):
        """Write the run for TensorFlow Serving, and return the version folder.

        Args:
            base_dir, version, post_tv, gap, classes, serving: As of every run.
            refined: Whether refined poses are served (`export_refined_poses`), or the network's own
                (`export_pose_network`); None for the first where the run is refined.
        """
        from tfapp.pose.refinement.refined_run import is_refined
        from tfapp.pose.served.exporting import export_refined_run

        self.refuse_segmenter_options({"`post_tv`": post_tv is not None, "`gap`": gap, "`classes`": classes})
        refuse_image_options(serving)
        refined = is_refined(self) if refined is None else refined
        # What is served of the network alone has no observed points to choose a pose by.
        chosen = "" if refined else " --choose network"
        self.after_export = (f"tfapp pose evaluate {self.typed_path}{chosen}",)
        return (export_refined_run if refined else _export_network)(self, base_dir, version)

    @cached_property
    def search(self):
        """What a search for the poses of its part begins with, as of `tfapp.pose.served.exporting`."""
        from tfapp.pose.served.exporting import Search

        model = self.load_model()
        count = model.settings.instances
        return Search((count, count), model.settings.centre[2], model)

    def check_same(self, config, folder):
        """Raise InputError if it has other scenes or options than these, but for those that may extend it."""
        here, there = (Path(path).resolve() for path in (folder.path, self.record["data"]["path"]))
        self.refuse_other({"scenes": str(here)}, {"scenes": str(there)})
        self.refuse_other(
            {name: value for name, value in asdict(config).items() if name not in config.extendable},
            # Options that are younger than the run had their defaults.
            asdict(PoseConfig()) | self.config,
        )
        self.refuse_changed(folder)


def _export_network(run, base_dir, version):
    from tfapp.export import export_pose_network
    from tfapp.pose.distillation.distilled_network import network_fingerprint, network_of
    from tfapp.pose.predictions import chosen_pose_network, learned_points

    model, distilled = network_of(run), network_fingerprint(run)
    points, seen = learned_points(model)
    return export_pose_network(
        chosen_pose_network(model),
        base_dir,
        camera=run.record["camera"],
        distance=model.settings.centre[2],
        # Points that no scene showed stayed where they began: no part of the object.
        object_points=points[seen],
        version=version,
        metadata={
            "run": run.path.name,
            "config": run.config,
            "frame": run.record["frame"],
            **({} if distilled is None else {"distilled network": distilled}),
        },
    )
