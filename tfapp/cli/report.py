"""`tfapp report`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_written, progress_bar
from tfapp.errors import InputError
from tfapp.runs.record import TRANSFER, run_kind

Option = typer.Option
_OF_SEGMENTERS = ("export", "noise", "examples", "title")


def report(
    context: typer.Context,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run folders of one dataset, or one of `tfapp transfer train`."
        ),
    ],
    out: Annotated[Path, Option(help="HTML file to write.")] = Path("report.html"),
    export: Annotated[list[Path] | None, Option(help="Folder that `tfapp export` wrote; repeatable.")] = None,
    noise: Annotated[str, Option(help="Noise of the pictures, such as gaussian=0.07.")] = "gaussian=0.07",
    examples: Annotated[int, Option(min=1, max=24, help="Test images to show.")] = 4,
    title: Annotated[str | None, Option(help="Heading [default: the networks and the data].")] = None,
):
    """Write one page about runs: pictures, noise tables, curves, loss landscapes, next steps."""
    if any(run_kind(run) == TRANSFER for run in runs):
        return _report_transfer(context, runs, out)
    with progress_bar() as bar:
        task = bar.add_task("report", total=None, note="reading runs")
        from tfapp.segmentation.page import write_report

        def show(done, total, note):
            bar.update(task, completed=done, total=total, note=note)

        written = write_report(
            runs,
            out,
            exports=export or (),
            title=title,
            noise=_one_noise(noise),
            examples=examples,
            progress=show,
        )
    print_written(written)


def _report_transfer(context, runs, out):
    given = [name for name in _OF_SEGMENTERS if context.get_parameter_source(name).name == "COMMANDLINE"]
    if given:
        raise InputError(
            f"--{given[0]} is for reports on segmenters; leave it out for a run of `tfapp transfer train`."
        )
    if len(runs) > 1:
        raise InputError(
            f"A report on a run of `tfapp transfer train` shows that run alone; got {len(runs)} runs."
        )
    from tfapp.transfer.page import save_page
    from tfapp.transfer.run import TransferRun

    save_page(TransferRun.open(runs[0]), out)
    print_written(out)


def _one_noise(text):
    from tfapp.data import parse_noises

    clean, *noises = parse_noises([text])
    if len(noises) > 1:
        raise InputError(
            f"--noise {text!r} lists several amounts; the pictures show one, such as gaussian=0.07."
        )
    return noises[0] if noises else clean
