"""Label people's own images with a trained run, or make images of them; never over what is theirs."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfapp.data import read_image
from tfapp.data.listing import image_files
from tfapp.data.stacks import expanded
from tfapp.errors import InputError
from tfapp.files import check_folder, check_outputs, check_regular_file, same_folder
from tfapp.segmentation.own_pngs import is_own_png, save_own_png
from tfapp.segmentation.pictures import label_picture, overlay


def find_images(paths):
    """Return the images among `paths`, folders and the pages of stacks expanded, in order: paths and `Page`s.

    Raises:
        InputError: For a path that does not exist, a folder without images, a stack of channels, or two images whose
            predictions would get the same file name.
    """
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += image_files(path)
        elif path.exists():
            check_regular_file(path, "an image")
            found.append(path)
        else:
            raise InputError(f"{path} does not exist; expected image files or folders of images.")
    found = expanded(found)
    stems = Counter(path.stem for path in found)
    doubled = next((path for path in found if stems[path.stem] > 1), None)
    if doubled:
        raise InputError(
            f"Two images are called {doubled.stem!r}; predict them into different `out` folders."
        )
    return found


def check_places(paths, images, out, *, labels=True, overwrite=False):
    """Raise InputError if what `predict` or `restore` would write took the place of something else.

    Args:
        paths: What the images were named by: files, and folders of them.
        images: Paths, as from `find_images(paths)`.
        out: Folder to write to.
        labels: Whether it is `predict` that writes, and not `restore`.
        overwrite: Whether files of these names that are in `out`, and that neither of them wrote, or that were changed
            since, may be replaced.
    """
    check_folder(out)
    for path in paths:
        # What is written there would be taken for an image the next time.
        if same_folder(path, out):
            raise InputError(f"{out} is the folder of the images itself; choose another `out`.")
    check_outputs(_outputs(images, out, labels), images)
    written = [file for file, _ in _outputs(images, out, labels)]
    foreign = None if overwrite else next(filter(_is_foreign, written), None)
    if foreign:
        raise InputError(
            f"{foreign} exists and was not written by `tfapp predict`, or was changed since, or is of version 0.1; "
            "choose another `out`, or replace it with `overwrite`."
        )


def predict(segmenter, images, out, class_names, channels, stride, *, advance=lambda: None, failures=None):
    """Write `NAME.png` (palette PNG of classes) and `NAME-overlay.png` for every image, at its own size.

    Args:
        segmenter: Keras model from images of any size to probabilities.
        images: Paths, as from `find_images`.
        out: Folder to write to.
        class_names: Names of the classes.
        channels: Channels that the segmenter takes.
        stride: The network's stride: smaller images are refused.
        advance: Called after each image, for a progress bar.
        failures: List that takes a pair (image path, sentence) for each image that cannot be labelled; None to stop at
            the first of them.

    Returns:
        Pairs (image path, share of each class in [0, 1]).

    Raises:
        InputError: An output is one of the images or another output; or, without `failures`, an image cannot be used.
    """
    check_outputs(_outputs(images, out, labels=True), images)
    shares = []
    for path, image, probabilities in _answers(segmenter, images, channels, stride, failures, advance):
        labels = np.argmax(probabilities, -1)
        label_file, overlay_file = _names(path, out, labels=True)
        save_own_png(label_picture(labels), label_file)
        save_own_png(Image.fromarray(overlay(image, labels, len(class_names))), overlay_file)
        counts = np.bincount(labels.ravel(), minlength=len(class_names))
        shares.append((path, counts / labels.size))
    return shares


def restore(restorer, images, out, channels, stride, *, advance=lambda: None, failures=None):
    """Write `NAME.png`, the image that a network makes of each image, at its own size and in 8 bits.

    Args:
        restorer: Keras model from images of any size to images in [0, 1]; what lies outside is clipped.
        images, out, channels, stride, advance, failures: As for `predict`, errors too.
    """
    check_outputs(_outputs(images, out, labels=False), images)
    for path, _, answer in _answers(restorer, images, channels, stride, failures, advance):
        pixels = np.rint(255 * np.clip(answer, 0, 1)).astype(np.uint8)
        picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        save_own_png(picture, *_names(path, out, labels=False))


def _answers(model, images, channels, stride, failures, advance):
    """Yield (path, image, answer of the model), one after the other."""
    # As a graph: called eagerly, Keras holds every feature map to the end, twice the memory of a photo.
    forward = tf.function(
        lambda image: model(image, training=False),
        input_signature=[tf.TensorSpec((1, None, None, channels), tf.float32)],
        autograph=False,
    )
    for path in images:
        try:
            image = _image(path, channels, stride)
            answer = _answer(forward, path, image)
        except InputError as error:
            if failures is None:
                raise
            failures.append((path, str(error)))
        else:
            yield path, image, answer
        advance()


def _image(path, channels, stride):
    image = read_image(path, channels)
    if min(image.shape[:2]) < stride:
        raise InputError(
            f"Image {path} is {image.shape[1]}x{image.shape[0]} pixels, smaller than the network's stride "
            f"of {stride}; enlarge or leave it out."
        )
    return image


def _answer(forward, path, image):
    try:
        return forward(image[None])[0]
    except tf.errors.ResourceExhaustedError:
        raise InputError(
            f"Image {path} of {image.shape[1]}x{image.shape[0]} pixels takes more memory than there is; cut it "
            "into tiles."
        ) from None


def _names(image, out, labels):
    """Return the files that are written for an image."""
    return [Path(out) / f"{image.stem}{ending}.png" for ending in (("", _OVERLAY) if labels else ("",))]


def _outputs(images, out, labels):
    return [(file, image) for image in images for file in _names(image, out, labels)]


_OVERLAY = "-overlay"


def _is_foreign(file):
    """Return whether a file exists that is not as `predict` or `restore` wrote it, such as a label image corrected."""
    # What version 0.1 wrote carries no hash: nobody can tell whether it was corrected since.
    return os.path.lexists(file) and (file.is_symlink() or not file.is_file() or not is_own_png(file))
