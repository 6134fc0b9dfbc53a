"""`tfapp reproduce bpgrad-figure-3.6`, `-3.15` and `-3.20`: slopes, condition and bounds along trainings of LeNet."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written, progress_bar
from tfapp.cli.reproduce_options import check_scale, typed
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option
Data = Annotated[str, Option(help="Folder of MNIST, or mnist:PATH, fashion-mnist:PATH, digits.")]
Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
Seed = Annotated[int, Option(min=0, help="Of the initial weights and of the order of the images.")]
Lipschitz = Annotated[float, Option(help="L of BPGrad. With the text's 15 one of three seeds diverges.")]
_CONDITION_STEPS = {"small": 200, "paper": 600}
_EPOCHS = {"small": 1, "paper": 20}
_MOMENTA = (0.0, 0.9)


def figure_3_6(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 200 steps; paper: 600, one epoch of MNIST, 1 GB.")] = "small",
    lipschitz: Lipschitz = 20.0,
    seed: Seed = 0,
):
    """Figure 3.6: both sides of condition (3.4) along a training of LeNet by BPGrad, without momentum and with it."""
    _check_lipschitz(lipschitz)
    images = _open(data, out, scale, _CONDITION_STEPS)
    from tfapp.solvers.bounds.figures import save_conditions_png

    steps = min(_CONDITION_STEPS[scale], len(images.train) // 100)
    written, panels = [out / "bpgrad-figure-3.6.png"], {}
    for momentum in _MOMENTA:
        written.append(out / f"bpgrad-figure-3.6-momentum-{momentum:g}.csv")
        solver = {"lipschitz": lipschitz, "momentum": momentum}
        options = {"check_condition": True, "condition_limit": steps, "path": written[-1]}
        bounds, _ = _train(images, solver, steps=steps, seed=seed, **options)
        panels[f"L = {lipschitz:g}, momentum {momentum:g}"] = bounds.steps
    save_conditions_png(panels, written[0])
    print_written(*written)


def figure_3_15(
    context: typer.Context,
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: 100 steps; paper: 600, one epoch of MNIST, 1 GB.")] = "small",
    seed: Seed = 0,
):
    """Figure 3.15: slopes of the loss of LeNet along an epoch of SGD, in the readings of eq. 3.17."""
    from tfapp.reproduce.bpgrad import lenet as figure

    images = _open(data, out, scale, figure.SCALES)
    from tfapp.files import write_text
    from tfapp.solvers.bounds.lipschitz import save_slopes_png, write_slopes

    with console.status("measuring slopes"):
        estimates = figure.measure(images, scale, seed)
    written = [out / f"bpgrad-figure-3.15{suffix}" for suffix in (".png", ".csv", ".md")]
    save_slopes_png(estimates[figure.OFFICIAL], written[0], chosen=figure.LIPSCHITZ)
    write_slopes(estimates[figure.OFFICIAL], written[1])
    write_text(written[2], figure.markdown(estimates, typed(context)))
    print_table(*figure.rows(estimates))
    print_written(*written)


def figure_3_20(
    data: Data,
    out: Out,
    scale: Annotated[str, Option(help="small: one epoch; paper: 20.")] = "small",
    lipschitz: Lipschitz = 20.0,
    seed: Seed = 0,
):
    """Figure 3.20: bounds, step size and gradient norm along a training of LeNet by BPGrad."""
    _check_lipschitz(lipschitz)
    images = _open(data, out, scale, _EPOCHS)
    from tfapp.solvers.bounds.figures import save_training_bounds_png

    written = [out / f"bpgrad-figure-3.20{suffix}" for suffix in (".png", ".csv")]
    solver = {"lipschitz": lipschitz, "momentum": _MOMENTA[1]}
    steps = len(images.train) // 100
    bounds, history = _train(images, solver, steps=steps, epochs=_EPOCHS[scale], seed=seed, path=written[1])
    title = f"LeNet by BPGrad, L = {lipschitz:g}, ρ = 0.1, momentum {_MOMENTA[1]:g}, weight decay 0.0005"
    save_training_bounds_png(bounds.steps, written[0], title)
    names = ("loss", "best_loss", "lower_bound", "step_size", "gradient_norm")
    rows = zip(*(map("{:.4g}".format, history.history[name]) for name in names), strict=True)
    print_table(("epoch", *names), [(number, *row) for number, row in enumerate(rows, 1)])
    print_written(*written)


def _check_lipschitz(lipschitz):
    if not 0 < lipschitz < float("inf"):
        raise InputError(f"--lipschitz must be a positive number; got {lipschitz:g}.")


def _open(data, out, scale, scales):
    """Return the `ClassificationSet`, once nothing stands in the way."""
    from tfapp.data import names_classification, open_classification

    check_scale(scale, scales)
    check_folder(out)
    images = open_classification(data if names_classification(data) else f"mnist:{data}")
    if not hasattr(images.train, "mean_image") or len(images.train) < 100:
        raise InputError(f"{data} must hold at least 100 images of one size, for batches of 100.")
    return images


def _train(images, solver, *, steps, epochs=1, **options):
    """Return the `BoundsLogger` and the history of a training, shown by a progress bar."""
    import keras

    from tfapp.reproduce.bpgrad.lenet import follow_training

    with progress_bar() as bar:
        task = bar.add_task("training", total=steps * epochs, note=f"momentum {solver['momentum']:g}")
        watcher = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs=None: bar.advance(task)
        )
        options |= {"steps": steps, "epochs": epochs, "callbacks": [watcher], "overwrite": True}
        bounds, history, sentences = follow_training(images, **solver, **options)
    for sentence in sentences:
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)
    return bounds, history


COMMANDS = {
    "bpgrad-figure-3.6": figure_3_6,
    "bpgrad-figure-3.15": figure_3_15,
    "bpgrad-figure-3.20": figure_3_20,
}
