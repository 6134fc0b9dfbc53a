"""The other sections of the page: the training, the features in the plane, other sizes, and how to go on."""

from tfapp.html_markup import Section, command, moment, paragraph, table, to_do
from tfapp.transfer.embedding import NEIGHBOURS, chance_agreement
from tfapp.transfer.evaluation import TITLES
from tfapp.transfer.grid import grid_table
from tfapp.transfer.network import WINDOW
from tfapp.transfer.pictures.page_words import grid_finding, percent

ABOUT_EMBEDDING = (
    "t-SNE lays images close together whose features are close. Which images are neighbours means something; the "
    "distances between groups, their sizes and the directions mean nothing. So count: the table has the share of the "
    f"{NEIGHBOURS} nearest neighbours of an image that are of its class, among the features themselves and in the "
    "plane."
)


def training_section(material):
    """Return the `Section` of the images that the network was trained on, and of the training."""
    captions = {
        "samples.png": "What the backbone is given: sharp, and at low resolution.",
        "history.png": f"Loss and accuracy, each a mean over {WINDOW} iterations.",
    }
    parts = [material.figures("evaluate", captions)]
    if material.metrics is not None:
        labels = material.metrics["pseudo_labels"]
        parts.append(
            paragraph(
                f"At the end the network gives {percent(labels['accuracy'])} % of the training images their "
                f"pseudo-label. Both readings of the text, by the sharp and by the low-resolution features, give "
                f"{percent(labels['agreement'])} % of these images the same one."
            )
        )
    return Section("training", "Training", "Images and training", "\n".join(parts))


def embedding_section(material):
    """Return the `Section` of the layouts by t-SNE."""
    embedding = material.embedding
    if embedding is None:
        body = to_do("The features are not laid out yet; run", material.command("tsne"))
        return Section("tsne", "t-SNE", "The features in the plane", body)
    rows = [[TITLES[name], *map(percent, shares)] for name, shares in embedding.agreements.items()]
    caption = f"Neighbours of the own class, {percent(chance_agreement(embedding.classes))} % by chance"
    parts = [
        material.figures("tsne", {"tsne.png": "Sharp, low-resolution and transferred features by t-SNE."}),
        paragraph(ABOUT_EMBEDDING),
        table(["features", "by the features, %", "in the plane, %"], rows, caption),
    ]
    return Section("tsne", "t-SNE", "The features in the plane", "\n".join(parts))


def grid_section(material):
    """Return the `Section` of the grid over the units of both layers."""
    grid = material.grid
    if grid is None:
        body = to_do("Other sizes of the two layers were not tried; run", material.command("grid"))
        return Section("grid", "Sizes", "Other sizes of the two layers", body)
    parts = [
        paragraph(grid_finding(grid)),
        material.figures("grid", {"grid.png": "Mean AP by N1 and N2, over seeds."}),
        table(*grid_table(grid), f"Mean AP ({grid['ap']}), %, mean over seeds ± standard deviation"),
    ]
    return Section("grid", "Sizes", "Other sizes of the two layers", "\n".join(parts))


def next_section(material):
    """Return the `Section` of the commands to go on with, and of how the run was made."""
    run = material.run
    folder = material.command("evaluate").removeprefix("tfapp transfer evaluate ")
    steps = {
        "Measure HR, LR and ours, and write this page again.": material.command("evaluate"),
        "Try other sizes, with several seeds.": f"{material.command('grid')} --seeds 0,1,2",
        "Lay the features out in the plane.": material.command("tsne"),
        "Put backbone, transfer and classifiers behind TensorFlow Serving.": f"tfapp export {folder} served/transfer",
        "Write this page alone again.": f"tfapp report {folder} --out transfer.html",
    }
    items = "".join(f"<li>{paragraph(text)}{command(line)}</li>" for text, line in steps.items())
    rows = [
        ["Folder", run.path],
        ["Begun", moment(run.record["created"])],
        ["Versions", ", ".join(f"{name} {number}" for name, number in run.record["versions"].items())],
        ["Weights of the backbone", run.record["backbone"]["weights"][:16]],
        ["Data fingerprint", run.record["data"]["fingerprint"][:16]],
    ]
    made = f"{table(['', 'this run'], rows, kind='text')}{paragraph('The same run again:')}"
    body = f"<ol>{items}</ol>{made}{command(run.record['command'])}"
    return Section("next", "Go on", "To go on, and how this run was made", body)
