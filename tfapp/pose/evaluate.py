"""Evaluation of a pose model: how well it segments scenes, what it learned of the part, and the files of both."""

from dataclasses import replace
from functools import partial

import numpy as np

from tfapp.claims import claiming
from tfapp.files import write_json
from tfapp.pose.evaluation.baselines import SEARCHED, SPECTRAL, search_clusterings
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.reference_models import register_references
from tfapp.pose.evaluation.registration import register_model
from tfapp.pose.evaluation_results import PoseEvaluation, SplitResults
from tfapp.pose.observations import check_shown, observe
from tfapp.pose.pictures.model_pictures import save_model_beside_cad_png, save_model_png
from tfapp.pose.pictures.page import save_page
from tfapp.pose.pictures.scene_pictures import save_scenes_png
from tfapp.pose.predictor import open_run, predictor
from tfapp.pose.scene_comparison import PoseJudge, score_labels, segment_scenes, symmetries_and_phrase
from tfapp.runs.progress import SILENT, steps

# Scenes of each split in the pictures.
SHOWN = 8
METRICS = "metrics.json"


@claiming("path", waits=True)
def evaluate_run(path, choose="distance", scenes=None, baselines=True, progress=SILENT, *, refined=None):
    """Evaluate a run, draw its figures and its page, and write `metrics.json`.

    Args:
        path: Run folder.
        choose, refined: As of `predictor`.
        scenes: Scenes of each split at most; None for all.
        baselines: Whether to cluster the same pixels by K-means and spectral clustering too.
        progress: `Progress`.

    Returns:
        The `PoseEvaluation`, `metrics.json` first among its files.
    """
    work = _Evaluation(open_run(path), choose, refined, scenes, progress)
    evaluation = work.evaluated(baselines)
    file = work.run.path / METRICS
    # Written last: it tells that all of it is done.
    write_json(file, {**evaluation.to_json(), "weights": work.run.weights})
    return replace(evaluation, written=(file, *evaluation.written))


@claiming("path", waits=True)
def draw_run(path, choose="distance", scenes=SHOWN, progress=SILENT, *, refined=None):
    """Draw the learned model of a run, some scenes and the page; return the files. No truth is needed.

    Args:
        path, choose, progress, refined: As for `evaluate_run`.
        scenes: Scenes of each split at most.
    """
    return _Evaluation(open_run(path), choose, refined, scenes, progress).drawn().written


def register(object_points, folder, symmetries=None):
    """Return the `Registration` of an object model to the CAD mesh of a folder's truth.

    Args:
        object_points: Points `(m, 3)` in metres and which of them count, bool `(m,)`.
        folder: `SceneFolder` with the mesh of the part.
        symmetries: As of `register_model`.
    """
    points, visible = object_points
    return register_model(points, *folder.object_mesh(), visible=visible, symmetries=symmetries)


class _Evaluation:
    """One evaluation, from the run's scenes to its files."""

    def __init__(self, run, choose, refined, most, progress):
        self.run, self._choose, self._most, self._progress = run, choose, most, progress
        # Before all scenes are read.
        self._chosen, self._folder = predictor(run, choose, refined), run.folder()

    def evaluated(self, baselines):
        """Return the `PoseEvaluation` with all that can be known."""
        for numbers in self.run.splits.values():
            check_shown(self._folder, numbers[: self._most])
        registration, references, judge, clusterings, phrase = None, {}, None, None, None
        if self._folder.has_object_mesh:
            symmetries, phrase = symmetries_and_phrase(self._folder)
            registration = register(self._chosen.object_points, self._folder, symmetries)
            count = int(np.count_nonzero(self._chosen.object_points[1]))
            references = register_references(*self._folder.object_mesh(), count)
            if self._folder.has_truth:
                judge = PoseJudge(self._folder, registration, symmetries)
        # Clusterings must be told the number.
        compared = baselines and self._folder.has_labels and (self._chosen.known_instances or 1) > 1
        results, shown = {}, {}
        for name, observations, poses, show in self._splits():
            if compared and clusterings is None:
                clusterings = self._clusterings(observations, poses, show)
            comparing = partial(show, f"{name}: comparing")
            scores, outside = self._scores(observations, poses, clusterings, comparing)
            if clusterings is not None and scores:
                clusterings = clusterings if clusterings.better else clusterings.compared(scores)
                scores[SPECTRAL] = scores[clusterings.better]
            errors = (None, None)
            if judge is not None:
                errors = judge.judge(observations.indices, poses, partial(show, f"{name}: true poses"))
            results[name] = SplitResults(len(poses), _distance(poses), scores, *errors, outside)
            shown[name] = self._shown(observations, poses)
        difference = None if judge is None else judge.difference
        return self._finished(shown, results, registration, references, clusterings, difference, phrase)

    def drawn(self):
        """Return the `PoseEvaluation` with what the pictures tell."""
        for numbers in self.run.splits.values():
            self._folder.check_masks(numbers[: self._most])
        registration = (
            register(self._chosen.object_points, self._folder) if self._folder.has_object_mesh else None
        )
        results, shown = {}, {}
        for name, observations, poses, show in self._splits():
            scores, outside = self._scores(observations, poses, None, partial(show, f"{name}: comparing"))
            results[name] = SplitResults(len(poses), _distance(poses), scores, None, outside=outside)
            shown[name] = self._shown(observations, poses)
        return self._finished(shown, results, registration)

    def _splits(self):
        """Yield the name, `Observations`, `ScenePoses` and progress of each split, the training first."""
        with steps(self._progress) as show:
            # Clusterings and the best frame are fitted to scenes of the training.
            for name, numbers in sorted(self.run.splits.items(), key=lambda item: item[0] != "training"):
                if not len(numbers):
                    continue
                observations = observe(
                    self._folder,
                    self.run.config["observed"],
                    indices=numbers[: self._most],
                    seed=self.run.config["seed"],
                    progress=partial(show, f"{name}: reading"),
                )
                poses = self._chosen.poses(self._folder, observations, partial(show, f"{name}: poses"))
                yield name, observations, poses, show

    def _scores(self, observations, poses, clusterings, progress):
        if not self._folder.has_labels:
            return {}, 0.0
        scenes = segment_scenes(self._folder, observations, poses)
        return score_labels(scenes, clusterings, lambda done: progress(done, len(poses)))

    def _shown(self, observations, poses):
        return list(segment_scenes(self._folder, observations.select(slice(SHOWN)), poses[:SHOWN]))

    def _clusterings(self, observations, poses, show):
        places = np.unique(np.linspace(0, len(poses) - 1, SEARCHED).astype(int))
        some = [poses[place] for place in places]
        segmented = segment_scenes(self._folder, observations.select(places), some)
        scenes = [scene for scene in segmented if scene.known.any()]
        if not scenes:
            return None
        return search_clusterings(
            [scene.points for scene in scenes],
            [scene.truth for scene in scenes],
            self._chosen.known_instances,
            self._extent(),
            partial(show, "width of the spectral clustering"),
        )

    def _extent(self):
        """Return the largest side of the part in metres, by its model where its mesh is not known."""
        if self._folder.has_object_mesh:
            return CadSurface(*self._folder.object_mesh()).extent
        points, visible = self._chosen.object_points
        return float(np.ptp(points[visible], axis=0).max())

    def _finished(
        self,
        shown,
        results,
        registration,
        references=None,
        clusterings=None,
        best_frame=None,
        symmetries=None,
    ):
        evaluation = PoseEvaluation(
            self._choose,
            results,
            registration,
            (),
            self._chosen.refined is not None,
            references or {},
            clusterings,
            best_frame,
            symmetries,
        )
        return replace(evaluation, written=tuple(self._draw(evaluation, shown)))

    def _draw(self, evaluation, shown):
        """Draw the model, scenes of each split and the page; return the files."""
        folder, registration = self._folder, evaluation.registration
        points, visible = self._chosen.object_points
        figures = self.run.path / "figures"
        written = [figures / "model.png"]
        save_model_png(points, written[0], visible=visible)
        cad = None if registration is None else (registration, *folder.object_mesh())
        if cad is not None:
            written.append(figures / "model-beside-part.png")
            save_model_beside_cad_png(points, *cad, written[-1], visible=visible)
        for split, scenes in shown.items():
            written.append(figures / f"scenes-{split}.png")
            save_scenes_png(scenes, written[-1], f"{split} scenes")
        written.append(self.run.path / "pose.html")
        part = (folder.record or {}).get("part", folder.path.name)
        save_page(
            written[-1],
            f"{part}, {self._chosen.instances} instances",
            points,
            [scene for scenes in reversed(shown.values()) for scene in scenes],
            visible=visible,
            cad=cad,
            facts=_facts(self.run, self._chosen, evaluation.splits),
            tables=evaluation.tables() if evaluation.references else (),
            remarks=evaluation.remarks() if evaluation.references else (),
        )
        return written


def _distance(poses):
    return float(np.mean([found.distance for found in poses]))


def _facts(run, chosen, results):
    # A run that is trained or refined further keeps the page of before.
    network = "network" if chosen.distilled is None else "distilled network"
    by = network if chosen.refined is None else "refined model"
    facts = {"Poses by": f"{by}, after {run.epochs} epochs" if run.epochs else by}
    for split, result in results.items():
        facts[f"Chamfer distance, {split} scenes"] = f"{1000 * result.distance:.2f} mm"
        if "ours" in result.scores:
            facts[f"F1, {split} scenes"] = f"{result.scores['ours']['f1']:.3f}"
    return facts
