"""Reader of PASCAL VOC's segmentation in its official layout: 20 classes and the background, borders without a label.

M. Everingham, L. Van Gool, C. Williams, J. Winn, A. Zisserman, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV
88(2), 2010. Masks: palette PNG of class indices, 0 = background, 255 = void, which has no label.
"""

from functools import partial
from pathlib import Path

from tfapp.data.dataset import Dataset
from tfapp.data.file_items import file_item
from tfapp.data.listing import NamedFiles
from tfapp.data.number_masks import NumberMasks
from tfapp.data.readers.voc import CLASS_NAMES as OBJECT_NAMES
from tfapp.data.readers.voc import listed_file, listed_images, voc_root
from tfapp.data.splits import Split
from tfapp.errors import InputError

CLASS_NAMES = ("background", *OBJECT_NAMES)
IGNORE_VALUE = 255
LISTS = Path("ImageSets", "Segmentation")


def voc2011(path, spec, train="train", validation=None, test="val"):
    """Read the segmentation of PASCAL VOC 2011; see `voc_segmentation`."""
    return voc_segmentation(path, spec, "VOC2011", train, validation, test)


def voc2012(path, spec, train="train", validation=None, test="val"):
    """Read the segmentation of PASCAL VOC 2012; see `voc_segmentation`."""
    return voc_segmentation(path, spec, "VOC2012", train, validation, test)


def voc_segmentation(path, spec, year, train, validation, test):
    """Read the images that lists of `ImageSets/Segmentation` name, and their masks in `SegmentationClass`.

    The masks of the official `test` were never published, so the images of `val` are tested unless other lists are
    named. Without a list for validation, `split_items` takes a share of the training images.

    Args:
        path: The folder of the year, `VOCdevkit` above it, or the folder above that.
        spec: What names the dataset.
        year: Such as `VOC2012`.
        train, validation, test: Names of the lists, without `.txt`; None for no list for validation. It may be the one
            for testing: then the images that are tested are watched during the training.

    Raises:
        InputError: For a folder of another layout, a list that is missing, empty or not of this form, a file that it
            names and that is missing, images that are trained on and tested or watched, and, when it is read, a
            mask that is no picture of numbers.
    """
    root = voc_root(
        Path(path),
        year,
        LISTS,
        "JPEGImages and SegmentationClass (boxes are shown by tfapp data show --boxes)",
    )
    lists = {"train": train, "validation": validation, "test": test}
    named, masks = NamedFiles(root), NumberMasks(highest=len(OBJECT_NAMES))
    items, split = {}, {use: () for use in lists}
    for use, name in lists.items():
        if name is None:
            continue
        file = root / LISTS / f"{name}.txt"
        listed = listed_images(file)
        for image in listed:
            if use != "train" and image in split["train"]:
                raise InputError(
                    f"The lists {train} and {name} of {root / LISTS} share images, the first is {image}; expected "
                    "lists for training and testing without common images."
                )
            if image not in items:
                items[image] = _item(named, masks, image, file, listed[image])
        split[use] = dict.fromkeys(listed)
    official = Split(**{use: tuple(images) for use, images in split.items()})
    return Dataset(spec, CLASS_NAMES, 3, tuple(items.values()), IGNORE_VALUE, official)


def _item(named, masks, image, list_file, line):
    files = [
        listed_file(named, Path(folder, f"{image}{suffix}"), list_file, line)
        for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png"))
    ]
    return file_item(image, tuple(files), image, partial(masks.read, files[1]))
