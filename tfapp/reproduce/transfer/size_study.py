"""Study `transfer-sizes`: one network for poor images of several sizes, beside a network for each size."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.reproduce.study import Option, Result, Study, files_of

SOURCE = "Y. Wu, dissertation, 2020, chapter 5, where all poor images have 32x32 pixels"
ASSUMED = (
    "The question and the sizes are chosen here. Of several sizes each image has one by chance, so that one network "
    "for three sizes sees a third of the images at each."
)
HEADING = "Mean average precision by the size of poor images, of networks that were trained on one size and on several"


def transfer_sizes(
    data: Annotated[str, Option(help="Images with labels, as of `tfapp transfer train`.")],
    out: Annotated[Path, Option(help="Folder of the runs and the results.")],
    backbone: Annotated[str, Option(help="Of keras.applications, or a .keras file.")],
    weights: Annotated[str | None, Option(help="Its weights: a file without the top, or imagenet.")] = None,
    high: Annotated[int, Option(help="Side in pixels of sharp images.")] = 224,
    low: Annotated[str, Option(help="Sides in pixels of poor images, comma-separated.")] = "16,32,64",
    labels: Annotated[int, Option(min=1, help="Labels of each class.")] = 5,
    clusters: Annotated[int, Option(min=2, help="Clusters of sharp features.")] = 100,
    draws: Annotated[int, Option(min=1, help="Of the images with labels.")] = 5,
    networks: Annotated[int, Option(min=1, help="Of each kind, of further seeds.")] = 3,
    iterations: Annotated[int, Option(min=1, help="Of each network.")] = 1000,
    seed: Annotated[int, Option(min=0, help="First seed.")] = 0,
    *,
    progress,
    command,
):
    """Train for each size and for all, test each at each size, and write the table, the picture and all numbers."""
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import document
    from tfapp.transfer.config import TransferConfig
    from tfapp.transfer.few_labels import labels_remark
    from tfapp.transfer.label_results import measure_labels_of_run
    from tfapp.transfer.training import train

    sides = _sides(low)
    config = TransferConfig(
        **{"backbone": backbone, "weights": weights, "high": high, "low": sides[0]},
        **{"iterations": iterations, "clusters": clusters, "seed": seed},
    )
    also = [f"low={side}" for side in sides]
    rows, first = [], None
    for trained in (*((side,) for side in sides), tuple(sides)):
        name = "-".join(map(str, trained))
        changed = replace(config, low=trained[0], further_low=trained[1:], features_of=first)
        options = {"progress": progress, "title": f"{name}: "}
        run = train(data, out / "runs" / name, changed, command=command, **options)
        measured = {"draws": draws, "networks": networks, "also": also}
        content, _ = measure_labels_of_run(run.path, [labels], **measured, **options)
        rows.append({"trained": list(trained), **content})
        first = first or str(run.path)
    tables = [_table(rows, sides, labels, kind) for kind in _KINDS]
    written = files_of(out, "transfer-sizes", ".png", ".json", ".md")
    _save_png(rows, sides, labels, written[0])
    write_json(written[1], rows)
    remarks = [labels_remark(rows[0]), ASSUMED]
    write_text(written[2], document(*tables, remarks, title=HEADING, source=SOURCE, command=command))
    return Result([*tables, labels_remark(rows[0])], written)


# Features of `tfapp.transfer.feature_names` by size, and what a table of them is about.
_KINDS = {
    "transferred-low=": "classifiers of the size that is tested",
    "served-low=": "classifiers of the sizes that the network was trained on",
}


def _sides(text):
    from tfapp.errors import InputError

    try:
        sides = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sides = []
    if len(sides) < 2 or sides[0] < 1:
        raise InputError(
            f"`low` {text!r} is not understood; expected several sides above 0 such as 16,32,64."
        )
    return sides


def _curves(row):
    from tfapp.transfer.few_labels import curves_from

    return {curve.name: curve for curve in curves_from(row)}


def _trained(row):
    return "ours, trained on " + " and ".join(str(side) for side in row["trained"])


def _values(rows, sides, labels, kind):
    """Return {words: (values float64 (networks, draws) for each side)} of LR and of each network."""
    found = {"LR": [100 * _curves(rows[0])[f"low={side}"].values(labels) for side in sides]}
    for row in rows:
        found[_trained(row)] = [100 * _curves(row)[f"{kind}{side}"].values(labels) for side in sides]
    return found


def _table(rows, sides, labels, kind):
    from tfapp.report.result_table import ResultTable, mean_and_spread

    lines = [
        [words, *(mean_and_spread(one.ravel(), ".1f") for one in values)]
        for words, values in _values(rows, sides, labels, kind).items()
    ]
    title = f"mean AP with {labels} labels of each class, %, {_KINDS[kind]}"
    return ResultTable(["features", *(f"tested on {side}x{side}" for side in sides)], lines, title)


def _save_png(rows, sides, labels, path):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png

    figure = Figure(figsize=(4.6 * len(_KINDS), 3.9), layout="constrained")
    panels = figure.subplots(1, len(_KINDS), sharey=True)
    markers = "os^Dv<>P*X"
    for panel, (kind, words) in zip(panels, _KINDS.items(), strict=True):
        for number, (name, values) in enumerate(_values(rows, sides, labels, kind).items()):
            means, spreads = [one.mean() for one in values], [one.std() for one in values]
            style = {"color": "0.45", "ls": "--"} if name == "LR" else {"color": f"C{number - 1}"}
            places = [str(side) for side in sides]
            marker = markers[number % len(markers)]
            panel.errorbar(places, means, spreads, label=name, lw=1.3, capsize=3, marker=marker, **style)
        panel.set(xlabel="side of the poor images that are tested, pixels", title=words)
        panel.title.set_fontsize(9)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"mean AP, %, {labels} labels of each class")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    save_png(figure, path)


STUDIES = (Study("transfer-sizes", HEADING, SOURCE, (ASSUMED,), {}, transfer_sizes),)
