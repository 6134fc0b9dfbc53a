"""Evaluation of a pose model: how well it segments scenes, what it learned of the part, and the files of both."""

from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from tfapp.claims import claiming
from tfapp.files import write_json
from tfapp.pose.evaluation.instances import (
    k_means,
    label_points,
    mean_over_scenes,
    pair_scores,
    spectral_clustering,
)
from tfapp.pose.evaluation.pose_errors import Symmetries, part_poses, pose_errors, summarise
from tfapp.pose.evaluation.registration import Registration, mirror_symmetry, register_model
from tfapp.pose.observations import observe
from tfapp.pose.pictures.model_pictures import save_model_beside_cad_png, save_model_png
from tfapp.pose.pictures.page import save_page
from tfapp.pose.pictures.scene_pictures import SegmentedScene, save_scenes_png
from tfapp.pose.predictor import open_run, predictor
from tfapp.report.result_table import ResultTable
from tfapp.runs.progress import SILENT, steps

# Scenes of each split in the pictures.
SHOWN = 8
METRICS = "metrics.json"
_HEADER = ("scenes", "F1", "precision", "recall", "Chamfer mm", "rotation °", "translation mm")
METHODS = {"K-means": k_means, "spectral clustering": spectral_clustering}


@dataclass(frozen=True)
class SplitResults:
    """Means over some scenes.

    Attributes:
        scenes: Number of scenes.
        distance: Chamfer distance in metres.
        scores: From "ours" and the names of `METHODS` to precision, recall and F1; empty without true labels.
        poses: As `summarise` returns it; None without true poses.
        outside: Share of the points that belong to no instance, such as those of walls, or that lie between two
            surfaces at an edge; the scores leave them out.
    """

    scenes: int
    distance: float
    scores: dict
    poses: dict | None
    outside: float = 0.0

    def to_json(self):
        return {name: value for name, value in asdict(self).items() if name != "outside" or value}


@dataclass(frozen=True)
class PoseEvaluation:
    """What was found out of a run.

    Attributes:
        choose: Which alternative counted, as of `predict_poses`.
        splits: From the names of splits of the scenes, such as `held-out`, to their `SplitResults`.
        registration: Of the learned model to the part; None without a known mesh.
        written: Paths of the files.
        refined: Whether the refined model told the poses.
    """

    choose: str
    splits: dict[str, SplitResults]
    registration: Registration | None
    written: tuple
    refined: bool = False

    def to_json(self):
        """Return the content of `metrics.json`."""
        parts = {name: one.to_json() for name, one in self.splits.items()}
        content = {"choose": self.choose, **({"refined": True} if self.refined else {}), "parts": parts}
        if self.registration is not None:
            sides = {name: getattr(self.registration, name) for name in ("learned_to_cad", "cad_to_learned")}
            distances = {name: {"median": side.median, "mean": side.mean} for name, side in sides.items()}
            content["model"] = {"reflected": bool(self.registration.reflected), **distances}
        return content

    def table(self) -> ResultTable:
        """Return a row for each split of the scenes and each method; none without true labels."""
        rows = [
            _table_row(f"{split}, {method}", scores, result if method == "ours" else None)
            for split, result in self.splits.items()
            for method, scores in result.scores.items()
        ]
        return ResultTable(_HEADER, rows)

    def remarks(self):
        """Return sentences: distances that stand in no table, and how near learned model and part are."""
        sentences = []
        if not self.table().rows:
            for split, result in self.splits.items():
                distance = f"{1000 * result.distance:.2f} mm"
                sentences.append(f"{split}: {result.scenes} scenes, Chamfer distance {distance}")
        for split, result in self.splits.items():
            if result.outside:
                sentences.append(
                    f"{split}: {100 * result.outside:.1f} % of the points belong to no part, and count in no score"
                )
        if self.registration is not None:
            there, back = self.registration.learned_to_cad, self.registration.cad_to_learned
            sentences.append(
                f"learned model to part: median {1000 * there.median:.2f} mm; part to learned model: "
                f"median {1000 * back.median:.2f} mm, mean {1000 * back.mean:.2f} mm"
                + ("; the mirror image of the part was learned" if self.registration.reflected else "")
            )
        return sentences


@claiming("path", waits=True)
def evaluate_run(path, choose="distance", scenes=None, baselines=True, progress=SILENT, *, refined=None):
    """Evaluate a run, draw its figures and its page, and write `metrics.json`.

    Args:
        path: Run folder.
        choose, refined: As of `predictor`.
        scenes: Scenes of each split at most; None for all.
        baselines: Whether to cluster the same points by K-means and spectral clustering too.
        progress: `Progress`.

    Returns:
        The `PoseEvaluation`, `metrics.json` first among its files.
    """
    run, evaluation = _evaluated(path, choose, refined, scenes, baselines, progress)
    file = run.path / METRICS
    # Written last: it tells that all of it is done.
    write_json(file, {**evaluation.to_json(), "weights": run.weights})
    return replace(evaluation, written=(file, *evaluation.written))


@claiming("path", waits=True)
def draw_run(path, choose="distance", scenes=SHOWN, progress=SILENT, *, refined=None):
    """Draw the learned model of a run, some scenes and the page; return the files. No truth is needed.

    Args:
        path, choose, progress, refined: As for `evaluate_run`.
        scenes: Scenes of each split at most.
    """
    return _evaluated(path, choose, refined, scenes, False, progress)[1].written


def _evaluated(path, choose, refined, most, baselines, progress):
    run = open_run(path)
    # Before all scenes are read.
    chosen, folder = predictor(run, choose, refined), run.folder()
    registration = register(chosen.object_points, folder) if folder.has_object_mesh else None
    results, shown = {}, {}
    with steps(progress) as show:
        for name, numbers in run.splits.items():
            if not len(numbers):
                continue
            observations = observe(
                folder,
                run.config["observed"],
                indices=numbers[:most],
                seed=run.config["seed"],
                progress=partial(show, f"{name}: reading"),
            )
            poses = chosen.poses(folder, observations, partial(show, f"{name}: poses"))
            results[name], shown[name] = evaluate_scenes(
                folder,
                observations,
                poses,
                registration,
                baselines=baselines,
                progress=partial(show, f"{name}: comparing"),
            )
    written = _draw(run, chosen, folder, registration, shown, results)
    return run, PoseEvaluation(choose, results, registration, tuple(written), chosen.refined is not None)


def _draw(run, chosen, folder, registration, shown, results):
    """Draw the model, scenes of each split and the page; return the files."""
    points, visible = chosen.object_points
    figures = run.path / "figures"
    written = [figures / "model.png"]
    save_model_png(points, written[0], visible=visible)
    if registration is not None:
        written.append(figures / "model-beside-part.png")
        save_model_beside_cad_png(points, registration, *folder.object_mesh(), written[-1], visible=visible)
    for split, scenes in shown.items():
        written.append(figures / f"scenes-{split}.png")
        save_scenes_png(scenes[:SHOWN], written[-1], f"{split} scenes")
    cad = None if registration is None else (registration, *folder.object_mesh())
    first = [scene for scenes in reversed(shown.values()) for scene in scenes[:SHOWN]]
    written.append(run.path / "pose.html")
    title = f"{(folder.record or {}).get('part', folder.path.name)}, {chosen.instances} instances"
    save_page(written[-1], title, points, first, visible=visible, cad=cad, facts=_facts(run, chosen, results))
    return written


def _facts(run, chosen, results):
    # A run that is trained or refined further keeps the page of before.
    by = "network" if chosen.refined is None else "refined model"
    facts = {"Poses by": f"{by}, after {run.epochs} epochs" if run.epochs else by}
    for split, result in results.items():
        facts[f"Chamfer distance, {split} scenes"] = f"{1000 * result.distance:.2f} mm"
        if "ours" in result.scores:
            facts[f"F1, {split} scenes"] = f"{result.scores['ours']['f1']:.3f}"
    return facts


def _table_row(title, scores, result):
    """Return a row of `_HEADER`; `result` is None for methods that find no poses."""
    cells = [f"{scores[name]:.3f}" for name in ("f1", "precision", "recall")]
    if result is None:
        return [title, *cells, "-", "-", "-"]
    cells.append(f"{1000 * result.distance:.2f}")
    if result.poses is None:
        return [title, *cells, "-", "-"]
    rotation = result.poses["rotation_median"]
    degrees = "-" if rotation is None else f"{np.degrees(rotation):.1f}"
    return [title, *cells, degrees, f"{1000 * result.poses['translation_median']:.1f}"]


def register(object_points, folder):
    """Return the `Registration` of an object model to the CAD mesh of a folder's truth.

    Args:
        object_points: Points `(m, 3)` in metres and which of them count, bool `(m,)`.
        folder: `SceneFolder` with truth.
    """
    points, visible = object_points
    return register_model(points, *folder.object_mesh(), visible=visible)


def evaluate_scenes(folder, observations, poses, registration=None, *, baselines=True, progress=None):
    """Compare the poses of scenes with what is known of them.

    Args:
        folder: `SceneFolder`.
        observations: `Observations` of its scenes.
        poses: Their `ScenePoses`, in the same order.
        registration: Of the learned model; None where no mesh is known: then poses have no errors.
        baselines: Whether to cluster the same points by K-means and spectral clustering too.
        progress: Function of (scenes done, scenes in all), or None.

    Returns:
        (`SplitResults`, list of `SegmentedScene`).
    """
    symmetries = None if registration is None else part_symmetries(folder)
    shown, errors, scores, outside = [], [], {}, []
    for number, found in enumerate(poses):
        scene = _segmented(folder, observations, number, found)
        shown.append(scene)
        if scene.truth is not None:
            known = scene.known
            outside.append(1 - known.mean())
            for name, labels in _labels(scene, len(found.rotation), baselines).items() if known.any() else ():
                scores.setdefault(name, []).append(pair_scores(labels[known], scene.truth[known]))
        if registration is not None and folder.has_truth:
            estimated = part_poses(found.rotation, found.translation, found.reflected, registration)
            true = folder.poses(int(observations.indices[number]))
            errors.append(pose_errors(estimated, true, symmetries))
        if progress:
            progress(number + 1, len(poses))
    means = {name: asdict(mean_over_scenes(each)) for name, each in scores.items()}
    distance = float(np.mean([found.distance for found in poses]))
    share = float(np.mean(outside)) if outside else 0.0
    return SplitResults(len(poses), distance, means, summarise(errors) if errors else None, share), shown


def part_symmetries(folder):
    """Return the `Symmetries` of a folder's part, its mirror image among them if that is the part itself."""
    symmetries = Symmetries.of(folder.symmetries or [])
    mirror = mirror_symmetry(*folder.object_mesh())
    return symmetries if mirror is None else symmetries.with_mirror(mirror)


def _segmented(folder, observations, number, found):
    index = int(observations.indices[number])
    pixels, points = observations.pixels[number], observations.points[number]
    truth = folder.labels(index)[tuple(pixels.T)] if folder.has_labels else None
    return SegmentedScene(
        depth=observations.depth[number],
        pixels=pixels,
        points=points,
        labels=label_points(points, found.clouds, found.visible),
        truth=truth,
        clouds=found.clouds,
        name=folder.stems[index],
    )


def _labels(scene, instances, baselines):
    ours = {"ours": scene.labels}
    if not baselines or instances == 1:
        return ours
    return ours | {name: method(scene.points, instances) for name, method in METHODS.items()}
