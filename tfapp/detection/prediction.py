"""Find objects in people's own images with a trained run; never over what is theirs."""

import csv
import os
from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.data.images import read_image
from tfapp.data.own_images import each_image
from tfapp.data.own_pngs import is_own_png, save_own_png
from tfapp.detection.pictures import draw_found
from tfapp.errors import InputError
from tfapp.files import atomic_path, check_folder, check_outputs, same_folder
from tfapp.report.result_table import ResultTable

# Ends of the names of pictures with boxes, and the file of all boxes.
PICTURE, BOXES = "-boxes.png", "boxes.csv"
_HEADER = ("image", "class", "score", "x1", "y1", "x2", "y2")


def check_places(paths, images, out, overwrite=False):
    """Raise InputError if what `predict` would write took the place of something else.

    Args:
        paths: What the images were named by: files, and folders of them.
        images: Paths, as from `tfapp.data.own_images.find_images`.
        out: Folder to write to.
        overwrite: Whether a `boxes.csv`, and pictures that were changed since or that are somebody else's, may be
            replaced.
    """
    check_folder(out)
    for path in paths:
        # What is written there would be taken for an image the next time.
        if same_folder(path, out):
            raise InputError(f"{out} is the folder of the images itself; choose another `out`.")
    outputs = [(_picture_file(image, out), image) for image in images]
    check_outputs(outputs, images)
    if overwrite:
        return
    foreign = [file for file, _ in outputs if os.path.lexists(file) and not _is_ours(file)]
    foreign += [file for file in (Path(out) / BOXES,) if os.path.lexists(file)]
    if foreign:
        raise InputError(
            f"{foreign[0]} exists; choose another `out`, or replace what is there with `overwrite`."
        )


def _is_ours(file):
    return file.is_file() and not file.is_symlink() and is_own_png(file)


def _picture_file(image, out):
    return Path(out) / f"{image.stem}{PICTURE}"


def predict(detector, images, out, class_names, *, proposals=None, failures=None, advance=lambda: None):
    """Write a picture with boxes of each image, and `boxes.csv` with the boxes of all.

    Args:
        detector: `tfapp.detection.detector.Detector`.
        images: Paths.
        out: Folder; made if missing.
        class_names: Of the labels.
        proposals: Function of an image, float32 (height, width, 3), to its proposals, where the detector takes them.
        failures: List that (path, sentence) of images is put to that cannot be used; None to raise at the first.
        advance: Function without arguments, called after each image.

    Returns:
        List of (path, `Detections`) of the images that could be used.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    found = []

    def make(path, files):
        image = read_image(path)
        objects = detector(image, None if proposals is None else proposals(image), str(path))
        save_own_png(Image.fromarray(draw_found(image, objects, class_names)), files[0])
        found.append((path, objects))

    each_image(make, [(image, [_picture_file(image, out)]) for image in images], failures, advance)
    if found:
        write_boxes(found, class_names, out / BOXES)
    return found


def write_boxes(found, class_names, file):
    """Write the boxes of all images as CSV, a line for each box.

    Args:
        found: As `predict` returns it.
        class_names: Of the labels.
        file: CSV file.
    """
    with atomic_path(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(_HEADER)
        for path, objects in found:
            for (y1, x1, y2, x2), label, score in zip(
                objects.corners, objects.labels, objects.scores, strict=True
            ):
                places = [f"{value:.2f}" for value in (x1, y1, x2, y2)]
                writer.writerow([path.name, class_names[label], f"{score:.4f}", *places])


def count_table(found, class_names):
    """Return a `ResultTable` with the objects that were found in each image: how many, and of which classes.

    Args:
        found: As `predict` returns it.
        class_names: Of the labels.
    """
    counts = [np.bincount(objects.labels, minlength=len(class_names)) for _, objects in found]
    rows = []
    for (path, _), row in zip(found, counts, strict=True):
        # The most frequent first; a column for each class would be unreadable with many.
        order = [place for place in np.argsort(-row, kind="stable") if row[place]]
        rows.append(
            (path.name, int(row.sum()), ", ".join(f"{class_names[place]} {row[place]}" for place in order))
        )
    return ResultTable(["image", "objects", "of which"], rows)
