"""Refinement of a run of scenes, kept in its folder `refined/`; a killed one resumes after its last round."""

from dataclasses import dataclass
from functools import partial

from tfapp.archives import DAMAGED, open_arrays
from tfapp.claims import claimed
from tfapp.errors import InputError
from tfapp.files import content_hash, write_json
from tfapp.pose.observations import observe
from tfapp.pose.refinement.alternation import mean_residual, next_round
from tfapp.pose.refinement.kept_state import (
    KeptState,
    model_arrays,
    model_from,
    read_best,
    read_state,
    remove_state,
    save_arrays,
    write_best,
    write_state,
)
from tfapp.pose.refinement.rounds import LEAST_ROUNDS, SETTLED, Round, best, ended, is_clear, of_attempt
from tfapp.records import Entries, Number, OneOf, Optional, Text, Whole, read_record
from tfapp.runs.progress import SILENT

FOLDER = "refined"
STARTS = ("network", "clustering", "cad")
_MODEL, _RECORD = "model.npz", "refine.json"
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
        "attempts": Whole(1),
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
        watch: Called with the content of each `Round` by name.

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
    if overwrite:
        (folder / _RECORD).unlink(missing_ok=True)
        remove_state(folder)
    scenes = _scenes(run, beginning, numbers, progress)
    labels = list(scenes.labels)
    state = read_state(folder, scenes)
    if state is None:
        refined, rounds, attempt = beginning.first_model(scenes, progress, 1), [], 1
    else:
        _check_same(run, {**state.settings, "most_rounds": options.rounds}, settings)
        refined, rounds, attempt = state.model, state.rounds, state.rounds[-1].attempt
    attempts = beginning.attempts if options.rounds >= LEAST_ROUNDS else 1
    while True:
        keep = partial(_keep, folder, scenes, rounds, settings, watch)
        refined = _alternated(refined, scenes, rounds, attempt, options.rounds, progress, keep)
        if best(rounds).attempt == attempt:
            write_best(folder, refined)
        if attempt >= attempts or is_clear(rounds[-1], refined.extent, scenes.noise):
            break
        attempt += 1
        scenes.labels = list(labels)
        scenes = scenes.select(range(len(scenes)))
        refined = beginning.first_model(scenes, progress, attempt)
    refined = read_best(folder)
    _finish(folder, refined, rounds, settings | {"noise": round(scenes.noise, 9)})
    return refined


def _alternated(refined, scenes, rounds, attempt, most, progress, keep):
    """Return the model after all rounds of an attempt, which are appended to the others."""
    of_this = of_attempt(rounds, attempt)
    title = "refining" if attempt == 1 else f"refining, attempt {attempt}"
    with progress.task(title, most * len(scenes)) as task:
        while True:
            task(
                len(of_this) * len(scenes),
                note=f" residual {of_this[-1].residual_mm:.2f} mm" if of_this else "",
            )
            if ended(of_this, most):
                return refined
            before = [labels.copy() for labels in scenes.labels]
            refined = next_round(refined, scenes, len(of_this))
            changed = sum(int((a != b).sum()) for a, b in zip(before, scenes.labels, strict=True))
            rounds.append(
                Round(
                    attempt,
                    len(rounds) + 1,
                    round(1000 * mean_residual(scenes, refined.extent), 6),
                    len(refined.points),
                    round(changed / sum(map(len, before)), 6),
                )
            )
            of_this.append(rounds[-1])
            keep(refined)


def _keep(folder, scenes, rounds, settings, watch, refined):
    write_state(folder, KeptState(refined, rounds, settings), scenes)
    watch(rounds[-1]._asdict())


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
    if record["rounds"] and record["rounds"] == record["most_rounds"] < LEAST_ROUNDS:
        return f"It was refined for {record['rounds']} `rounds` only; allow more, with `overwrite`."
    shown = "Show the part from more sides, so that neighbouring views overlap"
    return f"{shown}, or give its CAD model to `tfapp pose fit`."


def _unsettled(run, record):
    moved = record.get("moved", 0.0)
    if record["rounds"] < LEAST_ROUNDS or moved <= SETTLED:
        return None
    return (
        f"the refined model of {run.path} does not divide its scenes the same way twice: {moved:.0%} of the measured "
        f"points changed to another instance in the last round, more than {SETTLED:.0%}; its poses are not to be "
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
        raise InputError(f"{run.path} is not refined; run `tfapp pose refine {run.typed_path}` first.")
    record = _read_record(folder)
    _check_weights(run, record)
    if record["epochs"] != run.epochs:
        raise InputError(
            f"{run.path} was refined after {record['epochs']} epochs and has {run.epochs} now; run "
            f"`tfapp pose refine {run.typed_path}` again with `overwrite`."
        )
    try:
        with open_arrays(folder / _MODEL) as arrays:
            return model_from(arrays, record["extent"]), record["start"]
    except DAMAGED as error:
        raise _damaged(run, folder / _MODEL, error) from None


def _scenes(run, beginning, numbers, progress):
    folder = run.folder()
    with progress.task("scenes") as task:
        observations = observe(folder, run.config["observed"], indices=numbers, seed=run.config["seed"])
        return beginning.scene_set(folder, observations, task)


def _finish(folder, refined, rounds, settings):
    save_arrays(folder / _MODEL, **model_arrays(refined))
    # Written last: it tells that the refinement is done.
    found = {"rounds": 0, "residual": 0.0, "extent": refined.extent}
    if rounds:
        last = best(rounds)
        found |= {
            "rounds": len(of_attempt(rounds, last.attempt)),
            "attempts": rounds[-1].attempt,
            "residual": last.residual_mm / 1000,
            "moved": last.moved,
        }
    write_json(folder / _RECORD, settings | found)
    remove_state(folder)


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
            f"{run.path} was refined before its training went on; run `tfapp pose refine {run.typed_path}` again with "
            "`overwrite`."
        )


def _damaged(run, file, error):
    return InputError(
        f"{file} is damaged ({error}); run `tfapp pose refine {run.typed_path}` again with `overwrite`."
    )
