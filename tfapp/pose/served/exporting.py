"""Refined poses of a run as a graph, and its export for TensorFlow Serving."""

import warnings
from dataclasses import dataclass

import keras

from tfapp.errors import InputError
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.known_part import doubtful
from tfapp.pose.refinement.refined_run import read_refined, refinement_of, unexplained
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.served.refined_network import refined_pose_network
from tfapp.runs.record import POSE


@dataclass(frozen=True, eq=False)
class Search:
    """What a search for the poses of a run's part begins with.

    Attributes:
        instances: Fewest and most instances of a scene.
        distance: Metres from the camera to about where parts lie.
        model: `PoseModel` whose hypotheses it begins with, where the refinement did; or None.
    """

    instances: tuple[int, int]
    distance: float
    model: PoseModel | None = None


@dataclass(frozen=True, eq=False)
class ServedRun:
    """The refined poses of a run as what is served.

    Attributes:
        network: Keras model, as of `refined_pose_network`.
        refined: `RefinedModel`.
        start: What its refinement began with.
    """

    network: keras.Model
    refined: RefinedModel
    start: str


def served_run(run):
    """Return the `ServedRun` of a run that is refined.

    Args:
        run: `PoseRun` or `FittedRun`.

    Raises:
        InputError: The run is not refined, damaged, or its model does not explain its scenes.
    """
    refined, start = read_refined(run)
    if sentence := unexplained(run):
        network = " `tfapp export --no-refined` serves the network's own poses." if run.kind == POSE else ""
        raise InputError(sentence + network)
    if sentence := doubtful(run):
        warnings.warn(sentence, stacklevel=2)
    search = run.search
    # A model that grew from a clustering is in no frame that the network knows.
    model = search.model if start == "network" else None
    camera = Camera(**run.record["camera"])
    network = refined_pose_network(refined, camera, search.instances, search.distance, model)
    return ServedRun(network, refined, start)


def export_refined_run(run, base_dir, version):
    """Write the refined poses of a run for TensorFlow Serving, and return the version folder.

    Args:
        run: `PoseRun` or `FittedRun`.
        base_dir, version: As of their `export`.

    Raises:
        InputError: As `served_run`.
        ExportError: As `tfapp.export.export_refined_poses`.
    """
    from tfapp.export import export_refined_poses

    served = served_run(run)
    return export_refined_poses(
        served.network,
        base_dir,
        camera=run.record["camera"],
        distance=run.search.distance,
        object_points=served.refined.points,
        version=version,
        metadata={
            "run": run.path.name,
            "config": run.config,
            "refined model": refinement_of(run),
            "start": served.start,
            "extent": served.refined.extent,
            "fewest_instances": run.search.instances[0],
        },
    )
