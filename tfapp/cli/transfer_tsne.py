"""`tfapp transfer tsne`."""

from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written, progress_bar
from tfapp.cli.transfer_evaluate import Classes, Run, SkipBad, names_of, open_materials, write_page
from tfapp.cli.transfer_train import steps

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
    embedding, written = tsne_of_run(run, names_of(classes), skip_bad or None, **options)
    print_agreements(embedding)
    print_written(*written)


def tsne_of_run(path, classes=None, skip_bad=None, title="", **options):
    """Lay out the test images of a run; return the `Embedding` and the files that were written."""
    from tfapp.transfer.classifiers import AREA
    from tfapp.transfer.embedding import EMBEDDING, embed_materials, write_embedding
    from tfapp.transfer.pictures import save_embedding_png

    run, materials = open_materials(path, AREA, classes, skip_bad, title)
    with progress_bar() as bar:
        show = steps(bar, title)
        embedding = embed_materials(
            materials, progress=lambda name, done, total: show("t-SNE", done, total, name), **options
        )
    written = [run.path / EMBEDDING, run.path / "figures" / "tsne.png"]
    write_embedding(embedding, written[0])
    save_embedding_png(embedding, written[1])
    return embedding, [*written, write_page(run)]


def print_agreements(embedding):
    """Print how many of an image's nearest neighbours have its class."""
    from tfapp.transfer.embedding import NEIGHBOURS
    from tfapp.transfer.evaluation import TITLES

    rows = [
        [TITLES[name], *(f"{100 * share:.1f}" for share in shares)]
        for name, shares in embedding.agreements.items()
    ]
    title = f"share of the {NEIGHBOURS} nearest neighbours that have an image's class, %"
    print_table(["features", "by the features", "in the plane"], rows, title=title)
