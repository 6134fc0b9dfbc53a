"""Studies that follow trainings update by update: two of the two-layer net of section 3.3.3.3, the others of LeNet."""

from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable, document
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
# Of the two-layer net.
UPDATES = {"small": 300, "paper": 2000}
NetScale = Annotated[str, Option(help="small: 300 updates; paper: 2000.")]
Updates = Annotated[int | None, Option(min=1, help="Updates.", show_default="by scale")]
NetSeed = Annotated[int, Option(min=0, help="Of examples, initial weights and batches.")]
# Of LeNet.
Data = Annotated[str, Option(help="Folder of MNIST, or mnist:PATH, fashion-mnist:PATH, digits.")]
Seed = Annotated[int, Option(min=0, help="Of the initial weights and of the order of the images.")]
Lipschitz = Annotated[
    float, Option(help="L of BPGrad. With 15, as Wu (2020) has it, one of three seeds diverges.")
]
CONDITION_STEPS = {"small": 200, "paper": 600}
EPOCHS = {"small": 1, "paper": 20}
MOMENTA = (0.0, 0.9)


def two_layer_objectives(
    out: Out,
    scale: NetScale = "small",
    solvers: Annotated[dict | None, Option(help="As in `tfapp solvers compare`.", text="solvers")] = None,
    updates: Updates = None,
    seed: NetSeed = 0,
    *,
    progress,
    command,
):
    """Draw the objective of the solvers on the two-layer net."""
    from tfapp.files import write_text
    from tfapp.optimizers import SOLVERS
    from tfapp.reproduce.bpgrad import two_layer as net

    chosen = dict.fromkeys(SOLVERS) if solvers is None else solvers
    options = {"steps": updates or UPDATES[scale], "seed": seed}
    panels = {}
    for title, batch_size in net.MODES.items():
        with progress.task(title) as task:
            panels[title] = net.best_curves(chosen, batch_size, progress=task, **options)
    written = files_of(out, "bpgrad-two-layer-objectives", ".png", ".csv", ".md")
    net.save_objectives_png(panels, written[0], net.TITLE)
    net.objectives_table(panels).write_csv(written[1])
    ends = net.ends_table(panels)
    write_text(written[2], document(ends, net.NOTES, title=net.TITLE, command=command))
    return Result([ends], written)


def two_layer_bounds(
    out: Out,
    scale: NetScale = "small",
    updates: Updates = None,
    lipschitz: Annotated[float, Option(help="L of BPGrad.")] = 5.0,
    seed: NetSeed = 0,
    *,
    progress,
    command,
):
    """Draw bounds and step size of BPGrad on the two-layer net."""
    del progress, command
    from tfapp.reproduce.bpgrad import two_layer as net
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    written = []
    for name, (title, batch_size) in zip(("full-batch", "batches"), net.MODES.items(), strict=True):
        written += files_of(out, f"bpgrad-two-layer-bounds-{name}", ".png", ".csv")
        options = {"steps": updates or UPDATES[scale], "seed": seed, "path": written[-1]}
        try:
            bounds = net.follow_bounds(lipschitz, batch_size, **options)
        except ValueError as error:
            raise InputError(str(error)) from error
        heading = f"two-layer net, {title}, BPGrad, L = {lipschitz:g}, ρ = 0.1, momentum 0.9"
        save_training_bounds_png(bounds.steps, written[-2], heading)
    return Result([], written)


def figure_3_6(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 200 steps; paper: 600, one epoch of MNIST, 1 GB.")] = "small",
    lipschitz: Lipschitz = 20.0,
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Draw both sides of condition (3.4) along a training by BPGrad, without momentum and with it."""
    del command
    _check_lipschitz(lipschitz)
    images = _open(data)
    from tfapp.solvers.bounds.figures import save_conditions_png

    steps = min(CONDITION_STEPS[scale], len(images.train) // 100)
    written, panels = files_of(out, "bpgrad-figure-3.6", ".png"), {}
    for momentum in MOMENTA:
        written += files_of(out, f"bpgrad-figure-3.6-momentum-{momentum:g}", ".csv")
        solver = {"lipschitz": lipschitz, "momentum": momentum}
        options = {"check_condition": True, "condition_limit": steps, "path": written[-1]}
        bounds, _ = _follow(images, solver, progress, steps=steps, seed=seed, **options)
        panels[f"L = {lipschitz:g}, momentum {momentum:g}"] = bounds.steps
    save_conditions_png(panels, written[0])
    return Result([], written)


def figure_3_15(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 100 steps; paper: 600, one epoch of MNIST, 1 GB.")] = "small",
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Measure the slopes of the loss along an epoch of SGD, in the readings of eq. 3.17."""
    images = _open(data)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import lenet as figure
    from tfapp.solvers.bounds.lipschitz import save_slopes_png, write_slopes

    with progress.task("measuring slopes", len(figure.READINGS)) as task:
        estimates = figure.measure(images, scale, seed, advance=task.advance)
    written = files_of(out, "bpgrad-figure-3.15", ".png", ".csv", ".md")
    save_slopes_png(estimates[figure.OFFICIAL], written[0], chosen=figure.LIPSCHITZ)
    write_slopes(estimates[figure.OFFICIAL], written[1])
    write_text(written[2], figure.slopes_document(estimates, command))
    return Result([figure.slopes_table(estimates)], written)


def figure_3_20(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: one epoch; paper: 20.")] = "small",
    lipschitz: Lipschitz = 20.0,
    seed: Seed = 0,
    *,
    progress,
    command,
):
    """Draw bounds, step size and gradient norm along a training by BPGrad."""
    del command
    _check_lipschitz(lipschitz)
    images = _open(data)
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    written = files_of(out, "bpgrad-figure-3.20", ".png", ".csv")
    solver = {"lipschitz": lipschitz, "momentum": MOMENTA[1]}
    options = {"steps": len(images.train) // 100, "epochs": EPOCHS[scale], "seed": seed, "path": written[1]}
    bounds, history = _follow(images, solver, progress, **options)
    title = f"LeNet by BPGrad, L = {lipschitz:g}, ρ = 0.1, momentum {MOMENTA[1]:g}, weight decay 0.0005"
    save_training_bounds_png(bounds.steps, written[0], title)
    names = ("loss", "best_loss", "lower_bound", "step_size", "gradient_norm")
    numbers = zip(*(map("{:.4g}".format, history.history[name]) for name in names), strict=True)
    rows = [(number, *row) for number, row in enumerate(numbers, 1)]
    return Result([ResultTable(("epoch", *names), rows)], written)


def _check_lipschitz(lipschitz):
    if not 0 < lipschitz < float("inf"):
        raise InputError(f"`lipschitz` must be a positive number; got {lipschitz:g}.")


def _open(data):
    """Return the `ClassificationSet` that `data` means."""
    from tfapp.data import names_classification, open_classification

    images = open_classification(data if names_classification(data) else f"mnist:{data}")
    if not hasattr(images.train, "mean_image") or len(images.train) < 100:
        raise InputError(f"{data} must hold at least 100 images of one size, for batches of 100.")
    return images


def _follow(images, solver, progress, *, steps, epochs=1, **options):
    """Return the `BoundsLogger` and the history of a training."""
    import keras

    from tfapp.reproduce.bpgrad.lenet import follow_training

    with progress.task("training", steps * epochs, f"momentum {solver['momentum']:g}") as task:
        watcher = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs=None: task.advance())
        options |= {"steps": steps, "epochs": epochs, "callbacks": [watcher], "overwrite": True}
        bounds, history, sentences = follow_training(images, **solver, **options)
    for sentence in sentences:
        progress.say(sentence)
    return bounds, history


def _study(name, heading, make, scales, assumed=""):
    help = f"{heading}.\n\n{assumed}" if assumed else f"{heading}."
    return Study(name, heading, SOURCE, (assumed,) if assumed else (), scales, make, help=help)


_NO_FIGURE = "The text has no figure of it; data and weights are assumed."
_NET_SCALES = {name: f"{updates} updates." for name, updates in UPDATES.items()}
STUDIES = (
    _study(
        "bpgrad-two-layer-objectives",
        "Section 3.3.3.3: objective of the solvers on a two-layer net of 10,302 parameters",
        two_layer_objectives,
        _NET_SCALES,
        _NO_FIGURE,
    ),
    _study(
        "bpgrad-two-layer-bounds",
        "Section 3.3.3.3: bounds and step size of BPGrad on the two-layer net",
        two_layer_bounds,
        _NET_SCALES,
        _NO_FIGURE,
    ),
    _study(
        "bpgrad-figure-3.6",
        "Figure 3.6: both sides of condition (3.4) along a training of LeNet by BPGrad, without momentum and with it",
        figure_3_6,
        {"small": "200 steps.", "paper": "600 steps, one epoch of MNIST; 1 GB of memory."},
    ),
    _study(
        "bpgrad-figure-3.15",
        "Figure 3.15: slopes of the loss of LeNet along an epoch of SGD, in the readings of eq. 3.17",
        figure_3_15,
        {
            "small": "100 steps and 20 initialisations, a minute.",
            "paper": "600 steps, one epoch of MNIST, and 100 initialisations; 1 GB of memory.",
        },
    ),
    _study(
        "bpgrad-figure-3.20",
        "Figure 3.20: bounds, step size and gradient norm along a training of LeNet by BPGrad",
        figure_3_20,
        {"small": "one epoch.", "paper": "20 epochs."},
    ),
)
