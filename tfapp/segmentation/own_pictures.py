"""Pictures of labels and of images that a network made, as PNG or TIFF, which a later call knows as its own."""

import os

import numpy as np
from PIL import Image

from tfapp.data.own_pngs import is_own_png, own_png_rows, save_own_png
from tfapp.errors import InputError
from tfapp.segmentation.own_tiffs import is_own_tiff, own_tiff_rows
from tfapp.segmentation.pictures import label_picture, palette

# The format as people name it, and the suffix of its files.
PNG = "png"
SUFFIXES = {PNG: ".png", "tiff": ".tif"}


def check_form(form):
    """Raise InputError for a format that pictures are not written in."""
    if form not in SUFFIXES:
        raise InputError(f"`form` must be {' or '.join(SUFFIXES)}. Received: {form!r}.")


def picture_rows(file, size, channels=1, palette=None):
    """Return the context of a function that writes rows into a file, by its suffix; arguments as of `own_png_rows`."""
    rows = own_tiff_rows if file.suffix == SUFFIXES["tiff"] else own_png_rows
    return rows(file, size, channels, palette)


def save_labels(labels, file):
    """Write labels (height, width) as a picture with a palette, whose values are the classes."""
    if file.suffix == SUFFIXES[PNG]:
        save_own_png(label_picture(labels), file)
    else:
        with picture_rows(file, labels.shape, palette=palette(256)) as write:
            write(labels)


def save_pixels(pixels, file):
    """Write an image uint8 (height, width) or (height, width, 3)."""
    if file.suffix == SUFFIXES[PNG]:
        save_own_png(Image.fromarray(np.asarray(pixels)), file)
    else:
        with picture_rows(file, pixels.shape[:2], 3 if pixels.ndim == 3 else 1) as write:
            write(pixels)


def is_foreign(file):
    """Return whether a file exists that is not as it was written here, such as a label image that was corrected."""
    # What version 0.1 wrote carries no hash: nobody can tell whether it was corrected since.
    if not os.path.lexists(file):
        return False
    is_own = is_own_tiff if file.suffix == SUFFIXES["tiff"] else is_own_png
    return file.is_symlink() or not file.is_file() or not is_own(file)
