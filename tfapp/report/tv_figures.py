"""The two figures of every subject of the paper: mIoU against sigma, and example pictures."""

from matplotlib.figure import Figure

from tfapp.data import network_pair
from tfapp.report.pictures import noisy_at_own_size, share_right
from tfapp.segmentation.comparison import COLOURS
from tfapp.segmentation.evaluation import Segmenter
from tfapp.segmentation.pictures import as_rgb, contact_sheet, overlay
from tfapp.segmentation.tv_tables import spaced

STYLES = {1: "o-", 2: "s--"}
CELL = 190


def curve_figure(comparisons):
    """Return the Matplotlib figure of mIoU against the standard deviation of Gaussian test noise.

    Args:
        comparisons: `Comparison` of each model, 1 (drawn solid) or 2 (dashed), with the same titles in the
            same order. A band is the standard deviation over seeds.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    for model, comparison in comparisons.items():
        for colour, title in zip(COLOURS, comparison.groups, strict=False):
            comparison.plot(axes, title, "mIoU", colour, f"{title}, model {model}", STYLES[model])
    axes.set_xlabel("standard deviation σ of Gaussian noise in the test images")
    axes.set_ylabel("mIoU [%]")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def example_sheet(pairs, noise, count, seed=0):
    """Return a PIL picture: input, truth and answers, for test images that are evenly spaced, clean and noisy.

    Args:
        pairs: `Pair` of each model to show, by number.
        noise: `Noise` of every second row.
        count: Number of test images.
        seed: Seed of the noise.
    """
    run = next(iter(pairs.values())).plain
    items = run.items("test")
    heads = [(model, *head) for model, pair in pairs.items() for head in pair.heads]
    titles = [f"{title}, model {model}" if len(pairs) > 1 else title for model, title, _, _ in heads]
    segmenters = [Segmenter(run, weight) for _, _, run, weight in heads]
    rows, captions = [], []
    for position, item in spaced(tuple(enumerate(items)), count):
        for shown in (None, noise):
            pictures, shares = _row(run, item, shown, seed, position, segmenters)
            rows.append(pictures)
            name = item.name.rpartition("/")[2]
            captions.append([f"{name}\n{'clean' if shown is None else shown.label}", "", *shares])
    return contact_sheet(rows, ["input", "truth", *titles], CELL, captions)


def _row(run, item, noise, seed, position, segmenters):
    """Return the pictures of a row, and the share of right pixels of each answer as text."""
    image, _ = network_pair(run.dataset, item, run.framing.resize)
    background, truth = item.read_image(), item.read_mask()
    if noise is not None:
        image = noise.add(image, seed, position)
        background = noisy_at_own_size(run, item, noise, seed, position)
    answers = [segmenter.label_maps(image[None], [item.size])[0] for segmenter in segmenters]
    classes = run.dataset.num_classes
    pictures = [as_rgb(background), *(overlay(background, labels, classes) for labels in (truth, *answers))]
    shares = [share_right(labels, truth, run.dataset.ignore_value) for labels in answers]
    return pictures, [f"{share:.1f} %" for share in shares]
