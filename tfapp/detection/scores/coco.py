"""COCO's average precisions and recalls, computed by pycocotools."""

import io
from contextlib import redirect_stdout
from importlib import import_module

import numpy as np

from tfapp.errors import InputError

# Places in the arrays of `COCOeval`: area ranges and numbers of detections of an image.
_ALL, _SMALL, _MEDIUM, _LARGE = range(4)
_ONE, _TEN, _HUNDRED = range(3)
# By their names in tables of results: measure, overlap (None for the mean over .5, .55, ..., .95), area, detections.
NUMBERS = {
    "AP": ("precision", None, _ALL, _HUNDRED),
    "AP50": ("precision", 0.5, _ALL, _HUNDRED),
    "AP75": ("precision", 0.75, _ALL, _HUNDRED),
    "APs": ("precision", None, _SMALL, _HUNDRED),
    "APm": ("precision", None, _MEDIUM, _HUNDRED),
    "APl": ("precision", None, _LARGE, _HUNDRED),
    "AR1": ("recall", None, _ALL, _ONE),
    "AR10": ("recall", None, _ALL, _TEN),
    "AR100": ("recall", None, _ALL, _HUNDRED),
    "ARs": ("recall", None, _SMALL, _HUNDRED),
    "ARm": ("recall", None, _MEDIUM, _HUNDRED),
    "ARl": ("recall", None, _LARGE, _HUNDRED),
}


def import_pycocotools():
    """Return the module `pycocotools.cocoeval` and the class `pycocotools.coco.COCO`.

    Raises:
        InputError: pycocotools is not installed.
    """
    try:
        return import_module("pycocotools.cocoeval"), import_module("pycocotools.coco").COCO
    except ImportError:
        raise InputError('COCO\'s scores take pycocotools: pip install "tfapp[detection]".') from None


def coco_scores(truth, detections, num_classes, *, crowds=False):
    """Return COCO's numbers, `{name of NUMBERS: number}`, and the AP of each class, float64 (num_classes,).

    All are from 0 to 1, and NaN where there is no object that counts. `AP` is the mean over the overlaps .5, .55, ...,
    .95 and over classes, with precision at 101 recalls; `APs`, `APm` and `APl` are of small, medium and large objects:
    up to 32 x 32 pixels, up to 96 x 96, and beyond; `AR1`, `AR10` and `AR100` are the largest recalls with so many
    detections in an image. Of each class at most the 100 surest detections in an image count.

    The area of an object is that of its box, as it is known. COCO's own is that of its mask, which is smaller, so that
    there more objects are small.

    Difficult objects count neither way: any number of detections that overlap them as they would have to overlap
    another object is ignored. With `crowds` they are COCO's crowds: what lies in them by half (or more, as the overlap
    says) of its own area is ignored, as COCO's numbers are defined; a small detection within a large difficult object
    of PASCAL VOC would so be forgiven, though it is false there.

    pycocotools compares box by box in Python: 5,000 images with 100 detections each take it half a minute with 20
    classes, and a minute and more with 80.

    Args:
        truth: List of `tfapp.data.boxed.Boxes`.
        detections: List of `tfapp.detection.detections.Detections` of the same images.
        num_classes: Number of classes.
        crowds: Whether difficult objects are crowds, as in data of COCO.

    Raises:
        InputError: pycocotools is not installed.
    """
    cocoeval, dataset = import_pycocotools()
    evaluation = cocoeval.COCOeval if crowds else _without_crowds(cocoeval.COCOeval)
    annotations = [_annotations(boxes, image) for image, boxes in enumerate(truth)]
    found = [_annotations(one, image) for image, one in enumerate(detections)]
    # It tells its steps at the console.
    with redirect_stdout(io.StringIO()):
        sides = [_dataset(dataset(), rows, len(truth), num_classes) for rows in (annotations, found)]
        evaluator = evaluation(*sides, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
    numbers = {
        name: _mean(evaluator, measure, overlap, area, count)
        for name, (measure, overlap, area, count) in NUMBERS.items()
    }
    classes = [_mean(evaluator, *NUMBERS["AP"], label) for label in range(num_classes)]
    return numbers, np.array(classes, np.float64)


def _annotations(boxes, image):
    corners = np.asarray(boxes.corners, np.float64)
    sizes = corners[:, 2:] - corners[:, :2]
    rows = np.concatenate([corners[:, 1::-1], sizes[:, ::-1]], axis=1).tolist()
    columns = {
        "bbox": rows,
        "area": np.prod(sizes, axis=1).tolist(),
        "category_id": np.asarray(boxes.labels).tolist(),
    }
    if hasattr(boxes, "scores"):
        columns["score"] = np.asarray(boxes.scores, np.float64).tolist()
    else:
        columns["iscrowd"] = np.asarray(boxes.difficult).astype(int).tolist()
    names = tuple(columns)
    return [
        dict(zip(names, one, strict=True)) | {"image_id": image}
        for one in zip(*columns.values(), strict=True)
    ]


def _dataset(dataset, rows, images, num_classes):
    annotations = [one for image in rows for one in image]
    for number, one in enumerate(annotations, 1):
        # Not from 0, which means "no match" to the matching.
        one["id"] = number
    dataset.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": label} for label in range(num_classes)],
        "annotations": annotations,
    }
    dataset.createIndex()
    return dataset


def _without_crowds(base):
    """Return an evaluator that takes the usual overlap of objects that are called crowds."""

    class Evaluator(base):
        def computeIoU(self, imgId, catId):
            crowds = [one for one in self._gts[imgId, catId] if one["iscrowd"]]
            for one in crowds:
                one["iscrowd"] = 0
            overlaps = super().computeIoU(imgId, catId)
            for one in crowds:
                one["iscrowd"] = 1
            return overlaps

    return Evaluator


def _mean(evaluator, measure, overlap, area, count, label=slice(None)):
    """Return the mean of what is there: -1 stands for a class without objects."""
    values = evaluator.eval[measure]
    if overlap is not None:
        values = values[np.isclose(evaluator.params.iouThrs, overlap)]
    values = values[..., label, area, count]
    known = values[values > -1]
    return float(known.mean()) if len(known) else float("nan")
