"""Framing: how images of any size become inputs of one size, resized, cropped, cut into patches, or as they are."""

from dataclasses import dataclass

import numpy as np

from tfapp.data.cropping import MIRRORED, crop_window
from tfapp.data.dataset import check_pair, check_same_size
from tfapp.data.images import as_floats
from tfapp.data.resolution import resize_images
from tfapp.errors import InputError

LARGEST_WHOLE_IMAGE = 512
DEFAULT_PATCH = 256
CROP_OR_PATCH = "A crop is one random part of each image and pass, patches are all parts of a grid."


@dataclass(frozen=True)
class Framing:
    """Resize to `resize` = (height, width) if given, then cut square patches of `patch`, or one `crop`, if given.

    Neighbouring patches share `overlap` pixels at least; the last ones end at the image's border. The crop, (height,
    width), lies anywhere in a training stream, and in the middle of the image otherwise. Around a smaller image it has
    what `crop_border` says, one of `tfapp.data.cropping.CROP_BORDERS`.
    """

    resize: tuple[int, int] | None = None
    patch: int | None = None
    overlap: int = 0
    crop: tuple[int, int] | None = None
    crop_border: str = MIRRORED

    def windows(self, size):
        """Return (top, left, height, width) of every window of an image of the given (height, width)."""
        height, width = self.resize or size
        if self.crop is not None:
            return [crop_window((height, width), self.crop)]
        if self.patch is None:
            return [(0, 0, height, width)]
        if self.patch > min(height, width):
            raise InputError(
                f"An image of {width}x{height} pixels is smaller than the patch of {self.patch}; "
                "choose a smaller `patch`."
            )
        rows, columns = (self._starts(length) for length in (height, width))
        return [(top, left, self.patch, self.patch) for top in rows for left in columns]

    def _starts(self, length):
        last = length - self.patch
        return sorted({*range(0, last, self.patch - self.overlap), last})


def choose_framing(dataset, stride, resize=None, patch=None, overlap=0, crop=None, crop_border=MIRRORED):
    """Return the framing asked for, or one that suits the data.

    Without a wish the images are resized to the dataset's default size, if it has one. Otherwise images of one
    size up to 512 are taken whole, and larger or different ones in patches of 256 pixels, or of the largest
    multiple of the stride that fits the smallest image. Patches lie on a grid, the same for every training. A crop is
    cut out of images of any size: smaller ones have what `crop_border` says around them.

    Raises:
        InputError: For sizes that are not positive, an overlap not below the patch, or an image smaller
            than the network's stride.
    """
    if resize is None and patch is None and crop is None:
        resize = dataset.default_size
    if resize is not None and min(resize) < stride:
        raise InputError(
            f"`resize` {resize[1]}x{resize[0]} is smaller than the network's stride of {stride}."
        )
    if patch is not None and patch < stride:
        raise InputError(f"`patch` {patch} is smaller than the network's stride of {stride}.")
    if crop is not None:
        return _cropped(stride, resize, patch, overlap, crop, crop_border)
    sizes = {item.size for item in dataset.items} if resize is None else {resize}
    smallest = min(min(size) for size in sizes)
    if smallest < stride:
        item = min(dataset.items, key=lambda item: min(item.size))
        raise InputError(
            f"Image {item.name} is {item.size[1]}x{item.size[0]} pixels, smaller than the network's stride "
            f"of {stride}; remove it, use `resize`, or a smaller `depth`."
        )
    if patch is None and (len(sizes) > 1 or max(map(max, sizes)) > LARGEST_WHOLE_IMAGE):
        patch = min(DEFAULT_PATCH, smallest // stride * stride)
    if overlap and (patch is None or not 0 <= overlap < patch):
        raise InputError(
            f"`overlap` {overlap} must be at least 0 and below the patch size ({patch or 'no patches'})."
        )
    return Framing(resize, patch, overlap)


def _cropped(stride, resize, patch, overlap, crop, crop_border):
    if patch is not None:
        raise InputError(f"`crop` and `patch` both cut images; leave one of them out. {CROP_OR_PATCH}")
    if overlap:
        raise InputError(f"`overlap` is for `patch`; got {overlap} with `crop`.")
    if min(crop) < stride:
        raise InputError(
            f"`crop` {crop[0]}x{crop[1]} is smaller than the network's stride of {stride}; choose a larger one."
        )
    return Framing(resize, crop=crop, crop_border=crop_border)


def small_image_remark(dataset, stride, framing):
    """Return a sentence if a few small images made the patches of all others small, otherwise None.

    Args:
        dataset: The dataset.
        stride: The network's stride.
        framing: What `choose_framing` chose without a wish for patches.
    """
    if framing.patch is None or framing.resize is not None or framing.patch >= DEFAULT_PATCH:
        return None
    by_side = sorted(dataset.items, key=lambda item: min(item.size))
    few = max(1, len(by_side) // 20)
    others = by_side[few:]
    if not others:
        return None
    patch = min(DEFAULT_PATCH, min(others[0].size) // stride * stride)
    if patch < 2 * framing.patch:
        return None
    height, width = by_side[0].size
    named = f"Image {by_side[0].name} is" if few == 1 else f"{few} images, such as {by_side[0].name}, are"
    return (
        f"{named} only {width}x{height} pixels, so patches of {framing.patch} are cut from all {len(by_side)} images; "
        f"without {'it' if few == 1 else 'them'} patches of {patch} would fit. Leave small images out of the folder "
        f"for `patch` {patch}, or choose one size for all with `resize`."
    )


def network_pair(dataset, item, resize):
    """Read one item at the size that the network works at.

    Returns:
        Pair of the image, float32 (height, width, channels) in [0, 1], and the target, int32 (height, width), classes
        and the ignore value; of an image pair the other image, like the first one.
    """
    image, target = decoded_pair(dataset, item, resize)
    if dataset.image_pairs:
        target = as_floats(target, dataset.channels)
    else:
        target = target.astype(np.int32, copy=False)
    return as_floats(image, dataset.channels), target


def decoded_pair(dataset, item, resize):
    """Read one item as `network_pair` does, but labels, and images of `read_pixels`, as they are kept."""
    image = item.read_pixels()
    if dataset.image_pairs:
        target = item.read_target_pixels()
        check_same_size(item.name, image, target, "pair")
    else:
        target = item.read_labels()
        check_pair(item, image, target, dataset.num_classes, dataset.ignore_value)
    return (image, target) if resize is None else resize_pair(dataset, image, target, resize)


def resize_pair(dataset, image, target, size):
    """Return an image and its target, as `decoded_pair` reads them, or parts of them, in another (height, width)."""
    resized_target = _resized if dataset.image_pairs else resize_labels
    return _resized(image, size), resized_target(target, size)


def _resized(pixels, size):
    """Return pixels of `read_pixels` in another size, as floats."""
    # Of bytes the floats of the large image are never made, which would take longer than to resize it.
    found = resize_images(pixels[None], size)[0].numpy()
    if found.dtype == pixels.dtype:
        return found  # floats, or of the same size, where nothing is resized
    return found / np.float32(np.iinfo(pixels.dtype).max)


def resize_labels(labels, size):
    """Return an array (height, width) in another size, with the entry under the centre of each new pixel."""
    # The grid that the image's bilinear resizing uses.
    rows, columns = (
        ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def weighted_labels(labels, dataset, class_weights=None):
    """Return (labels, weights) as the loss takes them.

    Args:
        labels: Integers (height, width), classes and the dataset's ignore value.
        dataset: The dataset.
        class_weights: One float per class, or None for 1.

    Returns:
        The labels with the ignore value replaced by class 0, and float32 weights: 0 there, the class's
        weight elsewhere.
    """
    if class_weights is None:
        by_class = np.ones(dataset.num_classes, np.float32)
    else:
        by_class = np.asarray(class_weights, np.float32)
    if dataset.ignore_value is None:
        return labels, by_class[labels]
    ignored = labels == dataset.ignore_value
    labels = np.where(ignored, 0, labels)
    return labels, np.where(ignored, np.float32(0), by_class[labels])
