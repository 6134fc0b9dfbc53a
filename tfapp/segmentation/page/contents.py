"""Data of the page about runs, read from the run folders."""

from dataclasses import dataclass, replace

import numpy as np

from tfapp.data.noise import KINDS
from tfapp.errors import InputError
from tfapp.landscape import Surface
from tfapp.landscape.directions.directions import is_directions_file
from tfapp.records import AnyNumber, Entries, ListOf, OneOf, Optional, TableOf, Text, Whole, checked
from tfapp.report.colours import qualitative
from tfapp.report.markup import sentence_list
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.changed_data import changed_since_test
from tfapp.segmentation.coding import on_same_data
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import Evaluation, Row
from tfapp.segmentation.metrics import RE_DEFINITION
from tfapp.segmentation.run import Run
from tfapp.segmentation.shape_scores import ShapeScores


@dataclass(frozen=True)
class Entry:
    """One run on the page.

    Attributes:
        run: The `Run`.
        label: Name of the run that no other run on the page has.
        evaluations: Its stored `Evaluation`s; empty if it was not evaluated yet.
        history: Rows of `history.csv`.
        surface: The newest `Surface` that can be drawn, or None.
        outdated: Titles of evaluations that are left out, as the run was trained further since.
        surface_outdated: Whether there is no surface because the run was trained further since.
    """

    run: Run
    label: str
    evaluations: tuple[Evaluation, ...]
    history: list[dict]
    surface: Surface | None
    outdated: tuple[str, ...] = ()
    surface_outdated: bool = False


@dataclass(frozen=True)
class ReportData:
    """All runs of a page.

    Attributes:
        entries: One `Entry` per run, in the order given.
        comparison: `Comparison` of all evaluations over the noises that they share, or None without any.
        colours: One colour per title of `comparison` and of the runs.
        cautions: Sentences on what limits the comparison of these runs.
    """

    entries: tuple[Entry, ...]
    comparison: Comparison | None
    colours: dict[str, str]
    cautions: tuple[str, ...]


def gather(runs):
    """Read everything but pictures from the runs.

    Args:
        runs: Paths of run folders, or `Run`s.

    Returns:
        A `ReportData`.

    Raises:
        InputError: For a folder that is not a run, a run given twice, runs of other classes or channels, or
            files that are damaged.
    """
    opened = [run if isinstance(run, Run) else Run.open(run) for run in runs]
    _check_together(opened)
    entries = entries_of(opened)
    evaluations = [evaluation for entry in entries for evaluation in entry.evaluations]
    shared, left_out = _on_shared_noises(evaluations)
    comparison = Comparison(shared) if shared else None
    titles = dict.fromkeys([*(run.title for run in opened), *(comparison.groups if comparison else ())])
    colours = {title: qualitative(index) for index, title in enumerate(titles)}
    return ReportData(entries, comparison, colours, tuple(_cautions(entries, evaluations, left_out)))


def current_metrics(run):
    """Return the `Evaluation`s of `read_metrics` that are of the run as it is now, or do not tell.

    Args:
        run: `Run`; it may have been trained further since it was evaluated.

    Raises:
        InputError: If the file is damaged.
    """
    return tuple(evaluation for evaluation in read_metrics(run) if run.is_current(evaluation.weights))


def read_metrics(run):
    """Return the `Evaluation`s stored in the run's `metrics.json`, one per title; empty before the first.

    They are of the weights that the run had when it was evaluated.

    Raises:
        InputError: If the file is damaged.
    """
    file, again = run.path / "metrics.json", f"run `tfapp evaluate {run.typed_path}` again."
    try:
        content = run.metrics()
    except InputError:
        raise InputError(f"{file} is damaged; {again}") from None
    content = checked(content, file, TableOf(_EVALUATION), again)
    for title, stored in content.items():
        counts = {len(row["class_iou"]) for row in stored["rows"]}
        if counts != {len(stored["class_names"])}:
            raise InputError(
                f"{file} is damaged: {title!r} has no rows, or other classes than names; {again}"
            )
    return tuple(_evaluation(run, title, stored) for title, stored in content.items())


_MEASURE = AnyNumber()
_SHAPES = ListOf(Entries({name: Optional(_MEASURE) for name in ShapeScores._fields}, closed=True))
_ROW = Entries(
    {
        "noise": Text(),
        "kind": OneOf(KINDS),
        **dict.fromkeys(("amount", "accuracy", "mean_iou", "regularisation_effect"), _MEASURE),
        "class_iou": ListOf(Optional(_MEASURE)),
    },
    # Later than the first evaluations.
    {"shapes": Optional(_SHAPES), "mean_accuracy": Optional(_MEASURE)},
    closed=True,
)
_EVALUATION = Entries(
    {
        "loss": _MEASURE,
        "images": Whole(least=0),
        "noise_seed": Whole(),
        "class_names": ListOf(Text()),
        "rows": ListOf(_ROW),
    },
    # Later than the first evaluations.
    {name: Optional(Text()) for name in ("weights", "tested", "re_definition")},
)


def _row(stored):
    shapes = stored.get("shapes") and tuple(map(_shape_scores, stored["shapes"]))
    return Row(**{**stored, "class_iou": _with_nan(stored["class_iou"]), "shapes": shapes})


def _shape_scores(stored):
    return ShapeScores(*_with_nan(stored[name] for name in ShapeScores._fields))


def _with_nan(values):
    return tuple(np.nan if value is None else float(value) for value in values)


def _evaluation(run, title, stored):
    rows = [_row(row) for row in stored["rows"]]
    names = tuple(stored["class_names"])
    return Evaluation(
        title=title,
        run=str(run.path),
        loss=stored["loss"],
        images=stored["images"],
        class_names=names,
        seed=stored["noise_seed"],
        rows=tuple(rows),
        settings=run.settings,
        trained_on=run.trained_on,
        weights=stored.get("weights"),
        tested=stored.get("tested"),
        re_definition=stored.get("re_definition"),
    )


def _check_together(runs):
    if not runs:
        raise InputError("A report needs at least one run folder.")
    for run in runs:
        run.refuse_image_pairs("A report")
    places = [run.path.resolve() for run in runs]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice:
        raise InputError(f"The run {twice} is given twice; name every run once.")
    first = runs[0]
    for run in runs[1:]:
        if _kind(run) != _kind(first):
            raise InputError(
                f"{run.path} was trained for other classes or channels than {first.path}; "
                "write one report for each dataset."
            )


def _kind(run):
    return run.class_names, run.record["data"]["channels"]


def entries_of(runs):
    """Return one `Entry` per `Run`, under labels that differ."""
    return tuple(_entry(run, label) for run, label in zip(runs, _labels(runs), strict=True))


def _entry(run, label):
    current = current_metrics(run)
    titles = {evaluation.title for evaluation in current}
    outdated = tuple(one.title for one in read_metrics(run) if one.title not in titles)
    surface, surface_outdated = _newest_surface(run)
    return Entry(run, label, current, read_history(run.path), surface, outdated, surface_outdated)


def _labels(runs):
    """Return the shortest labels that differ: the title, with the seed, or with the folder."""
    forms = (
        lambda run: run.title,
        lambda run: f"{run.title}, seed {run.config['seed']}",
        lambda run: f"{run.title}, {run.path.name}",
        lambda run: f"{run.title}, {run.path.resolve()}",
    )
    for form in forms:
        labels = [form(run) for run in runs]
        if len(set(labels)) == len(labels):
            break
    return labels


def _newest_surface(run):
    """Return the newest surface of the run as it is now, or (None, whether there is one of before)."""
    # Dot files are what a killed process left of a file half-written; directions stand beside their surface.
    found = (run.path / "landscape").glob("*.npz")
    files = [file for file in found if not file.name.startswith(".") and not is_directions_file(file)]
    outdated = False
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        surface = Surface.load(file)
        if not _drawable(surface):
            continue
        if run.is_current(surface.metadata.get("key", {}).get("weights")):
            return surface, False
        outdated = True
    return None, outdated


def _drawable(surface):
    try:
        return bool(np.isfinite(surface.drawable_grid()[2]).any())
    except InputError:
        return False


def _on_shared_noises(evaluations):
    """Return the evaluations with the rows that all have, in the first one's order, and what was left out."""
    tested = [[row.noise for row in evaluation.rows] for evaluation in evaluations]
    shared = [noise for noise in tested[0] if all(noise in noises for noises in tested)] if tested else []
    kept = []
    for evaluation in evaluations:
        rows = {row.noise: row for row in evaluation.rows}
        kept.append(replace(evaluation, rows=tuple(rows[noise] for noise in shared)))
    left_out = dict.fromkeys(noise for noises in tested for noise in noises if noise not in shared)
    return kept, list(left_out)


def _cautions(entries, evaluations, left_out):
    runs = [entry.run for entry in entries]
    untold = [entry.run for entry in entries if any(one.weights is None for one in entry.evaluations)]
    if untold:
        yield (
            f"What was measured of {sentence_list([str(run.path) for run in untold])} was stored by an earlier "
            "version, which did not keep of which weights it is: after more training, run `tfapp evaluate` again."
        )
    rougher = [
        entry.run for entry in entries if any(one.re_definition != RE_DEFINITION for one in entry.evaluations)
    ]
    if rougher:
        yield (
            f"RE of {sentence_list([str(run.path) for run in rougher])} was stored by an earlier version, which "
            "counted a pixel that differs from both neighbours once and not √2 times, so that it is too small; run "
            "`tfapp evaluate` again."
        )
    changed = [
        entry.run
        for entry in entries
        if any(changed_since_test(entry.run, one.tested) for one in entry.evaluations)
    ]
    if changed:
        yield (
            f"Files of the test images changed since the test of {sentence_list([str(run.path) for run in changed])}; "
            "run `tfapp evaluate` again to measure on what is there now."
        )
    if not on_same_data(runs):
        yield "The runs were trained on different versions of the data, so their numbers do not compare."
    elif len({frozenset(run.split.test) for run in runs}) > 1:
        yield "The runs were tested on different images, so small differences between them mean little."
    if len({evaluation.seed for evaluation in evaluations}) > 1:
        yield "The runs were tested with different draws of the noise (other noise seeds)."
    if left_out:
        yield f"Left out, because not every run was tested with it: {', '.join(left_out)}."
