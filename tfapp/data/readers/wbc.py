"""Reader of the white-blood-cell datasets in their official layout.

X. Zheng, Y. Wang, G. Wang, J. Liu, "Fast and Robust Segmentation of White Blood Cell Images by
Self-supervised Learning", Micron 107, 2018. Masks: 0 background, 128 cytoplasm, 255 nucleus.
"""

from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset, Remark
from tfapp.data.file_items import file_item
from tfapp.data.listing import visible_files
from tfapp.data.mask_files import read_levels
from tfapp.errors import InputError

CLASS_NAMES = ("background", "cytoplasm", "nucleus")
SUBSETS = ("Dataset 1", "Dataset 2")
# Images 112 and 139 of Dataset 1 are the same picture: a split between them would leak.
SAME_PICTURE = {("Dataset 1", "139"): "112"}


def wbc(path, spec):
    """Read both sub-datasets below `path`, or the one that `path` itself is."""
    root = Path(path)
    folders = [root / name for name in SUBSETS if (root / name).is_dir()] or [root]
    items = [item for folder in folders for item in _items(folder, with_folder=len(folders) > 1)]
    if not items:
        raise InputError(
            f"No WBC images in {root}; expected the folder that holds 'Dataset 1' and 'Dataset 2', or one of "
            "them, with NNN.bmp images and NNN.png masks."
        )
    return Dataset(spec, CLASS_NAMES, 3, tuple(items), remarks=_remarks(root) if len(folders) > 1 else ())


def _remarks(root):
    return (
        Remark(
            f"{root} holds {SUBSETS[0]} and {SUBSETS[1]}, cells of other cameras and sizes, which are read as one; "
            f"name one of them to have it alone, such as wbc:{root / SUBSETS[1]}, that of Jia, Liu and Tai (2019).",
            doubt=False,
        ),
    )


def _items(folder, with_folder):
    for path in visible_files(folder, (".bmp",)):
        mask = path.with_suffix(".png")
        if not mask.is_file():
            raise InputError(f"Image {path} has no mask; expected {mask.name} beside it.")
        group = SAME_PICTURE.get((folder.name, path.stem), path.stem)
        prefix = f"{folder.name}/" if with_folder else ""
        yield file_item(prefix + path.stem, (path, mask), prefix + group, partial(_read_levels, mask))


def _read_levels(path):
    # Five masks of Dataset 2 hold stray values between 2 and 50: the nearest of 0, 128, 255 is meant.
    return np.rint(read_levels(path) / 127.5).astype(np.int32)
