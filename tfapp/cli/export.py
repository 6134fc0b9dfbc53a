"""Put a trained run behind TensorFlow Serving, check an exported folder, show how to call it.

tfapp export RUN BASE_DIR [--version N]   write BASE_DIR/<version>
tfapp export verify DIR                   check it again, here or on the server
tfapp export show DIR                     signatures, example requests, server command
"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from tfapp.cli.console import TensorFlowCommand
from tfapp.errors import InputError

_WRITE = "from-run"


class _RunFirst(TyperGroup):
    """A group whose first argument may be a run folder instead of a sub-command."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_WRITE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunFirst,
    help="Write a run as a SavedModel for TensorFlow Serving: tfapp export RUN BASE_DIR [--version N].",
    subcommand_metavar="RUN BASE_DIR | verify DIR | show DIR",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command(_WRITE, hidden=True, cls=TensorFlowCommand)
def write(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the trained run.")],
    base_dir: Annotated[Path, typer.Argument(metavar="BASE_DIR", help="Folder of the served model.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Version to write.", show_default="the highest plus one")
    ] = None,
):
    """Export RUN to BASE_DIR/<version>, checked before it appears there."""
    from tfapp.runs import Run

    source = Run.open(run)
    metadata = {
        "run": source.path.name,
        "config": source.config,
        "metrics": source.metrics(),
        "data_fingerprint": source.data_fingerprint,
        "network_stride": source.stride,
    }
    console = Console()
    with _sentences(), console.status("Exporting and checking"):
        from tfapp.export import describe, export
        from tfapp.export.manifest import read_manifest

        # The segmenter pads to the network's stride by itself, exactly as `tfapp evaluate` measured it.
        folder = export(
            source.segmenter(), base_dir, version=version, class_names=source.class_names, metadata=metadata
        )
        manifest, served = read_manifest(folder), describe(folder)
    _print_written(console, folder, manifest, served)


@app.command("verify", cls=TensorFlowCommand)
def verify_folder(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version folder, or the folder above.")],
):
    """Check an exported folder through TensorFlow's session, without the run that it came from."""
    console = Console()
    with _sentences(), console.status("Checking"):
        from tfapp.export import verify

        report = verify(directory)
    console.print(f"[bold]{escape(str(report.directory))}[/bold]", soft_wrap=True)
    parities = {parity.signature: vars(parity) for parity in report.signatures}
    console.print(_parity_table(parities, report.tolerance))
    console.print(
        f"Warm-up records replayed: {report.warmup_records}. Files compared: {report.files_checked}."
    )
    for note in report.notes:
        console.print(f"[yellow]Note:[/yellow] {escape(note)}", soft_wrap=True)
    for failure in report.failures:
        console.print(f"[red]Failed:[/red] {escape(failure)}", soft_wrap=True)
    if not report.passed:
        raise typer.Exit(1)
    console.print("[green]All checks passed.[/green]")


@app.command("show", cls=TensorFlowCommand)
def show_folder(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version folder, or the folder above.")],
):
    """Show the signatures of an exported folder and how to serve and call it."""
    with _sentences():
        from tfapp.export import describe

        served = describe(directory)
    console = Console()
    console.print(f"[bold]{escape(served['name'])}[/bold] {escape(served['directory'])}", soft_wrap=True)
    if served["images"]:
        low, high = served["images"]["value_range"]
        console.print(
            f"Images: {served['images']['channel_order']}, float32 in [{low:g}, {high:g}] or uint8."
        )
    for name, signature in served["signatures"].items():
        console.print(_signature_table(name, signature))
        for command in filter(None, (signature["curl"], signature["saved_model_cli"])):
            _print_command(console, command)
    if served["class_names"]:
        labels = ", ".join(f"{number} {label}" for number, label in enumerate(served["class_names"]))
        console.print(f"Labels: {escape(labels)}", soft_wrap=True)
    console.print("Serve:")
    _print_command(console, served["docker"])
    console.print(f"{escape(served['batching'])}\n{escape(served['limits'])}", soft_wrap=True)


@contextlib.contextmanager
def _sentences():
    from tfapp.export.errors import ExportError

    try:
        yield
    except ExportError as error:
        raise InputError(str(error)) from error


def _print_written(console, folder, manifest, served):
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    console.print(f"[bold]{escape(str(folder))}[/bold] {size / 1e6:.1f} MB", soft_wrap=True)
    verification = manifest["verification"]
    console.print(_parity_table(verification["signatures"], verification["tolerance"]))
    console.print(
        manifest["warmup"]["note"] or f"Warm-up records: {manifest['warmup']['records']}.", markup=False
    )
    console.print("Next:")
    _print_command(console, f"tfapp export verify {folder}")
    _print_command(console, served["docker"])


def _print_command(console, command):
    # Unwrapped and without colours, so that it can be copied.
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _parity_table(parities, tolerance):
    title = "" if tolerance is None else f"Difference to the Keras model (at most {tolerance:g})"
    table = Table("signature", "requests", "probabilities", "equal labels", title=title)
    for name, parity in parities.items():
        difference, share = parity["max_difference"], parity["equal_labels"]
        table.add_row(
            name,
            str(parity["requests"]),
            "-" if difference is None else f"{difference:.1e}",
            "-" if share is None else f"{share:.2%}",
        )
    return table


def _signature_table(name, signature):
    table = Table("", "alias", "dtype", "shape", "meaning", title=name, title_justify="left")
    for side in ("inputs", "outputs"):
        for tensor in signature[side]:
            shape = "any" if tensor["shape"] is None else str(tuple(tensor["shape"])).replace("None", "?")
            table.add_row(side[:-1], tensor["alias"], tensor["dtype"], escape(shape), tensor["meaning"] or "")
    return table
