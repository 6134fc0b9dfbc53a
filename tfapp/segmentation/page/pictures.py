"""Test images with the truth and every run's answer, as pictures inside the page."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tfapp.data import network_pair
from tfapp.errors import InputError
from tfapp.report.contact_sheet import as_rgb
from tfapp.report.figures import jpeg_address
from tfapp.segmentation.coding import on_same_data
from tfapp.segmentation.evaluation import Segmenter
from tfapp.segmentation.page.sentences import in_words
from tfapp.segmentation.pictures import overlay

LONGEST_SIDE = 320
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Picture:
    """One picture: its `data:` address, size in pixels and the words below and instead of it."""

    source: str
    width: int
    height: int
    caption: str
    alt: str


@dataclass(frozen=True)
class Example:
    """One test image: `clean` and `noisy` hold the input, the truth and one answer per run.

    `noisy` is empty for a noise of amount 0.
    """

    name: str
    clean: tuple[Picture, ...]
    noisy: tuple[Picture, ...]


@dataclass(frozen=True)
class _Answer:
    """Label maps of one run for one image, at the image's own size."""

    clean: np.ndarray
    noisy: np.ndarray


def examples_of(entries, count, noise, seed=0, advance=lambda: None):
    """Return up to `count` `Example`s, evenly spaced over the test images that all runs share.

    An image that one run was trained on would flatter that run, so only shared test images are shown.

    Args:
        entries: The `Entry`s; the data are read through the first.
        count: Number of images, at least 1.
        noise: `Noise` of the noisy pictures, added at the size that each network works at.
        seed: Seed of the noise.
        advance: Called after each image of each run, for a progress bar.

    Raises:
        InputError: If data or a trained network are missing, or the runs share no test image.
    """
    dataset = entries[0].run.dataset
    chosen = _chosen(entries, count)
    items = entries[0].run.items("test", [name for _, name in chosen])
    answers = [_answers(entry.run, items, chosen, noise, seed, advance) for entry in entries]
    examples = []
    for index, (item, (position, _)) in enumerate(zip(items, chosen, strict=True)):
        noisy = noisy_at_own_size(entries[0].run, item, noise, seed, position)
        of_image = [(entry.label, each[index]) for entry, each in zip(entries, answers, strict=True)]
        examples.append(_example(item, noisy, of_image, dataset, noise))
    return examples


def _chosen(entries, count):
    """Return (position among the first run's test images, name) of the images to show."""
    if not on_same_data([entry.run for entry in entries]):
        raise InputError("The runs were trained on different data, so they have no test image in common.")
    shared = set.intersection(*(set(entry.run.split.test) for entry in entries))
    names = [(i, name) for i, name in enumerate(entries[0].run.split.test) if name in shared]
    if not names:
        raise InputError("The runs were split differently and have no test image in common.")
    spaced = np.linspace(0, len(names) - 1, min(count, len(names)))
    return [names[int(i)] for i in np.rint(spaced)]


def _answers(run, items, chosen, noise, seed, advance):
    segmenter = Segmenter(run)
    answers = []
    for item, (position, _) in zip(items, chosen, strict=True):
        image, _ = network_pair(run.dataset, item, run.framing.resize)
        clean = segmenter.label_maps(image[None], [item.size])[0]
        noisy = segmenter.label_maps(noise.add(image, seed, position)[None], [item.size])[0]
        answers.append(_Answer(clean, noisy))
        advance()
    return answers


def noisy_at_own_size(run, item, noise, seed, position):
    """Return what a run's network sees of a noisy image, at the image's own size, float32 in [0, 1]."""
    image, _ = network_pair(run.dataset, item, run.framing.resize)
    picture = Image.fromarray(as_rgb(noise.add(image, seed, position)))
    height, width = item.size
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255


def _example(item, noisy, answers, dataset, noise):
    image, truth = item.read_image(), item.read_mask()
    num_classes, ignored = dataset.num_classes, dataset.ignore_value

    def answered(background, label, labels, under):
        share = share_right(labels, truth, ignored)
        right = f"{share:.1f}\u00a0%" if np.isfinite(share) else "–"
        return _picture(
            overlay(background, labels, num_classes),
            f"{label}: {right}\u00a0right",
            f"Answer of {label} for test image {item.name}{under}, {right} of the pixels right",
        )

    of_truth = _picture(
        overlay(image, truth, num_classes), "Truth", f"True classes of test image {item.name}"
    )
    clean = [_picture(as_rgb(image), "Input", f"Test image {item.name}"), of_truth]
    clean += [answered(image, label, answer.clean, "") for label, answer in answers]
    if not noise.amount:
        return Example(item.name, tuple(clean), ())
    under = f" under {in_words(noise)}"
    shown = [_picture(as_rgb(noisy), f"Input, {noise.label}", f"Test image {item.name}{under}"), of_truth]
    shown += [answered(noisy, label, answer.noisy, under) for label, answer in answers]
    return Example(item.name, tuple(clean), tuple(shown))


def share_right(labels, truth, ignored):
    """Return the share of the labelled pixels that are right, in percent; NaN without labelled pixels."""
    counted = np.ones(truth.shape, bool) if ignored is None else truth != ignored
    return 100 * float(np.mean(labels[counted] == truth[counted])) if counted.any() else float("nan")


def _picture(pixels, caption, alt):
    image = Image.fromarray(pixels)
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in image.size)
        image = image.resize(size, Image.Resampling.LANCZOS)
    return Picture(jpeg_address(image, JPEG_QUALITY), *image.size, caption, alt)
