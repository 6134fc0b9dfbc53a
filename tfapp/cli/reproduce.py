"""Commands `tfapp reproduce`: a command for each study of `tfapp.reproduce`."""

import inspect
from typing import Annotated, get_args

import typer

from tfapp.cli.console import (
    ConsoleProgress,
    TensorFlowCommand,
    console,
    print_table,
    print_written,
    resumes,
)
from tfapp.cli.options import chosen_solvers, parse_seeds, typed
from tfapp.cli.sharpness import parse_sizes
from tfapp.cli.train import parse_crop, parse_size
from tfapp.report.result_table import ResultTable
from tfapp.reproduce.registry import STUDIES

app = typer.Typer(help="Reproduce the papers' tables.", no_args_is_help=True)

# By `Option.text`: how what is typed is read, and how a default is written.
TEXTS = {
    "seeds": (parse_seeds, lambda seeds: ",".join(map(str, seeds))),
    "crop": (parse_crop, lambda crop: crop),
    "size": (parse_size, lambda size: size),
    "sizes": (parse_sizes, lambda sizes: ",".join(f"{size:g}" for size in sizes)),
    "solvers": (chosen_solvers, lambda solvers: solvers or "all"),
}


_AHEAD = "dask"
_DASK = inspect.Parameter(
    _AHEAD,
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            help="local, or a Dask scheduler's address: trainings at the same time, ahead of the table."
        ),
    ],
)


@app.callback()
def _reproduce():
    """Reproduce the papers' tables."""


def command_of(study):
    """Return the function behind the command of a `Study`."""
    options = study.options
    texts = {name: _metadata(one).text for name, one in options.items() if _metadata(one).text}

    @resumes
    def command(context: typer.Context, **given):
        ahead = given.pop(_AHEAD, None) if study.trains else None
        for name, text in texts.items():
            read, _ = TEXTS[text]
            given[name] = read(given[name])
        print_result(study.run(given, ConsoleProgress(), typed(context), ahead))

    first = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [first, *map(_parameter, options.values()), *([_DASK] if study.trains else [])]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def print_result(result):
    """Print the tables and remarks of a study's `Result`, and name the files."""
    for part in result.shown:
        if isinstance(part, ResultTable):
            print_table(part)
        else:
            console.print(part, soft_wrap=True, markup=False, highlight=False)
    print_written(*result.written)


def _metadata(parameter):
    return get_args(parameter.annotation)[1]


def _parameter(parameter):
    """Return an option of a study as Typer takes it."""
    kind, option = get_args(parameter.annotation)
    default = parameter.default
    if option.text:
        kind = str if default is not None or option.text == "solvers" else str | None
        default = default if default is parameter.empty else TEXTS[option.text][1](default)
    if option.positional:
        shown = typer.Argument(help=option.help)
    else:
        show_default = True if option.show_default is None else option.show_default
        shown = typer.Option(help=option.help, show_default=show_default, min=option.min)
    return parameter.replace(kind=parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown])


for _study in STUDIES.values():
    app.command(_study.name, cls=TensorFlowCommand, help=_study.description)(command_of(_study))
