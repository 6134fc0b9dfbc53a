"""Reader of CamVid in the form that SegNet made of it: 480x360 road scenes, 11 classes.

G. Brostow, J. Fauqueur, R. Cipolla, "Semantic object classes in video: A high-definition ground truth
database", Pattern Recognition Letters 30(2), 2009; label set and split of V. Badrinarayanan, A. Kendall,
R. Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation", PAMI 39(12),
2017. Masks: grey PNG of class indices, 11 = void, which has no label.
"""

from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

from tfapp.data.dataset import Dataset
from tfapp.data.file_items import file_item
from tfapp.data.listing import NamedFiles
from tfapp.data.number_masks import NumberMasks
from tfapp.data.splits import Split
from tfapp.errors import InputError
from tfapp.files import check_regular_file, read_text

CLASS_NAMES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
IGNORE_VALUE = 11
LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}


def camvid(path, spec):
    """Read the images that the three official lists name; the lists are the dataset's split.

    Layout: `train/`, `trainannot/`, `val/`, `valannot/`, `test/`, `testannot/` and `train.txt`, `val.txt`,
    `test.txt`, one line `/SegNet/CamVid/train/NAME.png /SegNet/CamVid/trainannot/NAME.png` per image, of
    which the last two parts of each path count.

    Raises:
        InputError: For a list that is missing, empty, or not of this form, a file that it names and that is
            missing, or an image that is listed twice.
    """
    root = Path(path)
    named, masks = NamedFiles(root), NumberMasks(highest=IGNORE_VALUE)
    listed = {
        split: [_item(root, named, masks, name, line) for line in _lines(root, name)]
        for split, name in LISTS.items()
    }
    items = tuple(item for split in listed.values() for item in split)
    _refuse_repeated(root, items)
    return Dataset(spec, CLASS_NAMES, 3, items, IGNORE_VALUE, Split.of_items(**listed))


def _lines(root, name):
    file = root / name
    check_regular_file(file, "a list of images")
    if not file.is_file():
        raise InputError(
            f"{root} has no {name}; expected SegNet's CamVid folder with {', '.join(LISTS.values())}."
        )
    try:
        lines = [line for line in read_text(file).splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text; restore the official list.") from None
    if not lines:
        raise InputError(f"{file} names no image; restore the official list.")
    return lines


def _item(root, named, masks, name, line):
    entries = [PurePosixPath(entry).parts[-2:] for entry in line.split()]
    if len(entries) != 2 or any(len(entry) != 2 for entry in entries):
        raise InputError(
            f"{root / name} has the line {line!r}; expected 'FOLDER/IMAGE.png FOLDER/MASK.png' as in SegNet's list."
        )
    image, mask = (named.path(PurePosixPath(*entry)) for entry in entries)
    for file in (image, mask):
        if not file.is_file():
            raise InputError(f"{file} is missing, though {root / name} names it; restore the file.")
    name = f"{image.parent.name}/{image.stem}"
    return file_item(name, (image, mask), image.stem, partial(masks.read, mask))


def _refuse_repeated(root, items):
    counts = Counter(item.name for item in items)
    repeated = next((name for name, count in counts.items() if count > 1), None)
    if repeated:
        raise InputError(f"The lists of {root} name the image {repeated} twice; restore the official lists.")
