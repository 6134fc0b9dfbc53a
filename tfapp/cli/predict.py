"""Command `tfapp predict`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_table, print_written
from tfapp.report.result_table import ResultTable


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for what is written.")],
):
    """Label images at their own size: NAME.png (palette PNG of classes) and NAME-overlay.png.

    A run on image pairs writes the images that it makes, NAME.png.
    """
    from tfapp.models import stride_of
    from tfapp.segmentation.prediction import find_images, restore
    from tfapp.segmentation.prediction import predict as label_images
    from tfapp.segmentation.run import Run

    opened = Run.open(run)
    files = find_images(images)
    segmenter = opened.segmenter()
    stride = stride_of(segmenter)  # 1 where it resizes: then any image will do
    with ConsoleProgress().task("predicting", len(files)) as task:
        if opened.image_pairs:
            restore(segmenter, files, out, opened.channels, stride, advance=task.advance)
        else:
            names = opened.class_names
            shares = label_images(segmenter, files, out, names, opened.channels, stride, advance=task.advance)
    if not opened.image_pairs:
        rows = [(path.name, *(f"{100 * share:.1f} %" for share in row)) for path, row in shares]
        print_table(ResultTable(["image", *opened.class_names], rows))
    print_written(out)
