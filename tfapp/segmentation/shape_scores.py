"""Scores of the shapes in label maps, class by class: components, holes, boundary F1, 95 % Hausdorff distance."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from tfapp.report.result_table import DASH, ResultTable

# Share of an image's diagonal within which two boundaries meet: G. Csurka, D. Larlus, F. Perronnin, "What is a good
# evaluation measure for semantic segmentation?", BMVC 2013, section 4.
MEETING = 0.0075
# A table of more rows than this is one of means over the classes.
_MOST_ROWS = 40
# Pixels of a component share an edge; those around its holes may share a corner alone.
_EDGE, _CORNER = 1, 2


class ShapeScores(NamedTuple):
    """Scores of one class, each a mean over images.

    Attributes:
        components: Connected components that were predicted, and `true_components` of the truth.
        holes: Holes of these: regions of other classes that do not reach the border of the image.
        boundary_f1: F1 of the boundary pixels, in [0, 1]: one is right if the other boundary passes within 0.75 % of
            the image's diagonal. Over the images that have the class in either map; 0 for one that has it in one map
            only. NaN where none has it.
        hausdorff_95: The larger of the two 95th percentiles of the distances from the pixels of one boundary to the
            other boundary, in pixels, over the images that have boundaries of the class in both maps; NaN where none
            has.
    """

    components: float
    true_components: float
    holes: float
    true_holes: float
    boundary_f1: float
    hausdorff_95: float

    @classmethod
    def mean(cls, scores):
        """Return the mean of the scores of several images; NaN does not count."""
        table = np.array(scores, float).reshape(-1, len(cls._fields))
        known = ~np.isnan(table)
        sums = np.where(known, table, 0).sum(0)
        counts = known.sum(0)
        return cls(*np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0).tolist())


def shape_scores(truth, predicted, num_classes, ignore_value=None):
    """Return the `ShapeScores` of each class of one image, a list.

    Pixels with the ignore value belong to no class and make no boundary.

    Args:
        truth: Integers (height, width): classes and the ignore value.
        predicted: Integers of the same shape: classes.
        num_classes: Number of classes.
        ignore_value: Value of pixels without a class, or None.
    """
    known = np.ones(truth.shape, bool) if ignore_value is None else truth != ignore_value
    reach = MEETING * np.hypot(*truth.shape)
    found = []
    for index in range(num_classes):
        regions = [known & (labels == index) for labels in (predicted, truth)]
        counts = [count for region in regions for count in _counts(region, known)]
        components, holes, true_components, true_holes = counts
        agreement = _agreement(*regions, known, reach)
        found.append(ShapeScores(components, true_components, holes, true_holes, *agreement))
    return found


def boundary(region, known):
    """Return which pixels of a region have a neighbour, across an edge, of another class that is known: bool."""
    other = known & ~region
    beside = np.zeros_like(region)
    beside[1:] |= other[:-1]
    beside[:-1] |= other[1:]
    beside[:, 1:] |= other[:, :-1]
    beside[:, :-1] |= other[:, 1:]
    return region & beside


def shape_table(groups, class_names, title):
    """Return a table with a row for each title, noise and class: found of true, F1 in percent, distance in pixels.

    Where these are more than 40 rows, there is one for each title and noise, of means over the classes.

    Args:
        groups: By title, a list of the rows of an evaluation for each of its runs.
        class_names: Names of the classes.
        title: Title of the table.
    """
    classes = {class_name: [index] for index, class_name in enumerate(class_names)}
    if len(class_names) * sum(len(runs[0]) for runs in groups.values()) > _MOST_ROWS:
        classes = {"mean": range(len(class_names))}
    rows = []
    for name, runs in groups.items():
        for at_noise in zip(*runs, strict=True):
            for class_name, indices in classes.items():
                mean = ShapeScores.mean([row.shapes[index] for row in at_noise for index in indices])
                rows.append(
                    [
                        name,
                        at_noise[0].noise,
                        class_name,
                        f"{mean.components:.1f} of {mean.true_components:.1f}",
                        f"{mean.holes:.1f} of {mean.true_holes:.1f}",
                        _number(100 * mean.boundary_f1, ".2f"),
                        _number(mean.hausdorff_95, ".1f"),
                    ]
                )
    header = ["", "noise", "class", "components", "holes", "boundary F1", "HD95 [px]"]
    return ResultTable(header, rows, title)


def _number(value, form):
    return DASH if np.isnan(value) else f"{value:{form}}"


def _counts(region, known):
    """Return the number of components and of holes of a region."""
    components = int(label(region, connectivity=_EDGE).max())
    # What is not known may belong to the region: a hole must be known to be one.
    around = label(~region, connectivity=_CORNER)
    at_border = np.unique(np.concatenate([around[0], around[-1], around[:, 0], around[:, -1]]))
    unknown = np.unique(around[~region & ~known])
    inside = np.setdiff1d(np.arange(1, around.max() + 1), np.union1d(at_border, unknown))
    return components, len(inside)


def _agreement(predicted, truth, known, reach):
    """Return the F1 of two regions' boundaries within a distance, and their 95 % Hausdorff distance."""
    boundaries = [boundary(region, known) for region in (predicted, truth)]
    present = [region.any() for region in (predicted, truth)]
    if not any(present):
        return np.nan, np.nan
    if not all(edge.any() for edge in boundaries):
        # Both fill the image, or what is known of it; or one has no boundary to be met.
        return (1.0 if all(present) and not any(edge.any() for edge in boundaries) else 0.0), np.nan
    distances = [
        distance_transform_edt(~other)[own]
        for own, other in zip(boundaries, reversed(boundaries), strict=True)
    ]
    precision, recall = (float(np.mean(distance <= reach)) for distance in distances)
    f1 = 2 * precision * recall / max(precision + recall, np.finfo(float).tiny)
    return f1, float(max(np.percentile(distance, 95) for distance in distances))
