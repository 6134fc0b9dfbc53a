"""Label people's own images with a trained run, or make images of them; never over what is theirs."""

from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfapp.data.own_images import each_image
from tfapp.data.windows import ArrayWindows, open_windows, read_whole, size_of
from tfapp.errors import InputError
from tfapp.files import check_folder, check_outputs, same_folder
from tfapp.models.monte_carlo_dropout import SampledNetwork
from tfapp.models.tiling import AUTO, TiledNetwork, by_tiles
from tfapp.runs.progress import SILENT
from tfapp.segmentation.large_images import write_labels, write_restored
from tfapp.segmentation.own_pictures import PNG, SUFFIXES, is_foreign, save_labels, save_pixels
from tfapp.segmentation.pictures import overlay
from tfapp.segmentation.uncertainty_maps import MAPS, UncertaintyMaps


def check_places(paths, images, out, *, labels=True, overwrite=False, form=PNG, maps=False):
    """Raise InputError if what `predict` or `restore` would write took the place of something else.

    Args:
        paths: What the images were named by: files, and folders of them.
        images: Paths, as from `find_images(paths)`.
        out: Folder to write to.
        labels: Whether it is `predict` that writes, and not `restore`.
        overwrite: Whether files of these names that are in `out`, and that neither of them wrote, or that were changed
            since, may be replaced.
        form: Format of the labels, or of the images that are made: `png` or `tiff`.
        maps: Whether maps of uncertainty are written beside the labels.
    """
    check_folder(out)
    for path in paths:
        # What is written there would be taken for an image the next time.
        if same_folder(path, out):
            raise InputError(f"{out} is the folder of the images itself; choose another `out`.")
    outputs = _outputs(images, out, labels, form, maps)
    check_outputs(outputs, images)
    written = [file for file, _ in outputs]
    foreign = None if overwrite else next(filter(is_foreign, written), None)
    if foreign:
        raise InputError(
            f"{foreign} exists and was not written by `tfapp predict`, or was changed since, or is of version 0.1; "
            "choose another `out`, or replace it with `overwrite`."
        )


def predict(
    segmenter,
    images,
    out,
    class_names,
    channels,
    *,
    tile=AUTO,
    margin=None,
    progress=SILENT,
    advance=lambda: None,
    failures=None,
    form=PNG,
    samples=None,
    seed=0,
):
    """Write `NAME.png` (palette PNG of classes) and `NAME-overlay.png` for every image, at its own size.

    With `samples` the labels are those of the mean of so many answers with dropout, and beside them stand
    `NAME-entropy.png` and `NAME-mutual-information.png`, as of `tfapp.models.monte_carlo_dropout`: grey, 255 is
    ln(classes).

    A large image goes through the network tile by tile, with the labels of the whole image: see `TiledNetwork`. Its
    files are written row by row, and its overlay is smaller than it where that would have more than 16 megapixels.

    Args:
        segmenter: Keras model from images of any size to probabilities.
        images: Paths, as from `find_images`.
        out: Folder to write to.
        class_names: Names of the classes.
        channels: Channels that the segmenter takes.
        tile, margin: As of `TiledNetwork`: `auto`, pixels along a side or `off`, and the pixels that tiles overlap.
        progress: `Progress` that the tiles of each image are reported to.
        advance: Called after each image, for a progress bar.
        failures: List that takes a pair (image path, sentence) for each image that cannot be labelled; None to stop at
            the first of them.
        form: Format of the labels: `png`, or `tiff`, in tiles and with smaller copies, for images that no program loads
            as a whole. The overlay is a PNG.
        samples: Answers with dropout, at least 2, or None for the one without.
        seed: Of what is dropped.

    Returns:
        Pairs (image path, share of each class in [0, 1]); with `samples` triples, the last the means over the pixels of
        entropy and mutual information, in nats.

    Raises:
        InputError: An output is one of the images or another output; tiles that the network cannot have; `samples` of a
            network without dropout; or, without `failures`, an image cannot be used.
    """
    options = {"progress": progress, "advance": advance, "failures": failures, "form": form}
    if samples is not None:
        sampled = SampledNetwork(segmenter, channels, samples, seed, tile, margin)
        with sampled.drawing():
            return _sampled(sampled, images, out, channels, len(class_names), **options)
    check_outputs(_outputs(images, out, True, form), images)
    network, told = TiledNetwork(segmenter, channels, tile, margin), _Told(progress)
    shares = []

    def label(path, files):
        with _cut(network, path, channels, progress, told) as cut:
            if cut is None:
                counts = _label_whole(network, path, channels, files, len(class_names))
            else:
                source, bands = cut
                counts = write_labels(bands(_labels_of), source, *files, len(class_names))
        shares.append((path, counts / counts.sum()))

    each_image(label, _with_outputs(images, out, True, form), failures, advance)
    return shares


def _sampled(network, images, out, channels, num_classes, *, progress, advance, failures, form):
    """Do what `predict` does with `samples`; `network` is a `SampledNetwork`."""
    outputs, told = _with_outputs(images, out, True, form, maps=True), _Told(progress)
    check_outputs(_outputs(images, out, True, form, maps=True), images)
    found = []

    def label(path, files):
        maps = UncertaintyMaps(files[2:], num_classes)
        with _cut(network, path, channels, progress, told) as cut:
            if cut is None:
                image = read_whole(path, channels)
                source = ArrayWindows(image)
                bands = iter([(0, maps.coded(_whole(network, path, image)))])
            else:
                source, tiles = cut
                bands = tiles(maps.coded)
            counts = write_labels(maps.written(bands, source.size), source, *files[:2], num_classes)
        found.append((path, counts / counts.sum(), maps.means))

    each_image(label, outputs, failures, advance)
    return found


def restore(
    restorer,
    images,
    out,
    channels,
    *,
    tile=AUTO,
    margin=None,
    progress=SILENT,
    advance=lambda: None,
    failures=None,
    form=PNG,
):
    """Write `NAME.png`, the image that a network makes of each image, at its own size and in 8 bits.

    Args:
        restorer: Keras model from images of any size to images in [0, 1]; what lies outside is clipped.
        images, out, channels, tile, margin, progress, advance, failures, form: As for `predict`, errors too.
    """
    check_outputs(_outputs(images, out, False, form), images)
    network, told = TiledNetwork(restorer, channels, tile, margin), _Told(progress)

    def made(path, files):
        (file,) = files
        with _cut(network, path, channels, progress, told) as cut:
            if cut is None:
                answer = _whole(network, path, read_whole(path, channels))
                save_pixels(_pixels_of(answer), file)
            else:
                source, bands = cut
                write_restored(bands(_pixels_of), source.size, channels, file)

    each_image(made, _with_outputs(images, out, False, form), failures, advance)


class _Told:
    """Says each remark on tiles once, whatever the number of images that it is on."""

    def __init__(self, progress):
        self._progress, self._said = progress, {None}

    def __call__(self, remark):
        if remark not in self._said:
            self._said.add(remark)
            self._progress.say(remark.sentence)


@contextmanager
def _cut(network, path, channels, progress, told):
    """Yield None for an image that goes through the network whole, otherwise its reader and a function for its bands.

    That takes a function from the answer of a part of the image to what is kept of it, and yields the bands.
    """
    size = size_of(path)
    told(network.remark(size))
    tiling = network.tiling(size)
    if tiling is None:
        yield None
        return
    with open_windows(path, channels) as source, _memory_in_words(path, source.size):
        with by_tiles(progress, path.name, tiling.count(source.size)) as task:
            yield source, partial(network.bands, source, tiling, task.advance)


def _label_whole(network, path, channels, files, num_classes):
    image = read_whole(path, channels)
    labels = np.argmax(_whole(network, path, image), -1)
    label_file, overlay_file = files
    save_labels(labels, label_file)
    save_pixels(overlay(image, labels, num_classes), overlay_file)
    return np.bincount(labels.ravel(), minlength=num_classes)


def _whole(network, path, image):
    with _memory_in_words(path, image.shape):
        return np.asarray(network.whole(image))


@contextmanager
def _memory_in_words(path, size):
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError):
        raise InputError(
            f"Image {path} of {size[1]}x{size[0]} pixels takes more memory than there is; give a `tile` of fewer "
            "pixels, or cut it into images."
        ) from None


def _labels_of(answer):
    return np.argmax(answer, -1).astype(np.uint8)


def _pixels_of(answer):
    pixels = np.rint(255 * np.clip(answer, 0, 1)).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _names(image, out, labels, form, maps):
    """Return the files that are written for an image."""
    names = [f"{image.stem}{SUFFIXES[form]}"]
    if labels:
        names.append(f"{image.stem}-overlay{SUFFIXES[PNG]}")
    if maps:
        names += [f"{image.stem}-{name}{SUFFIXES[form]}" for name in MAPS]
    return [Path(out) / name for name in names]


def _with_outputs(images, out, labels, form, maps=False):
    return [(image, _names(image, out, labels, form, maps)) for image in images]


def _outputs(images, out, labels, form, maps=False):
    return [
        (file, image) for image, files in _with_outputs(images, out, labels, form, maps) for file in files
    ]
