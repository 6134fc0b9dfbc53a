"""Tables of Jia, Liu and Tai: their data, networks, training sets, and settings to make them with.

Imports nothing slow: the command line describes the tables without TensorFlow.
"""

from dataclasses import dataclass

SOURCE = (
    "F. Jia, J. Liu, X.-C. Tai, A Regularized Convolutional Neural Network for Semantic Image Segmentation, 2019, "
    "arXiv:1907.05287, section 4"
)
ASSUMED = (
    "Assumed where section 4 leaves it open: λ starts at 1 and is learned at the rate of the network, where (3.24) has "
    "a rate of its own; the constant τλ of the one step (3.21) is 0.25, which the authors set by hand; the loss (2.3), "
    "a sum over the pixels of an image, is their mean here, as Caffe divides by default, and a literal sum would make "
    "the learning rate larger by the number of pixels; RE (4.1) is that of a field that jumps by 1 between classes."
)
BASELINE = (
    "+TV is the trained network with converged total variation behind it, where the authors stop after 100 iterations "
    "of (3.8) and set λ by hand. It is no part of the published tables."
)
SCALES = {
    "small": (
        "Small networks on small images, about an hour a table on two CPU cores for cells and CamVid: Adam, flips, "
        "class weights for Segnet, a tenth of the images for validation, TV through its solution. Our choice."
    ),
    "medium": (
        "The data of section 4, its split, batches and noisy sets, no flips and no class weights, on images of half "
        "the side and networks of half the width (Segnet) or a quarter of it (Unet), with fewer steps, for a night on "
        "two CPU cores (three seeds of Unet, one of Segnet): Adam, TV through its solution. Our choice."
    ),
    "paper": (
        "The training of section 4, for a GPU: networks of full width on full images, SGD with momentum 0.9 at its "
        "rates, batches and iterations, no flips, no class weights, the one step (3.21) in training. Segnet needs "
        "--encoder-weights. Of each image of SUN RGB-D a random crop of 360x480 is trained on."
    ),
}


@dataclass(frozen=True)
class Subject:
    """What two tables share: the data, the network and the noise of the noisy training set.

    Attributes:
        reader: Name of the dataset's reader.
        data: Name of the data, for people.
        model: Name of the network, for `build`.
        plain: The network as they write it; the regularised one has an R before it.
        train_noise: Noise of the noisy set, as `parse_mix` reads it.
        noisy: Number of its images that are noisy.
        training: Number of its images.
    """

    reader: str
    data: str
    model: str
    plain: str
    train_noise: str
    noisy: int
    training: int

    @property
    def noisy_share(self):
        return self.noisy / self.training


SUBJECTS = (
    Subject(
        *("wbc", "white blood cells", "unet", "Unet", "gaussian=0.05|salt-and-pepper=0.01", 20, 60),
    ),
    Subject(
        *("camvid", "CamVid", "segnet", "Segnet", "gaussian=0.03|salt-and-pepper=0.01", 90, 367),
    ),
    Subject(
        *("sunrgbd", "SUN RGB-D", "segnet", "Segnet", "gaussian=0.05|salt-and-pepper=0.01", 1000, 5285),
    ),
)


@dataclass(frozen=True)
class TVTable:
    """One of the six tables, by its number."""

    number: int

    @property
    def subject(self):
        return SUBJECTS[(self.number - 1) // 2]

    @property
    def model_number(self):
        """1: trained on clean images, 2: on a set with noise."""
        return 2 - self.number % 2

    @property
    def name(self):
        return f"tv-table-{self.number}"

    @property
    def heading(self):
        subject = self.subject
        training = "on clean images" if self.model_number == 1 else noisy_set_in_words(subject)
        plain = subject.plain
        return f"Table {self.number}: {plain}, {plain}+TV and R{plain} on {subject.data}, trained {training}"


def noisy_set_in_words(subject):
    """Return what a `Subject`'s noisy set is, as it follows "trained"."""
    return f"on the noisy set ({subject.noisy:,} of {subject.training:,} images in the text)"


TABLES = {number: TVTable(number) for number in range(1, 7)}

# Scenes are mirrored only: upside down, the sky would be below.
_SEGNET = {"model": "segnet", "augment": "mirror", "class_weighting": "median-frequency"}
_SMALL = {"base_width": 16, "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 8}
_SMALL_SEGNET = _SEGNET | _SMALL | {"depth": 4, "epochs": 12, "steps_per_epoch": 100, "schedule": "cosine"}
# Of which every image is seen as it is, and none is held out to watch the training.
_AS_PRINTED = {"augment": "none", "class_weighting": "none"}
_CELLS = _AS_PRINTED | {
    "model": "unet",
    "depth": 4,
    "batch_size": 8,
    "test_share": 0.4,
    "validation_share": 0.0,
}
_CAMVID = _AS_PRINTED | {"model": "segnet", "depth": 5, "batch_size": 4}
# The published data have 10,335 images, of which 5,285 are for training.
_SUN = _AS_PRINTED | {
    **{"model": "segnet", "depth": 5, "batch_size": 3, "random_split": True},
    **{"test_share": 5050 / 10335, "validation_share": 0.0},
}
_MEDIUM = {"base_width": 32, "optimizer": "adam", "learning_rate": 1e-3, "steps_per_epoch": 100}
_PAPER = {
    **{"base_width": 64, "optimizer": "sgd", "momentum": 0.9, "steps_per_epoch": 500},
    **{"tv_gradient": "one-step"},
}
_SETTINGS = {
    ("wbc", "small"): _SMALL
    | {"model": "unet", "depth": 4, "augment": "flips", "test_share": 0.4, "validation_share": 0.1}
    | {"epochs": 10, "steps_per_epoch": 100},
    ("wbc", "medium"): _CELLS | _MEDIUM | {"base_width": 16, "epochs": 16, "steps_per_epoch": 50},
    # 20,000 iterations.
    ("wbc", "paper"): _CELLS | _PAPER | {"learning_rate": 1e-4, "epochs": 40},
    ("camvid", "small"): _SMALL_SEGNET | {"resize": (96, 128)},
    ("camvid", "medium"): _CAMVID | _MEDIUM | {"resize": (180, 240), "epochs": 30},
    # 80,000 iterations.
    ("camvid", "paper"): _CAMVID | _PAPER | {"learning_rate": 1e-3, "epochs": 160},
    # Total variation of 37 classes takes its time: a smaller batch, fewer steps and fewer images.
    ("sunrgbd", "small"): _SMALL_SEGNET
    | {"resize": (96, 128), "batch_size": 4, "epochs": 8, "train_images": 1000, "validation_share": 0.012},
    ("sunrgbd", "medium"): _SUN | _MEDIUM | {"resize": (180, 240), "epochs": 30},
    # 200,000 iterations. The images have many sizes: the authors crop a random patch of 360x480 from each.
    ("sunrgbd", "paper"): _SUN | _PAPER | {"crop": (360, 480), "learning_rate": 1e-3, "epochs": 400},
}
# Test images, evenly spaced over all; None for all.
TEST_IMAGES = {"small": 120, "medium": 500, "paper": None}


def scale_settings(reader, scale, sizes):
    """Return options of `TrainConfig` for a dataset at a scale.

    Args:
        reader: Name of the dataset's reader.
        scale: One of `SCALES`.
        sizes: Set of the (height, width) of its images.
    """
    options = _SETTINGS[reader, scale]
    return options | {"resize": _cell_size(scale, sizes)} if reader == "wbc" else options


def needs_encoder_weights(reader, scale):
    """Return whether the network starts from VGG-16 at a scale."""
    return scale == "paper" and _SETTINGS[reader, scale]["model"] == "segnet"


def _cell_size(scale, sizes):
    largest = (max(height for height, _ in sizes), max(width for _, width in sizes))
    if scale == "small":
        # Dataset 1 has cells of 120 pixels or less, Dataset 2 of 300.
        return (96, 96) if max(largest) <= 120 else (128, 128)
    if scale == "medium":
        return tuple(max(16, side // 2) for side in largest)
    return None if len(sizes) == 1 else largest


def spaced(items, count):
    """Return at most `count` of the items, evenly spaced, in order; all for None."""
    if count is None or len(items) <= count:
        return items
    return tuple(items[i * len(items) // count] for i in range(count))
