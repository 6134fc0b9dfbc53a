"""Command `tfapp evaluate`."""

import hashlib
import re
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import Margin, Tile
from tfapp.cli.sources import (
    FileResize,
    InputScale,
    ModelOutput,
    is_keras_file,
    open_sources,
    typed_scale,
)
from tfapp.errors import InputError
from tfapp.files import check_folder


def evaluate(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders, and .keras files of any Keras segmenter; a last argument like folder:PATH tests on "
            "other data: their official test split if any, a run's own test images if it was trained on them."
        ),
    ],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=AMOUNT,AMOUNT...: gaussian=SIGMA, salt=, pepper=, salt-and-pepper=SHARE, blur=PIXELS, "
            "jpeg=QUALITY from 1 to 100, brightness=OFFSET from -1 to 1; or the rows called paper (the default) "
            "or robustness (three levels of every kind); repeatable."
        ),
    ] = None,
    post_tv: Annotated[
        list[float] | None,
        typer.Option(
            help="Also test models without a TV head with converged TV of this weight (Unet+TV of Jia, Liu, Tai); "
            "repeatable."
        ),
    ] = None,
    membrane_scores: Annotated[
        bool,
        typer.Option(
            "--membrane-scores",
            help="Also the scores of the ISBI 2012 challenge, V_rand and V_info after border thinning, on the clean "
            "images; for two classes of which one is called membrane. Seconds for each image.",
        ),
    ] = False,
    border_class: Annotated[
        str | None,
        typer.Option(
            help="The same scores with another class that parts the regions of the other one, such as vessel.",
            metavar="NAME",
            show_default="membrane",
        ),
    ] = None,
    shape_scores: Annotated[
        bool,
        typer.Option(
            "--shape-scores",
            help="Also how regular the shapes of each class are, under each noise: connected components and holes, "
            "found and true, F1 of the boundaries, and 95 % Hausdorff distance in pixels.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    resize: FileResize = None,
    input_scale: InputScale = 1.0,
    model_output: ModelOutput = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for table and figure.",
            show_default="figures/ of the first run, a folder in it for other data, or runs/NAME-evaluation for "
            "NAME.keras",
        ),
    ] = None,
    tile: Tile = "auto",
    margin: Margin = None,
):
    """Test runs, and .keras files, under noise: accuracy, IoU and regularisation effect, side by side.

    Runs on image pairs: PSNR and SSIM of what they make, without noise.
    """
    from tfapp.data import names_dataset, open_dataset, parse_noises
    from tfapp.data.image_facts import remarks_on
    from tfapp.segmentation.comparison import compare

    noises = parse_noises(noise or ["paper"])
    dataset = open_dataset(runs.pop()) if len(runs) > 1 and names_dataset(runs[-1]) else None
    if dataset is None and all(is_keras_file(Path(path)) for path in runs):
        raise InputError(
            f"{runs[0]} does not say what to test it on; name the data as the last argument, such as folder:PATH."
        )
    opened = open_sources(runs, resize, typed_scale(context, input_scale), model_output)
    first = opened[0].path
    folder = out or _usual_folder(first, dataset)
    check_folder(folder)
    for remark in remarks_on(dataset) if dataset is not None else ():
        console.print(remark.text, soft_wrap=True)
    if any(source.image_pairs for source in opened):
        given = {"--noise": noise, "--post-tv": post_tv, "--membrane-scores": membrane_scores}
        given |= {"--border-class": border_class, "--shape-scores": shape_scores}
        check_image_options(opened, given)
        evaluate_image_runs(opened, dataset, folder, tile, margin)
        return
    options = {"post_tv": post_tv or (), "seed": seed, "dataset": dataset}
    options |= {
        "membranes": border_class or membrane_scores,
        "shapes": shape_scores,
        "tile": tile,
        "margin": margin,
        "progress": ConsoleProgress(context.command),
    }
    comparison = compare(opened, noises, **options)
    with claimed(folder, waiting=ConsoleProgress().say):
        written = comparison.write(folder)
    for table in comparison.tables():
        print_table(table)
    for sentence in comparison.remarks():
        console.print(sentence, soft_wrap=True)
    print_written(*written)


def _usual_folder(first, dataset):
    """Return the folder for table and figure where none is named."""
    if is_keras_file(first):
        return Path("runs", f"{first.stem}-evaluation")
    if dataset is None:
        return first / "figures"
    # What the run shows of its own test images stays; folders of one name in different places are different data.
    kind, _, path = dataset.spec.partition(":")
    name = re.sub(r"[^\w.-]+", "-", f"{kind}-{Path(path).name}", flags=re.ASCII).strip("-.")
    place = hashlib.sha256(dataset.spec.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return first / "figures" / f"{name[:60]}-{place}"


def check_image_options(sources, given):
    """Raise InputError if runs on image pairs come with segmenters, or with options for these.

    Args:
        sources: `Run`s and `KerasFile`s.
        given: By the name of each option that is for segmenters, whether it was given.
    """
    segmenter = next((source for source in sources if not source.image_pairs), None)
    restorer = next(source for source in sources if source.image_pairs)
    if segmenter is not None:
        raise InputError(
            f"{restorer.path} makes images and {segmenter.path} labels them; evaluate them apart."
        )
    option = next((name for name, present in given.items() if present), None)
    if option is not None:
        raise InputError(f"{option} is for segmenters; {restorer.path} makes images: leave it out.")


def evaluate_image_runs(runs, dataset, folder, tile="auto", margin=None):
    """Print PSNR and SSIM of every run; write them image by image, with a sheet of examples for each run.

    Large images go through a network by tiles of `tile` pixels that overlap by `margin`.
    """
    from tfapp.segmentation.restoration import evaluate_restorations, restoration_table, write_restorations

    results = evaluate_restorations(runs, dataset, tile=tile, margin=margin, progress=ConsoleProgress())
    with claimed(folder, waiting=ConsoleProgress().say):
        written = write_restorations(results, folder)
    print_table(restoration_table(results))
    counts = sorted({len(result.names) for result in results})
    console.print(
        f"means over {' or '.join(map(str, counts))} test image(s), at the size that the network works at",
        soft_wrap=True,
    )
    print_written(*written)
