"""What `tfapp landscape` draws the loss around: the trained model of a run, of segmentation or of poses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp.cli.sources import refuse_segmenter_options
from tfapp.errors import InputError
from tfapp.run_record import POSE, run_kind

# Directions that are made for one run; those to another run, or of the whole Hessian, move all that was trained.
_OF_ONE_RUN = ("filter", "unit-filter", "layer", "gradient")


@dataclass(frozen=True)
class PoseSolution:
    """A run of `tfapp pose train` with the attributes of a `Run` that a landscape needs.

    Attributes:
        run: The `PoseRun`.
    """

    run: Any

    @property
    def path(self):
        return self.run.path

    @property
    def title(self):
        return self.run.title

    def load_model(self):
        """Return the compiled model, with the Chamfer distance alone as its loss."""
        from tfapp.pose.landscape.chamfer_model import ChamferModel

        return ChamferModel.of(self.run.load_model())

    def sample(self, part, count, seed):
        """Return depth and points of scenes of the part `train` or `held-out`; see `PoseRun.sample`."""
        return self.run.sample("training" if part == "train" else part, count, seed)


def open_solution(path):
    """Return the `Run` or the `PoseSolution` in a folder."""
    if run_kind(path) != POSE:
        from tfapp.runs import Run

        return Run.open(path)
    from tfapp.pose.pose_run import PoseRun

    return PoseSolution(PoseRun.open(path))


def check_kind(path, directions, *, bfloat16, held_out):
    """Raise InputError for an option that the kind of a run does not know."""
    if run_kind(path) == POSE:
        refuse_segmenter_options(path, {"--directions pca": directions == "pca", "--bfloat16": bfloat16})
    elif held_out:
        raise InputError(
            f"--held-out is for runs of `tfapp pose train`; {Path(path)} is none, leave the option out."
        )


def moved_layers(path, layers, directions, to):
    """Return the names of the layers that directions are limited to, or None for all that was trained.

    Args:
        path: Run folder.
        layers: What the user typed, or None: then the object model of a run of poses stays as it is.
        directions, to: As the user typed them.
    """
    if layers is not None:
        return layers.split(",")
    return ["pose_network"] if run_kind(path) == POSE and to is None and directions in _OF_ONE_RUN else None
