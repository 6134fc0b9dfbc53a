"""Command `tfapp tune-tv`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import typed
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


def tune_tv(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Run folder, or .keras file of any Keras segmenter.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Images that may choose, such as folder:PATH; test on others. Needed for .keras files.",
            show_default="validation images of the run",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help="Weights λ to choose from, with commas between; the model as it is takes part too."
        ),
    ] = "0.125,0.25,0.5,1,2,4,8",
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=AMOUNT,AMOUNT..., as of tfapp evaluate: the best weight is that of the highest mIoU on average "
            "over the noises; repeatable.",
            show_default="clean images",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    resize: FileResize = None,
    input_scale: InputScale = 1.0,
    model_output: ModelOutput = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for table and figure.",
            show_default="figures/ of the run, or runs/NAME-tune-tv for NAME.keras",
        ),
    ] = None,
):
    """Choose the weight of total variation behind a trained segmenter, on images that are no test images."""
    from tfapp.data import open_dataset, parse_noises
    from tfapp.segmentation.weight_tuning import tune_weight

    try:
        chosen = [float(part) for part in weights.split(",") if part.strip()]
    except ValueError:
        raise InputError(
            f"--weights must be numbers with commas between, such as 0.5,1,2; got {weights}."
        ) from None
    noises = parse_noises(noise or ["gaussian=0"])
    dataset = open_dataset(data) if data else None
    [source] = open_sources([model], resize, typed_scale(context, input_scale), model_output)
    if source.image_pairs:
        raise InputError(f"{source.path} makes images; tune-tv is for segmenters.")
    is_file = is_keras_file(Path(model))
    if not is_file:
        source.check_trained()
    folder = out or (Path("runs", f"{source.path.stem}-tune-tv") if is_file else source.path / "figures")
    check_folder(folder)
    found = tune_weight(source, dataset, chosen, noises, seed=seed, progress=ConsoleProgress(context.command))
    with claimed(folder, waiting=ConsoleProgress().say):
        written = found.write(folder, typed(context))
    print_table(found.table())
    console.print(found.sentence, soft_wrap=True, markup=False, highlight=False)
    if found.best:
        word = shlex.quote(model)
        console.print(
            f"Use it: tfapp evaluate {word} --post-tv {found.best:g}, tfapp export {word} BASE_DIR --post-tv "
            f"{found.best:g}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
    print_written(*written)
