"""Command `tfapp lr-find`."""

import inspect
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import typed
from tfapp.cli.train import config_of, train
from tfapp.errors import WorkFailed
from tfapp.files import check_folder

Option = typer.Option
# Options of `tfapp train` on how long it trains, at which rates, and what it keeps.
_OF_TRAININGS = (
    *("epochs", "until_loss", "keep", "steps_per_epoch", "learning_rate", "schedule", "trajectory"),
    *("validate_on_test", "workers", "worker", "worker_timeout", "overwrite"),
)


def lr_find(
    context: typer.Context,
    out: Annotated[Path, Option(help="Folder for lr-find.json, lr-find.csv and lr-find.png.")],
    start: Annotated[float, Option(help="First learning rate.")] = 1e-5,
    end: Annotated[float, Option(help="Learning rate that is not exceeded.")] = 10.0,
    factor: Annotated[float, Option(help="Of each learning rate to the one before.")] = 2.0,
    updates: Annotated[
        int, Option(help="Updates at each learning rate, from the same initial weights.")
    ] = 20,
    **options,
):
    """Find a learning rate for `tfapp train`: raise it until the loss diverges, and suggest the one below."""
    from tfapp.segmentation.rate_finding import find_rate

    check_folder(out)
    progress = ConsoleProgress(context.command)
    found = find_rate(
        options["spec"],
        config_of(options),
        start=start,
        end=end,
        factor=factor,
        updates=updates,
        progress=progress,
        image_memory=options["image_memory"] * 2**20,
        cache=options["cache"],
    )
    with claimed(out, waiting=progress.say):
        written = found.write(out, typed(context))
    print_table(found.table())
    print_written(*written)
    if found.suggestion is None:
        raise WorkFailed(found.sentence)
    console.print(found.sentence, soft_wrap=True, markup=False, highlight=False)


def _with_options_of_train(command):
    """Give a function the options of `tfapp train` besides its own: data, network and optimizer are named alike."""
    own = inspect.signature(command).parameters
    kept = {
        name: one
        for name, one in inspect.signature(train).parameters.items()
        if name not in _OF_TRAININGS and name not in own
    }
    spec = kept.pop("spec")
    given = [one for one in own.values() if one.kind is not one.VAR_KEYWORD]
    parameters = [one.replace(kind=one.KEYWORD_ONLY) for one in (given[0], spec, *given[1:], *kept.values())]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


_with_options_of_train(lr_find)
