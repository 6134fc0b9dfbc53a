"""What tells the poses of scenes: the network of a run, or its refined model where there is one."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from tfapp.files import content_hash
from tfapp.pose import predictions
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.refined_run import is_refined, model_file, read_refined, refined_poses
from tfapp.pose.run import PoseRun

REFINED = "refined"


@dataclass(frozen=True, eq=False)
class Predictor:
    """Tells the poses of scenes.

    Attributes:
        run: `PoseRun`.
        model: Its `PoseModel`.
        choose: `refined`, or which of the network's alternatives counts, as of `predict_poses`.
        refined: `RefinedModel`, or None.
        start: Where its search begins, as of `RefineOptions`.
    """

    run: PoseRun
    model: PoseModel
    choose: str
    refined: RefinedModel | None = None
    start: str | None = None

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
        return refined_poses(self.model, self.refined, self.start, folder, observations, progress)

    @property
    def fingerprint(self):
        """SHA-256 of the refined model's file in hexadecimal digits; None for the network."""
        return None if self.refined is None else content_hash(model_file(self.run)).hex()


def predictor(run, choose=None):
    """Return the `Predictor` of a run.

    Args:
        run: `PoseRun`.
        choose: `refined`, `distance` or `network`; None for `refined` where the run is refined, else `distance`.

    Raises:
        InputError: For another choice, a run that is not trained, or `refined` of a run that is not.
    """
    if choose is None:
        choose = REFINED if is_refined(run) else "distance"
    predictions.check_choice(choose, more=(REFINED,))
    open_model = partial(Predictor, run, run.load_model(), choose)
    return open_model(*read_refined(run)) if choose == REFINED else open_model()
