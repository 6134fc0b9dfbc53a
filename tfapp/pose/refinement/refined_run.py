"""Refinement of a trained pose run, kept in its folder `refined/`; a killed one resumes after its last round."""

import json
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.archives import DAMAGED, open_arrays
from tfapp.claims import claimed
from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json, write_text
from tfapp.layers import HiddenPointRemoval
from tfapp.pose.evaluation.instances import label_points, spectral_clustering
from tfapp.pose.model.settings import usual_exponent
from tfapp.pose.observations import observe
from tfapp.pose.predictions import ScenePoses, all_hypotheses, learned_points, predict_poses
from tfapp.pose.refinement.alternation import (
    GROWTH,
    LEAST_GAIN,
    RefinedModel,
    grown_model,
    mean_residual,
    next_round,
    place_new,
)
from tfapp.pose.refinement.nearest_field import extent_of
from tfapp.pose.refinement.scene_set import scene_set
from tfapp.records import Entries, Number, OneOf, Text, Whole, read_record
from tfapp.runs.progress import SILENT

FOLDER = "refined"
STARTS = ("network", "clustering")
_STATE, _MODEL, _RECORD, _HISTORY = "state.npz", "model.npz", "refine.json", "history.csv"
_ENTRIES = Entries(
    {
        "epochs": Whole(1),
        "scenes": Whole(1),
        "rounds": Whole(1),
        "most_rounds": Whole(1),
        "start": OneOf(STARTS),
        "residual": Number(0),
        "extent": Number(above=0),
    },
    # Later than the first refinements.
    {"weights": Text()},
)
_SCENE_ARRAYS = ("rotation", "translation", "residual", "margin")
_COLUMNS = ("round", "residual_mm", "points", "moved")


@dataclass(frozen=True)
class RefineOptions:
    """The options of `tfapp pose refine`, under the same names.

    Attributes:
        rounds: Rounds at most; fewer where the residual stops to fall.
        scenes: Training scenes that the model is fused from at most; None for all.
        start: `network`, or `clustering` for a spectral clustering of the measured points and a model that grows from
            one instance, so that nothing of the network counts.
    """

    rounds: int = 10
    scenes: int | None = None
    start: str = "network"

    def check(self):
        """Raise InputError for numbers below 1 and an unknown start."""
        if self.start not in STARTS:
            raise InputError(f"Unknown `start` {self.start!r}; choose one of: {', '.join(STARTS)}.")
        for name in ("rounds", "scenes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1; got {value}.")


def refine_run(run, options=RefineOptions(), *, overwrite=False, progress=SILENT, watch=lambda row: None):
    """Refine the poses of a run and its object model by turns, on training scenes alone, and keep the model.

    Args:
        run: `PoseRun`, trained.
        options: `RefineOptions`.
        overwrite: Start again, instead of resuming a refinement or keeping a finished one.
        progress: `Progress`.
        watch: Called with a dict of each round: `round` from 1, `residual_mm`, `points` of the model and `moved`, the
            share of measured points that changed to another instance.

    Returns:
        The `RefinedModel`.

    Raises:
        InputError: Options out of range, a run that is not trained, damaged files, or a refinement that was made with
            other options or of fewer epochs.
    """
    options.check()
    with claimed(run.path, "run"):
        return _refine(run, options, overwrite, progress, watch)


def _refine(run, options, overwrite, progress, watch):
    model = run.load_model()
    folder = run.path / FOLDER
    numbers = run.splits["training"][: options.scenes]
    settings = {
        "weights": run.weights,
        "epochs": run.config["epochs"],
        "scenes": len(numbers),
        "most_rounds": options.rounds,
        "start": options.start,
    }
    if not overwrite and is_refined(run):
        _check_same(run, _read_record(folder), settings)
        return read_refined(run)[0]
    scenes = _scenes(run, model, numbers, options.start, progress)
    rows = []
    if overwrite:
        for name in (_RECORD, _STATE):
            (folder / name).unlink(missing_ok=True)
    if (folder / _STATE).is_file():
        refined, rows = _read_state(run, folder, scenes, settings)
    else:
        refined = _first_model(model, scenes, options.start, progress)
    total = options.rounds * len(scenes) * scenes.count
    with progress.task("refining", total) as task:
        task(len(rows) * len(scenes) * scenes.count, note=_note(rows))
        while len(rows) < options.rounds and not _settled(rows):
            before = [labels.copy() for labels in scenes.labels]
            refined = next_round(refined, scenes, len(rows), task.advance)
            rows.append(_row(refined, scenes, before, len(rows) + 1))
            _write_state(folder, refined, scenes, rows, settings)
            watch(dict(zip(_COLUMNS, rows[-1], strict=True)))
            task(len(rows) * len(scenes) * scenes.count, note=_note(rows))
    _finish(folder, refined, rows, settings)
    return refined


def is_refined(run):
    """Return whether a run has a finished refinement."""
    return (run.path / FOLDER / _RECORD).is_file()


def model_file(run):
    """Return the path of the refined model."""
    return run.path / FOLDER / _MODEL


def read_refined(run):
    """Return the `RefinedModel` of a run and the start of its refinement.

    Raises:
        InputError: It has none, it is damaged, or the run was trained further since.
    """
    folder = run.path / FOLDER
    if not is_refined(run):
        raise InputError(f"{run.path} is not refined; run `tfapp pose refine {run.path}` first.")
    record = _read_record(folder)
    _check_weights(run, record)
    if record["epochs"] != run.config["epochs"]:
        raise InputError(
            f"{run.path} was refined after {record['epochs']} epochs and has {run.config['epochs']} now; run "
            f"`tfapp pose refine {run.path}` again with `overwrite`."
        )
    try:
        with open_arrays(folder / _MODEL) as arrays:
            points = _points(arrays["points"])
    except DAMAGED as error:
        raise _damaged(run, folder / _MODEL, error) from None
    return RefinedModel(points, record["extent"]), record["start"]


def refined_poses(model, refined, start, folder, observations, progress=None):
    """Return the `ScenePoses` of scenes by the refined model, placed in all that the scenes show of parts.

    Args:
        model: `PoseModel` of the run.
        refined: `RefinedModel`.
        start: Where the search begins, as of `RefineOptions`.
        folder: `SceneFolder` of the scenes.
        observations: `Observations` of them.
        progress: Function of (scenes done, scenes in all), or None.
    """
    found, removal = [], HiddenPointRemoval(usual_exponent(_MANY_POINTS), (0.0, 0.0, 0.0))
    for first in range(0, len(observations), _SCENES):
        batch = observations.select(slice(first, first + _SCENES))
        scenes = _scene_set(model, folder, batch, start)
        place_new(refined, scenes)
        found += [_scene_poses(scenes, scene, refined.points, removal, batch) for scene in range(len(scenes))]
        if progress:
            progress(len(found), len(observations))
    return found


# Scenes that are placed at a time.
_SCENES = 32
# Measured points of a scene that are clustered.
_CLUSTERED = 400
# Points of a refined model, about.
_MANY_POINTS = 1000


def _scene_poses(scenes, scene, points, removal, batch):
    rotation, translation = scenes.rotation[scene], scenes.translation[scene]
    clouds = points @ np.swapaxes(rotation, -1, -2) + translation[:, None]
    visible = removal(tf.constant(clouds.reshape(1, -1, 3), tf.float32)).numpy().reshape(clouds.shape[:2])
    shown = cKDTree(clouds[visible])
    observed = batch.points[scene]
    back, there = shown.query(observed)[0], cKDTree(observed).query(clouds[visible])[0]
    distance = max(float(back.mean()), float(there.mean()))
    reflected = np.zeros(len(rotation), bool)
    return ScenePoses(rotation, translation, reflected, clouds, visible, distance)


def _first_model(model, scenes, start, progress):
    if start == "clustering":
        with progress.task("growing a model", GROWTH) as task:
            return grown_model(scenes, task.advance)
    points, seen = learned_points(model)
    learned = points[seen].astype(np.float64)
    return RefinedModel(learned, extent_of(learned), fused=False)


def _scenes(run, model, numbers, start, progress):
    folder = run.folder()
    with progress.task("scenes") as task:
        observations = observe(folder, run.config["observed"], indices=numbers, seed=run.config["seed"])
        return _scene_set(model, folder, observations, start, task)


def _clustered(count):
    """Return the function of `scene_set` that labels by a spectral clustering of some of the points."""

    def label(position, points):
        if count == 1:
            return np.zeros(len(points), np.int64)
        # The eigenvectors of all points of a large image would take minutes.
        few = points[np.random.default_rng(position).permutation(len(points))[:_CLUSTERED]]
        labels = spectral_clustering(few, count, affinity="nearest_neighbors")
        return labels[cKDTree(few).query(points)[1]]

    return label


def _scene_set(model, folder, observations, start, progress=lambda done, total: None):
    """Return the `SceneSet` of scenes with what the network says of them, or a clustering."""
    count = model.settings.instances
    if start == "clustering":
        return scene_set(folder, observations.indices, _clustered(count), count, progress=progress)
    poses = predict_poses(model, observations)

    def label(position, points):
        return label_points(points, poses[position].clouds, poses[position].visible)

    scenes = scene_set(
        folder,
        observations.indices,
        label,
        count,
        hypotheses=all_hypotheses(model, observations),
        progress=progress,
    )
    scenes.rotation = np.stack([one.rotation for one in poses])
    scenes.translation = np.stack([one.translation for one in poses])
    return scenes


def _settled(rows):
    """Return whether the residual fell by less than `LEAST_GAIN` in the last two rounds."""
    residuals = [row[1] for row in rows]
    return len(residuals) > 3 and min(residuals[-2:]) > (1 - LEAST_GAIN) * min(residuals[:-2])


def _row(refined, scenes, before, number):
    changed = sum(int((a != b).sum()) for a, b in zip(before, scenes.labels, strict=True))
    share = changed / sum(map(len, before))
    return (
        number,
        round(1000 * mean_residual(scenes, refined.extent), 6),
        len(refined.points),
        round(share, 6),
    )


def _note(rows):
    return f" residual {rows[-1][1]:.2f} mm" if rows else ""


def _write_state(folder, refined, scenes, rows, settings):
    folder.mkdir(exist_ok=True)
    lines = [",".join(_COLUMNS), *(",".join(map(str, row)) for row in rows)]
    write_text(folder / _HISTORY, "\n".join(lines) + "\n")
    _save(
        folder / _STATE,
        points=refined.points,
        extent=refined.extent,
        rows=np.array(rows, np.float64),
        labels=np.concatenate(scenes.labels),
        settings=np.array(json.dumps(settings)),
        **{name: getattr(scenes, name) for name in _SCENE_ARRAYS},
    )


def _read_state(run, folder, scenes, settings):
    """Return the model and the rows of the rounds so far, and set the scenes to what they were.

    Raises:
        InputError: The file is damaged, or of other settings; the number of rounds may be another.
    """
    try:
        with open_arrays(folder / _STATE) as arrays:
            kept_settings = dict(json.loads(str(arrays["settings"])))
            lengths = [len(points) for points in scenes.points]
            labels = arrays["labels"]
            kept = {name: arrays[name] for name in _SCENE_ARRAYS}
            if labels.shape != (sum(lengths),) or any(
                kept[name].shape != getattr(scenes, name).shape for name in _SCENE_ARRAYS
            ):
                raise ValueError("it is of other scenes")
            scenes.labels = [one.astype(np.int64) for one in np.split(labels, np.cumsum(lengths)[:-1])]
            for name, value in kept.items():
                setattr(scenes, name, value)
            refined = RefinedModel(_points(arrays["points"]), float(arrays["extent"]))
            rows = [(int(a), float(b), int(c), float(d)) for a, b, c, d in arrays["rows"]]
    except DAMAGED as error:
        raise InputError(f"{folder / _STATE} is damaged ({error}); start again with `overwrite`.") from None
    _check_same(run, {**kept_settings, "most_rounds": settings["most_rounds"]}, settings)
    return refined, rows


def _points(points):
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise ValueError("its points are no finite numbers (m, 3)")
    return points.astype(np.float64)


def _finish(folder, refined, rows, settings):
    _save(folder / _MODEL, points=refined.points)
    # Written last: it tells that the refinement is done.
    found = {"rounds": len(rows), "residual": rows[-1][1] / 1000, "extent": refined.extent}
    write_json(folder / _RECORD, settings | found)
    (folder / _STATE).unlink(missing_ok=True)


def _save(path, **arrays):
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def _read_record(folder):
    return read_record(folder / _RECORD, _ENTRIES, "refine again with `overwrite`.")


def _check_same(run, then, now):
    """Raise InputError for the first setting that is another than it was."""
    for name, value in now.items():
        if name == "weights":
            _check_weights(run, then)
        elif value != then.get(name):
            said = "rounds" if name == "most_rounds" else name
            raise InputError(
                f"{run.path} was refined with `{said}` {then.get(name)}, not {value}; refine again with `overwrite`."
            )


def _check_weights(run, then):
    """Raise InputError if a refinement began with other weights than the run has now."""
    if not run.is_current(then.get("weights")):
        raise InputError(
            f"{run.path} was refined before its training went on; run `tfapp pose refine {run.path}` again with "
            "`overwrite`."
        )


def _damaged(run, file, error):
    return InputError(
        f"{file} is damaged ({error}); run `tfapp pose refine {run.path}` again with `overwrite`."
    )
