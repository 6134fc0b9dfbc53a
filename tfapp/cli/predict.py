"""`tfapp predict`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written, progress_bar


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the label PNGs and overlays.")],
):
    """Label images at their own size: NAME.png (palette PNG of classes) and NAME-overlay.png."""
    from tfapp.models import stride_of
    from tfapp.runs import Run
    from tfapp.segmentation.prediction import find_images
    from tfapp.segmentation.prediction import predict as label_images

    opened = Run.open(run)
    files = find_images(images)
    segmenter = opened.segmenter()
    with progress_bar() as bar:
        task = bar.add_task("predicting", total=len(files), note="")
        shares = label_images(
            segmenter,
            files,
            out,
            opened.class_names,
            opened.record["data"]["channels"],
            stride_of(segmenter),  # 1 where it resizes: then any image will do
            advance=lambda: bar.advance(task),
        )
    rows = [(path.name, *(f"{100 * share:.1f} %" for share in row)) for path, row in shares]
    print_table(["image", *opened.class_names], rows)
    print_written(out)
