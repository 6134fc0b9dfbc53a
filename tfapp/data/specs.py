"""From what a person types (`wbc:PATH`, `cells`) to a dataset."""

from functools import lru_cache, partial
from pathlib import Path

from tfapp.data.camvid import camvid
from tfapp.data.cells import CLASS_NAMES, MIN_SIZE, generate_cell
from tfapp.data.dataset import Dataset, Item
from tfapp.data.drive import drive
from tfapp.data.folder import folder
from tfapp.data.isbi2012 import isbi2012
from tfapp.data.raindrop import raindrop
from tfapp.data.sunrgbd import sunrgbd
from tfapp.data.wbc import wbc
from tfapp.errors import InputError

READERS = {
    "wbc": wbc,
    "isbi2012": isbi2012,
    "camvid": camvid,
    "sunrgbd": sunrgbd,
    "drive": drive,
    "raindrop": raindrop,
    "folder": folder,
}
IMAGE_PAIRS = ("raindrop",)
CELLS_COUNT, CELLS_SIZE = 100, 128


def open_dataset(spec):
    """Open the dataset that `spec` names.

    Args:
        spec: `wbc:PATH`, `isbi2012:PATH`, `camvid:PATH`, `sunrgbd:PATH`, `drive:PATH`, `folder:PATH`,
            `raindrop:PATH` (image pairs), or `cells[:COUNT[:SIZE]]` for generated blood-smear images (100 of
            128x128 pixels unless said otherwise).

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    name, _, path = spec.partition(":")
    if name == "cells":
        return _cells(spec, path)
    if name not in READERS or not path:
        raise InputError(
            f"Unknown dataset {spec!r}; expected cells, {', '.join(f'{reader}:PATH' for reader in READERS)}."
        )
    if not Path(path).expanduser().is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path goes into the run, so that later commands find the data from anywhere.
    absolute = Path(path).expanduser().resolve()
    return READERS[name](absolute, f"{name}:{absolute}")


def names_dataset(text):
    """Return whether `text` names a dataset by its form, and not an existing folder."""
    return text.partition(":")[0] in ("cells", *READERS) and not Path(text).is_dir()


def names_image_pairs(text):
    """Return whether `text` names a dataset of image pairs by its form."""
    return text.partition(":")[0] in IMAGE_PAIRS


def _cells(spec, options):
    numbers = options.split(":") if options else []
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"{spec!r} is not understood; expected cells, cells:COUNT or cells:COUNT:SIZE.")
    count, size = [*map(int, numbers), *(CELLS_COUNT, CELLS_SIZE)[len(numbers) :]]
    if count < 1 or size < MIN_SIZE:
        raise InputError(f"{spec!r} asks for too little; expected COUNT >= 1 and SIZE >= {MIN_SIZE}.")
    return Dataset(spec, CLASS_NAMES, 3, tuple(_cell(index, size) for index in range(count)))


def _cell(index, size):
    return Item(
        name=f"{index:04d}",
        read_image=partial(_cell_image, index, size),
        read_mask=partial(_cell_mask, index, size),
        size=(size, size),
        files=(),
        group=f"{index:04d}",
    )


def _cell_image(index, size):
    return _generated(index, size)[0].astype("float32") / 255.0


def _cell_mask(index, size):
    return _generated(index, size)[1].astype("int32")


@lru_cache(maxsize=8)
def _generated(index, size):
    # An image and its mask are read one after the other: draw the scene once for both.
    return generate_cell(0, index, size)
