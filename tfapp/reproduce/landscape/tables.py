"""Tables and figures of Lu and Tong: their data, networks, batch sizes, and settings to train with.

Imports nothing slow: the command line describes the tables without TensorFlow.
"""

from dataclasses import dataclass

SOURCE = "J. Lu, K. Tong, Visualized Insights into the Optimization Landscape of Fully Convolutional Networks, 2019"
ASSUMED = (
    "What is compared is that of Lu and Tong (2019); which table or figure has which number is assumed. Tables 1 to 3 "
    "are scores on ISBI 2012, DRIVE and raindrop pairs, table 4 sharpness of the five networks; tables 5 and 6 are "
    "scores and sharpness after training with batches of 2 and of 16. Figures 3, 5, 6 and 7 are surfaces of the "
    "networks, figure 8 of the batch sizes."
)
EQUAL_LOSS = (
    "All networks are compared at equal training loss: FCN-16s with the larger batch trains for all epochs, and with "
    "the same seed every other training stops after the first epoch whose loss is no higher than its last."
)
SCALES = {
    "small": (
        "Slim networks (8 filters at the image, 64 at paper scale), patches of 128 pixels, 30 epochs by Adam with "
        "cross-entropy, an hour and a half on two CPU cores for tables 1, 4, 5 and 6: our choice, not "
        "that of Lu and Tong."
    ),
    "paper": (
        "The schedule of Lu and Tong: SGD of 0.025 with momentum 0.8, batches of 16, 60 epochs, eight-fold "
        "augmentation, mean squared error, patches of 256 pixels with an overlap of 128 of ISBI's slices, raindrop at "
        "480x480. The width, 64 filters at the image, is U-Net's. For a GPU."
    ),
}
NETWORKS = ("fcn-16s", "fcn-8s", "fcn-4s", "unet", "res-unet")
THREE = ("fcn-16s", "unet", "res-unet")
REFERENCE = "fcn-16s"
LARGE_BATCH, SMALL_BATCH = 16, 2
SHARPNESS = {
    "small": {"samples": 16, "repeats": 2, "eps": (1e-3, 5e-4)},
    "paper": {"samples": 128, "repeats": 5, "eps": (1e-3, 5e-4)},
}
SURFACE = {"small": {"samples": 16, "n": 33}, "paper": {"samples": 64, "n": 65}}


@dataclass(frozen=True)
class FCNTable:
    """One table or figure.

    Attributes:
        name: Of its command, such as `landscape-table-4`.
        subject: What it compares, for people.
        reader: Name of the dataset's reader.
        networks: Names of the networks, for `build`.
        batch_sizes: One, or two of which the first is the smaller.
        measure: `scores`, `sharpness` or `surfaces`.
    """

    name: str
    subject: str
    reader: str
    networks: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    measure: str

    @property
    def heading(self):
        kind, number = self.name.split("-")[1:]
        return f"{kind.capitalize()} {number}: {self.subject}"


_ALL, _BOTH = (LARGE_BATCH,), (SMALL_BATCH, LARGE_BATCH)
TABLES = {
    table.name: table
    for table in (
        FCNTable("landscape-table-1", "scores on ISBI 2012", "isbi2012", NETWORKS, _ALL, "scores"),
        FCNTable("landscape-table-2", "scores on DRIVE", "drive", NETWORKS, _ALL, "scores"),
        FCNTable("landscape-table-3", "scores on raindrop pairs", "raindrop", NETWORKS, _ALL, "scores"),
        FCNTable("landscape-table-4", "sharpness on ISBI 2012", "isbi2012", NETWORKS, _ALL, "sharpness"),
        FCNTable("landscape-table-5", "scores by batch size, ISBI 2012", "isbi2012", THREE, _BOTH, "scores"),
        FCNTable(
            "landscape-table-6", "sharpness by batch size, ISBI 2012", "isbi2012", THREE, _BOTH, "sharpness"
        ),
        FCNTable(
            "landscape-figure-3",
            "loss surfaces of FCN-16s, FCN-8s and FCN-4s, ISBI 2012",
            "isbi2012",
            NETWORKS[:3],
            _ALL,
            "surfaces",
        ),
        FCNTable(
            "landscape-figure-5",
            "loss surfaces of FCN-16s, U-Net and U-Net with residual skips, ISBI 2012",
            "isbi2012",
            THREE,
            _ALL,
            "surfaces",
        ),
        FCNTable("landscape-figure-6", "the same on DRIVE", "drive", THREE, _ALL, "surfaces"),
        FCNTable("landscape-figure-7", "the same on raindrop pairs", "raindrop", THREE, _ALL, "surfaces"),
        FCNTable(
            "landscape-figure-8",
            "loss surfaces by batch size, ISBI 2012",
            "isbi2012",
            THREE,
            _BOTH,
            "surfaces",
        ),
    )
}

_SMALL = {"base_width": 8, "optimizer": "adam", "learning_rate": 1e-3, "epochs": 30, "patch": 128}
_PAPER = {
    "base_width": 64,
    "optimizer": "sgd",
    "learning_rate": 0.025,
    "momentum": 0.8,
    "epochs": 60,
    "loss": "mse",
    "head": "sigmoid",
}
_SETTINGS = {
    ("isbi2012", "small"): _SMALL | {"head": "softmax", "resize": (256, 256), "overlap": 64},
    ("isbi2012", "paper"): _PAPER | {"patch": 256, "overlap": 128},
    ("drive", "small"): _SMALL | {"head": "softmax", "resize": (292, 282), "overlap": 64},
    ("drive", "paper"): _PAPER | {"patch": 256, "overlap": 128},
    ("raindrop", "small"): _SMALL | {"head": "identity", "loss": "mse", "resize": (240, 240)},
    ("raindrop", "paper"): _PAPER | {"resize": (480, 480)},
}
# Frames of one epoch, augmented ones counted; None for eight times the training set.
_FRAMES = {"small": 432, "paper": None}


def scale_settings(reader, scale):
    """Return options of `TrainConfig` for a dataset at a scale, network, seed and batch size aside."""
    return {"depth": 4, "augment": "dihedral"} | _SETTINGS[reader, scale]


def epoch_frames(scale, num_frames):
    """Return the frames of one epoch, augmented ones counted; every batch size sees the same number.

    Args:
        scale: One of `SCALES`.
        num_frames: Frames of the training set.
    """
    return _FRAMES[scale] or 8 * num_frames
