"""Reader of the ISBI 2012 electron-microscopy segmentation challenge.

I. Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 9, 2015. Labels: 0 = membrane, 255 = cell interior.
"""

from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset
from tfapp.data.file_items import file_item
from tfapp.data.listing import visible_files
from tfapp.data.mask_files import read_levels
from tfapp.errors import InputError

CLASS_NAMES = ("membrane", "cell")


def isbi2012(path, spec):
    """Read the labelled slices, `train/image/N.png` with `train/label/N.png`, in numeric order."""
    root = Path(path)
    base = root / "membrane" if (root / "membrane").is_dir() else root
    slices = [p for p in visible_files(base / "train" / "image", (".png",)) if p.stem.isdigit()]
    if not slices:
        raise InputError(
            f"No ISBI 2012 slices in {root}; expected train/image/0.png, 1.png, ... and train/label/ of the same names."
        )
    return Dataset(spec, CLASS_NAMES, 1, tuple(map(_item, sorted(slices, key=lambda p: int(p.stem)))))


def _item(path):
    label = path.parent.parent / "label" / path.name
    if not label.is_file():
        raise InputError(f"Slice {path} has no label; expected {label}.")
    return file_item(path.stem, (path, label), path.stem, partial(_read_label, label), channels=1)


def _read_label(path):
    return (read_levels(path) > 127).astype(np.int32)
