"""Tables of Jia, Liu and Tai: their data, networks, training sets, and settings to make them with.

Imports nothing slow: the command line describes the tables without TensorFlow.
"""

from dataclasses import dataclass

SOURCE = (
    "F. Jia, J. Liu, X.-C. Tai, A Regularized Convolutional Neural Network for Semantic Image Segmentation, 2019, "
    "arXiv:1907.05287, section 4"
)
ASSUMED = (
    "Assumed of that section: tables 1 and 2 are white blood cells with Unet, tables 3 and 4 CamVid with Segnet, "
    "tables 5 and 6 SUN RGB-D with Segnet. The odd tables are model 1, trained on clean images; the even ones are "
    "model 2, trained on a set of which a random third has noise. The rows are clean test images, Gaussian noise of "
    "σ = 0.01 to 0.09, and salt, pepper or both on 1 % of the pixels."
)
BASELINE = (
    "+TV is the trained network with converged total variation behind it. Its λ is chosen for every training by mean "
    "IoU on that run's validation images, clean ones for both models; the test images have no say in it."
)
SCALES = {
    "small": "Small networks on small images, to fit an hour on two CPU cores: our choice, not that of the authors.",
    "paper": (
        "Networks of the published width on full images, for a GPU. Of the training of Jia, Liu and Tai we know the "
        "networks, the cross-entropy, the one-step gradient and the noise; learning rate and length are our choice, "
        "after the solver that is published with SegNet (40,000 steps of 4 images; its 0.001 with momentum 0.9 is 0.01 "
        "without)."
    ),
}
DEFAULT_TRAIN_NOISE = "gaussian=0.05"


@dataclass(frozen=True)
class Subject:
    """What two tables share: the data and the network.

    Attributes:
        reader: Name of the dataset's reader.
        data: Name of the data, for people.
        model: Name of the network, for `build`.
        plain: The network as they write it; the regularised one has an R before it.
    """

    reader: str
    data: str
    model: str
    plain: str


SUBJECTS = (
    Subject("wbc", "white blood cells", "unet", "Unet"),
    Subject("camvid", "CamVid", "segnet", "Segnet"),
    Subject("sunrgbd", "SUN RGB-D", "segnet", "Segnet"),
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
    def curve_figure(self):
        """Number of the figure of mIoU against sigma, which shows both models."""
        return 2 * ((self.number - 1) // 2) + 2

    @property
    def example_figure(self):
        """Number of the figure of example pictures."""
        return self.curve_figure + 1

    @property
    def name(self):
        return f"tv-table-{self.number}"

    @property
    def heading(self):
        plain = self.subject.plain
        training = "on clean images" if self.model_number == 1 else "on a set of which a third is noisy"
        return f"Table {self.number}: {plain}, {plain}+TV and R{plain} on {self.subject.data}, trained {training}"


TABLES = {number: TVTable(number) for number in range(1, 7)}

_UNET = {"model": "unet", "depth": 4, "augment": "flips", "test_share": 0.4, "validation_share": 0.1}
# Scenes are mirrored only: upside down, the sky would be below.
_SEGNET = {"model": "segnet", "augment": "mirror", "class_weighting": "median-frequency"}
_SMALL = {"base_width": 16, "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 8}
_PAPER = {"base_width": 64, "optimizer": "sgd", "learning_rate": 0.01, "batch_size": 4}
_SMALL_SEGNET = _SEGNET | _SMALL | {"depth": 4, "epochs": 12, "steps_per_epoch": 100, "schedule": "cosine"}
_PAPER_SEGNET = _SEGNET | _PAPER | {"depth": 5, "epochs": 80, "steps_per_epoch": 500}
_SETTINGS = {
    ("wbc", "small"): _UNET | _SMALL | {"epochs": 10, "steps_per_epoch": 100},
    ("wbc", "paper"): _UNET | _PAPER | {"epochs": 80, "steps_per_epoch": 500},
    ("camvid", "small"): _SMALL_SEGNET | {"resize": (96, 128)},
    ("camvid", "paper"): _PAPER_SEGNET,
    # Total variation of 37 classes takes its time: a smaller batch, fewer steps and fewer images.
    ("sunrgbd", "small"): _SMALL_SEGNET
    | {"resize": (96, 128), "batch_size": 4, "epochs": 8, "train_images": 1000, "validation_share": 0.012},
    # The images have many sizes; SegNet took them at CamVid's.
    ("sunrgbd", "paper"): _PAPER_SEGNET | {"resize": (360, 480), "validation_share": 0.1},
}
# Test images, evenly spaced over all; None for all.
TEST_IMAGES = {"small": 120, "paper": None}


def scale_settings(reader, scale, sizes):
    """Return options of `TrainConfig` for a dataset at a scale.

    Args:
        reader: Name of the dataset's reader.
        scale: One of `SCALES`.
        sizes: Set of the (height, width) of its images.
    """
    options = _SETTINGS[reader, scale]
    return options | {"resize": _cell_size(scale, sizes)} if reader == "wbc" else options


def _cell_size(scale, sizes):
    largest = (max(height for height, _ in sizes), max(width for _, width in sizes))
    if scale == "small":
        # Dataset 1 has cells of 120 pixels or less, Dataset 2 of 300.
        return (96, 96) if max(largest) <= 120 else (128, 128)
    return None if len(sizes) == 1 else largest


def spaced(items, count):
    """Return at most `count` of the items, evenly spaced, in order; all for None."""
    if count is None or len(items) <= count:
        return items
    return tuple(items[i * len(items) // count] for i in range(count))
