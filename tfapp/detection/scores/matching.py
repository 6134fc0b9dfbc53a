"""Which detection is of which object."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tfapp.detection.geometry import pair_overlaps

# Below it a detection has nothing to do with an object: the bound of D. Hoiem, Y. Chodpathumwan, Q. Dai, "Diagnosing
# Error in Object Detectors", ECCV 2012, between a wrong place and background.
LEAST_OVERLAP = 0.1
NONE = -1
# Pairs of boxes at once, about 200 MB.
_PAIRS = 2**20


@dataclass(frozen=True, eq=False)
class OverlappingPairs:
    """Detections and objects of some images, one image after another, and the pairs in one image that overlap.

    Attributes:
        labels, scores: (n,) of the detections.
        object_labels: int64 (m,).
        difficult: Boolean (m,).
        detection, object: int64 (p,), places of the two of each pair; by detection, then by object.
        overlap: float64 (p,), their intersection over union, at least `LEAST_OVERLAP`.
    """

    labels: np.ndarray
    scores: np.ndarray
    object_labels: np.ndarray
    difficult: np.ndarray
    detection: np.ndarray
    object: np.ndarray
    overlap: np.ndarray

    @cached_property
    def order(self):
        """The detections by falling score, int64 (n,); equal scores by image, and as they stand in it."""
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def same_class(self):
        """Whether the detection of each pair is of the class of its object, Boolean (p,)."""
        return self.labels[self.detection] == self.object_labels[self.object]

    def best(self, pairs):
        """Return the object that each detection overlaps most, int64 (n,), and by how much, float64 (n,).

        Where it overlaps none these are `NONE` and 0; of equal overlaps the object that stands first counts.

        Args:
            pairs: Boolean (p,), those to choose from.
        """
        detection, objects, overlap = self.detection[pairs], self.object[pairs], self.overlap[pairs]
        order = np.lexsort((-overlap, detection))
        detection, first = np.unique(detection[order], return_index=True)
        found, most = np.full(len(self.labels), NONE), np.zeros(len(self.labels))
        found[detection], most[detection] = objects[order][first], overlap[order][first]
        return found, most

    def objects_of(self, num_classes):
        """Return the number of objects of each class that count, int64 (num_classes,)."""
        return np.bincount(self.object_labels[~self.difficult], minlength=num_classes)


def overlapping_pairs(truth, detections):
    """Return the `OverlappingPairs` of images.

    Args:
        truth: List of `tfapp.data.boxed.Boxes`.
        detections: List of `tfapp.detection.detections.Detections` of the same images.
    """
    counts, found_counts = (np.array([len(one) for one in boxes], np.int64) for boxes in (truth, detections))
    corners = _joined([one.corners for one in truth], np.float64, (4,))
    found_corners = _joined([one.corners for one in detections], np.float64, (4,))
    firsts = np.cumsum(counts) - counts
    image = np.repeat(np.arange(len(found_counts)), found_counts)
    # Every detection has a pair with each object of its image.
    pairs_before = np.concatenate([[0], np.cumsum(counts[image])])
    kept, begin = [], 0
    while begin < len(image):
        end = max(
            begin + 1, int(np.searchsorted(pairs_before, pairs_before[begin] + _PAIRS, side="right")) - 1
        )
        detection = np.repeat(np.arange(begin, end), counts[image[begin:end]])
        within = np.arange(pairs_before[begin], pairs_before[end]) - pairs_before[detection]
        place = firsts[image[detection]] + within
        overlap = pair_overlaps(found_corners[detection], corners[place])
        near = overlap >= LEAST_OVERLAP
        kept.append((detection[near], place[near], overlap[near]))
        begin = end
    pairs = zip(*kept, strict=True) if kept else ([], [], [])
    return OverlappingPairs(
        _joined([one.labels for one in detections], np.int64),
        _joined([one.scores for one in detections], np.float64),
        _joined([one.labels for one in truth], np.int64),
        _joined([one.difficult for one in truth], bool),
        *(_joined(column, dtype) for column, dtype in zip(pairs, (np.int64, np.int64, float), strict=True)),
    )


def _joined(arrays, dtype, shape=()):
    # An empty one first: no image, or none with an object, is no error.
    return np.concatenate([np.empty((0, *shape), dtype), *(np.asarray(one, dtype) for one in arrays)])


@dataclass(frozen=True, eq=False)
class Matching:
    """What each detection is at a threshold of overlap, by the rule of PASCAL VOC.

    Attributes:
        objects: int64 (n,), the object that a detection has found, or whose second detection it is; `NONE` if none.
        correct: Boolean (n,), whether it is the first one of an object that counts.
        ignored: Boolean (n,), whether it is on a difficult object, and so counts neither way.
    """

    objects: np.ndarray
    correct: np.ndarray
    ignored: np.ndarray


def match(pairs, iou):
    """Return the `Matching` of PASCAL VOC's development kit.

    Detections come by falling score, as `OverlappingPairs.order` says. Each is of that object of its own class that it
    overlaps most, if by `iou` at least; the first of an object is correct, and every further one false even if it
    overlaps another object that nobody has found. Detections of difficult objects count neither way, however many.

    A threshold on the score changes nothing for those above it: what comes first does not look at what follows. The
    kit adds 1 to lengths, as its corners are pixels, the last one included; corners here are edges, so both agree.

    Args:
        pairs: `OverlappingPairs`.
        iou: Least overlap, from `LEAST_OVERLAP` to 1.

    Reference:
        M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The PASCAL Visual Object Classes (VOC)
        Challenge", IJCV 88(2), 2010, section 4.2.
    """
    objects, overlap = pairs.best(pairs.same_class)
    objects = np.where(overlap >= iou, objects, NONE)
    found = objects != NONE
    ignored = np.zeros_like(found)
    ignored[found] = pairs.difficult[objects[found]]
    claims = pairs.order[found[pairs.order]]
    _, first = np.unique(objects[claims], return_index=True)
    correct = np.zeros_like(found)
    correct[claims[first]] = True
    return Matching(objects, correct & ~ignored, ignored)


def match_one_to_one(pairs, chosen):
    """Return the object of each detection, int64 (n,), `NONE` of those without; no object has two.

    Detections choose by falling score: each takes the object that it overlaps most among those that are still free.

    Args:
        pairs: `OverlappingPairs`.
        chosen: Boolean (p,), the pairs that may become one.
    """
    rank = np.empty(len(pairs.order), np.int64)
    rank[pairs.order] = np.arange(len(rank))
    detection, objects = pairs.detection[chosen], pairs.object[chosen]
    found, taken = [NONE] * len(rank), set()
    for place in np.lexsort((-pairs.overlap[chosen], rank[detection])).tolist():
        one, other = int(detection[place]), int(objects[place])
        if found[one] == NONE and other not in taken:
            found[one] = other
            taken.add(other)
    return np.array(found, np.int64)
