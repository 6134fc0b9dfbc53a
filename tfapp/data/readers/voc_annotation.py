"""An annotation of PASCAL VOC: the XML file of one image."""

from dataclasses import dataclass
from xml.etree import ElementTree

from tfapp.data.boxed import four_numbers
from tfapp.errors import InputError
from tfapp.files import check_regular_file


@dataclass(frozen=True)
class VOCObject:
    """One object of an annotation.

    Attributes:
        name: Its class.
        difficult: Whether it is marked so.
        corners: (y1, x1, y2, x2) in pixels, pixel i reaching from i to i + 1; None if it has no box.
    """

    name: str
    difficult: bool
    corners: tuple[float, float, float, float] | None


def annotation_root(file, why=""):
    """Return the root of an annotation.

    Args:
        file: `Path` of the XML file.
        why: What else to say where it is missing.

    Raises:
        InputError: If it is missing, damaged, or of something else.
    """
    check_regular_file(file, "an annotation")
    try:
        root = ElementTree.parse(file).getroot()
    except FileNotFoundError:
        raise InputError(f"{file} does not exist{why}; restore it.") from None
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{file} is damaged ({error}); restore the annotation.") from None
    if root.tag != "annotation":
        raise InputError(f"{file} holds <{root.tag}>; expected an <annotation> of PASCAL VOC.")
    return root


def annotated_size(root):
    """Return (height, width) that an annotation tells, (0, 0) if it tells none."""
    found = [root.findtext(f"size/{name}") for name in ("height", "width")]
    try:
        return tuple(max(int(float(text)), 0) for text in found)
    except (TypeError, ValueError, OverflowError):
        return (0, 0)


def objects_of(root, file, boxes=True):
    """Return the `VOCObject`s of an annotation.

    Boxes have corners that are counted from 1 and inclusive.

    Args:
        root: As of `annotation_root`.
        file: Its file, for messages.
        boxes: Whether the boxes are looked at; without, `corners` are None.

    Raises:
        InputError: For an object without a name, with another word on difficulty than 0 or 1, or with a box of which a
            corner is missing or no number.
    """
    found = []
    for number, element in enumerate(root.findall("object"), 1):
        name, difficult = ((element.findtext(tag) or "").strip() for tag in ("name", "difficult"))
        if not name:
            raise InputError(f"Object {number} of {file} has no name; expected that of its class.")
        if difficult not in ("", "0", "1"):
            raise InputError(f"Object {number} of {file} has difficult = {difficult!r}; expected 0 or 1.")
        found.append(VOCObject(name, difficult == "1", _corners(element, number, file) if boxes else None))
    return found


def _corners(element, number, file):
    box = element.find("bndbox")
    if box is None:
        return None
    texts = [box.findtext(name) for name in ("ymin", "xmin", "ymax", "xmax")]
    try:
        y1, x1, y2, x2 = four_numbers(texts)
    except ValueError:
        raise InputError(
            f"The box of object {number} of {file} has ymin, xmin, ymax, xmax = {', '.join(map(str, texts))}; expected "
            "four numbers."
        ) from None
    # From 1 and inclusive; a box whose ends are the same pixel has no area for whoever drew it.
    return (y1 - 1, x1 - 1, y2, x2) if y2 > y1 and x2 > x1 else (y1 - 1, x1 - 1, y1 - 1, x1 - 1)
