"""`tfapp detect proposals`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import (
    ConsoleProgress,
    TensorFlowCommand,
    print_notices,
    print_written,
    resumes,
)
from tfapp.cli.detect_results import evaluate, predict
from tfapp.cli.detect_train import train
from tfapp.cli.options import MaxPixels
from tfapp.errors import InputError

Option = typer.Option
app = typer.Typer(help="Objects in images, found as boxes.", no_args_is_help=True)
# What an option is called whose method is not the one that was chosen.
_OF_METHODS = {
    "selective-search": ("mode", "most", "longest_side", "cache", "threads"),
    "anchors": ("stride", "sizes", "ratios"),
}


@resumes
def proposals(
    context: typer.Context,
    spec: Annotated[str, typer.Argument(help="voc-boxes:PATH, voc2007:PATH, voc2012:PATH, or coco:PATH.")],
    out: Annotated[Path, Option(help="File of the proposals, .npz.")],
    method: Annotated[str, Option(help="selective-search, or anchors on a grid.")] = "selective-search",
    min_side: Annotated[
        int, Option(help="Least side of a box in pixels; less where the objects are smaller.")
    ] = 20,
    mode: Annotated[
        str, Option(help="Of selective search: fast, or quality, several times as long.")
    ] = "fast",
    most: Annotated[int, Option(help="Of selective search: boxes of an image, at most.")] = 2000,
    longest_side: Annotated[
        int, Option(help="Of selective search: larger images are reduced to this for the search.")
    ] = 500,
    cache: Annotated[
        Path | None,
        Option(
            help="Of selective search: folder that keeps what is found, for other commands too.",
            show_default="one beside --out until it is written",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        Option(help="Of selective search: images at the same time.", show_default="one for each core"),
    ] = None,
    stride: Annotated[int, Option(help="Of anchors: pixels from one cell to the next.")] = 16,
    sizes: Annotated[
        str, Option(help="Of anchors: sides of squares in pixels, comma-separated.")
    ] = "32,64,128,256,512",
    ratios: Annotated[str, Option(help="Of anchors: height / width, comma-separated.")] = "0.5,1,2",
    max_pixels: MaxPixels = None,
):
    """Boxes that may hold an object, for all images of the data, and which share of the objects they overlap."""
    from tfapp.data import open_boxes
    from tfapp.detection.proposals.making import make_proposals
    from tfapp.detection.proposals.methods import DenseAnchors, SelectiveSearch, check_method

    check_method(method)
    _refuse_options_of_others(context, method)
    chosen = (
        SelectiveSearch(mode, min_side, most, longest_side)
        if method == SelectiveSearch.name
        else DenseAnchors(stride, _numbers("sizes", sizes), _numbers("ratios", ratios), min_side)
    )
    data = open_boxes(spec)
    print_notices(remark.text for remark in data.remarks)
    make_proposals(data, chosen, out, cache, threads=threads, progress=ConsoleProgress())
    print_written(out)


def _refuse_options_of_others(context, method):
    for other, names in _OF_METHODS.items():
        for name in names if other != method else ():
            if context.get_parameter_source(name).name == "COMMANDLINE":
                raise InputError(f"`{name}` is of the method {other}; leave it out, or choose that `method`.")


def _numbers(name, text):
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"`{name}` {text!r} is not understood; expected numbers, comma-separated, such as 64,128."
        ) from None


app.command("proposals", cls=TensorFlowCommand)(proposals)
app.command("train", cls=TensorFlowCommand)(train)
app.command("evaluate", cls=TensorFlowCommand)(evaluate)
app.command("predict", cls=TensorFlowCommand)(predict)
