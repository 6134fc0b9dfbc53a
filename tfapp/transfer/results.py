"""Results of a trained run: its evaluation, a grid of other networks, a map; with their figures and the page."""

from dataclasses import replace
from functools import partial

from tfapp.average_precision import AREA, FORMS
from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.result_table import ResultTable, document
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import SILENT, steps
from tfapp.transfer.alternatives import with_alternatives
from tfapp.transfer.calibration_pictures import save_calibration_png
from tfapp.transfer.config import FEATURES
from tfapp.transfer.embedding import EMBEDDING, NEIGHBOURS, check_split, embed_compared, write_embedding
from tfapp.transfer.evaluation import METRICS, assess, gather, write_metrics
from tfapp.transfer.feature_names import HIGH, LOW, TITLES, TRANSFERRED, title_of
from tfapp.transfer.grid import (
    VALIDATION_SHARE,
    cells,
    check_cells,
    grid_of,
    measure_ahead,
    measure_cell,
    with_held_out,
    write_grid,
)
from tfapp.transfer.page import save_page
from tfapp.transfer.pictures import (
    save_embedding_png,
    save_grid_png,
    save_history_png,
    save_precision_png,
    save_samples_png,
)
from tfapp.transfer.run import TransferRun
from tfapp.transfer.stability import (
    COUNTS,
    FIGURE,
    REPEATS,
    STABILITY,
    measure_stability,
    save_stability_png,
    stability_remark,
    stability_table,
)


def open_compared(path, form=AREA, classes=None, *, skip_bad=None, progress=SILENT, title=""):
    """Open a run and return it with its `ComparedFeatures`, whose missing features are extracted.

    Args:
        path: Run folder.
        form: Form of the average precision, one of `FORMS`.
        classes, skip_bad, progress, title: As for `gather`.

    Raises:
        InputError: Unknown form; as `gather`.
    """
    if form not in FORMS:
        raise InputError(f"Unknown `ap` {form!r}; choose one of: {', '.join(FORMS)}.")
    run = TransferRun.open(path)
    return run, gather(run, classes=classes, skip_bad=skip_bad, progress=progress, title=title)


@claiming("path", waits=True)
def evaluate_run(
    path,
    form=AREA,
    classes=None,
    *,
    skip_bad=None,
    also=(),
    progress=SILENT,
    title="",
    **options,
):
    """Test classifiers on sharp, poor and transferred features of a run, and write the results and figures.

    Args:
        path, form, classes, skip_bad, progress, title: As for `open_compared`.
        also: Names of further features, as `parse_alternatives` returns them.
        **options: Of `assess`.

    Returns:
        (the content of `metrics.json`, the list of the files that were written).
    """
    run, compared = open_compared(path, form, classes, skip_bad=skip_bad, progress=progress, title=title)
    with steps(progress, title) as show:
        compared = with_alternatives(run, compared, also, show)
        results = [_assess(run, compared, name, show, options, run.path) for name in compared.features]
    metrics = write_metrics(run, compared, results, form)
    figures = run.path / "figures"
    written = [figures / f"{name}.png" for name in ("precision", "history", "samples", "calibration")]
    save_precision_png(metrics, written[0])
    save_history_png(read_history(run.path), written[1])
    served = next(one for one in metrics["features"] if one["name"] == TRANSFERRED)
    save_calibration_png(served, written[3])
    save_samples_png(run.data().test, run.resolution(), written[2], 6, run.config.seed)
    return metrics, [run.path / METRICS, *written, write_page(run)]


def metrics_table(metrics):
    """Return a `ResultTable` of HR, LR, ours and the control.

    Args:
        metrics: Content of `metrics.json`.
    """
    header = ["features", "length", "C", "mAP area %", "mAP 11-point %"]
    one_label = metrics["features"][0]["accuracy"] is not None
    rows = []
    for result in metrics["features"]:
        mean = result["mean"]
        row = [result["title"], result["dimension"], f"{result['cost']:g}"]
        row += [f"{100 * mean['area']:.2f}", f"{100 * mean['11-point']:.2f}"]
        rows.append(row + ([f"{100 * result['accuracy']:.2f}"] if one_label else []))
    return ResultTable(header + (["accuracy %"] if one_label else []), rows)


def metrics_remark(metrics):
    """Return a sentence of the numbers of images, and how well the pseudo-labels are learned and agree."""
    images, labels = metrics["images"], metrics["pseudo_labels"]
    skipped = f", {len(images['skipped'])} could not be read" if images["skipped"] else ""
    learned = labels["accuracy"]
    told = "" if learned is None else f"{100 * learned:.1f} % of the former get their cluster, and "
    return (
        f"{images['train']} images to fit on, {images['test']} to test on{skipped}; {told}both readings of Wu (2020) "
        f"put {100 * labels['agreement']:.1f} % into the same one{_calibration(metrics)}"
    )


def _calibration(metrics):
    """Return the end of a sentence on the probabilities that are served, empty where there are none."""
    errors = (one.get("calibration_error") for one in metrics["features"] if one["name"] == TRANSFERRED)
    error = next(errors, None)
    if error is None:
        return ""
    return (
        f"; probabilities of classes are off by {100 * error:.1f} % in the mean (expected calibration error)"
    )


@claiming("path", waits=True)
def grid_of_run(
    path,
    hidden,
    clusters,
    seeds,
    form=AREA,
    classes=None,
    *,
    validation_share=VALIDATION_SHARE,
    skip_bad=None,
    progress=SILENT,
    title="",
    **options,
):
    """Train and test networks of other sizes on the features of a run, and write table and figure.

    Within `tfapp.runs.ahead.ahead_on` workers do so ahead, at the same time.

    Args:
        path, form, classes, skip_bad, progress, title: As for `open_compared`.
        hidden, clusters: Values of N1 and of N2 = k.
        seeds: Of clusters and trainings.
        validation_share: Share of the training images that are held out to test on; 0 for the test images, which are
            then no test of the sizes that they chose.
        **options: Of `assess` and `measure_cell`.

    Returns:
        (the content of `grid.json`, the list of the files that were written).
    """
    run, compared = open_compared(path, form, classes, skip_bad=skip_bad, progress=progress, title=title)
    if run.config.pseudo == FEATURES:
        raise InputError(
            f"The network of {run.path} learned the sharp features themselves, whose number is not to be chosen; a "
            "grid is for `pseudo` own, nearest or soft."
        )
    compared = with_held_out(compared, validation_share, run.config.seed)
    chosen = cells(hidden, clusters, seeds)
    check_cells(chosen, len(compared.features[LOW][0]))
    ahead = {"classes": classes, "skip_bad": skip_bad, "progress": progress, "title": title}
    measure_ahead(run, compared, chosen, **ahead, **options)
    with steps(progress, title) as show:
        # Classifiers of the run are those of all its training images.
        folder = None if validation_share else run.path
        without = {name: _assess(run, compared, name, show, options, folder).mean for name in (HIGH, LOW)}
        measured = []
        for number, cell in enumerate(chosen):
            show("cells", number, len(chosen), "N1 {hidden}, N2 {clusters}, seed {seed}".format(**cell))
            measured.append(measure_cell(run, compared, cell, **options))
        show("cells", len(chosen), len(chosen))
    content = grid_of(measured, without[LOW], without[HIGH], form, validation_share)
    written = write_grid(run.path, content)
    figure = run.path / "figures" / "grid.png"
    save_grid_png(content, figure)
    return content, [*written, figure, write_page(run)]


@claiming("path", waits=True)
def stability_of_run(
    path, counts=COUNTS, *, repeats=REPEATS, seed=0, skip_bad=None, progress=SILENT, title=""
):
    """Measure how stable several numbers of clusters of sharp features are, and write table and figure.

    Args:
        path: Run folder.
        counts, repeats, seed: As for `measure_stability`; what was measured is kept, and a killed command resumes.
        skip_bad, progress, title: As for `gather`.

    Returns:
        (the content of `stability.json`, the list of the files that were written).

    Raises:
        InputError: As `measure_stability` and `TransferRun.features`.
    """
    run = TransferRun.open(path)
    with steps(progress, title) as show:
        sharp, _ = run.features(
            run.backbone(),
            run.data(),
            "train",
            skip_bad=skip_bad,
            progress=lambda name, done, total: show(f"{name} resolution", done, total),
        )
        options = {"repeats": repeats, "seed": seed, "progress": partial(show, "k-means on halves")}
        content = measure_stability(sharp.values, counts, run.path / STABILITY, **options)
    written = [run.path / STABILITY, run.path / "stability.md", run.path / "figures" / FIGURE]
    write_text(written[1], document(stability_table(content), stability_remark(content)))
    save_stability_png(content, written[2])
    return content, [*written, write_page(run)]


@claiming("path", waits=True)
def tsne_of_run(path, classes=None, *, split="test", skip_bad=None, progress=SILENT, title="", **options):
    """Lay out images of a run in the plane, and write the places and the figure; the page shows those of the test.

    Args:
        path, classes, skip_bad, progress, title: As for `open_compared`.
        split: `train` or `test`.
        **options: Of `embed_compared`.

    Returns:
        (the `Embedding`, the list of the files that were written).
    """
    check_split(split)
    run, compared = open_compared(path, classes=classes, skip_bad=skip_bad, progress=progress, title=title)
    with progress.task(f"{title}t-SNE") as task:
        embedding = embed_compared(
            compared, split=split, progress=lambda name, done, total: task(done, total, name), **options
        )
    embedding = replace(embedding, weights=run.weights)
    suffix = "" if split == "test" else f"-{split}"
    named = EMBEDDING.replace(".npz", f"{suffix}.npz"), f"tsne{suffix}.png"
    written = [run.path / named[0], run.path / "figures" / named[1]]
    write_embedding(embedding, written[0])
    save_embedding_png(embedding, written[1])
    return embedding, [*written, write_page(run)]


def agreements_table(embedding):
    """Return a `ResultTable` of how many of an image's nearest neighbours have its class."""
    rows = [
        [TITLES[name], *(f"{100 * share:.1f}" for share in shares)]
        for name, shares in embedding.agreements.items()
    ]
    title = f"share of the {NEIGHBOURS} nearest neighbours that have an image's class, %"
    return ResultTable(["features", "by the features", "in the plane"], rows, title)


def write_page(run):
    """Write the page of a run, with all that it has by now, and return its path."""
    page = run.path / "transfer.html"
    save_page(run, page)
    return page


def _assess(run, compared, name, show, options, folder):
    report = partial(show, f"classifiers, {title_of(name, run.config.pseudo)}")
    return assess(compared, name, seed=run.config.seed, folder=folder, progress=report, **options)
