"""Study `transfer-study`: what the transfer is worth by the number of labels, beside what else could be done."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.study import Option, Result, Study, files_of

SOURCE = "Y. Wu, dissertation, 2020, chapter 5, which measures with all labels alone"
ASSUMED = (
    "What is not of the text: the question itself, soft clusters, the distillation of sharp features, the joined "
    "features, batch statistics of poor images, and poor images that are enlarged less."
)
HEADING = "Mean average precision by the number of labels: sharp, poor and transferred features, and what else is free"
# Beside HR, LR, ours and the network that was not trained. `side` is half that of sharp images.
ALSO = ("own", "nearest", "features", "joined", "batch-norm")


def transfer_study(
    data: Annotated[str, Option(help="Images with labels, as of `tfapp transfer train`.")],
    out: Annotated[Path, Option(help="Folder of the run and the results.")],
    backbone: Annotated[str, Option(help="Of keras.applications, or a .keras file.")],
    weights: Annotated[str | None, Option(help="Its weights: a file without the top, or imagenet.")] = None,
    high: Annotated[int, Option(help="Side in pixels of sharp images.")] = 224,
    low: Annotated[int, Option(help="Side in pixels of poor images.")] = 32,
    clusters: Annotated[int, Option(min=2, help="Clusters of sharp features.")] = 100,
    labels_per_class: Annotated[
        str, Option(help="Labels of each class, comma-separated; all for every one.")
    ] = "1,2,5,10,20,50,all",
    draws: Annotated[int, Option(min=1, help="Of the images with labels.")] = 5,
    networks: Annotated[int, Option(min=1, help="Of each kind, of further seeds.")] = 3,
    iterations: Annotated[int, Option(min=1, help="Of each network.")] = 1000,
    seed: Annotated[int, Option(min=0, help="First seed.")] = 0,
    *,
    progress,
    command,
):
    """Train, draw labels, fit and test, and write the table, the curve and all numbers."""
    from tfapp.files import write_json, write_text
    from tfapp.report.result_table import document
    from tfapp.transfer.config import TransferConfig
    from tfapp.transfer.few_labels import (
        curves_from,
        curves_table,
        differences_table,
        labels_remark,
        parse_counts,
    )
    from tfapp.transfer.label_pictures import save_labels_png
    from tfapp.transfer.label_results import measure_labels_of_run
    from tfapp.transfer.training import train

    counts = parse_counts(labels_per_class)
    config = TransferConfig(
        **{"backbone": backbone, "weights": weights, "high": high, "low": low},
        **{"iterations": iterations, "clusters": clusters, "seed": seed},
    )
    run = train(data, out / "run", config, command=command, progress=progress)
    also = (*ALSO, f"side={high // 2}")
    options = {"draws": draws, "networks": networks, "also": also, "progress": progress}
    content, _ = measure_labels_of_run(run.path, counts, **options)
    curves = curves_from(content)
    tables = [curves_table(curves), differences_table(curves)]
    written = files_of(out, "transfer-study", ".png", ".json", ".md")
    save_labels_png(curves, content["images"], content["ap"], written[0])
    write_json(written[1], content)
    remarks = [labels_remark(content), ASSUMED]
    write_text(written[2], document(*tables, remarks, title=HEADING, source=SOURCE, command=command))
    return Result([*tables, labels_remark(content)], written)


STUDIES = (Study("transfer-study", HEADING, SOURCE, (ASSUMED,), {}, transfer_study),)
