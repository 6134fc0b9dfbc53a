"""Command `tfapp export client`: have a server answer images, and see how fast it does."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import (
    ConsoleProgress,
    console,
    error_console,
    export_errors_as_input,
    in_flags,
    print_notices,
    print_table,
    print_written,
)
from tfapp.cli.options import Margin, MaxPixels
from tfapp.errors import InputError, WorkFailed

PERCENTILES = (50, 90, 99)
_TOGETHER = (
    "`tile`, `exported` and `margin` belong together: give the first two, or none of them; `exported` alone is for "
    "detectors."
)


def client(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="grpc://HOST:PORT, usually 8500, or http://HOST:PORT, 8501."),
    ],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES", help="Image files, or folders of them.")],
    model: Annotated[str, typer.Option(help="Name of the served model.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for what is written.", show_default="none: only the times are measured"),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(help="Signature to call.", show_default="serving_bytes, else serving_default"),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version to call.", show_default="the latest")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Label of the version to call, such as stable.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Files in a request of serving_bytes.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests at once.")] = 1,
    repeat: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Ask about every image so often, for load tests.")
    ] = 1,
    deadline: Annotated[
        float, typer.Option(min=0.001, max=100_000, help="Seconds for a request, all its tries together.")
    ] = 60.0,
    retries: Annotated[
        int, typer.Option(min=0, max=100, help="Further tries where the server is down or overloaded.")
    ] = 5,
    max_message: Annotated[
        int | None,
        typer.Option(
            min=1024, max=2**31 - 1, help="Most bytes of a request or an answer.", show_default="2 GiB"
        ),
    ] = None,
    value_range: Annotated[
        tuple[float, float],
        typer.Option(metavar="LOW HIGH", help="Values of serving_default, as the model was exported with."),
    ] = (0.0, 1.0),
    tile: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Cut images that are larger into tiles of so many pixels along a side, each a request; needs "
            "--exported.",
            show_default="whole images",
        ),
    ] = None,
    margin: Margin = None,
    exported: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the export that is served, or a copy: it says how far its network looks, and what the "
            "classes of a detector are called."
        ),
    ] = None,
    score: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of detectors: least score of a box that is written."),
    ] = 0.5,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of these names that tfapp did not write.")
    ] = False,
    stop_on_error: Annotated[
        bool, typer.Option("--stop-on-error", help="Stop at the first image that is not answered.")
    ] = False,
    max_pixels: MaxPixels = None,
):
    """Have TensorFlow Serving answer images: NAME.png (palette PNG of classes), or NAME.npz of other models.

    Of detectors NAME-boxes.png, the image with the boxes, and boxes.csv with the boxes of all images.

    Images that are not answered are listed at the end, above how long requests took.
    """
    del max_pixels  # Its option has set the limit.
    with export_errors_as_input():
        from tfapp.data.own_images import find_images, found_notices
        from tfapp.detection.served_boxes import ServedBoxes
        from tfapp.export import Client
        from tfapp.segmentation.served_images import DEFAULT, UINT8, ServedImages, check_served_places
        from tfapp.segmentation.served_tiles import ServedTiles

        # A server decodes no slides.
        files = find_images(images, slides=False)
        low, high = value_range
        if not low < high:
            raise InputError(f"`value_range` must be two rising numbers. Received: {low:g} {high:g}.")
        if tile is None and margin is not None or tile is not None and exported is None:
            raise InputError(_TOGETHER)
        options = {"deadline": deadline, "retries": retries}
        if max_message is not None:
            options["max_message"] = max_message
        if exported is not None:
            # What the export says is of one version, that all is asked of, also while another becomes the latest.
            with Client(address, model, version=version, label=label, **options) as caller:
                version, label = (caller.served_version, None) if caller.served_version else (version, label)
        with Client(address, model, version=version, label=label, **options) as caller:
            if tile is not None and signature is None:
                signature = UINT8 if UINT8 in caller.signatures else DEFAULT
            served = ServedImages(caller, signature, value_range, ServedBoxes(score))
            if served.form is None and context.get_parameter_source("score").name == "COMMANDLINE":
                raise InputError(f"`score` is for detectors, and {model} is none; leave it out.")
            if tile is None and exported is not None:
                if served.form is None:
                    raise InputError(_TOGETHER)
                served.form.name_classes(exported, caller.served_version)
            tiles = None if tile is None else ServedTiles(served, exported, tile, margin)
            if out is not None:
                check_served_places(served, images, files, out, overwrite=overwrite)
            served.check_value_range()
            failures = None if stop_on_error else {}
            plan = {"batch": batch, "concurrency": concurrency, "repeat": repeat, "failures": failures}
            latencies, differing = _answer(served, tiles, files, out, plan)
    print_notices(
        found_notices(images, [file for file in files if file not in (failures or ())], slides=False)
    )
    _tell(served, latencies, differing, concurrency)
    if out is not None and latencies.images:
        print_written(out)
    _fail(failures, len(files), latencies.images > 0, context.command)


def _answer(served, tiles, files, out, plan):
    from contextlib import nullcontext

    from tfapp.segmentation.served_images import answer_images
    from tfapp.segmentation.served_tiles import answer_by_tiles, sorted_by_size

    progress = ConsoleProgress()
    small, large = sorted_by_size(tiles, files, plan["failures"])
    if large and (remark := tiles.remark(large)):
        progress.say(remark)
    held = nullcontext() if out is None else claimed(out, waiting=progress.say)
    with held, progress.task("asking", len(files) * plan["repeat"]) as task:
        latencies, differing = answer_images(served, small, out, advance=task.advance, **plan)
        if large:
            plan = {**plan, "progress": progress, "advance": task.advance}
            del plan["batch"]
            by_tiles, differing_tiles = answer_by_tiles(tiles, large, out, **plan)
            latencies, differing = latencies + by_tiles, differing + differing_tiles
        table = None if served.form is None or out is None else served.form.finish(out)
    if table is not None:
        print_table(table)
    return latencies, differing


def _tell(served, latencies, differing, concurrency):
    from tfapp.report.result_table import ResultTable

    # Line by line: a table as wide as all of it would be cut by most terminals.
    lines = [
        ("requests", len(latencies.seconds)),
        ("failed", latencies.failed),
        ("retried", latencies.retried),
        ("at once", concurrency),
        *((f"p{share} ms", _milliseconds(latencies, share)) for share in PERCENTILES),
        ("images/s", f"{latencies.images_per_second:.1f}"),
    ]
    print_table(ResultTable(["signature", served.signature.name], lines))
    if differing:
        console.print(
            f"{differing} answer(s) differ from the first one about the same image; is a version being replaced?",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )


def _milliseconds(latencies, share):
    return f"{1000 * latencies.percentile(share):.1f}" if latencies.seconds else "-"


def _fail(failures, count, any_answered, command):
    if not failures:
        return
    *others, last = failures.values()
    for sentence in [*others, last] if any_answered else others:
        sentence = in_flags(sentence, command)
        error_console.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    if not any_answered:
        raise InputError(last)
    raise WorkFailed(f"{len(failures)} of {count} image(s) were not answered; the others are done.")
