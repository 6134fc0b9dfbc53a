"""A first look at a dataset: class shares, or the likeness of image pairs, and a contact sheet."""

import numpy as np

from tfapp.data import network_pair
from tfapp.data.dataset import check_pair
from tfapp.report.images import save_image
from tfapp.segmentation.metrics import ImageQuality, image_quality
from tfapp.segmentation.pictures import as_rgb, contact_sheet, overlay


def survey(dataset, advance=lambda: None):
    """Count the labels of a whole dataset, checking every mask.

    Returns:
        Share of each class among the labelled pixels, and share of unlabelled pixels among all, in [0, 1].
    """
    counts, ignored, total = np.zeros(dataset.num_classes), 0, 0
    for item in dataset.items:
        labels = item.read_mask()
        check_pair(item, np.empty((*item.size, 1)), labels, dataset.num_classes, dataset.ignore_value)
        labelled = labels if dataset.ignore_value is None else labels[labels != dataset.ignore_value]
        counts += np.bincount(labelled.ravel(), minlength=dataset.num_classes)
        ignored += labels.size - labelled.size
        total += labels.size
        advance()
    return counts / max(counts.sum(), 1), ignored / total


def survey_pairs(dataset, advance=lambda: None):
    """Return the mean `ImageQuality` of the images against their targets at own size, checking every pair."""
    qualities = []
    for item in dataset.items:
        qualities.append(image_quality(*network_pair(dataset, item, None)))
        advance()
    return ImageQuality(*np.mean(qualities, axis=0).tolist())


def contact_sheet_of(dataset, count, path):
    """Write a PNG of up to `count` evenly spaced images, each beside itself with its mask laid over, or its target."""
    chosen = np.unique(np.linspace(0, len(dataset.items) - 1, min(count, len(dataset.items))).astype(int))
    across = 2 if len(chosen) > 1 else 1
    rows, captions = [], []
    for place, item in enumerate(dataset.items[i] for i in chosen):
        image = item.read_image()
        if place % across == 0:
            rows.append([])
            captions.append([])
        rows[-1] += [as_rgb(image), _second(dataset, item, image)]
        captions[-1] += [item.name, ""]
    titles = ["image", "target" if dataset.image_pairs else "mask"]
    save_image(contact_sheet(rows, titles * across, captions=captions), path)


def _second(dataset, item, image):
    if dataset.image_pairs:
        return as_rgb(item.read_target())
    return overlay(image, item.read_mask(), dataset.num_classes)
