"""Reader of the raindrop pairs: photographs through a wet pane of glass, and through a clean one.

R. Qian, R. Tan, W. Yang, J. Su, J. Liu, "Attentive Generative Adversarial Network for Raindrop Removal from A
Single Image", CVPR 2018. RGB images of 720x480 pixels; they are resized to 480x480 unless asked otherwise, as
J. Lu, K. Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional Networks", 2019, do.
"""

import filecmp
from functools import partial
from pathlib import Path

from tfapp.data.dataset import Dataset
from tfapp.data.file_items import file_item
from tfapp.data.images import read_pixels
from tfapp.data.listing import visible_files
from tfapp.data.splits import Split
from tfapp.errors import InputError, either

SIZE = (480, 480)
# Folders of the wet and of the clean images: the official release, and the sample that implementations ship.
LAYOUTS = (("data", "gt"), ("rain_image", "clean_image"))
SAMPLE = "training_data_example"
PAIRS = ("official", "all")


def raindrop(path, spec, pairs="official"):
    """Read the pairs, `N_rain.*` with `N_clean.*` (PNG or JPEG), in numeric order.

    Layout: `train/data`, `train/gt` and `test_a/data`, `test_a/gt`, which are the official split; `test_b`, of
    which test_a is the well aligned part, is not read. Or one folder with `data` and `gt`, or with `rain_image`
    and `clean_image`, or that folder called `training_data_example`: such pairs are split at random.

    Args:
        path: Folder.
        spec: Specification of the dataset.
        pairs: `official`, or `all` for the pairs of `train`, `test_a` and `test_b` together without an official split,
            as Lu and Tong divide them. Those of `test_a` that `test_b` has too, as its files are the same, come once.

    Raises:
        InputError: For a folder without pairs, a wet image without its clean one, or another `pairs`.
    """
    if pairs not in PAIRS:
        raise InputError(f"`pairs` of {spec!r} must be {either(PAIRS)}; got {pairs!r}.")
    root = Path(path)
    if not (root / "train").is_dir():
        folder = root / SAMPLE if (root / SAMPLE).is_dir() else root
        return Dataset(spec, (), 3, _pairs(folder), default_size=SIZE)
    if pairs == "all":
        return Dataset(spec, (), 3, _all_pairs(root), default_size=SIZE)
    train, test = _pairs(root / "train", "train/"), _pairs(root / "test_a", "test_a/")
    split = Split.of_items(train, (), test)
    return Dataset(spec, (), 3, train + test, official_split=split, default_size=SIZE)


def _all_pairs(root):
    """Return the pairs of all folders of the release, each once."""
    train, aligned, others = (
        _pairs(root / part, f"{part}/") if (root / part).is_dir() else ()
        for part in ("train", "test_a", "test_b")
    )
    alone = (item for item in aligned if not any(_same_files(item, other) for other in others))
    return train + tuple(alone) + others


def _same_files(one, other):
    return all(filecmp.cmp(*pair, shallow=False) for pair in zip(one.files, other.files, strict=True))


def _pairs(folder, prefix=""):
    wet, clean = next((names for names in LAYOUTS if (folder / names[0]).is_dir()), LAYOUTS[0])
    images, targets = _by_number(folder / wet, "rain"), _by_number(folder / clean, "clean")
    if not images:
        raise InputError(
            f"No raindrop pairs in {folder}; expected data/0_rain.png, ... and gt/0_clean.png, ... there, or below "
            "train and test_a."
        )
    for number, image in images.items():
        if number not in targets:
            raise InputError(
                f"Image {image} has no pair; expected {folder / clean / f'{number}_clean'}.png or .jpg."
            )
    return tuple(_item(images[number], targets[number], prefix) for number in sorted(images))


def _by_number(folder, ending):
    """Return the images `NUMBER_ENDING.*` of a folder by their numbers."""
    found = {}
    for file in visible_files(folder):
        number = file.name.partition("_")[0]
        if f"_{ending}." in file.name and number.isdecimal():
            if int(number) in found:
                raise InputError(
                    f"{found[int(number)]} and {file} have the same number; rename or remove one of them."
                )
            found[int(number)] = file
    return found


def _item(image, target, prefix):
    name = prefix + image.stem
    return file_item(name, (image, target), name, read_target_pixels=partial(read_pixels, target))
