"""Command `tfapp smoothness`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written, resumes
from tfapp.cli.options import BatchNorm, typed
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option


@resumes
def smoothness(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A network such as lenet-5, vgg-11, resnet-20 or plain-20.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH."),
    ],
    out: Annotated[
        Path, Option(help="Folder for smoothness.md, .csv, .png and the trainings; a killed one resumes.")
    ],
    twins: Annotated[
        str,
        Option(
            help="What to compare the network with: batch-norm, itself without and with it; shortcuts, for resnet-20 "
            "to -110 the plain twin; none."
        ),
    ] = "none",
    batch_norm: BatchNorm = None,
    learning_rate: Annotated[
        str, Option(help="Of the gradient steps; several with commas are as many trainings.")
    ] = "0.1",
    updates: Annotated[int, Option(help="Gradient steps of every training.")] = 200,
    every: Annotated[int, Option(help="Measure every so many.")] = 20,
    factors: Annotated[
        str, Option(help="Step sizes that are measured, as multiples of the learning rate.")
    ] = "0.5,1,2,4",
    layers: Annotated[int, Option(help="Layers whose covariate shift is measured.")] = 4,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 64,
    train_images: Annotated[
        int | None, Option(help="Take the first so many training images.", show_default="all")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Of the initial weights and the order of the images.")] = 0,
    overwrite: Annotated[bool, Option(help="Start again, removing the trainings in --out.")] = False,
):
    """Measure loss and gradient along the gradient step during a training, and internal covariate shift."""
    rates, multiples = _numbers("learning_rate", learning_rate), _numbers("factors", factors)
    check_folder(out)
    from tfapp.data import open_classification
    from tfapp.files import write_text
    from tfapp.landscape.figures.step_figures import READING, measurements_table, save_steps_png, steps_table
    from tfapp.report.result_table import document
    from tfapp.runs.measured_steps import StepPlan
    from tfapp.solvers.trainings.twins import measured_training, twins_of
    from tfapp.solvers.trainings.workload import Workload

    plans = {rate: StepPlan(rate, updates, every, multiples, layers) for rate in rates}
    for plan in plans.values():
        plan.check()
    # The full path, so that the command resumes from any folder.
    spec = open_classification(data).spec
    workload = Workload(spec, model, batch_size, 0.0, train_images, batch_norm=batch_norm)
    networks = twins_of(workload, twins)
    # Whatever is wrong with network or images is said before anything is written.
    for one in networks.values():
        one.build(seed)
        one.splits()
    progress = ConsoleProgress(context.command)
    trainings, diverged = {}, set()
    with claimed(out, waiting=progress.say):
        if overwrite:
            shutil.rmtree(out / "trainings", ignore_errors=True)
        for name, one in networks.items():
            for rate, plan in plans.items():
                label = name if len(plans) == 1 else f"{name}, {rate:g}"
                folder = out / "trainings" / f"{name.replace(' ', '-')}-{rate:g}-seed{seed}"
                with progress.task(label, updates) as task:
                    found = measured_training(one, plan, seed, folder, task)
                trainings[label] = found.rows
                diverged |= {("", label)} if found.diverged else set()
        groups = {"": trainings}
        table = steps_table(groups, diverged)
        written = [out / f"smoothness{suffix}" for suffix in (".md", ".csv", ".png")]
        text = document(table, list(READING), title=f"Gradient steps of {model}", command=typed(context))
        write_text(written[0], text)
        measurements_table(groups).write_csv(written[1])
        if any(trainings.values()):
            save_steps_png(groups, written[2], f"{model} on {data.partition(':')[0]}")
        else:
            written.pop()
    print_table(table.columns(1, 4, 6, 9, 11, 12))
    if len(written) < 3:
        console.print("No step could be measured, so there is no picture; try a smaller --learning-rate.")
    print_written(*written)


def _numbers(name, text):
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or len(set(numbers)) < len(numbers) or not all(0 < one < float("inf") for one in numbers):
        raise InputError(
            f"`{name}` must be different numbers above 0 with commas, such as 0.1 or 0.5,1,2; got {text!r}."
        )
    return numbers
