"""Reader of people's own data: `images/` and `masks/` with matching stems, `classes.txt` optional."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset, Item
from tfapp.data.images import image_size, read_image, read_mask
from tfapp.data.listing import by_stem, image_files
from tfapp.errors import InputError

IGNORE_VALUE = 255
IGNORE_NAME = "ignore"


@dataclass(frozen=True)
class MaskCoding:
    """How mask values become class indices: `values[i]` is class i, `ignored` has no label."""

    values: tuple[int, ...]
    names: tuple[str, ...]
    ignored: int | None


def folder(path, spec):
    """Read a folder dataset.

    Layout: `images/NAME.*` and `masks/NAME.*` (grey or palette). `classes.txt` has one class per line in
    the order of the mask values 0, 1, 2, ..., or lines of `VALUE NAME` for any other values; the name
    `ignore` marks pixels without a label. Without it the values must be 0, 1, 2, ... (255 = ignore), or
    just 0 and 255.
    """
    root = Path(path)
    pairs = _pairs(root)
    coding = (
        _read_classes(root / "classes.txt")
        if (root / "classes.txt").is_file()
        else _infer_classes(root, pairs)
    )
    items = tuple(
        Item(
            name=image.stem,
            read_image=partial(read_image, image),
            read_mask=partial(_read_coded, mask, coding),
            size=image_size(image),
            files=(image, mask),
            group=image.stem,
        )
        for image, mask in pairs
    )
    for item, (image, mask) in zip(items, pairs, strict=True):
        _check_sizes(item, image, mask)
    return Dataset(spec, coding.names, 3, items, None if coding.ignored is None else IGNORE_VALUE)


def read_class_names(path):
    """Return the names of the classes in a `classes.txt`."""
    return _read_classes(path).names


def _pairs(root):
    images, masks = (_images(root / name) for name in ("images", "masks"))
    for stem, image in images.items():
        if stem not in masks:
            raise InputError(f"Image {image} has no mask; expected masks/{stem}.png (any image format).")
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _images(directory):
    if not directory.is_dir():
        raise InputError(f"Folder {directory} does not exist; a dataset folder needs images/ and masks/.")
    return by_stem(image_files(directory))


def _check_sizes(item, image, mask):
    mask_size = image_size(mask)
    if item.size != mask_size:
        raise InputError(
            f"Image {image} is {item.size[1]}x{item.size[0]} pixels but its mask {mask.name} is "
            f"{mask_size[1]}x{mask_size[0]}; expected the same size."
        )


def _read_classes(path):
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it with that encoding.") from None
    coded = [line.split(maxsplit=1) for line in lines]
    if lines and all(len(parts) == 2 and parts[0].isdigit() for parts in coded):
        pairs = [(int(value), name) for value, name in coded]
    else:
        pairs = list(enumerate(lines))
    classes = [(value, name) for value, name in pairs if name.lower() != IGNORE_NAME]
    ignored = next((value for value, name in pairs if name.lower() == IGNORE_NAME), None)
    values, names = tuple(v for v, _ in classes), tuple(n for _, n in classes)
    if (
        not 2 <= len(classes) <= IGNORE_VALUE
        or len(set(names)) < len(names)
        or len(set(values)) < len(values)
    ):
        raise InputError(
            f"{path} lists {len(classes)} classes; expected 2 to {IGNORE_VALUE} lines, each with a different class "
            "name, or 'VALUE NAME'."
        )
    if ignored is None and IGNORE_VALUE not in values:
        ignored = IGNORE_VALUE
    return MaskCoding(values, names, ignored)


def _infer_classes(root, pairs):
    found = sorted(set().union(*(np.unique(read_mask(mask)).tolist() for _, mask in pairs)))
    if found == [0, IGNORE_VALUE]:
        return MaskCoding((0, IGNORE_VALUE), ("background", "foreground"), None)
    values = [value for value in found if value != IGNORE_VALUE]
    if len(values) < 2 or values != list(range(len(values))):
        shown = ", ".join(map(str, found[:8])) + (", ..." if len(found) > 8 else "")
        raise InputError(
            f"The masks in {root / 'masks'} hold the values {shown}; expected 0, 1, 2, ... (255 = no label): "
            "write classes.txt with one 'VALUE NAME' line per class."
        )
    return MaskCoding(tuple(values), tuple(f"class {value}" for value in values), IGNORE_VALUE)


def _read_coded(path, coding):
    raw = read_mask(path)
    labels = np.full(raw.shape, -1, np.int32)
    for index, value in enumerate(coding.values):
        labels[raw == value] = index
    if coding.ignored is not None:
        labels[raw == coding.ignored] = IGNORE_VALUE
    if (labels < 0).any():
        raise InputError(
            f"Mask {path} holds the value {raw[labels < 0][0]}, outside the classes "
            f"({', '.join(map(str, coding.values))}); mend the mask or add the value to classes.txt."
        )
    return labels
