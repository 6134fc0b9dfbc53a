"""Studies that follow trainings of MatConvNet's networks step by step: figures 3.5, 3.6, 3.15 and 3.20."""

from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable, document
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.images import ASSUMED, IMAGES, workload_of
from tfapp.reproduce.study import Option, Result, Study, files_of

Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
Data = Annotated[
    str, Option(help="Folder of MNIST, or mnist:PATH, cifar10:PATH, fashion-mnist:PATH, digits.")
]
Seed = Annotated[int, Option(min=0, help="Of the initial weights and of the order of the images.")]
Lipschitz = Annotated[
    float | None, Option(help="L of BPGrad.", show_default="the text's: 15 on MNIST, 50 on CIFAR-10")
]
Form = Annotated[
    str,
    Option(
        help="authors, of the code that the text's numbers are of, or algorithm-2, of the text to the letter."
    ),
]
Epochs = Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")]
READERS = ("mnist", "cifar10", "fashion-mnist")
CONDITION_STEPS = {"small": 200, "paper": 600}
# Section 3.3.2, and section 3.4.3.2.
STEP_EPOCHS = {"small": 1, "paper": 4}
BOUND_EPOCHS = {
    "small": {"mnist": 2, "cifar10": 12},
    "paper": {"mnist": 50, "cifar10": 100},
}
MOMENTA = (0.0, 0.9)


def figure_3_5(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: one epoch; paper: 4.")] = "small",
    lipschitz: Lipschitz = None,
    form: Form = "authors",
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Draw the step size eta along a training by BPGrad."""
    del command
    reader, workload, lipschitz = _opened("Figure 3.5", data, lipschitz, form)
    from tfapp.reproduce.bpgrad.followed import follow
    from tfapp.solvers.bounds.figures import save_step_sizes_png

    name = f"bpgrad-figure-3.5-{reader}"
    written = files_of(out, name, ".png", ".csv")
    options = {"epochs": STEP_EPOCHS[scale], "seed": seed, "path": written[1], "overwrite": True}
    bounds, said = follow(workload, form, lipschitz, MOMENTA[1], progress=progress, **options)
    save_step_sizes_png(bounds.steps, written[0], f"{workload.model} on {reader}, BPGrad, L = {lipschitz:g}")
    return Result([_step_sizes(bounds.steps), *said], written)


def _step_sizes(steps):
    """Return the mean step size of each epoch, and how long it is of the weights' way."""
    rows = []
    for epoch in sorted(set(steps["epoch"])):
        sizes = steps["step_size"][steps["epoch"] == epoch]
        rows.append((f"{epoch:g}", *(f"{x:.3g}" for x in (sizes[0], sizes.mean(), sizes[-1]))))
    return ResultTable(("epoch", "first η", "mean η", "last η"), rows)


def figure_3_6(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 200 steps; paper: 600, 1 GB.")] = "small",
    lipschitz: Lipschitz = None,
    form: Form = "authors",
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Draw both sides of condition (3.4) along a training by BPGrad, without momentum and with it."""
    reader, workload, lipschitz = _opened("Figure 3.6", data, lipschitz, form)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad.followed import CONDITION_NOTES, CONDITIONS, conditions_row, file_of, follow
    from tfapp.solvers.bounds.figures import save_conditions_png

    name, steps = f"bpgrad-figure-3.6-{reader}", CONDITION_STEPS[scale]
    _, per_epoch = workload.training_batches(seed, 0)
    # Whole epochs, so that the mean of the authors' form begins where theirs does.
    epochs, in_each = -(-steps // per_epoch), min(steps, per_epoch)
    written, panels, rows, said = files_of(out, name, ".png", ".md"), {}, [], []
    for momentum in MOMENTA:
        written.append(file_of(out, name, "momentum", f"{momentum:g}"))
        options = {"check_condition": True, "condition_limit": steps, "path": written[-1], "overwrite": True}
        options |= {"epochs": epochs, "steps": in_each, "seed": seed}
        bounds, told = follow(workload, form, lipschitz, momentum, progress=progress, **options)
        said += told
        panels[f"{reader}, L = {lipschitz:g}, μ = {momentum:g}"] = bounds.steps
        rows.append(conditions_row(bounds, form, lipschitz, momentum))
    save_conditions_png(panels, written[0])
    table = ResultTable(CONDITIONS, rows)
    title = (
        f"Conditions (3.4), (3.13) and (3.15) on {workload.model}, {reader}, L = {lipschitz:g}, form {form}"
    )
    write_text(written[1], document(table, CONDITION_NOTES, title=title, source=SOURCE, command=command))
    return Result([table, *said], written)


def figure_3_15(
    data: Data,
    out: Out,
    scale: Annotated[
        str, Option(help="small: 100 steps; paper: 600, and as many initialisations, 1 GB.")
    ] = "small",
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Measure the slopes of the loss along an epoch of SGD, in the readings of eq. 3.17."""
    reader, workload, lipschitz = _opened("Figure 3.15", data)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import slopes
    from tfapp.solvers.bounds.lipschitz import save_slopes_png, write_slopes

    with progress.task("measuring slopes", len(slopes.READINGS)) as task:
        estimates = slopes.measure(workload, reader, scale, seed, advance=task.advance)
    written = files_of(out, f"bpgrad-figure-3.15-{reader}", ".png", ".csv", ".md")
    save_slopes_png(estimates[slopes.OFFICIAL], written[0], chosen=lipschitz)
    write_slopes(estimates[slopes.OFFICIAL], written[1])
    table = slopes.slopes_table(estimates, lipschitz)
    title = f"Slopes of the loss of {workload.model} on {reader} along an epoch of SGD"
    write_text(written[2], slopes.slopes_document(table, lipschitz, title, command))
    return Result([table], written)


def figure_3_20(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 2 epochs of MNIST, 12 of CIFAR-10; paper: 50, 100.")] = "small",
    lipschitz: Lipschitz = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    *,
    progress,
    command,
):
    """Draw bounds, step size and gradient norm along trainings by BPGrad: in the authors' form, and by Algorithm 2."""
    reader, workload, lipschitz = _opened("Figure 3.20", data, lipschitz)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad.followed import FORMS, bounds_rows, bounds_table, follow
    from tfapp.reproduce.bpgrad.published import published_gap
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    count = epochs or BOUND_EPOCHS[scale][reader]
    written, found, said = [], {}, []
    for form in FORMS:
        written += files_of(out, f"bpgrad-figure-3.20-{reader}-{form}", ".png", ".csv")
        options = {"epochs": count, "seed": seed, "path": written[-1], "overwrite": True}
        bounds, told = follow(workload, form, lipschitz, MOMENTA[1], progress=progress, **options)
        said += [f"{form}: {sentence}" for sentence in told]
        heading = f"{workload.model} on {reader} by BPGrad, {form}, L = {lipschitz:g}, ρ = 0.1, momentum 0.9"
        save_training_bounds_png(bounds.steps, written[-2], heading)
        found[form] = bounds_rows(bounds.steps, count)
    is_of_the_text = workload.data.partition(":")[0] == reader
    gaps = dict(zip((1, BOUND_EPOCHS["paper"][reader]), published_gap(reader), strict=True))
    table = bounds_table(found, gaps if is_of_the_text else {})
    written += files_of(out, f"bpgrad-figure-3.20-{reader}", ".md")
    title = f"Bounds of {workload.model} on {reader}, L = {lipschitz:g}, {count} epochs"
    write_text(written[-1], document(table, _BOUND_NOTES, title=title, source=SOURCE, command=command))
    return Result([table, *said], written)


_BOUND_NOTES = (
    "The upper bound is the smallest f so far. In the authors' code f is the mean of the losses since the epoch began, "
    "so that after one epoch the bound is about the objective of the epoch, as in the printed figure; of Algorithm 2 f "
    "is the loss of a batch, and the bound that of the luckiest batch.",
    "The printed gaps are those after the first of 50 epochs of MNIST or 100 of CIFAR-10, and after the last.",
    "Neither is a bound of the optimum over all images: nothing covers the space, and a batch is not all of them.",
)


def _opened(name, data, lipschitz=None, form="authors"):
    """Return the reader whose settings hold, the `Workload`, and L."""
    if lipschitz is not None and not 0 < lipschitz < float("inf"):
        raise InputError(f"`lipschitz` must be a positive number; got {lipschitz:g}.")
    if form not in ("authors", "algorithm-2"):
        raise InputError(f"Unknown `form` {form!r}; choose one of: authors, algorithm-2.")
    reader, workload = workload_of(name, data, READERS)
    train, _ = workload.splits()
    if len(train) < workload.batch_size:
        raise InputError(
            f"{data} must hold at least {workload.batch_size} images of one size; got {len(train)} for training."
        )
    return reader, workload, IMAGES[reader].lipschitz if lipschitz is None else lipschitz


def _study(name, heading, make, scales):
    return Study(name, heading, SOURCE, ASSUMED, scales, make)


STUDIES = (
    _study(
        "bpgrad-figure-3.5",
        "Figure 3.5: step size η along a training by BPGrad",
        figure_3_5,
        {"small": "one epoch.", "paper": "4 epochs, as the text."},
    ),
    _study(
        "bpgrad-figure-3.6",
        "Figure 3.6: both sides of condition (3.4) along a training by BPGrad, without momentum and with it",
        figure_3_6,
        {"small": "200 steps.", "paper": "600 steps, one epoch of MNIST; 1 GB of memory."},
    ),
    _study(
        "bpgrad-figure-3.15",
        "Figure 3.15: slopes of the loss along an epoch of SGD, in the readings of eq. 3.17",
        figure_3_15,
        {
            "small": "100 steps and 20 initialisations, a minute.",
            "paper": "600 steps, one epoch of MNIST, and 600 or 500 initialisations; 1 GB of memory.",
        },
    ),
    _study(
        "bpgrad-figure-3.20",
        "Figure 3.20: bounds, step size and gradient norm along trainings by BPGrad",
        figure_3_20,
        {"small": "2 epochs of MNIST, 12 of CIFAR-10.", "paper": "50 epochs of MNIST, 100 of CIFAR-10."},
    ),
)
