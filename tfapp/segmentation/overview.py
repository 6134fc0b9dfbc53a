"""A first look at a dataset: class shares and a contact sheet."""

import numpy as np

from tfapp.data.dataset import check_pair
from tfapp.files import atomic_path
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


def contact_sheet_of(dataset, count, path):
    """Write a PNG of up to `count` evenly spaced images, each beside itself with its mask laid over."""
    chosen = np.unique(np.linspace(0, len(dataset.items) - 1, min(count, len(dataset.items))).astype(int))
    across = 2 if len(chosen) > 1 else 1
    rows, captions = [], []
    for place, item in enumerate(dataset.items[i] for i in chosen):
        image = item.read_image()
        if place % across == 0:
            rows.append([])
            captions.append([])
        rows[-1] += [as_rgb(image), overlay(image, item.read_mask(), dataset.num_classes)]
        captions[-1] += [item.name, ""]
    with atomic_path(path) as temporary:
        contact_sheet(rows, ["image", "mask"] * across, captions=captions).save(temporary)
