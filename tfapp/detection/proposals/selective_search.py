"""Selective search: boxes of regions that grow together from pieces of one colour and texture."""

from importlib import import_module

import numpy as np

from tfapp.errors import InputError, either

MODES = ("fast", "quality")
INSTALL = 'pip install "tfapp[detection]"'


def selective_search(image, mode="fast", min_side=20, most=2000, longest_side=500):
    """Return boxes that may hold an object, the same ones for the same image.

    OpenCV's search gives the same boxes each time, but in an order that the C library draws anew, whatever seed OpenCV
    itself is given, and that two searches at the same time take from one another. So the boxes are ranked here, as the
    paper has it: by a random number times the place in the hierarchy, the whole image first; the place is told by the
    area, as OpenCV does not say it.

    Args:
        image: float32 (height, width, 3) in [0, 1], RGB.
        mode: "fast" (2 colour spaces, 3 segmentations, 2 measures of likeness) or "quality" (5, 5 and 4).
        min_side: Boxes with a side below this, in pixels of `image`, are left out. 20 as in R-CNN and Fast R-CNN.
        most: Boxes at most.
        longest_side: A larger image is reduced to this for the search, as in R-CNN. Time and memory grow faster than
            the number of pixels.

    Returns:
        float32 (count, 4), rows (y1, x1, y2, x2) in pixels of `image`, in the order of their rank, none twice.

    Raises:
        InputError: For an unknown mode, numbers below 1, or if OpenCV's contributed modules are not installed.

    Reference:
        J. R. R. Uijlings, K. E. A. van de Sande, T. Gevers, A. W. M. Smeulders, "Selective search for object
        recognition", IJCV 104(2), 2013, section 3; the order is that of 3.3.
    """
    check_settings(mode, min_side, most, longest_side)
    cv2 = import_opencv()
    size = image.shape[:2]
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    pixels = _reduced(cv2, np.rint(image[..., ::-1] * 255).astype(np.uint8), longest_side)
    search.setBaseImage(pixels)
    if mode == "fast":
        search.switchToSelectiveSearchFast()
    else:
        search.switchToSelectiveSearchQuality()
    boxes = corners_of_rectangles(search.process(), pixels.shape[:2], size)
    return ranked(_at_least(boxes, min_side))[:most]


def check_settings(mode, min_side, most, longest_side):
    """Raise InputError for settings that `selective_search` does not take."""
    if mode not in MODES:
        raise InputError(f"`mode` must be {either(MODES)}; got {mode!r}.")
    for name, value in (("min_side", min_side), ("most", most), ("longest_side", longest_side)):
        if value < 1:
            raise InputError(f"`{name}` must be at least 1; got {value}.")


def import_opencv():
    """Return the module `cv2` with its contributed modules, or raise InputError that says what to install."""
    try:
        cv2 = import_module("cv2")
    except ModuleNotFoundError:
        raise InputError(f"OpenCV, whose selective search is used, is not installed: {INSTALL}.") from None
    except ImportError as error:
        raise InputError(
            f"OpenCV cannot be loaded because a library of the system is missing ({error}); opencv-contrib-python-"
            f"headless needs none: {INSTALL}."
        ) from error
    # A plain OpenCV has the modules of others as empty ones, or lacks them.
    if not hasattr(getattr(cv2, "ximgproc", None), "segmentation"):
        raise InputError(
            "OpenCV is installed without its contributed modules, which have selective search: uninstall "
            f"opencv-python, and {INSTALL}."
        )
    return cv2


def corners_of_rectangles(rectangles, searched, size):
    """Return boxes (count, 4) in an image for rectangles of a reduced one.

    Args:
        rectangles: Integers (count, 4), rows (x, y, width, height).
        searched: (height, width) of the reduced image.
        size: (height, width) of the image.
    """
    rectangles = np.asarray(rectangles, np.float64).reshape(-1, 4)
    low, sides = rectangles[:, 1::-1], rectangles[:, :1:-1]
    factors = np.tile(np.divide(size, searched), 2)
    corners = np.concatenate([low, low + sides], axis=1) * factors
    return np.minimum(corners, np.tile(size, 2)).astype(np.float32)


def ranked(boxes, seed=0):
    """Return boxes (count, 4), none twice, in a random order in which large ones tend to be first.

    The i-th largest of n boxes gets the rank i times a random number from 0 to 1: section 3.3 of the paper. The order
    depends on the boxes, and not on the order in which they come.
    """
    boxes = np.unique(boxes, axis=0)
    largest_first = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    ranks = np.arange(1, len(boxes) + 1) * np.random.default_rng(seed).random(len(boxes))
    return boxes[largest_first[np.argsort(ranks, kind="stable")]]


def _reduced(cv2, pixels, longest_side):
    height, width = pixels.shape[:2]
    if max(height, width) <= longest_side:
        return np.ascontiguousarray(pixels)
    factor = longest_side / max(height, width)
    sides = [max(1, round(side * factor)) for side in (width, height)]
    return cv2.resize(np.ascontiguousarray(pixels), sides, interpolation=cv2.INTER_AREA)


def _at_least(boxes, min_side):
    return boxes[(boxes[:, 2:] - boxes[:, :2] >= min_side).all(axis=1)]
