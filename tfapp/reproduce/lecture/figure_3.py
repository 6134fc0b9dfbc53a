"""Figure 3 of the lecture: the loss along the straight line from the initial weights to the solution."""

from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.lecture.classifier import stem_of, trained_classifier
from tfapp.reproduce.study import Option, Result, Study, as_set, files_of

NAME = "lecture-figure-3"
SCALES = {
    "small": "5 epochs of 10,000 training images, the loss of 1,000 of them and of 1,000 test images; some minutes.",
    "paper": "50 epochs of all training images, the loss of 10,000 and of 10,000 test images.",
}
# Epochs, training images (None: all), images that the loss is measured on.
_SIZES = {"small": (5, 10000, 1000), "paper": (50, None, 10000)}
POINTS, START = 61, 0.1
RISEN = "The loss of the training images is higher at the end than at the beginning: take a lower rate."
ASSUMED = (
    "The line is θ⁰ + t (θᵀ - θ⁰), t from -0.25 to 1.25, and once more from 0 to 0.1, where the lecture says that the "
    "one of CIFAR is not convex (Goodfellow, Vinyals and Saxe, ICLR 2015). Their networks are not in the notes: "
    "LeNet-5 is trained by SGD with momentum, rate 0.01, batches of 100.",
    "Convex from t: on from there no second difference up to t = 1 is below zero by more than 1e-5 of the range.",
)


def figure_3(
    data: Annotated[str, Option(help="mnist:PATH, cifar10:PATH, fashion-mnist:PATH or digits.")],
    out: Annotated[Path, Option(help="Folder for the figure, its numbers and the training.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    model: Annotated[str, Option(help="lenet-5, resnet-20, ... as in `tfapp solvers compare`.")] = "lenet-5",
    epochs: Annotated[int | None, Option(help="Of the training.", show_default="by scale", min=1)] = None,
    images: Annotated[int | None, Option(help="Training images.", show_default="by scale", min=10)] = None,
    learning_rate: Annotated[float, Option(help="Of SGD with momentum 0.9.")] = 0.01,
    seed: Annotated[int, Option(help="Of weights and order.", min=0)] = 0,
    *,
    progress,
    command,
):
    """Train a network, and measure its loss on the line from where it began to where it ended."""
    from tfapp.data import open_classification
    from tfapp.files import write_text
    from tfapp.report.result_table import ResultTable, document

    usual_epochs, usual_images, samples = _SIZES[scale]
    chosen = (epochs or usual_epochs, images or usual_images, learning_rate, seed)
    run = trained_classifier(open_classification(data), model, *chosen, out / "trainings", progress)
    with progress.task("line", 4) as task:
        lines = {}
        for name, split in (("training", "train"), ("test", "test")):
            for part, limits in (("whole", (-0.25, 1.25)), ("start", (0.0, START))):
                lines[name, part] = loss_on_line(run, split, samples, limits)
                task.advance()
    rows = [
        (name, part, f"{t:.6g}", f"{loss:.9g}")
        for (name, part), (places, losses) in lines.items()
        for t, loss in zip(places, losses, strict=True)
    ]
    stem = stem_of(NAME, data, model)
    written = files_of(out, stem, ".png", ".md", ".csv")
    title = (
        f"Loss from the initial weights (t = 0) to the solution (t = 1), {model}, {data.partition(':')[0]}"
    )
    _save(lines, written[0], title)
    table = ResultTable(("loss of", "part", "t", "loss"), rows)
    table.write_csv(written[2])
    summary = summary_of(lines)
    remarks = [as_set(SCALES[scale], command), *ASSUMED]
    said = [RISEN] if rises_to_its_end(*lines["training", "whole"]) else []
    text = document(summary, [*said, *remarks], title=title, source=f"{SOURCE}, figure 3", command=command)
    write_text(written[1], text)
    return Result([summary, *said], written)


def rises_to_its_end(places, losses):
    """Return whether the loss at t = 1 is above that at t = 0."""
    start, end = np.interp([0.0, 1.0], places, losses)
    return bool(end > start)


def loss_on_line(run, split, samples, limits):
    """Return t and the loss at θ⁰ + t (θᵀ - θ⁰).

    Args:
        run: `SolverRun`.
        split: `train` or `test`.
        samples: Images that the loss is averaged over.
        limits: Smallest and largest t.
    """
    from tfapp.landscape import landscape, line_through
    from tfapp.landscape.moving_statistics import has_moving_statistics

    model = run.load_model()
    line = line_through(model, run.initial_model(), names=("the solution", "the initial weights"))
    # The directions begin at the solution: alpha = 1 - t.
    surface = landscape(
        model,
        *run.sample(samples, 0, split),
        directions=line,
        line=True,
        range=(1 - limits[1], 1 - limits[0]),
        n=POINTS,
        # Those of the solution would be of no use to the other networks on the line.
        reestimate=has_moving_statistics(model),
        batch_size=100,
        exact=True,
    )
    return 1 - surface.alphas[::-1], np.asarray(surface.loss).reshape(-1)[::-1]


def convex_from(places, losses):
    """Return the smallest t from which the losses are convex up to t = 1, 0 if they all are.

    They are where no second difference is below zero by more than 1e-5 of the range between t = 0 and 1.
    """
    inside = (places >= -1e-9) & (places <= 1 + 1e-9)
    bends = np.flatnonzero(np.diff(losses[inside], 2) < -1e-5 * np.ptp(losses[inside]))
    # Of the three places of a second difference the last belongs to the next one too.
    return float(places[inside][bends[-1] + 1]) if len(bends) else 0.0


def summary_of(lines):
    """Return a `ResultTable` of what can be said of the lines."""
    from tfapp.report.result_table import ResultTable

    rows = []
    for name in ("training", "test"):
        places, losses = lines[name, "whole"]
        inside = (places >= -1e-9) & (places <= 1 + 1e-9)
        path = losses[inside]
        rises = int((np.diff(path) > 1e-4 * np.ptp(path)).sum())
        rows.append(
            (
                name,
                f"{path[0]:.4f}",
                f"{path[-1]:.4f}",
                f"{places[np.argmin(losses)]:.2f}",
                f"{rises} of {inside.sum() - 1}",
                f"{convex_from(places, losses):.2f}",
            )
        )
    header = (
        "loss of",
        "at t = 0",
        "at t = 1",
        "lowest at t",
        "steps that rise",
        "convex from t",
    )
    return ResultTable(header, rows)


def _save(lines, file, title):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png

    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    for axes, part in zip(figure.subplots(1, 2), ("whole", "start"), strict=True):
        for name, style in (("training", "-"), ("test", "--")):
            axes.plot(
                *lines[name, part], style, color="#08519c" if name == "training" else "#d95f02", label=name
            )
        axes.set(xlabel="t", ylabel="loss", title="the line" if part == "whole" else "its first tenth")
        axes.grid(alpha=0.3)
        if part == "whole":
            for end in (0, 1):
                axes.axvline(end, color="0.4", lw=0.8, ls=":")
    figure.axes[0].legend(frameon=False)
    figure.suptitle(title)
    save_png(figure, file)


STUDIES = (
    Study(
        NAME,
        "Figure 3: the loss along the line from the initial weights to the solution",
        SOURCE,
        ASSUMED,
        SCALES,
        figure_3,
    ),
)
