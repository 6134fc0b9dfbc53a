"""Batch normalisation on and off: what it does to the loss along the gradient step, and to covariate shift."""

import shutil
from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.study import Option, Result, Study, as_set, files_of, spec_of

NAME = "lecture-batch-normalisation"
SCALES = {
    "small": "LeNet-5, ResNet-20 and VGG-11 with a quarter of its filters and 256 units in place of 4,096 on CIFAR-10, "
    "batches of 32, and a U-Net of 8 filters and 3 poolings on 64 generated images of cells, batches of 8; 600 "
    "updates, measured every 50.",
    "paper": "The same networks, VGG-11 with all its filters and units, U-Net with 64 filters and 4 poolings; batches "
    "of 128, 10,000 updates, measured every 100; for a GPU.",
}
# Updates, updates between measurements, images in a batch.
_SIZES = {"small": (600, 50, 32), "paper": (10000, 100, 128)}
RATES = (0.1, 0.01)
FACTORS = (0.5, 1.0, 2.0, 4.0)
LAYERS = 4
ASSUMED = (
    "The lecture speaks of S. Santurkar, D. Tsipras, A. Ilyas, A. Madry, How Does Batch Normalization Help "
    "Optimization?, NeurIPS 2018: measured are the range of the loss along the step, the change of the gradient, the "
    "effective smoothness and the covariate shift that they define, before an update, on its batch.",
    "Networks are trained by plain gradient steps, without momentum and weight decay, with rates 0.1 and 0.01. Step "
    "sizes of 0.5, 1, 2 and 4 times the rate are assumed. Batch normalisation stands behind every layer but the last. "
    "Kernels begin the same with and without it.",
    "A network that has not left the plateau on which it begins has a small gradient, and little changes along its "
    "step: the loss that a training came to belongs to the reading of its measures.",
)
WORDS = {False: "without", True: "with"}


def batch_normalisation(
    data: Annotated[str, Option(help="Folder of CIFAR-10, or cifar10:PATH, mnist:PATH, digits.")],
    out: Annotated[Path, Option(help="Folder for the figure, its tables and the trainings.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    networks: Annotated[
        str,
        Option(help="Of LeNets, VGG, resnet-20 to -110 and their plain twins, and unet; with commas."),
    ] = "lenet-5,vgg-11,resnet-20,unet",
    updates: Annotated[
        int | None, Option(help="Updates of each training.", show_default="by scale", min=1)
    ] = None,
    every: Annotated[
        int | None, Option(help="Updates between measurements.", show_default="by scale", min=1)
    ] = None,
    batch_size: Annotated[
        int | None,
        Option(help="Images in a batch; U-Net has a quarter.", show_default="by scale", min=1),
    ] = None,
    seed: Annotated[int, Option(help="Of weights and order.", min=0)] = 0,
    overwrite: Annotated[bool, Option(help="Start again, removing what is in --out.")] = False,
    *,
    progress,
    command,
):
    """Train each network with and without batch normalisation, at two rates, and measure its steps."""
    from tfapp.data import names_classification, open_classification
    from tfapp.files import write_text
    from tfapp.landscape.figures.step_figures import READING, measurements_table, save_steps_png, steps_table
    from tfapp.report.result_table import document
    from tfapp.reproduce.lecture.normalised_networks import Subject, chosen_networks
    from tfapp.runs.measured_steps import StepPlan, train_measured

    names = chosen_networks(networks)
    spec = data if names_classification(data) else spec_of(data, "cifar10", "The study")
    sizes = [own or given for own, given in zip((updates, every, batch_size), _SIZES[scale], strict=True)]
    plans = [StepPlan(rate, sizes[0], sizes[1], FACTORS, LAYERS) for rate in RATES]
    for plan in plans:
        plan.check()
    spec = open_classification(spec).spec
    subjects = [
        Subject(name, given, spec, sizes[2], scale, seed) for name in names for given in (False, True)
    ]
    for subject in subjects:  # What cannot be built is said before anything is written.
        subject.build()
    for folder in ("trainings",) if overwrite else ():
        shutil.rmtree(out / folder, ignore_errors=True)
    groups, diverged = {name: {} for name in names}, set()
    for subject in subjects:
        batches = subject.batches()
        for plan in plans:
            label = f"{WORDS[subject.batch_norm]}, {plan.rate:g}"
            title = f"{subject.network} {label}"
            folder = out / "trainings" / title.replace(", ", "-").replace(" ", "-")
            with progress.task(title, plan.updates) as task:
                found = train_measured(folder, plan, subject.settings(), subject.build, batches, task)
            groups[subject.network][label] = found.rows
            diverged |= {(subject.network, label)} if found.diverged else set()
    table, told = steps_table(groups, diverged), sentences(groups, diverged)
    written = files_of(out, NAME, ".png", ".csv", ".md")
    title = "Steps of gradient descent without and with batch normalisation, by learning rate"
    save_steps_png(groups, written[0], title)
    measurements_table(groups).write_csv(written[1])
    remarks = [as_set(SCALES[scale], command), *ASSUMED, *READING[:2]]
    write_text(
        written[2],
        document(
            table,
            told,
            remarks,
            title="Batch normalisation on and off",
            source=f"{SOURCE}, section 2.1",
            command=command,
        ),
    )
    return Result([table.columns(0, 1, 4, 6, 9, 11), *told], written)


def sentences(groups, diverged) -> list[str]:
    """Return what the measurements say of each network, without and with batch normalisation at the same rate.

    Args:
        groups, diverged: As for `tfapp.landscape.figures.step_figures.steps_table`, with trainings that begin with the
            words of `WORDS` and end with the rate.
    """
    told = []
    for network, trainings in groups.items():
        for rate in RATES:
            without, with_it = (trainings[f"{word}, {rate:g}"] for word in WORDS.values())
            parts = [f"{network}, rate {rate:g}: with batch normalisation"]
            stopped = [word for word in WORDS.values() if (network, f"{word}, {rate:g}") in diverged]
            if stopped:
                parts = [f"{network}, rate {rate:g}: diverges {' and '.join(stopped)} batch normalisation."]
            else:
                measures = {
                    "the range of the loss is": lambda row: row["loss_max"] - row["loss_min"],
                    "the change of the gradient": lambda row: row["change_max"],
                    "the smoothness constant": lambda row: row["smoothness"],
                    "the covariate shift as a share of the gradient": lambda row: row["relative_shift"],
                }
                ratios = [f"{what} {_ratio(with_it, without, measure)}" for what, measure in measures.items()]
                losses = [f"{rows[-1]['mean_loss']:.3g}" for rows in (with_it, without)]
                parts.append(f"the last mean loss is {losses[0]}, without {losses[1]};")
                parts.append(", ".join(ratios) + " times as large (medians).")
            told.append(" ".join(parts))
    return told


def _ratio(rows, others, measure):
    one, other = (float(np.median([measure(row) for row in of])) for of in (rows, others))
    return f"{one / other:.2g}" if other else "infinitely"


STUDIES = (
    Study(
        NAME,
        "Batch normalisation on and off: range of the loss and change of the gradient along the step, effective "
        "smoothness and covariate shift of LeNet-5, VGG-11, ResNet-20 and U-Net",
        f"{SOURCE}, section 2.1",
        ASSUMED,
        SCALES,
        batch_normalisation,
    ),
)
