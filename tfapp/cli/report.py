"""Command `tfapp report`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_written
from tfapp.cli.sources import page_writer
from tfapp.errors import InputError
from tfapp.files import check_outputs

Option = typer.Option


def report(
    context: typer.Context,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run folders of one dataset, or one of `tfapp transfer train`."
        ),
    ],
    out: Annotated[Path, Option(help="HTML file to write.")] = Path("report.html"),
    exports: Annotated[
        list[Path] | None, Option("--export", help="Folder that `tfapp export` wrote; repeatable.")
    ] = None,
    noise: Annotated[str, Option(help="Noise of the pictures, such as gaussian=0.07.")] = "gaussian=0.07",
    examples: Annotated[int, Option(min=1, max=24, help="Test images to show.")] = 4,
    title: Annotated[str | None, Option(help="Heading [default: the networks and the data].")] = None,
):
    """Write one page about runs: pictures, noise tables, curves, loss landscapes, next steps."""
    options = {"exports": exports, "noise": _one_noise(noise), "examples": examples, "title": title}
    typed = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name).name == "COMMANDLINE"
    }
    write = page_writer(runs[0])
    # An earlier page may well lie in the folder of its run.
    records = [file for run in runs for file in run.rglob("*") if file.suffix.lower() != ".html"]
    check_outputs([(out, "the page")], records)
    with ConsoleProgress().task("report", note="reading runs") as task:
        write(runs, out, progress=task, **typed)
    print_written(out)


def _one_noise(text):
    from tfapp.data import parse_noises

    clean, *noises = parse_noises([text])
    if len(noises) > 1:
        raise InputError(
            f"--noise {text!r} lists several amounts; the pictures show one, such as gaussian=0.07."
        )
    return noises[0] if noises else clean
