"""Figure 1 of the lecture: the training loss by K-FAC over updates and over time, and the test loss beside it."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.study import Option, Result, Study, as_set, files_of, spec_of

NAME = "lecture-figure-1"
SCALES = {
    "small": "20,000 images, an autoencoder 784-256-64-16-64-256-784 and LeNet-5, batches of 500, 300 and 100 updates "
    "by K-FAC and five times as many by the others; twenty minutes of one processor.",
    "paper": "60,000 images, the autoencoder 784-1000-500-250-30-250-500-1000-784 of Martens and Grosse and LeNet-5, "
    "batches of 2,000, 2,000 updates by K-FAC and 10,000 by the others; for a GPU.",
}
# Updates by K-FAC of the autoencoder and of LeNet-5, images, images in a batch.
_SIZES = {"small": (300, 100, 20000, 500), "paper": (2000, 2000, 60000, 2000)}
# The others take so many times as many updates.
_TIMES = 5
# Rates that are tried; the one with the smallest last training loss counts.
_RATES = {
    "autoencoder": {"kfac": (1.0,), "sgd-momentum": (1.0, 3.0, 5.0), "adam": (0.001, 0.003)},
    "lenet-5": {"kfac": (1.0,), "sgd-momentum": (0.03, 0.1), "adam": (0.001, 0.003)},
}
ASSUMED = (
    "The figure of the lecture is that of Martens and Grosse (2015), whose page is not in the notes: the autoencoder "
    "has tanh units, a linear code and Glorot's weights, its loss is the cross-entropy of the pixels, and the batches "
    "have a constant size. LeNet-5 is added.",
    "K-FAC has rate and momentum by its quadratic model, a quarter of each batch for its Fisher matrix, and a first "
    "damping of 0.001 (autoencoder) and 0.1 (LeNet-5). "
    "Of the others the rate with the smallest last training loss of those that were tried counts.",
    "Seconds are of the updates alone, without measuring losses and without the first, which is traced.",
)


def figure_1(
    data: Annotated[str, Option(help="Folder of MNIST, or mnist:PATH, fashion-mnist:PATH, digits.")],
    out: Annotated[Path, Option(help="Folder for the figure, its table and the trainings.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    updates: Annotated[
        int | None, Option(help="Updates by K-FAC of each network.", show_default="by scale", min=20)
    ] = None,
    images: Annotated[int | None, Option(help="Training images.", show_default="by scale", min=500)] = None,
    seed: Annotated[int, Option(help="Of weights, order and labels that are drawn.", min=0)] = 0,
    *,
    progress,
    command,
):
    """Train both networks by K-FAC, SGD with momentum and Adam."""
    from tfapp.data import names_classification, open_classification
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.lecture import curves
    from tfapp.reproduce.lecture.trainings import Training, saved_curve, train_curve

    opened = open_classification(data if names_classification(data) else spec_of(data, "mnist", "Figure 1"))
    by_network = dict(zip(_RATES, _SIZES[scale][:2], strict=True))
    count, batch_size = _SIZES[scale][2:]
    trainings = [
        Training(
            network,
            solver,
            rate,
            (updates or by_network[network]) * (1 if solver == "kfac" else _TIMES),
            batch_size,
            images or count,
            scale,
            seed,
        )
        for network, solvers in _RATES.items()
        for solver, rates in solvers.items()
        for rate in rates
    ]
    folder = out / "trainings"
    # All are looked at before the first is done, so that nothing is written to a folder of other trainings.
    found = {training: saved_curve(training, opened, folder) for training in trainings}
    for training in trainings:
        if found[training] is None:
            with progress.task(training.name, total=training.updates) as task:
                found[training] = train_curve(training, opened, folder, task)
    best = curves.best_of(found)
    table = curves.table_of(best)
    written = files_of(out, NAME, ".png", ".csv", ".md")
    curves.save_figure(best, written[0])
    table.write_csv(written[1])
    remarks = [as_set(SCALES[scale], command), *ASSUMED]
    write_text(
        written[2],
        document(
            table, curves.sentences(best), remarks, title="K-FAC on MNIST", source=SOURCE, command=command
        ),
    )
    return Result([table, *curves.sentences(best)], written)


STUDIES = (
    Study(
        NAME,
        "Figure 1: training loss over updates and over time by K-FAC, SGD with momentum and Adam, and the test loss",
        SOURCE,
        ASSUMED,
        SCALES,
        figure_1,
    ),
)
