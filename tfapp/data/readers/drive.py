"""Reader of DRIVE: colour photographs of the retina with the vessels drawn by hand.

J. Staal, M. Abramoff, M. Niemeijer, M. Viergever, B. van Ginneken, "Ridge-Based Vessel Segmentation in Color
Images of the Retina", IEEE Transactions on Medical Imaging 23(4), 2004. Images are TIFF, vessels and fields of
view GIF; pixels outside the field of view have no label.

This reader was tried on a generated miniature of the layout; no copy of the data itself was at hand.
"""

from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset, check_same_size
from tfapp.data.file_items import file_item
from tfapp.data.images import read_image
from tfapp.data.listing import visible_files
from tfapp.data.splits import Split
from tfapp.errors import InputError

CLASS_NAMES = ("background", "vessel")
IGNORE_VALUE = 255
FOLDERS = {"train": "training", "test": "test"}


def drive(path, spec):
    """Read the images of the two official folders, which are the split; the labels are the first observer's.

    Layout: `training/images/21_training.tif`, ... with `training/1st_manual/21_manual1.gif` and
    `training/mask/21_training_mask.gif`, and the same below `test`. There is no official validation split: it is
    taken from the training images. Without a folder `test` the training images are split at random.

    Raises:
        InputError: For a folder without images, or an image without its labels or field of view, as the test
            images of the challenge's download are.
    """
    root = Path(path)
    train = tuple(_items(root / FOLDERS["train"]))
    if not (root / FOLDERS["test"]).is_dir():
        return Dataset(spec, CLASS_NAMES, 3, train, IGNORE_VALUE)
    test = tuple(_items(root / FOLDERS["test"]))
    return Dataset(spec, CLASS_NAMES, 3, train + test, IGNORE_VALUE, Split.of_items(train, (), test))


def _items(folder):
    images = visible_files(folder / "images", (".tif",))
    if not images:
        raise InputError(
            f"No DRIVE images in {folder / 'images'}; expected NN_{folder.name}.tif there, with 1st_manual and mask "
            "beside it."
        )
    for image in images:
        vessels = folder / "1st_manual" / f"{image.stem.partition('_')[0]}_manual1.gif"
        field = folder / "mask" / f"{image.stem}_mask.gif"
        _check_present(image, vessels, field)
        files = (image, vessels, field)
        yield file_item(image.stem, files, image.stem, partial(_read_labels, vessels, field))


def _check_present(image, vessels, field):
    if not vessels.is_file() and image.parts[-3] == FOLDERS["test"]:
        raise InputError(
            f"Image {image} has no annotation {vessels}: the challenge's download leaves those of the test images "
            "out; get them from the original release, or move the folder test away to split the training images."
        )
    for file, what in ((vessels, "annotation"), (field, "field-of-view mask")):
        if not file.is_file():
            raise InputError(f"Image {image} has no {what}; expected {file}.")


def _read_labels(vessels, field):
    drawn, inside = _read_binary(vessels), _read_binary(field)
    check_same_size(vessels.name, drawn, inside, "field-of-view mask")
    return np.where(inside, drawn, IGNORE_VALUE).astype(np.int32)


def _read_binary(path):
    # By brightness: the palettes of GIFs may number black and white in any way.
    return read_image(path, channels=1)[..., 0] > 0.5
