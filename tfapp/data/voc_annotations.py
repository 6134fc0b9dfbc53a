"""The classes of an image of PASCAL VOC by the objects of its annotation."""

from xml.etree import ElementTree

import numpy as np

from tfapp.data.multi_label import ABSENT, NOT_COUNTED, PRESENT
from tfapp.errors import InputError

CLASS_NAMES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


def annotated_targets(file):
    """Return int8 (20,): 1 for a class with an object that is not difficult, 0 if all are difficult, -1 without any.

    Args:
        file: `Path` of the XML file. An object without a word on difficulty is not difficult.

    Raises:
        InputError: If the file is missing, damaged, no annotation, or has an object of an unknown class.
    """
    targets = np.full(len(CLASS_NAMES), ABSENT, np.int8)
    for number, element in enumerate(_root(file).findall("object"), 1):
        name, difficult = ((element.findtext(tag) or "").strip() for tag in ("name", "difficult"))
        if name not in CLASS_NAMES:
            raise InputError(
                f"Object {number} of {file} is of the class {name!r}; expected one of: {', '.join(CLASS_NAMES)}."
            )
        if difficult not in ("", "0", "1"):
            raise InputError(f"Object {number} of {file} has difficult = {difficult!r}; expected 0 or 1.")
        index = CLASS_NAMES.index(name)
        targets[index] = max(targets[index], NOT_COUNTED if difficult == "1" else PRESENT)
    return targets


def _root(file):
    try:
        root = ElementTree.parse(file).getroot()
    except FileNotFoundError:
        raise InputError(
            f"{file} does not exist, and its list of images has no class lists; restore it to tell the classes."
        ) from None
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{file} is damaged ({error}); restore the annotation.") from None
    if root.tag != "annotation":
        raise InputError(f"{file} holds <{root.tag}>; expected an <annotation> of PASCAL VOC.")
    return root
