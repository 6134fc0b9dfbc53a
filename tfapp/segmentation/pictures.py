"""Label maps as pictures: palettes, overlays, and the first look at a dataset."""

import numpy as np
from PIL import Image

from tfapp.data import network_pair
from tfapp.data.dataset import check_pair
from tfapp.report.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW, rgb
from tfapp.report.contact_sheet import as_rgb, contact_sheet
from tfapp.report.figures import save_image
from tfapp.segmentation.metrics import ImageQuality, image_quality, label_borders

# Black first, for the background.
_COLOURS = (BLACK, SKY, ORANGE, GREEN, YELLOW, BLUE, RED, PURPLE)


def palette(num_classes):
    """Return uint8 (num_classes, 3) colours: black for class 0, then ones that the colour-blind can tell apart.

    Classes past the eighth get the colours of the PASCAL VOC map.
    """
    colours = np.zeros((num_classes, 3), np.uint8)
    for index in range(num_classes):
        colours[index] = rgb(_COLOURS[index]) if index < len(_COLOURS) else _voc_colour(index)
    return colours


def _voc_colour(index):
    colour = [0, 0, 0]
    for shift in range(7, -1, -1):
        for channel in range(3):
            colour[channel] |= ((index >> channel) & 1) << shift
        index >>= 3
    return colour


def label_picture(labels):
    """Return a label map (height, width) as a PIL picture with a palette, whose values are the classes."""
    picture = Image.fromarray(labels.astype(np.uint8), mode="P")
    picture.putpalette(palette(256).tobytes())
    return picture


def overlay(image, labels, num_classes, opacity=0.45):
    """Return uint8 (height, width, 3): the image tinted by class, class borders in full colour.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
        labels: Integers (height, width); class 0 and values outside the classes are left untinted.
        num_classes: Number of classes.
        opacity: Share of the tint, in [0, 1].
    """
    picture = as_rgb(image).astype(np.float32)
    inside = (labels > 0) & (labels < num_classes)
    colours = palette(num_classes)[np.where(inside, labels, 0)].astype(np.float32)
    share = np.where(inside, np.where(label_borders(labels), 1.0, opacity), 0.0)[..., None]
    return np.rint(picture * (1 - share) + colours * share).astype(np.uint8)


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
