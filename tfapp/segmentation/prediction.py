"""Label people's own images with a trained run, or make images of them."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfapp.data import read_image
from tfapp.data.listing import image_files
from tfapp.errors import InputError
from tfapp.report.figures import save_image
from tfapp.segmentation.pictures import overlay, save_label_png


def find_images(paths):
    """Return the image files among `paths`, folders expanded, in order.

    Raises:
        InputError: For a path that does not exist, a folder without images, or two images whose
            predictions would get the same file name.
    """
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += image_files(path)
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path} does not exist; expected image files or folders of images.")
    stems = [path.stem for path in found]
    doubled = next((path for path in found if stems.count(path.stem) > 1), None)
    if doubled:
        raise InputError(
            f"Two images are called {doubled.stem!r}; predict them into different `out` folders."
        )
    return found


def predict(segmenter, images, out, class_names, channels, stride, *, advance=lambda: None):
    """Write `NAME.png` (palette PNG of classes) and `NAME-overlay.png` for every image, at its own size.

    Args:
        segmenter: Keras model from images of any size to probabilities.
        images: Paths, as from `find_images`.
        out: Folder to write to.
        class_names: Names of the classes.
        channels: Channels that the segmenter takes.
        stride: The network's stride: smaller images are refused.
        advance: Called after each image, for a progress bar.

    Returns:
        Pairs (image path, share of each class in [0, 1]).
    """
    shares = []
    for path, image, probabilities in _answers(segmenter, images, channels, stride):
        labels = np.argmax(probabilities, -1)
        save_label_png(Path(out) / f"{path.stem}.png", labels)
        tinted = Image.fromarray(overlay(image, labels, len(class_names)))
        save_image(tinted, Path(out) / f"{path.stem}-overlay.png")
        counts = np.bincount(labels.ravel(), minlength=len(class_names))
        shares.append((path, counts / labels.size))
        advance()
    return shares


def restore(restorer, images, out, channels, stride, *, advance=lambda: None):
    """Write `NAME.png`, the image that a network makes of each image, at its own size and in 8 bits.

    Args:
        restorer: Keras model from images of any size to images in [0, 1]; what lies outside is clipped.
        images, out, channels, stride, advance: As for `predict`.
    """
    for path, _, answer in _answers(restorer, images, channels, stride):
        pixels = np.rint(255 * np.clip(answer, 0, 1)).astype(np.uint8)
        picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        save_image(picture, Path(out) / f"{path.stem}.png")
        advance()


def _answers(model, images, channels, stride):
    """Yield (path, image, answer of the model), one after the other."""
    # As a graph: called eagerly, Keras holds every feature map to the end, twice the memory of a photo.
    forward = tf.function(
        lambda image: model(image, training=False),
        input_signature=[tf.TensorSpec((1, None, None, channels), tf.float32)],
        autograph=False,
    )
    for path in images:
        image = read_image(path, channels)
        if min(image.shape[:2]) < stride:
            raise InputError(
                f"Image {path} is {image.shape[1]}x{image.shape[0]} pixels, smaller than the network's stride "
                f"of {stride}; enlarge or leave it out."
            )
        yield path, image, forward(image[None])[0]
