"""Put a trained run or a `.keras` file behind TensorFlow Serving, check an exported folder, show how to call it.

tfapp export RUN BASE_DIR [--version N]   write BASE_DIR/<version>; RUN may be of any task, or a .keras file
tfapp export verify DIR                   check it again, here or on the server
tfapp export show DIR                     signatures, example requests, server command
tfapp export client ADDRESS IMAGES        have a server answer images (tfapp/cli/export_client.py)
tfapp export config BASE_DIR...           models.config of one server (tfapp/cli/export_config.py)
"""

import shlex
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from tfapp.cli.console import TensorFlowCommand, export_errors_as_input
from tfapp.cli.export_client import client
from tfapp.cli.export_config import config
from tfapp.cli.sources import FileResize, InputScale, ModelOutput, open_source, typed_scale
from tfapp.errors import InputError
from tfapp.runs.record import RECORD

_WRITE = "from-run"


class _RunFirst(TyperGroup):
    """A group whose first argument may be a run folder instead of a sub-command."""

    unnamed_command = _WRITE
    # Names that were free for runs before they were commands: `tfapp export client served` keeps its meaning.
    _once_free = ("client", "config")

    def parse_args(self, ctx, args):
        named = args and (args[0] in ctx.help_option_names or self.get_command(ctx, args[0]) is not None)
        return super().parse_args(ctx, args if named or not args else [self.unnamed_command, *args])

    def get_command(self, ctx, name):
        if name in self._once_free and (Path(name) / RECORD).is_file():
            return None
        return super().get_command(ctx, name)


app = typer.Typer(
    cls=_RunFirst,
    help="Write a run, of segmentation, detection, poses or transfer, or a .keras file as a SavedModel for TensorFlow "
    "Serving: tfapp export RUN BASE_DIR [--version N] [--post-tv LAMBDA] [--gap] [--classes NAMES] [--max-pixels N] "
    "[--status] [--onnx] [--tflite] [--no-refined].",
    subcommand_metavar="RUN BASE_DIR | verify DIR | show DIR | client ADDRESS IMAGES | config BASE_DIR...",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command(_WRITE, hidden=True, cls=TensorFlowCommand)
def write(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder of the trained run, of detection, poses and transfer too, or a .keras file of any segmenter.",
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
    max_pixels: Annotated[
        int | None,
        typer.Option(
            min=65_536,
            help="Most pixels of all images of a request together; larger requests are refused before decoding.",
            show_default="16777216, 4096 x 4096",
        ),
    ] = None,
    status: Annotated[
        bool,
        typer.Option(
            "--status",
            help="Let serving_bytes tell the status of each file, so that a bad one does not fail the rest.",
        ),
    ] = False,
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also write and check assets.extra/model.onnx, for ONNX Runtime."),
    ] = False,
    tflite: Annotated[
        bool,
        typer.Option(
            "--tflite",
            help="Also write and check assets.extra/model.tflite and model-dynamic.tflite (8-bit weights), for LiteRT.",
        ),
    ] = False,
    refined: Annotated[
        bool | None,
        typer.Option(
            help="For runs of poses: serve refined poses, or the network's own.",
            show_default="refined, where `tfapp pose refine` or `fit` made them",
        ),
    ] = None,
    resize: FileResize = None,
    input_scale: InputScale = 1.0,
    model_output: ModelOutput = "auto",
    context: typer.Context = None,
):
    """Export RUN to BASE_DIR/<version>, checked before it appears there."""
    console = Console(emoji=False)
    source = open_source(run, resize, typed_scale(context, input_scale), model_output)
    # Given alone where they were typed: what is served of a run of poses has neither.
    serving = {"max_pixels": max_pixels} if max_pixels is not None else {}
    serving |= {"status": True} if status else {}
    formats = tuple(name for name, asked in (("onnx", onnx), ("tflite", tflite)) if asked)
    serving |= {"formats": formats} if formats else {}
    if refined is not None:
        if not source.serves_refined:
            raise InputError(
                f"--refined and --no-refined are for runs of poses; {run} is none, leave them out."
            )
        serving["refined"] = refined
    warn_of_name(base_dir.resolve().name)
    with export_errors_as_input(), console.status("Exporting and checking"):
        folder = source.export(base_dir, version, post_tv=post_tv, gap=gap, classes=classes, **serving)
    print_exported(console, folder, source.after_export)
    for remark in source.export_remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def warn_of_name(name):
    """Warn if the folder of a served model has a name that no served model can have."""
    from tfapp.export.versions import is_served_word

    if not is_served_word(name):
        warnings.warn(
            f"a server calls a model by the name of its folder, and {name!r} is no word without spaces, /, :, ? and #, "
            "as `tfapp export client` and `tfapp export config` need it; rename the folder, or serve it under another "
            "name.",
            stacklevel=2,
        )


@app.command("verify", cls=TensorFlowCommand)
def verify_folder(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version folder, or the folder above.")],
    engine: Annotated[
        str,
        typer.Option(
            help="session, as TensorFlow Serving runs it; openvino, on the same SavedModel; or onnx, tflite, "
            "tflite-dynamic, on the file that the export wrote.",
        ),
    ] = "session",
):
    """Check an exported folder through TensorFlow's session or another engine, without the run that it came from."""
    console = Console(emoji=False)
    with export_errors_as_input(), console.status("Checking"):
        from tfapp.export import verify

        report = verify(directory, None if engine == "session" else engine)
    console.print(f"[bold]{escape(str(report.directory))}[/bold]", soft_wrap=True)
    parities = {parity.signature: vars(parity) for parity in report.signatures}
    print_parities(console, parities, report.tolerance)
    warmup = f"Warm-up records replayed: {report.warmup_records}. " if engine == "session" else ""
    console.print(f"{warmup}Files compared: {report.files_checked}.")
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
    with export_errors_as_input():
        from tfapp.export import describe

        served = describe(directory)
    console = Console(emoji=False)
    console.print(f"[bold]{escape(served['name'])}[/bold] {escape(served['directory'])}", soft_wrap=True)
    print_summary(console, served)
    for name, signature in served["signatures"].items():
        console.print(signature_table(name, signature))
        for command in filter(None, (signature["curl"], signature["saved_model_cli"])):
            print_command(console, command)
    console.print("Serve:")
    print_command(console, served["docker"])
    console.print(f"{escape(served['batching'])}\n{escape(served['limits'])}", soft_wrap=True)


app.command("client", cls=TensorFlowCommand)(client)
app.command("config", cls=TensorFlowCommand)(config)

# Header, entry of a `SignatureParity` and format.
PARITY_COLUMNS = (
    ("largest difference", "max_difference", ".1e"),
    ("equal labels", "equal_labels", ".2%"),
    ("largest gap", "largest_gap", ".1e"),
    ("boxes, pixels", "box_difference", ".1e"),
)


def print_exported(console, folder, further=()):
    """Print what was exported to the version folder, how it compares with the model, and commands to try next."""
    from tfapp.export import describe
    from tfapp.export.kinds import DETECTOR
    from tfapp.export.manifest import read_manifest

    manifest, served = read_manifest(folder), describe(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    console.print(f"[bold]{escape(str(folder))}[/bold] {size / 1e6:.1f} MB", soft_wrap=True)
    print_summary(console, served)
    verification = manifest["verification"]
    print_parities(console, verification["signatures"], verification["tolerance"])
    console.print(
        manifest["warmup"]["note"] or f"Warm-up records: {manifest['warmup']['records']}.", markup=False
    )
    console.print("Next:")
    ask = (
        f"tfapp export client grpc://localhost:8500 IMAGES --model {shlex.quote(served['name'])} --out FOLDER"
    )
    if manifest.get("kind") == DETECTOR.name:
        # Whose classes are numbers in the answers.
        ask += f" --exported {shlex.quote(str(folder))}"
    for command in (f"tfapp export verify {shlex.quote(str(folder))}", *further, served["docker"], ask):
        print_command(console, command)


def print_summary(console, served):
    """Print what is served, as `describe` gives it."""
    for sentence in (*served["summary"], *served["requests"]):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def print_command(console, command):
    """Print a command unwrapped and without colours, so that it can be copied."""
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def print_parities(console, parities, tolerance):
    """Print the parity of every signature: dicts of `SignatureParity` by name."""
    title = "" if tolerance is None else f"Difference to the Keras model (at most {tolerance:g})"
    # A column that no signature fills is left out; older folders do not record the gap.
    columns = [
        (header, entry, form)
        for header, entry, form in PARITY_COLUMNS
        if any(parity.get(entry) is not None for parity in parities.values())
    ]
    table = Table("signature", "requests", *(header for header, _, _ in columns), title=title)
    for name, parity in parities.items():
        values = [(parity.get(entry), form) for _, entry, form in columns]
        cells = ["-" if value is None else format(value, form) for value, form in values]
        table.add_row(escape(name), str(parity["requests"]), *cells)
    console.print(table)
    if any(entry == "largest_gap" for _, entry, _ in columns):
        console.print(
            "The gap is per pixel, here of generated images; every answer brings that of its image."
        )


def signature_table(name, signature):
    """Return the table of a signature's inputs and outputs, as `describe` gives them."""
    table = Table("", "alias", "dtype", "shape", "meaning", title=escape(name), title_justify="left")
    for side in ("inputs", "outputs"):
        for tensor in signature[side]:
            shape = "any" if tensor["shape"] is None else str(tuple(tensor["shape"])).replace("None", "?")
            cells = (tensor["alias"], tensor["dtype"], shape, tensor["meaning"] or "")
            table.add_row(side[:-1], *map(escape, cells))
    return table
