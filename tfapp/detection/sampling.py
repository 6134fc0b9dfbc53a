"""Regions and anchors that a detector is trained on: which ones a batch takes, their classes, and their offsets.

Boxes are rows (y1, x1, y2, x2) in pixels. Everything here is NumPy, so that a batch is known by its seed alone, and
the loss is the same function of the weights at every point of a landscape.
"""

from dataclasses import dataclass

import numpy as np

from tfapp.detection.geometry import NO_BOX, offsets_to, overlaps

# Girshick (2015), section 2.3: a quarter of the regions of an image are objects.
FOREGROUND_SHARE = 0.25
OBJECT_OVERLAP = 0.5
# Ren et al. (2015), section 3.1.2: of 256 anchors at most half are objects.
ANCHORS, ANCHORS_FOREGROUND = 256, 128
ANCHOR_OBJECT, ANCHOR_BACKGROUND = 0.7, 0.3
# Regions around each object that stand for what a proposal network finds: moved by up to .3 of a side, the sides by a
# factor of up to e^.4, which covers overlaps from about .2 to 1.
_AROUND, _MOVE, _GROWTH = 24, 0.3, 0.4


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of an image for the training of a detector.

    Attributes:
        boxes: float32 (count, 4); rows without a region are `NO_BOX`.
        labels: int32 (count,), 0 for background, class index + 1 for objects.
        offsets: float32 (count, 4), from the region to its object; 0 for background.
        weights: float32 (count,), 0 for rows without a region.
    """

    boxes: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray


def sample_regions(candidates, objects, count, rng, *, low=0.1, foreground=FOREGROUND_SHARE):
    """Draw regions of an image; its objects themselves are candidates too.

    A candidate is an object of the class that it overlaps most, by .5 and more, and background if its largest overlap
    lies in [low, .5). With `low` 0 half of the background is drawn from those of .1 and more, as far as there are any:
    they are the ones that are taken for objects.

    Args:
        candidates: float32 (n, 4), proposals.
        objects: `tfapp.data.boxed.Boxes`, difficult ones used like the others.
        count: Rows of what is returned.
        rng: `numpy.random.Generator`.
        low: Least overlap of the background, in [0, .5).
        foreground: Largest share of objects among the regions.

    Returns:
        `Regions`.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, section 2.3.
    """
    boxes = np.concatenate([objects.corners, candidates]).astype(np.float32)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    found = overlaps(boxes, objects.corners)
    best = found.argmax(axis=1) if len(objects) else np.zeros(len(boxes), int)
    largest = found.max(axis=1, initial=0.0)
    is_object = largest >= OBJECT_OVERLAP
    chosen = _drawn(np.flatnonzero(is_object), int(foreground * count), rng)
    near = np.flatnonzero(~is_object & (largest >= max(low, 0.1)))
    far = np.flatnonzero((largest >= low) & (largest < 0.1))
    free = count - len(chosen)
    of_near = _drawn(near, free if low >= 0.1 else max(free // 2, free - len(far)), rng)
    background = [of_near, _drawn(far, free - len(of_near), rng)]
    taken = np.concatenate([chosen, *background])
    result = Regions(
        np.tile(np.float32(NO_BOX), (count, 1)),
        np.zeros(count, np.int32),
        np.zeros((count, 4), np.float32),
        np.zeros(count, np.float32),
    )
    result.boxes[: len(taken)] = boxes[taken]
    result.weights[: len(taken)] = 1
    if len(chosen):
        result.labels[: len(chosen)] = objects.labels[best[chosen]] + 1
        result.offsets[: len(chosen)] = offsets_to(objects.corners[best[chosen]], boxes[chosen])
    return result


def _drawn(indices, most, rng):
    return rng.permutation(indices)[: max(most, 0)]


def regions_around(objects, size, rng):
    """Return boxes around objects, float32 (n, 4), of many overlaps with them, cut to the image.

    They stand for the proposals of a network that is trained at the same time: those change with its weights, and the
    loss would be another function at every step.

    Args:
        objects: `Boxes`.
        size: (height, width) of the image.
        rng: `numpy.random.Generator`.
    """
    corners = np.repeat(objects.corners, _AROUND, axis=0)
    sides, middles = corners[:, 2:] - corners[:, :2], (corners[:, :2] + corners[:, 2:]) / 2
    middles = middles + sides * rng.uniform(-_MOVE, _MOVE, sides.shape)
    sides = sides * np.exp(rng.uniform(-_GROWTH, _GROWTH, sides.shape))
    found = np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)
    return np.clip(found, 0, [*size, *size]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class AnchorTargets:
    """What the proposal network is to say of each anchor of an image.

    Attributes:
        labels: float32 (anchors,), 1 for objects.
        offsets: float32 (anchors, 4), from the anchor to its object; 0 for others.
        weights: float32 (anchors,), 1 for those that were drawn.
    """

    labels: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray


def sample_anchors(anchors, objects, rng, count=ANCHORS, most_objects=ANCHORS_FOREGROUND):
    """Draw the anchors of an image that the proposal network learns from.

    An anchor is an object if it overlaps one by .7 and more, or no other anchor overlaps that object more, and
    background if it overlaps none by .3.

    Args:
        anchors: float32 (n, 4).
        objects: `tfapp.data.boxed.Boxes`.
        rng: `numpy.random.Generator`.
        count: Anchors to draw, at most.
        most_objects: Of them, objects.

    Returns:
        `AnchorTargets`.

    Reference:
        S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NIPS 2015, sections 3.1.2 and 3.1.3.
    """
    found = overlaps(anchors, objects.corners)
    largest = found.max(axis=1, initial=0.0)
    is_object = largest >= ANCHOR_OBJECT
    if len(objects):
        best = found.max(axis=0)
        is_object |= ((found == best) & (best > 0)).any(axis=1)
    chosen = _drawn(np.flatnonzero(is_object), most_objects, rng)
    others = _drawn(np.flatnonzero(~is_object & (largest < ANCHOR_BACKGROUND)), count - len(chosen), rng)
    labels, weights = np.zeros(len(anchors), np.float32), np.zeros(len(anchors), np.float32)
    offsets = np.zeros((len(anchors), 4), np.float32)
    labels[chosen] = 1
    weights[np.concatenate([chosen, others])] = 1
    if len(chosen):
        offsets[chosen] = offsets_to(objects.corners[found[chosen].argmax(axis=1)], anchors[chosen])
    return AnchorTargets(labels, offsets, weights)


@dataclass(frozen=True, eq=False)
class OffsetScale:
    """Mean and deviation of the offsets of each class, which the detector sees divided by it.

    Attributes:
        means, deviations: float32 (classes, 4).
    """

    means: np.ndarray
    deviations: np.ndarray

    def normalised(self, offsets, labels):
        """Return offsets (n, 4) of labels (n,), class index + 1, as the detector sees them; 0 for background."""
        at = np.maximum(labels - 1, 0)
        scaled = (offsets - self.means[at]) / self.deviations[at]
        return np.where((labels > 0)[:, None], scaled, 0).astype(np.float32)

    def to_json(self):
        return {"means": self.means.tolist(), "deviations": self.deviations.tolist()}

    @classmethod
    def from_json(cls, content):
        return cls(*(np.array(content[name], np.float32) for name in ("means", "deviations")))


# What many detectors take for all classes; for a class of which there are too few regions to tell.
_USUAL_DEVIATIONS = (0.1, 0.1, 0.2, 0.2)
_LEAST_REGIONS = 8


def offset_scale(regions, num_classes):
    """Return the `OffsetScale` of `Regions` that were drawn.

    Args:
        regions: Sequence of `Regions`.
        num_classes: Without the background.
    """
    labels = np.concatenate([one.labels for one in regions])
    offsets = np.concatenate([one.offsets for one in regions])
    means, deviations = (
        np.zeros((num_classes, 4), np.float32),
        np.tile(np.float32(_USUAL_DEVIATIONS), (num_classes, 1)),
    )
    for label in range(num_classes):
        of_class = offsets[labels == label + 1]
        if len(of_class) >= _LEAST_REGIONS:
            means[label], deviations[label] = of_class.mean(axis=0), np.maximum(of_class.std(axis=0), 0.01)
    return OffsetScale(means, deviations)
