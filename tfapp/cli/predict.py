"""Command `tfapp predict`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import (
    ConsoleProgress,
    fail_images,
    print_notices,
    print_table,
    print_written,
)
from tfapp.cli.options import Margin, MaxPixels, Tile
from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable


def predict(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for what is written; not that of the images.")],
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files of these names that tfapp predict did not write, or that were changed.",
        ),
    ] = False,
    stop_on_error: Annotated[
        bool, typer.Option("--stop-on-error", help="Stop at the first image that cannot be used.")
    ] = False,
    max_pixels: MaxPixels = None,
    tile: Tile = "auto",
    margin: Margin = None,
    level: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Which level of a pyramidal TIFF or a whole slide to read: 0 is the whole resolution, 1 the largest "
            "of its smaller copies.",
            show_default="0",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="Of NAME: png, or tiff in tiles with smaller copies, for QuPath, napari or a GIS.",
        ),
    ] = "png",
    samples: Annotated[
        int | None,
        typer.Option(
            help="How sure is it? Labels of the mean of so many answers with dropout, with NAME-entropy.png and "
            "NAME-mutual-information.png beside them; for runs with --dropout.",
            show_default="none",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what the --samples drop.")] = 0,
):
    """Label images at their own size: NAME.png (palette PNG of classes) and NAME-overlay.png.

    A run on image pairs writes the images that it makes, NAME.png. Large images are cut into tiles, with the same
    labels, and the overlay of one beyond 16 megapixels is made smaller. Images that cannot be used are listed at the
    end.
    """
    del max_pixels  # Its option has set the limit.
    from tfapp.data.own_images import find_images, found_notices
    from tfapp.models.monte_carlo_dropout import check_dropout, check_samples
    from tfapp.segmentation.own_pictures import check_form
    from tfapp.segmentation.prediction import check_places, restore
    from tfapp.segmentation.prediction import predict as label_images
    from tfapp.segmentation.run import Run

    check_form(form)
    opened = Run.open(run)
    if samples is not None:
        check_samples(samples)
        if opened.image_pairs:
            raise InputError(f"`samples` is for segmenters; {run} makes images, leave the option out.")
    files = find_images(images, level)
    places = {"labels": not opened.image_pairs, "maps": samples is not None}
    check_places(images, files, out, overwrite=overwrite, form=form, **places)
    segmenter = opened.segmenter()
    if samples is not None:
        check_dropout(segmenter)
    failures = None if stop_on_error else []
    progress = ConsoleProgress(context.command)
    with claimed(out, waiting=progress.say), progress.task("predicting", len(files)) as task:
        options = {"advance": task.advance, "failures": failures, "progress": progress}
        options |= {"tile": tile, "margin": margin, "form": form}
        if opened.image_pairs:
            restore(segmenter, files, out, opened.channels, **options)
        else:
            names = opened.class_names
            options |= {"samples": samples, "seed": seed}
            shares = label_images(segmenter, files, out, names, opened.channels, **options)
    if not opened.image_pairs and shares:
        rows = [
            (
                path.name,
                *(f"{100 * share:.1f} %" for share in row),
                *(f"{one:.4f}" for nats in means for one in nats),
            )
            for path, row, *means in shares
        ]
        unsure = ["entropy, nats", "mutual information, nats"] if samples else []
        print_table(ResultTable(["image", *opened.class_names, *unsure], rows))
    failed = {path for path, _ in failures or ()}
    print_notices(found_notices(images, [file for file in files if file not in failed]))
    if len(failed) < len(files):
        print_written(out)
    fail_images(failures, len(files), context.command)
