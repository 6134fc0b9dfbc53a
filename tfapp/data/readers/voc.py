"""Reader of PASCAL VOC in its official layout: which of its 20 classes an image shows."""

from pathlib import Path

import numpy as np

from tfapp.data.listing import NamedFiles
from tfapp.data.multi_label import ABSENT, NOT_COUNTED, PRESENT, MultiLabelSet, images_in_files
from tfapp.data.readers.voc_annotation import annotation_root, objects_of
from tfapp.data.splits import quarter_by_hash
from tfapp.errors import InputError
from tfapp.files import check_regular_file, read_text

YEAR = "VOC2007"
MAIN = Path("ImageSets", "Main")
TRAIN_LISTS, TEST_LISTS = ("trainval", "train"), ("test", "val")


def voc2007(path, spec, train=None, test=None):
    """Read the images of two lists of `ImageSets/Main` and the classes that they show.

    Args:
        path: The folder `VOC2007` (or that of another year), `VOCdevkit` above it, or the folder above that.
        spec: What names the dataset; it decides nothing.
        train: Name of the list for training, without `.txt`: `trainval`, or where it is missing `train`, unless given.
        test: Name of the list for testing: `test`, or where it is missing `val` (and then `train` for training). Where
            none of both is there and `train` is named, a quarter of its images is for testing, chosen by a hash of
            their names.

    Raises:
        InputError: As `voc_part`, for a folder of another layout, and for two lists that share images.
    """
    root = voc_root(Path(path), YEAR, MAIN, "JPEGImages and Annotations")
    if train and not test and not any((root / MAIN / f"{name}.txt").is_file() for name in TEST_LISTS):
        images = voc_part(root, train)
        testing = quarter_by_hash(images.names)
        return MultiLabelSet(
            spec, CLASS_NAMES, *(images.select(np.flatnonzero(chosen)) for chosen in (~testing, testing))
        )
    test = test or _first_list(root, TEST_LISTS)
    # The official `trainval` holds the images of `val`.
    train = train or _first_list(root, TRAIN_LISTS[1:] if test == "val" else TRAIN_LISTS)
    splits = [voc_part(root, name) for name in (train, test)]
    _refuse_shared(root, train, test, *splits)
    return MultiLabelSet(spec, CLASS_NAMES, *splits)


def voc_part(root, list_name):
    """Read the images of one list and the classes that they show.

    The classes come from `CLASS_LIST.txt` of each class (lines of an image and 1, -1 or 0), as `targets` of
    `MultiLabelImages`; where a list has no such files, from the objects in `Annotations/IMAGE.xml`.

    Args:
        root: The folder that holds `ImageSets/Main/`, `JPEGImages/` and `Annotations/`.
        list_name: Such as `trainval` for `ImageSets/Main/trainval.txt`.

    Returns:
        `MultiLabelImages`.

    Raises:
        InputError: For a file that is missing or malformed, or an image that is in one list and not in the other.
    """
    folder = Path(root) / MAIN
    listed = listed_images(folder / f"{list_name}.txt")
    named = NamedFiles(root)
    files = [
        listed_file(named, Path("JPEGImages", f"{image}.jpg"), folder / f"{list_name}.txt", line)
        for image, line in listed.items()
    ]
    class_lists = [folder / f"{name}_{list_name}.txt" for name in CLASS_NAMES]
    if any(file.is_file() for file in class_lists):
        targets = np.stack([_class_column(file, listed) for file in class_lists], 1)
    else:
        annotations = [named.path(Path("Annotations", f"{image}.xml")) for image in listed]
        targets = [annotated_targets(file) for file in annotations]
    return images_in_files(listed, targets, files)


def voc_root(path, year, lists, layout):
    """Return the folder of a year: a path, or what is called like the year in it or in its `VOCdevkit`.

    Args:
        path: `Path` of the folder.
        year: Such as `VOC2007`.
        lists: Folder of lists that it must have, relative.
        layout: What else belongs to the layout, in words.

    Raises:
        InputError: If none of them has that folder of lists.
    """
    for root in (path, path / year, path / "VOCdevkit" / year):
        if (root / lists).is_dir():
            return root
    years = [
        folder for above in (path, path / "VOCdevkit") for folder in sorted(above.glob("VOC20[0-9][0-9]"))
    ]
    others = ", ".join(str(other) for other in years if (other / lists).is_dir())
    raise InputError(
        f"{path} has no {lists}, nor has {year} in it or in its VOCdevkit; expected the official layout with {lists}, "
        f"{layout}" + (f", or name one of these: {others}." if others else ".")
    )


def _first_list(root, names):
    for name in names:
        if (root / MAIN / f"{name}.txt").is_file():
            return name
    raise InputError(
        f"{root / MAIN} has no {' or '.join(f'{name}.txt' for name in names)}; restore it, or name other lists, as in "
        f"'voc2007:PATH?train=LIST&test=LIST'."
    )


def listed_file(named, relative, list_file, line):
    """Return the path of a file that a list names.

    Args:
        named: `NamedFiles` of the root.
        relative: `Path` of the file in the root.
        list_file, line: The list, and the line of it, for the error.

    Raises:
        InputError: If there is no such file.
    """
    file = named.path(relative)
    if not file.is_file():
        kind = "Mask" if relative.suffix == ".png" else "Image"
        raise InputError(
            f"{kind} {file} is missing, though line {line} of {list_file} names it; restore the file."
        )
    return file


def listed_images(file):
    """Return the line number of each image of a list.

    Raises:
        InputError: For a list that is missing, empty, no text, names an image twice, or more than one in a line.
    """
    listed = {}
    for number, line in _lines(file):
        if len(line.split()) != 1 or Path(line).name != line:
            raise InputError(f"{file} has {line!r} in line {number}; expected the name of one image.")
        if line in listed:
            raise InputError(f"{file} names {line} twice, in lines {listed[line]} and {number}; remove one.")
        listed[line] = number
    if not listed:
        raise InputError(f"{file} names no image; expected one name such as 000001 in each line.")
    return listed


def _class_column(file, listed):
    targets = {}
    for number, line in _lines(file):
        image, *value = line.split()
        if value not in (["1"], ["0"], ["-1"]):
            raise InputError(f"{file} has {line!r} in line {number}; expected an image and 1, 0 or -1.")
        if image not in listed or image in targets:
            fault = "names it twice" if image in targets else "the list of the images does not name it"
            raise InputError(
                f"{file} names {image} in line {number}, but {fault}; restore the official lists."
            )
        targets[image] = int(value[0])
    missing = next((image for image in listed if image not in targets), None)
    if missing:
        raise InputError(
            f"{file} does not name {missing}, which the list of the images names; restore both lists."
        )
    return [targets[image] for image in listed]


def _lines(file):
    check_regular_file(file, "a list of images")
    try:
        lines = read_text(file).splitlines()
    except FileNotFoundError:
        raise InputError(
            f"{file} does not exist; restore it, or name a list that is in {file.parent}."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not text; restore the official list.") from None
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def _refuse_shared(root, train, test, *splits):
    for_training = set(splits[0].names)
    shared = [name for name in splits[1].names if name in for_training]
    if shared:
        raise InputError(
            f"The lists {train} and {test} of {root} share {len(shared)} image(s), the first is {shared[0]}; expected "
            "lists for training and testing without common images."
        )


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
    root = annotation_root(file, ", and its list of images has no class lists")
    for number, one in enumerate(objects_of(root, file, boxes=False), 1):
        if one.name not in CLASS_NAMES:
            raise InputError(
                f"Object {number} of {file} is of the class {one.name!r}; expected one of: {', '.join(CLASS_NAMES)}."
            )
        index = CLASS_NAMES.index(one.name)
        targets[index] = max(targets[index], NOT_COUNTED if one.difficult else PRESENT)
    return targets
