"""Files of region proposals: those of others, in MATLAB's format, and this package's own `.npz`.

An `.npz` file holds three arrays, and boxes as everywhere here, (y1, x1, y2, x2) with pixel i reaching from i to i + 1:

    images  texts (n,)            names of the images, each once
    counts  integers (n,)         number of boxes of each
    boxes   float32 (total, 4)    boxes of the first image, best first, then those of the next one

A `.mat` file, as for R-CNN, Fast R-CNN and MatConvNet, holds the cell arrays `images`, names with or without suffix,
and `boxes`, in each cell the rows (y1, x1, y2, x2) of an image, which count pixels from 1, the last one inclusive.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.data.dataset import Remark
from tfapp.data.opening import IMAGE_SUFFIXES
from tfapp.detection.proposals.mat_cells import NewerFormat, read_cells
from tfapp.errors import InputError
from tfapp.files import atomic_path, check_regular_file

SUFFIXES = (".npz", ".mat")
# Boxes beyond their images, as a share of all, from which the order of the columns is looked at.
_DOUBTFUL = 0.01


@dataclass(frozen=True, eq=False)
class NamedProposals:
    """Proposals as a file has them.

    Attributes:
        names: Of the images.
        boxes: float (count, 4) of each, rows (y1, x1, y2, x2), pixel i reaching from i to i + 1.
    """

    names: list[str]
    boxes: list[np.ndarray]


def read_proposals(path, images):
    """Return the proposals that a file has for images.

    Names are compared as they are; where a name of the data is not in the file, without folder and suffix, if only one
    of the file's is the same then.

    Args:
        path: `.npz` or `.mat` file.
        images: `BoxedImage`s, such as `BoxedImages`.

    Returns:
        A list of float32 (count, 4), one for each image, cut to the image and in the order of the file; and a tuple of
        `Remark`s on boxes that were cut or left out, and on images without any.

    Raises:
        InputError: The file is missing, damaged or of another form, has no proposals for some of the images, is that of
            another set of images, or has its columns in another order.
    """
    found = read_named(path)
    places = _places(path, found.names, images)
    boxes = [found.boxes[place] for place in places]
    _check_columns(path, boxes, images)
    faults = {}
    kept = [_inside(one, image, faults) for one, image in zip(boxes, images, strict=True)]
    remarks = [
        f"Proposals {fault} were {done}: {sum(counts.values())}, the first for {next(iter(counts))}."
        for (fault, done), counts in faults.items()
    ]
    if Path(path).suffix.lower() == ".mat" and any((one[:, :2] == -1).any() for one in boxes):
        remarks.append(
            "Some proposals begin at pixel 0, where .mat files count from 1; if this one counts from 0, all of its "
            "boxes are a pixel off."
        )
    bare = [image.name for image, one in zip(images, kept, strict=True) if not len(one)]
    if bare:
        remarks.append(f"Images without any proposal: {len(bare)}, the first is {bare[0]}.")
    return kept, tuple(map(Remark, remarks))


def read_named(path):
    """Return the `NamedProposals` of a file, whatever images they are for; raises InputError as `read_proposals`."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} is no file of proposals; expected one that ends in .npz or .mat.")
    check_regular_file(path, "a file of proposals")
    if not path.is_file():
        raise InputError(f"{path} does not exist; expected a file of proposals.")
    found = (_of_mat if path.suffix.lower() == ".mat" else _of_npz)(path)
    once = set()
    for name in found.names:
        if name in once:
            raise InputError(f"{path} has proposals for {name} twice; give each image its own.")
        once.add(name)
    return found


def write_proposals(path, names, proposals):
    """Write proposals as `.npz`, image by image, so that memory never holds all of them.

    Args:
        path: The file; it appears whole or not at all.
        names: Of the images, each once.
        proposals: Sequence of float (count, 4), one for each image; it is gone through twice.

    Raises:
        InputError: `path` does not end in .npz.
    """
    check_name(path)
    counts = np.array([len(boxes) for boxes in proposals], np.int64)
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, array in (("images", np.array(list(names), np.str_)), ("counts", counts)):
            with _member(archive, name) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        with _member(archive, "boxes") as member:
            header = {"descr": "<f4", "fortran_order": False, "shape": (int(counts.sum()), 4)}
            np.lib.format.write_array_header_1_0(member, header)
            for count, boxes in zip(counts, proposals, strict=True):
                member.write(np.ascontiguousarray(boxes, "<f4").reshape(count, 4).tobytes())


def check_name(path):
    """Raise InputError unless a path ends as files do that `write_proposals` writes."""
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"Proposals are written as .npz; got {path}, give `out` a name that ends so.")


def _member(archive, name):
    # Without the time, so that the same proposals are the same file.
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


def _of_npz(path):
    wrong = "expected arrays images (n,) of texts, counts (n,) of integers and boxes (total, 4)"
    try:
        with open_arrays(path, most=None) as content:
            missing = [name for name in ("images", "counts", "boxes") if name not in content]
            if missing:
                raise InputError(f"{path} has no array {missing[0]}; {wrong}.")
            names, counts, boxes = (content[name] for name in ("images", "counts", "boxes"))
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is damaged or no .npz file ({error}); make it anew.") from None
    shapes = names.ndim == 1 and names.shape == counts.shape and boxes.ndim == 2 and boxes.shape[1] == 4
    if not (shapes and names.dtype.kind == "U" and counts.dtype.kind in "iu" and boxes.dtype.kind in "iuf"):
        told = ", ".join(f"{one.dtype} {one.shape}" for one in (names, counts, boxes))
        raise InputError(f"{path} has images, counts and boxes of {told}; {wrong}.")
    # Of Python's integers, as a sum of damaged ones could overflow.
    if any(count < 0 for count in counts.tolist()) or sum(counts.tolist()) != len(boxes):
        raise InputError(f"{path} has {len(boxes)} boxes, which its counts do not add up to; make it anew.")
    _check_finite(path, boxes)
    return NamedProposals(names.tolist(), np.split(boxes, np.cumsum(counts.astype(np.int64)))[:-1])


def _of_mat(path):
    try:
        cells = read_cells(path, ("images", "boxes"))
    except NewerFormat:
        raise InputError(
            f"{path} is of MATLAB's version 7.3, which is not read; save it in MATLAB by save(..., '-v7'), or as .npz."
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is damaged or no file of proposals ({error}); restore it.") from None
    missing = [name for name in ("images", "boxes") if name not in cells]
    if missing:
        raise InputError(f"{path} has no {missing[0]}; expected cell arrays images and boxes.")
    names, boxes = cells["images"], cells["boxes"]
    if len(names) != len(boxes) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{path} has {len(names)} images and boxes for {len(boxes)}; expected a name for each cell of boxes."
        )
    return NamedProposals(names, [_from_1(path, name, one) for name, one in zip(names, boxes, strict=True)])


def _from_1(path, name, boxes):
    """Return boxes that count pixels from 1, the last one inclusive, as they are counted here."""
    if isinstance(boxes, str) or (boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4)):
        found = "a text" if isinstance(boxes, str) else f"an array {boxes.shape}"
        raise InputError(f"{path} has {found} for {name}; expected rows (y1, x1, y2, x2).")
    boxes = boxes.reshape(-1, 4).astype(np.float32)
    _check_finite(path, boxes)
    return boxes - np.array([1, 1, 0, 0], np.float32)


def _check_finite(path, boxes):
    if not np.isfinite(boxes).all():
        raise InputError(f"{path} has a box that is not finite; make it anew.")


def _places(path, names, images):
    """Return where in the names of a file each image is."""
    exact = {name: place for place, name in enumerate(names)}
    stems = {}
    for place, name in enumerate(names):
        stems.setdefault(_stem(name), []).append(place)
    own = {}
    for image in images:
        own[_stem(image.name)] = own.get(_stem(image.name), 0) + 1
    found, missing, doubtful = [], [], []
    for image in images:
        stem = _stem(image.name)
        same = stems.get(stem, [])
        if image.name in exact:
            found.append(exact[image.name])
        elif len(same) == 1 and own[stem] == 1:
            found.append(same[0])
        else:
            (doubtful if same else missing).append(image.name)
    if doubtful:
        raise InputError(
            f"{path} does not tell which proposals are for {doubtful[0]}, as several names are the same without "
            "folder and suffix; name the images as the data do."
        )
    if missing and not found:
        raise InputError(
            f"{path} has proposals of another set: of its {len(names)} images{_such_as(names)} none is in the data, "
            f"which have {len(missing)}{_such_as(missing)}; give the file that was made for these images."
        )
    if missing:
        raise InputError(
            f"{path} has no proposals for {len(missing)} of {len(images)} images, the first is {missing[0]}; make them "
            "for all images of the data."
        )
    return found


def _such_as(names):
    return f" ({names[0]}, ...)" if names else ""


def _stem(name):
    last = PurePosixPath(name.replace("\\", "/")).name
    suffix = PurePosixPath(last).suffix
    # Of "scan.v2", the end is no suffix of a file.
    return last.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else last


def _check_columns(path, boxes, images):
    """Raise InputError if boxes leave their images as they are read, but would not as (x1, y1, x2, y2)."""
    beyond = swapped = total = 0
    for one, image in zip(boxes, images, strict=True):
        limits = np.tile(image.size, 2)
        beyond += (one > limits).any(axis=1).sum()
        swapped += (one > limits[::-1]).any(axis=1).sum()
        total += len(one)
    if beyond > _DOUBTFUL * total and not swapped:
        raise InputError(
            f"{path} has {beyond} of {total} boxes that reach beyond their images as rows (y1, x1, y2, x2), and none "
            "as (x1, y1, x2, y2); change the order of the columns."
        )


def _inside(boxes, image, faults):
    """Return boxes float32 (count, 4) cut to an image, without those that have no area there; note them in `faults`."""
    limits = np.tile(np.asarray(image.size, np.float32), 2)
    boxes = boxes.astype(np.float32)
    cut = np.clip(boxes, 0, limits)
    has_area, is_left = ((one[:, 2:] > one[:, :2]).all(axis=1) for one in (boxes, cut))
    for fault, done, which in (
        ("without area", "left out", ~has_area),
        ("outside of the image", "left out", has_area & ~is_left),
        ("that reach beyond the image", "cut", is_left & (cut != boxes).any(axis=1)),
    ):
        if which.any():
            faults.setdefault((fault, done), {})[image.name] = int(which.sum())
    return cut[is_left]
