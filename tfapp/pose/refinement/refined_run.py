"""Refinement of a run of scenes, kept in its folder `refined/`; a killed one resumes after its last round."""

import json
from dataclasses import dataclass

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.claims import claimed
from tfapp.errors import InputError
from tfapp.files import atomic_path, content_hash, write_json, write_text
from tfapp.pose.observations import observe
from tfapp.pose.refinement.alternation import LEAST_GAIN, RefinedModel, mean_residual, next_round
from tfapp.pose.refinement.evidence import noise_of
from tfapp.pose.refinement.symmetry import ModelSymmetries
from tfapp.records import Entries, Number, OneOf, Optional, Text, Whole, read_record
from tfapp.runs.progress import SILENT

FOLDER = "refined"
STARTS = ("network", "clustering", "cad")
_STATE, _MODEL, _RECORD, _HISTORY = "state.npz", "model.npz", "refine.json", "history.csv"
_ENTRIES = Entries(
    {
        "epochs": Whole(0),
        "scenes": Whole(0),
        "rounds": Whole(0),
        "most_rounds": Whole(1),
        "start": OneOf(STARTS),
        "residual": Number(0),
        "extent": Number(above=0),
    },
    # Later than the first refinements; `fit` is of known parts, as of `known_part`.
    {
        "noise": Number(0),
        "weights": Text(),
        "moved": Number(0),
        "fit": Entries(
            {
                "residual": Optional(Number(0)),
                "shown": Optional(Number(0)),
                "noise": Number(0),
                "scenes": Whole(1),
            }
        ),
    },
)
# A model explains its scenes where the mean residual is below this share of the part's extent, beside the noise.
_EXPLAINED = 0.015
# Share of the measured points that may still change to another instance in the last of the usual rounds: of a model
# that is the part it is below 1 %; of a heap that fills whatever is measured it was 27 %.
_SETTLED = 0.05
_SCENE_ARRAYS = ("present", "rotation", "translation", "residual", "margin")
# Rounds at least: a model is first blurred for some, with a residual that hardly falls.
_LEAST_ROUNDS = 9
# Scenes that the noise is measured in, about.
_NOISE_SCENES = 20
_COLUMNS = ("round", "residual_mm", "points", "moved")


@dataclass(frozen=True)
class RefineOptions:
    """The options of `tfapp pose refine`, under the same names.

    Attributes:
        rounds: Rounds at most; fewer where the residual stops to fall.
        scenes: Training scenes that the model is fused from at most; None for all.
    """

    rounds: int = 15
    scenes: int | None = None

    def check(self):
        """Raise InputError for numbers below 1."""
        for name in ("rounds", "scenes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1; got {value}.")


def refine_run(
    run, beginning, options=RefineOptions(), *, overwrite=False, progress=SILENT, watch=lambda row: None
):
    """Refine the poses of a run and its object model by turns, on training scenes alone, and keep the model.

    Args:
        run: `ScenesRun`.
        beginning: Where the poses begin, as of `tfapp.pose.refinement.beginnings`.
        options: `RefineOptions`.
        overwrite: Start again, instead of resuming a refinement or keeping a finished one.
        progress: `Progress`.
        watch: Called with a dict of each round: `round` from 1, `residual_mm`, `points` of the model and `moved`, the
            share of measured points that changed to another instance.

    Returns:
        The `RefinedModel`.

    Raises:
        InputError: Options out of range, damaged files, or a refinement that was made with other options or of fewer
            epochs.
    """
    options.check()
    with claimed(run.path, "run"):
        return _refine(run, beginning, options, overwrite, progress, watch)


def keep_model(run, model, **found):
    """Keep a `RefinedModel` that is known as that of a run, and what else was found: there is nothing to refine."""
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    settings = {"weights": run.weights, "epochs": run.epochs, "scenes": 0, "most_rounds": 1, "start": "cad"}
    _finish(folder, model, [], settings | found)


def kept_record(run):
    """Return the record of a refinement, content by name.

    Raises:
        InputError: It is damaged.
    """
    return _read_record(run.path / FOLDER)


def _refine(run, beginning, options, overwrite, progress, watch):
    folder = run.path / FOLDER
    numbers = run.splits["training"][: options.scenes]
    settings = {
        "weights": run.weights,
        "epochs": run.epochs,
        "scenes": len(numbers),
        "most_rounds": options.rounds,
        "start": beginning.name,
    }
    if not overwrite and is_refined(run):
        _check_same(run, _read_record(folder), settings)
        return read_refined(run)[0]
    scenes = _scenes(run, beginning, numbers, progress)
    rows = []
    if overwrite:
        for name in (_RECORD, _STATE):
            (folder / name).unlink(missing_ok=True)
    if (folder / _STATE).is_file():
        refined, rows = _read_state(run, folder, scenes, settings)
    else:
        refined = beginning.first_model(scenes, progress)
    total = options.rounds * len(scenes)
    with progress.task("refining", total) as task:
        task(len(rows) * len(scenes), note=_note(rows))
        while len(rows) < options.rounds and not _settled(rows):
            before = [labels.copy() for labels in scenes.labels]
            refined = next_round(refined, scenes, len(rows))
            rows.append(_row(refined, scenes, before, len(rows) + 1))
            _write_state(folder, refined, scenes, rows, settings)
            watch(dict(zip(_COLUMNS, rows[-1], strict=True)))
            task(len(rows) * len(scenes), note=_note(rows))
    _finish(folder, refined, rows, settings | {"noise": round(_noise(run.folder(), numbers), 9)})
    return refined


def is_refined(run):
    """Return whether a run has a finished refinement."""
    return (run.path / FOLDER / _RECORD).is_file()


def unexplained(run):
    """Return a sentence where a refined model does not explain the scenes that it was fused from, or None.

    Either too much of what was measured is left, or rounds do not settle on which points are whose.
    """
    record = _read_record(run.path / FOLDER)
    limit = _EXPLAINED * record["extent"] + record.get("noise", 0.0)
    if record["residual"] <= limit:
        return _unsettled(run, record)
    return (
        f"the refined model of {run.path} does not explain its scenes: {1000 * record['residual']:.2f} mm are left on "
        f"average, more than {1000 * limit:.2f} mm; its poses are not to be trusted. {_remedy(record)}"
    )


def _remedy(record):
    if record["rounds"] and record["rounds"] == record["most_rounds"] < _LEAST_ROUNDS:
        return f"It was refined for {record['rounds']} `rounds` only; allow more, with `overwrite`."
    shown = "Show the part from more sides, so that neighbouring views overlap"
    return f"{shown}, or give its CAD model to `tfapp pose fit`."


def _unsettled(run, record):
    moved = record.get("moved", 0.0)
    if record["rounds"] < _LEAST_ROUNDS or moved <= _SETTLED:
        return None
    return (
        f"the refined model of {run.path} does not divide its scenes the same way twice: {moved:.0%} of the measured "
        f"points changed to another instance in the last round, more than {_SETTLED:.0%}; its poses are not to be "
        "trusted. Show the parts with less of them hidden, say how many there are, or give their CAD model to `tfapp "
        "pose fit`."
    )


def model_file(run):
    """Return the path of the refined model."""
    return run.path / FOLDER / _MODEL


def refinement_of(run):
    """Return SHA-256 of the refined model's file of a run in hexadecimal digits."""
    return content_hash(model_file(run)).hex()


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
    if record["epochs"] != run.epochs:
        raise InputError(
            f"{run.path} was refined after {record['epochs']} epochs and has {run.epochs} now; run "
            f"`tfapp pose refine {run.path}` again with `overwrite`."
        )
    try:
        with open_arrays(folder / _MODEL) as arrays:
            points, symmetries = _points(arrays["points"]), ModelSymmetries.from_arrays(arrays)
    except DAMAGED as error:
        raise _damaged(run, folder / _MODEL, error) from None
    return RefinedModel(points, record["extent"], symmetries=symmetries), record["start"]


def _scenes(run, beginning, numbers, progress):
    folder = run.folder()
    with progress.task("scenes") as task:
        observations = observe(folder, run.config["observed"], indices=numbers, seed=run.config["seed"])
        return beginning.scene_set(folder, observations, task)


def _noise(folder, numbers):
    some = numbers[:: max(1, len(numbers) // _NOISE_SCENES)]
    return float(np.median([noise_of(folder.parts(int(number))) for number in some]))


def _settled(rows):
    """Return whether the residual fell by less than `LEAST_GAIN` in the last two rounds."""
    residuals = [row[1] for row in rows]
    return len(residuals) >= _LEAST_ROUNDS and min(residuals[-2:]) > (1 - LEAST_GAIN) * min(residuals[:-2])


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
        **refined.symmetries.to_arrays(),
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
            symmetries = ModelSymmetries.from_arrays(arrays)
            refined = RefinedModel(_points(arrays["points"]), float(arrays["extent"]), symmetries=symmetries)
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
    _save(folder / _MODEL, points=refined.points, **refined.symmetries.to_arrays())
    # Written last: it tells that the refinement is done.
    residual = rows[-1][1] / 1000 if rows else 0.0
    found = {"rounds": len(rows), "residual": residual, "extent": refined.extent}
    if rows:
        found["moved"] = rows[-1][3]
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
