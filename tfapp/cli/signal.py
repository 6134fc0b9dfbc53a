"""Command `tfapp signal`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import BatchNorm, typed
from tfapp.cli.sources import InputScale, typed_scale
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option


def signal(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Run folder, compiled .keras file, or a network such as lenet-5 or resnet-20.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="For other models than runs: digits, or mnist:PATH, fashion-mnist:PATH, cifar10:, imagenet:.",
        ),
    ] = None,
    out: Annotated[
        Path | None, Option(help="Folder for signal.md, .csv and .png.", show_default="RUN/landscape")
    ] = None,
    samples: Annotated[int, Option(min=1, help="Training images to measure with.")] = 32,
    training: Annotated[
        bool,
        Option(
            "--training", help="Layers in training mode: batch normalisation by these images' statistics."
        ),
    ] = False,
    along: Annotated[
        str | None,
        Option(
            help="For built-in networks: train by SGD and measure after so many updates too, such as 10,100,1000.",
            show_default="at the initial weights alone",
        ),
    ] = None,
    learning_rate: Annotated[float, Option(help="Of the SGD of --along.")] = 0.01,
    batch_norm: BatchNorm = None,
    input_scale: InputScale = 1.0,
    seed: Annotated[int, Option(min=0, help="Of weights, images and random directions.")] = 0,
):
    """Follow activations, gradients and Jacobians through a network, and name the layer where the signal dies."""
    folder = _folder(model, data, out)
    check_folder(folder)
    updates = _updates(along)
    from tfapp.files import write_text
    from tfapp.landscape.figures.signal_figures import rates_table, save_signals_png, signal_table
    from tfapp.report.result_table import document

    progress = ConsoleProgress()
    white = typed_scale(context, input_scale)
    network, batch, advance = _opened(model, data, samples, seed, white, updates, learning_rate, batch_norm)
    with progress.task("signal", len(updates) + 1) as task:
        found = _measured(network, batch, advance, updates, training, seed, task)
    first, *_ = found
    table, rates = signal_table(found[first]), rates_table(found)
    written = [folder / f"signal{suffix}" for suffix in (".md", ".csv", ".png")]
    title = f"Signal through {model}, {first}"
    with claimed(folder, waiting=progress.say):
        write_text(written[0], document(table, rates, title=title, command=typed(context)))
        table.write_csv(written[1])
        save_signals_png(found, written[2], title if len(found) == 1 else f"Signal through {model}")
    print_table(table.columns(0, 2, 3, 4, 5, 6, 8))
    print_table(rates.columns(0, 1, 2, 3))
    for name, one in found.items():
        start = f"{name}: " if len(found) > 1 else ""
        console.print(start + " ".join(one.sentences()), soft_wrap=True, highlight=False)
    print_written(*written)


def _folder(model, data, out):
    is_run = Path(model).is_dir()
    if is_run and data is not None:
        raise InputError(f"{model} is a run, which has its own data; leave out {data}.")
    if not is_run and data is None:
        raise InputError(f"{model} needs images, such as digits or mnist:PATH, behind it.")
    if out is None and not is_run:
        raise InputError("Say with --out where the table and the picture go.")
    return out or Path(model) / "landscape"


def _updates(text):
    if text is None:
        return []
    try:
        updates = [int(part) for part in text.split(",")]
    except ValueError:
        updates = []
    if not updates or updates != sorted(set(updates)) or updates[0] < 1:
        raise InputError(f"--along expects rising numbers of updates such as 10,100,1000; got {text!r}.")
    return updates


def _opened(model, data, samples, seed, white, updates, learning_rate, batch_norm):
    """Return the model, a batch (x, y), and a function that trains it for so many more updates, or None."""
    if data is None:
        if updates:
            raise InputError(
                "--along trains built-in networks from their initial weights; a run is trained already."
            )
        if batch_norm is not None:
            raise InputError(
                f"--batch-norm is for built-in networks; {model} is a run, which has the layers it was trained with."
            )
        from tfapp.cli.sources import open_source

        source = open_source(Path(model))
        solution = source.solution()
        return solution.load_model(), solution.sample(samples, seed), None
    from tfapp.solvers.trainings.classifier_source import open_classifier

    if updates and model.endswith(".keras"):
        raise InputError(
            "--along trains built-in networks from their initial weights; leave it out for a file."
        )
    network, batches, _, _ = open_classifier(
        model, data, batch_size=samples, seed=seed, input_scale=white, batch_norm=batch_norm
    )
    batch = next(iter(batches))
    if not updates:
        return network, batch, None
    network.optimizer.learning_rate = learning_rate
    stream = iter(batches.skip(1))

    def advance(count):
        for _ in range(count):
            network.train_on_batch(*next(stream))

    return network, batch, advance


def _measured(network, batch, advance, updates, training, seed, task):
    from tfapp.landscape import signal_propagation

    x, y, *_ = batch
    found, done = {}, 0
    for count in [0, *updates]:
        if count > done:
            advance(count - done)
            done = count
        name = "as it is" if not updates else f"{count:,} updates"
        found[name] = signal_propagation(network, x, y, training=training, seed=seed)
        task.advance()
    return found
