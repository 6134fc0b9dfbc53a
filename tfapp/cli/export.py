"""Put a trained run or a `.keras` file behind TensorFlow Serving, check an exported folder, show how to call it.

tfapp export RUN BASE_DIR [--version N]   write BASE_DIR/<version>; RUN may be a .keras file, of poses or of transfer
tfapp export verify DIR                   check it again, here or on the server
tfapp export show DIR                     signatures, example requests, server command
"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from tfapp.cli.console import TensorFlowCommand
from tfapp.cli.export_output import (
    print_command,
    print_exported,
    print_parities,
    print_summary,
    signature_table,
)
from tfapp.cli.export_pose import export_pose_run
from tfapp.cli.export_transfer import export_transfer_run
from tfapp.cli.sources import (
    OUTPUT_HELP,
    RESIZE_HELP,
    SCALE_HELP,
    is_keras_file,
    open_sources,
    refuse_segmenter_options,
)
from tfapp.errors import InputError
from tfapp.run_record import POSE, TRANSFER, run_kind

_WRITE = "from-run"


class _RunFirst(TyperGroup):
    """A group whose first argument may be a run folder instead of a sub-command."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_WRITE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunFirst,
    help="Write a run, of segmentation, poses or transfer, or a .keras file as a SavedModel for TensorFlow Serving: "
    "tfapp export RUN BASE_DIR [--version N] [--post-tv LAMBDA] [--gap] [--classes NAMES].",
    subcommand_metavar="RUN BASE_DIR | verify DIR | show DIR",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command(_WRITE, hidden=True, cls=TensorFlowCommand)
def write(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder of the trained run, of poses and transfer too, or a .keras file of any segmenter.",
        ),
    ],
    base_dir: Annotated[Path, typer.Argument(metavar="BASE_DIR", help="Folder of the served model.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Version to write.", show_default="the highest plus one")
    ] = None,
    post_tv: Annotated[
        float | None, typer.Option(help="Serve it with converged TV of this weight behind its logits.")
    ] = None,
    gap: Annotated[
        bool,
        typer.Option("--gap", help="Also serve the duality gap per pixel of the TV head, its certificate."),
    ] = False,
    classes: Annotated[
        str | None,
        typer.Option(
            help="For .keras files: class names A,B,C or a file like classes.txt.",
            show_default="class 0, class 1, ...",
        ),
    ] = None,
    resize: Annotated[str | None, typer.Option(help=RESIZE_HELP)] = None,
    input_scale: Annotated[float, typer.Option(help=SCALE_HELP)] = 1.0,
    model_output: Annotated[str, typer.Option(help=OUTPUT_HELP)] = "auto",
):
    """Export RUN to BASE_DIR/<version>, checked before it appears there."""
    console, further = Console(), []
    kind = run_kind(run)
    if kind in (POSE, TRANSFER):
        options = {"--post-tv": post_tv is not None, "--gap": gap, "--classes": classes, "--resize": resize}
        others = {"--input-scale": input_scale != 1.0, "--model-output": model_output != "auto"}
        refuse_segmenter_options(run, {**options, **others})
        with _sentences(), console.status("Exporting and checking"):
            write_run = export_pose_run if kind == POSE else export_transfer_run
            folder = write_run(run, base_dir, version)
        if kind == POSE:
            # What is served has no observed points to choose a pose by.
            further.append(f"tfapp pose evaluate {run} --choose network")
    else:
        [source] = open_sources([run], resize, input_scale, model_output)
        if source.image_pairs:
            source.refuse_image_pairs("tfapp export")
        with _sentences(), console.status("Exporting and checking"):
            folder = _export_segmenter(source, base_dir, version, post_tv, gap, classes)
    print_exported(console, folder, further)


def _export_segmenter(source, base_dir, version, post_tv, gap, classes):
    from tfapp.export import export

    names = _class_names(source, classes)
    metadata = {**_facts(source), "post_tv": post_tv}
    # The segmenter pads to the network's stride by itself, exactly as `tfapp evaluate` measured it.
    segmenter = source.segmenter(post_tv, gap=gap)
    return export(segmenter, base_dir, version=version, class_names=names, metadata=metadata)


def _facts(source):
    """Return what the exported folder keeps of its origin."""
    if is_keras_file(source.path):
        return {
            "model_file": source.path.name,
            "input_scale": source.input_scale,
            "resize": source.framing.resize,
            "network_stride": source.stride,
        }
    return {
        "run": source.path.name,
        "config": source.config,
        "metrics": source.metrics(),
        "data_fingerprint": source.data_fingerprint,
        "network_stride": source.stride,
    }


def _class_names(source, classes):
    if not is_keras_file(source.path):
        if classes is not None:
            raise InputError(f"--classes is for .keras files; {source.path} has the names of its classes.")
        return source.class_names
    if classes is None:
        return [f"class {index}" for index in range(source.num_classes)]
    from tfapp.data import read_class_names

    names = read_class_names(Path(classes)) if Path(classes).is_file() else classes.split(",")
    if len(names) != source.num_classes:
        raise InputError(f"--classes names {len(names)} classes; {source.path} has {source.num_classes}.")
    return [name.strip() for name in names]


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
    print_parities(console, parities, report.tolerance)
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
    print_summary(console, served)
    for name, signature in served["signatures"].items():
        console.print(signature_table(name, signature))
        for command in filter(None, (signature["curl"], signature["saved_model_cli"])):
            print_command(console, command)
    console.print("Serve:")
    print_command(console, served["docker"])
    console.print(f"{escape(served['batching'])}\n{escape(served['limits'])}", soft_wrap=True)


@contextlib.contextmanager
def _sentences():
    from tfapp.export.errors import ExportError

    try:
        yield
    except ExportError as error:
        raise InputError(str(error)) from error
