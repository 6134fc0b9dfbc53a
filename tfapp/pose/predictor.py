"""What tells the poses of scenes: the network of a run, distilled or not, or its refined model where there is one."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError
from tfapp.pose import predictions
from tfapp.pose.distillation.distilled_network import network_fingerprint, network_of
from tfapp.pose.fitted_run import FittedRun, said
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.beginnings import ClusteringBeginning, NetworkBeginning
from tfapp.pose.refinement.known_part import doubtful
from tfapp.pose.refinement.placed_scenes import refined_poses
from tfapp.pose.refinement.refined_run import is_refined, read_refined, refinement_of, unexplained
from tfapp.pose.run import PoseRun
from tfapp.pose.scenes.other_view import share_seen
from tfapp.pose.scenes_run import ScenesRun
from tfapp.runs.record import FITTED, run_kind

_LEAST_SEEN = 0.5


def open_run(path):
    """Return the `PoseRun` or `FittedRun` of a folder.

    Raises:
        InputError: The folder is neither, or damaged.
    """
    return (FittedRun if run_kind(path) == FITTED else PoseRun).open(path)


@dataclass(frozen=True, eq=False)
class Predictor:
    """Tells the poses of scenes.

    Attributes:
        run: `PoseRun` or `FittedRun`.
        model: Its `PoseModel`, or None.
        choose: Which of the network's alternatives counts, as of `predict_poses`.
        refined: `RefinedModel` that tells the poses in place of the network, or None.
        beginning: Where its search begins, as of `tfapp.pose.refinement.beginnings`, or None.
    """

    run: ScenesRun
    model: PoseModel | None
    choose: str
    refined: RefinedModel | None = None
    beginning: object = None

    @property
    def instances(self):
        """How many instances a scene has, a phrase."""
        return said(self._range)

    @property
    def known_instances(self):
        """How many instances every scene has; None where that is not known."""
        least, most = self._range
        return most if least == most else None

    @property
    def _range(self):
        if self.model is None:
            return self.run.instances
        return (self.model.settings.instances,) * 2

    @property
    def object_points(self):
        """The object model `(m, 3)` in metres, in its own frame, and which of its points scenes show, bool `(m,)`."""
        if self.refined is None:
            return predictions.learned_points(self.model)
        return self.refined.points, np.ones(len(self.refined.points), bool)

    def poses(self, folder, observations, progress=None):
        """Return the `ScenePoses` of scenes.

        Args:
            folder: `SceneFolder`.
            observations: `Observations` of its scenes.
            progress: Function of (scenes done, scenes in all), or None.
        """
        if self.refined is None:
            return predictions.predict_poses(self.model, observations, choose=self.choose, progress=progress)
        return refined_poses(self.beginning, self.refined, folder, observations, progress)

    @property
    def unexplained(self):
        """A sentence where the refined model does not explain the scenes that it was fused from, or None."""
        return None if self.refined is None else unexplained(self.run)

    @property
    def doubtful(self):
        """A sentence where the mesh of a known part hardly fits the scenes that it was given for, or None."""
        return None if self.refined is None else doubtful(self.run)

    def share_seen(self, folder, observations):
        """Return the share of each scene's observed points that the model's camera sees, `(scenes,)`.

        Raises:
            InputError: It sees less than half of a scene.
        """
        if self.model is None:
            return np.ones(len(observations))
        shares = share_seen(self.model.settings.lens, observations.points)
        worst = int(np.argmin(shares))
        if shares[worst] < _LEAST_SEEN:
            raise InputError(
                f"Scene {folder.stems[observations.indices[worst]]} of {folder.path} shows "
                f"{1 - shares[worst]:.0%} of its parts beyond the field of view that the network was trained with; "
                "train on scenes of this camera."
            )
        return shares

    @property
    def fingerprint(self):
        """SHA-256 of the refined model's file in hexadecimal digits; None for the network."""
        return None if self.refined is None else refinement_of(self.run)

    @property
    def distilled(self):
        """SHA-256 of the distilled network's file in hexadecimal digits, where its network tells the poses; or None."""
        return network_fingerprint(self.run) if self.refined is None else None


def predictor(run, choose="distance", refined=None):
    """Return the `Predictor` of a run.

    Args:
        run: `PoseRun` or `FittedRun`.
        choose: `distance` or `network`, as of `predict_poses`.
        refined: Whether the refined model tells the poses; None for yes where the run is refined and `choose` is
            `distance`, as its poses are those that fit best.

    Raises:
        InputError: For another choice, a run that is not trained, or `refined` of a run that is not, or of the
            network's own choice; a network where the run has none.
    """
    predictions.check_choice(choose)
    if refined and choose != "distance":
        raise InputError("`refined` poses are those that fit best; leave `choose` network out.")
    if isinstance(run, FittedRun):
        if refined is False or choose == "network":
            raise InputError(f"{run.path} has no network; leave `choose` and `refined` out.")
        return Predictor(run, None, choose, read_refined(run)[0], ClusteringBeginning(run.instances))
    if refined or refined is None and choose == "distance" and is_refined(run):
        model = run.load_model()
        found, start = read_refined(run)
        count = model.settings.instances
        beginning = NetworkBeginning(model) if start == "network" else ClusteringBeginning((count, count))
        return Predictor(run, model, choose, found, beginning)
    return Predictor(run, network_of(run), choose)
