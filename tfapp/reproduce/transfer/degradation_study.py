"""Study `transfer-degradations`: the gain of the transfer against the level of other degradations than resolution."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.reproduce.study import Option, Result, Study, files_of

SOURCE = (
    "Y. Wu, dissertation, 2020, section 6.2, which names blur, noise, brightness and others as further work"
)
ASSUMED = (
    "Kinds and levels are chosen here. Poor images keep the size of sharp ones; random degradations are another for "
    "each image."
)
HEADING = "Mean average precision of sharp, degraded and transferred features by the level of a degradation"
# Of each kind the levels, from weak to strong, in the units of `tfapp transfer train --degrade`.
LEVELS = {
    "blur": (1.0, 2.0, 4.0, 8.0),
    "gaussian": (0.1, 0.2, 0.4, 0.8),
    "jpeg": (20.0, 10.0, 5.0, 2.0),
    "brightness": (-0.3, -0.5, -0.7, -0.85),
}
_AXES = {
    "blur": "blur, standard deviation in pixels",
    "gaussian": "Gaussian noise, standard deviation",
    "jpeg": "JPEG, quality",
    "brightness": "brightness that is added",
}


def transfer_degradations(
    data: Annotated[str, Option(help="Images with labels, as of `tfapp transfer train`.")],
    out: Annotated[Path, Option(help="Folder of the runs and the results.")],
    backbone: Annotated[str, Option(help="Of keras.applications, or a .keras file.")],
    weights: Annotated[str | None, Option(help="Its weights: a file without the top, or imagenet.")] = None,
    high: Annotated[int, Option(help="Side in pixels of all images.")] = 224,
    labels: Annotated[int, Option(min=1, help="Labels of each class.")] = 5,
    clusters: Annotated[int, Option(min=2, help="Clusters of sharp features.")] = 100,
    draws: Annotated[int, Option(min=1, help="Of the images with labels.")] = 5,
    iterations: Annotated[int, Option(min=1, help="Of each network.")] = 1000,
    seed: Annotated[int, Option(min=0, help="Of clusters, networks and draws.")] = 0,
    *,
    progress,
    command,
):
    """Train a network for each level, fit to few labels and to all, and write the table, the curves and all numbers."""
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import document
    from tfapp.transfer.config import TransferConfig
    from tfapp.transfer.few_labels import ALL
    from tfapp.transfer.label_results import measure_labels_of_run
    from tfapp.transfer.training import train

    config = TransferConfig(
        **{"backbone": backbone, "weights": weights, "high": high, "low": None, "degrade": ("blur=1",)},
        **{"iterations": iterations, "clusters": clusters, "seed": seed},
    )
    rows, first = [], None
    for kind, levels in LEVELS.items():
        for level in levels:
            name = f"{kind}={level:g}"
            path = out / "runs" / name.replace("=", "-")
            options = {"progress": progress, "title": f"{name}: "}
            # Sharp features are the same at all levels.
            run = train(
                data, path, replace(config, degrade=(name,), features_of=first), command=command, **options
            )
            first = first or str(run.path)
            content, _ = measure_labels_of_run(run.path, [labels, ALL], draws=draws, **options)
            rows.append({"kind": kind, "level": level, "features": content["features"]})
    table = _table(rows, labels)
    written = files_of(out, "transfer-degradations", ".png", ".json", ".md")
    _save_png(rows, labels, written[0])
    write_json(written[1], rows)
    write_text(written[2], document(table, [ASSUMED], title=HEADING, source=SOURCE, command=command))
    return Result([table], written)


def _curves(row):
    from tfapp.transfer.few_labels import curves_from

    return {curve.name: curve for curve in curves_from(row)}


def _gain(row, count):
    """Return the points of mean AP that the transfer gains over the degraded features, and half their interval."""
    from tfapp.transfer.feature_names import LOW, TRANSFERRED
    from tfapp.transfer.few_labels import difference

    curves = _curves(row)
    return difference(*(100 * curves[name].values(count) for name in (TRANSFERRED, LOW)))


def _table(rows, labels):
    from tfapp.report.result_table import ResultTable
    from tfapp.transfer.feature_names import HIGH, LOW, TRANSFERRED
    from tfapp.transfer.few_labels import ALL

    header = ["degradation"]
    for words in (f"{labels} labels", "all labels"):
        header += [f"sharp, {words}", f"degraded, {words}", f"ours, {words}", f"gain, {words}"]
    found = []
    for row in rows:
        curves, line = _curves(row), [f"{row['kind']}={row['level']:g}"]
        for count in (labels, ALL):
            line += [f"{100 * curves[name].values(count).mean():.1f}" for name in (HIGH, LOW, TRANSFERRED)]
            mean, half = _gain(row, count)
            line.append(f"{mean:+.1f}" if half is None else f"{mean:+.1f} ± {half:.1f}")
        found.append(line)
    return ResultTable(header, found, "mean AP, %; gain in points, with 95 % intervals over draws")


def _save_png(rows, labels, path):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png
    from tfapp.transfer.feature_names import HIGH, LOW, TITLES, TRANSFERRED
    from tfapp.transfer.few_labels import ALL
    from tfapp.transfer.pictures import feature_styles

    figure = Figure(figsize=(3.1 * len(LEVELS), 3.6), layout="constrained")
    panels = figure.subplots(1, len(LEVELS), sharey=True)
    styles = feature_styles([HIGH, LOW, TRANSFERRED])
    for panel, kind in zip(panels, LEVELS, strict=True):
        of_kind = [row for row in rows if row["kind"] == kind]
        levels = [f"{row['level']:g}" for row in of_kind]
        for name, style in styles.items():
            for count, dash, words in ((labels, "-", f"{labels} labels"), (ALL, ":", "all labels")):
                values = [100 * _curves(row)[name].values(count).mean() for row in of_kind]
                panel.plot(levels, values, ls=dash, lw=1.3, label=f"{TITLES[name]}, {words}", **style)
        panel.set_xlabel(_AXES[kind])
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("mean average precision, %")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    save_png(figure, path)


STUDIES = (Study("transfer-degradations", HEADING, SOURCE, (ASSUMED,), {}, transfer_degradations),)
