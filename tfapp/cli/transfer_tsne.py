"""Command `tfapp transfer tsne`."""

from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_table, print_written
from tfapp.cli.transfer_evaluate import Classes, Run, SkipBad, names_of

Option = typer.Option


def tsne(
    run: Run,
    images: Annotated[int, Option(min=10, help="Test images to show, at most.")] = 1000,
    most_classes: Annotated[int, Option(min=1, help="Classes to show, the most frequent ones.")] = 10,
    perplexity: Annotated[float, Option(min=1.0, help="About how many neighbours an image has.")] = 30.0,
    seed: Annotated[int, Option(min=0, help="Of the choice of images and of t-SNE.")] = 0,
    classes: Classes = None,
    skip_bad: SkipBad = False,
):
    """Sharp, poor and transferred features of test images in the plane, by t-SNE."""
    options = {"most_images": images, "most_classes": most_classes, "perplexity": perplexity, "seed": seed}
    from tfapp.transfer.results import agreements_table, tsne_of_run

    options |= {"skip_bad": skip_bad or None, "progress": ConsoleProgress()}
    embedding, written = tsne_of_run(run, names_of(classes), **options)
    print_table(agreements_table(embedding))
    print_written(*written)
