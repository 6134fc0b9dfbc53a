"""Logits with a truth, the scores of label maps, and the choice of lambda, of the comparison of regularisers."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax
from tv_task import voronoi_logits

from tfapp.segmentation.metrics import confusion_matrix, mean_iou
from tfapp.segmentation.shape_scores import ShapeScores, shape_scores

# By name, the logit of the true class and the standard deviation of the noise on all logits, as of `voronoi_logits`.
NOISES = {"noisy": (3.0, 2.0), "very noisy": (1.5, 2.0)}
# Where the search for lambda begins, and how far it goes.
FIRST_WEIGHT, LARGEST = 2.0, 512.0


class Case(NamedTuple):
    """Logits of images that lambda is chosen on, and of others that are measured.

    Attributes:
        title: What they are.
        validation, test: Lists of pairs of float32 logits (1, height, width, classes) and integer labels
            (height, width).
        num_classes: Number of classes.
        ignore_value: Label of pixels that do not count, or None.
    """

    title: str
    validation: list
    test: list
    num_classes: int
    ignore_value: int | None = None


class Scores(NamedTuple):
    """Mean IoU of all images together, and boundary F1, the mean over images and then over classes; in [0, 1]."""

    mean_iou: float
    boundary_f1: float


def synthetic_case(noise, side, classes, images):
    """Return the case of noisy Voronoi maps, each of another seed.

    Args:
        noise: A key of `NOISES`.
        side: Height and width in pixels.
        classes: Number of classes.
        images: Number of validation images, and of test images.
    """
    contrast, deviation = NOISES[noise]
    pairs = [voronoi_logits(side, classes, contrast, deviation, seed) for seed in range(2 * images)]
    pairs = [(logits, labels[0]) for logits, labels in pairs]
    return Case(f"{classes} classes, {noise}", pairs[:images], pairs[images:], classes)


def case_of_run(run_path, spec, images):
    """Return the case of a trained segmenter: its logits, before its TV head if it has one, at network size.

    Args:
        run_path: Folder of a run of `tfapp train`.
        spec: Data as the command line names them; None for those of the run.
        images: Largest number of validation images, and of test images.
    """
    from tfapp.data import open_dataset
    from tfapp.models.building import logits_of
    from tfapp.segmentation.evaluation_data import EvaluationData
    from tfapp.segmentation.run import Run
    from tfapp.segmentation.weight_tuning import images_to_tune_on

    run = Run.open(run_path)
    dataset = run.dataset if spec is None else open_dataset(spec)
    chosen_on, _ = images_to_tune_on(run, dataset)
    network = logits_of(run.load_model())

    def with_logits(items):
        pairs = EvaluationData(run, dataset, items[:images]).pairs
        return [(np.asarray(network(image[None], training=False)), labels) for image, labels in pairs]

    tested = EvaluationData(run, dataset).items
    return Case(
        run.title, with_logits(chosen_on), with_logits(tested), dataset.num_classes, dataset.ignore_value
    )


def mean_iou_of(case, split, predictions):
    """Return the mean IoU of label maps of all images of `validation` or `test` together."""
    pairs = zip(getattr(case, split), predictions, strict=True)
    return mean_iou(
        sum(
            confusion_matrix(labels, found, case.num_classes, case.ignore_value)
            for (_, labels), found in pairs
        )
    )


def scores_of(case, predictions):
    """Return the `Scores` of label maps of the test images."""
    by_image = [
        shape_scores(labels, found, case.num_classes, case.ignore_value)
        for (_, labels), found in zip(case.test, predictions, strict=True)
    ]
    f1 = [ShapeScores.mean(images).boundary_f1 for images in zip(*by_image, strict=True)]
    return Scores(mean_iou_of(case, "test", predictions), float(np.nanmean(f1)))


def potts_energy(logits, labels, weight):
    """Return the energy of a label map, per pixel: -log softmax at the labels + lambda for each pair that differs.

    Args:
        logits: (height, width, classes).
        labels: Integers (height, width).
        weight: lambda, of a pair of neighbours across an edge.
    """
    fit = -np.take_along_axis(log_softmax(logits.astype(float), axis=-1), labels[..., None], -1).sum()
    borders = np.count_nonzero(labels[1:] != labels[:-1]) + np.count_nonzero(labels[:, 1:] != labels[:, :-1])
    return float(fit + weight * borders) / labels.size


def chosen_weight(score):
    """Return the weight with the highest score, and that score.

    From `FIRST_WEIGHT` it goes up, and then down, by factors of 2 as long as the score rises, and tries the neighbours
    of the best one, a factor of sqrt(2) away: mean IoU rises with lambda, and falls beyond the best one.
    """
    found = {FIRST_WEIGHT: score(FIRST_WEIGHT)}

    def best():
        return max(found, key=found.get)

    for factor in (2.0, 0.5):
        while 1 / LARGEST < (weight := factor * best()) < LARGEST and weight not in found:
            found[weight] = score(weight)
    middle = best()
    for weight in (middle / math.sqrt(2), middle * math.sqrt(2)):
        found[weight] = score(weight)
    return best(), found[best()]
