"""Sections of the page about a transfer network."""

from pathlib import PurePath

from tfapp.average_precision import FORMS
from tfapp.report import next_steps
from tfapp.report.markup import (
    Section,
    details,
    facts,
    paragraph,
    result_box,
    table,
    to_do,
)
from tfapp.transfer.config import FEATURES, SOFT, WU_SOLVER
from tfapp.transfer.embedding import NEIGHBOURS, chance_agreement
from tfapp.transfer.feature_names import TITLES
from tfapp.transfer.few_labels import curves_from, curves_table, differences_table, labels_remark
from tfapp.transfer.grid import grid_table
from tfapp.transfer.network import WINDOW
from tfapp.transfer.page_sentences import grid_sentence, percent, result_sentences
from tfapp.transfer.stability import FIGURE, stability_remark, stability_table

HOW_TO_READ = (
    "Average precision (AP) of a class looks at all test images in the order of their scores: it is 100 % if every "
    "image with the class comes before every one without, and about the share of the images with the class if the "
    "order is random. The area is that under precision over recall; 11-point is the form of VOC2007, the mean of "
    "the best precisions at eleven recalls. Mean AP is the mean over the classes.",
    "HR are the features of sharp images, what a better camera would give. LR are those of low-resolution images as "
    "the backbone gives them. Ours are the same, passed through the transfer network, which has seen no labels; labels "
    "are for the linear classifiers alone, one for each class and kind of features.",
    "The same network, not trained, is a control: it has the two layers with the weights that they started with. What "
    "it gains or loses comes from the shape of the network alone, so that only what ours has beyond it was learned.",
    "All this is one training with one seed. The command tfapp transfer grid with several --seeds shows how much of a "
    "difference is chance.",
)
UNTOLD = (
    "Results here were stored by an earlier version, which did not keep of which weights they are: after more "
    "training, run tfapp transfer evaluate and tsne again."
)
TARGETS = {
    "own": "own: the cluster of the image's sharp features",
    "nearest": "nearest: the centroid nearest to its low-resolution features",
    SOFT: "soft: how much of the sharp image belongs to each cluster",
    FEATURES: "features: the image's sharp features",
}
ABOUT_CALIBRATION = (
    "What is served gives the probability of each class beside its score. It is fitted to scores of training images "
    "that the classifier had not seen (Platt's sigmoid): of the images that get 80 %, about 80 % should show the class."
)
ABOUT_EMBEDDING = (
    "t-SNE lays images close together whose features are close. Which images are neighbours means something; the "
    "distances between groups, their sizes and the directions mean nothing. So count: the table has the share of the "
    f"{NEIGHBOURS} nearest neighbours of an image that are of its class, among the features themselves and in the "
    "plane."
)


def result_section(data):
    """Return the `Section` of the result in words, and of what was trained."""
    parts = [facts(_settings(data.run))]
    if not data.trained:
        parts.insert(0, to_do("The training has not ended; resume it with", data.command("train")))
    elif data.metrics is None:
        parts.insert(0, data.missing("evaluate", "Nothing is measured yet; run"))
    else:
        parts.insert(0, result_box(result_sentences(data.metrics)))
    if data.untold:
        parts.append(paragraph(UNTOLD, "note"))
    return Section("result", "Result", "The result in short", "\n".join(parts))


def precision_section(data):
    """Return the `Section` of the average precisions, over all and of every class, None before the evaluation."""
    metrics = data.metrics
    if metrics is None:
        return None
    parts = [
        _measure_table(metrics),
        *map(paragraph, HOW_TO_READ),
        data.figures("evaluate", {"precision.png": "Average precision of each class."}),
        *_calibration(data),
        details("Table of all classes", _class_table(metrics)),
        _images(metrics),
    ]
    return Section("precision", "Precision", "Average precision", "\n".join(parts))


def _calibration(data):
    """Return what is said and shown of the probabilities that are served; nothing where there are none."""
    if not any(one.get("calibration_error") is not None for one in data.metrics["features"]):
        return []
    caption = "Probabilities of ours against how often the class is there; numbers count images and classes."
    return [paragraph(ABOUT_CALIBRATION), data.figures("evaluate", {"calibration.png": caption})]


def labels_section(data):
    """Return the `Section` of average precisions by the number of labels."""
    labels, maker = data.labels, data.few
    if labels is None:
        body = data.missing(maker, "What the features are worth with few labels is not measured yet; run")
        return Section("labels", "Few labels", "Where labels are few", body)
    curves = curves_from(labels)
    tables = [curves_table(curves), differences_table(curves)]
    parts = [
        data.figures(maker, {"labels.png": "Mean AP by the labels of each class, and the gain over LR."}),
        *(table(one.header, one.rows, one.title) for one in tables),
        paragraph(labels_remark(labels), "aside"),
    ]
    return Section("labels", "Few labels", "Where labels are few", "\n".join(parts))


def training_section(data):
    """Return the `Section` of the images that the network was trained on, and of the training."""
    captions = {
        "samples.png": "What the backbone is given: sharp, and at low resolution.",
        "history.png": f"Loss of one batch every {WINDOW} iterations, and the images that get their cluster.",
    }
    parts = [data.figures("evaluate", captions)]
    if data.metrics is not None:
        labels = data.metrics["pseudo_labels"]
        learned = labels["accuracy"]
        told = (
            ""
            if learned is None
            else f"At the end {percent(learned)} % of the training images get their cluster. "
        )
        parts.append(
            paragraph(
                f"{told}Both readings of Wu (2020), the nearest cluster by the sharp and by the low-resolution "
                f"features, give {percent(labels['agreement'])} % of these images the same one."
            )
        )
    return Section("training", "Training", "Images and training", "\n".join(parts))


def embedding_section(data):
    """Return the `Section` of the layouts by t-SNE."""
    embedding = data.embedding
    if embedding is None:
        body = data.missing("tsne", "The features are not laid out yet; run")
        return Section("tsne", "t-SNE", "The features in the plane", body)
    rows = [[TITLES[name], *map(percent, shares)] for name, shares in embedding.agreements.items()]
    caption = f"Neighbours of the own class, {percent(chance_agreement(embedding.classes))} % by chance"
    parts = [
        data.figures("tsne", {"tsne.png": "Sharp, low-resolution and transferred features by t-SNE."}),
        paragraph(ABOUT_EMBEDDING),
        table(["features", "by the features, %", "in the plane, %"], rows, caption),
    ]
    return Section("tsne", "t-SNE", "The features in the plane", "\n".join(parts))


def grid_section(data):
    """Return the `Section` of the grid over the units of both layers."""
    grid = data.grid
    if grid is None:
        body = data.missing("grid", "Other sizes of the two layers were not tried; run")
        return Section("grid", "Sizes", "Other sizes of the two layers", body)
    tried = grid_table(grid)
    parts = [
        paragraph(grid_sentence(grid)),
        data.figures("grid", {"grid.png": "Mean AP by N1 and N2, over seeds."}),
        table(tried.header, tried.rows, f"Mean AP ({grid['ap']}), %, mean over seeds ± standard deviation"),
    ]
    return Section("grid", "Sizes", "Other sizes of the two layers", "\n".join(parts))


def clusters_section(data):
    """Return the `Section` of the stability of clusters, None where it was not measured: it needs no labels."""
    stability = data.stability
    if stability is None:
        return None
    found = stability_table(stability)
    parts = [
        data.figures(
            "clusters", {FIGURE: "Agreement of halves by the number of clusters, each pair a point."}
        ),
        table(found.header, found.rows),
        paragraph(stability_remark(stability), "aside"),
    ]
    return Section("clusters", "Clusters", "How many clusters there are", "\n".join(parts))


def next_section(data):
    """Return the `Section` of the commands to try next, and of how the run was made."""
    run = data.run
    folder = data.command("evaluate").removeprefix("tfapp transfer evaluate ")
    steps = {
        "Measure HR, LR and ours, and write this page again.": data.command("evaluate"),
        "Measure what the features are worth with few labels.": data.command(data.few),
        "Try other sizes, with several seeds.": f"{data.command('grid')} --seeds 0,1,2",
        "Look how many clusters there are.": data.command("clusters"),
        "Lay the features out in the plane.": data.command("tsne"),
        "Put backbone, transfer and classifiers behind TensorFlow Serving.": f"tfapp export {folder} served/transfer",
        "Write this page alone again.": f"tfapp report {folder} --out transfer.html",
    }
    facts = [("Weights of the backbone", run.record["backbone"]["weights"][:16])]
    return next_steps.next_section(run, steps, facts)


def _settings(run):
    config, network = run.config, run.record["backbone"]
    weights = f", weights {PurePath(config.weights).name}" if config.weights else ""
    low = "same size" if config.low is None else f"{config.low_text()}, enlarged again"
    # Other solvers may not have a learning rate.
    falling = config.solver == WU_SOLVER and config.decay_every
    decay = f", divided by 10 every {config.decay_every}" if falling else ""
    return {
        "Backbone": f"{network['name']}{weights}",
        "Features": network["layer"],
        "Data": run.record["data"]["spec"],
        "High resolution": f"{config.high}×{config.high}",
        "Low resolution": ", ".join([low, *config.degrade]),
        "Layers": f"N1 = {config.hidden}, N2 = k = {config.clusters}",
        "Learns to give": TARGETS[config.pseudo]
        + (f", temperature {config.temperature:g}" * (config.pseudo == SOFT)),
        "Solver": f"{config.solver}, {config.parameter_text()}{decay}",
        "Training": f"{config.iterations} iterations of {config.batch_size} images",
        "Weight decay": f"{config.weight_decay:g}",
        "Seed": str(config.seed),
    }


def _measure_table(metrics):
    forms = sorted(FORMS, key=lambda form: form != metrics["ap"])
    columns = {f"mean AP, {form}, %": lambda one, form=form: percent(one["mean"][form]) for form in forms}
    if metrics["features"][0]["accuracy"] is not None:
        columns["accuracy, %"] = lambda one: percent(one["accuracy"])
    columns |= {"length": lambda one: one["dimension"], "C": lambda one: f"{one['cost']:g}"}
    rows = [[one["title"], *(read(one) for read in columns.values())] for one in metrics["features"]]
    return table(["features", *columns], rows)


def _class_table(metrics):
    features = metrics["features"]
    rows = [
        [name, count, *(percent(one["average_precision"][metrics["ap"]][place]) for one in features)]
        for place, (name, count) in enumerate(zip(metrics["class_names"], metrics["positives"], strict=True))
    ]
    header = ["class", "test images with it", *(f"{one['title']}, %" for one in features)]
    return table(header, rows, f"Average precision ({metrics['ap']})")


def _images(metrics):
    images = metrics["images"]
    text = f"The classifiers were fitted on {images['train']} images and tested on {images['test']}."
    if images["skipped"]:
        text += f" {len(images['skipped'])} images could not be read: {', '.join(images['skipped'])}."
    return paragraph(text, "aside")
