"""What the studies of Lu and Tong train with: their protocol and a small one, and what both assume.

Imports nothing slow: the command line describes the studies without TensorFlow.
"""

SOURCE = "J. Lu, K. Tong, Visualized Insights into the Optimization Landscape of Fully Convolutional Networks, 2019"
# As Lu and Tong write them; res-unet is what they propose.
TITLES = {
    "fcn-16s": "FCN-16s",
    "fcn-8s": "FCN-8s",
    "fcn-4s": "FCN-4s",
    "unet": "U-Net",
    "res-unet": "proposed",
}
ASSUMED = (
    "Assumed, as Lu and Tong (2019) do not say it: four poolings, one residual module at each level of the proposed "
    "network (res-unet), ten steps of each of two searches for the highest loss, a rate that stays at its first value, "
    "PSNR and SSIM of colours, and of DRIVE that vessels part regions as membranes part cells."
)
# How the weights that are measured are chosen of a training, and what is said of it.
REFERENCE, EQUAL, EQUAL_BY_NETWORK, ALL_EPOCHS = "reference", "equal", "equal by network", "all epochs"
CHOSEN = {
    REFERENCE: (
        "All networks are compared at equal training loss: FCN-16s with the larger batch trains for all epochs, and "
        "with the same seed every other training stops after the first epoch whose loss is no higher than its last."
    ),
    EQUAL: (
        "All networks are compared at equal training loss: each by its weights after the first epoch whose loss is no "
        "higher than a target, which is the smallest that all of one seed reach unless `until_loss` says it; one that "
        "never gets there by those of its smallest loss."
    ),
    EQUAL_BY_NETWORK: (
        "Both batch sizes of a network are compared at equal training loss: each by its weights after the first epoch "
        "whose loss is no higher than a target, which is the smallest that both of one seed reach unless `until_loss` "
        "says it."
    ),
    ALL_EPOCHS: (
        "The loss of the test images is watched in each epoch, and of scores the best of all epochs are taken, as Lu "
        "and Tong do: chosen on the images that are tested on, they are optimistic."
    ),
}
PRINTED_LOSS = 0.03
SCALES = {
    "small": (
        "Slim networks (8 filters at the image, 64 at paper scale), 30 epochs by Adam of 432 frames, ISBI's slices "
        "at 256x256 in patches of 128 pixels, DRIVE at 128x128, raindrop pairs at 240x240: our choice; mean squared "
        "error, label images of one channel and the split 7:3 are as in the paper."
    ),
    "paper": (
        "The protocol of Lu and Tong: 7:3 of all images for training and for testing, eight-fold augmentation, mean "
        "squared error of label images of one channel, SGD of 0.025 with momentum 0.8, batches of 16, 60 epochs, "
        "patches of 256 pixels with an overlap of 128 of ISBI's slices, DRIVE at 256x256, all raindrop pairs at "
        "480x480. The width, 64 filters at the image, is U-Net's. The weights of each epoch are kept, 7.5 GB for a "
        "training. For a GPU."
    ),
}
OWN_SCALES = {
    "small": (
        "Slim networks (8 filters at the image, 64 at paper scale), patches of 128 pixels, 30 epochs by Adam with "
        "cross-entropy: our choice, not that of Lu and Tong."
    ),
    "paper": (
        "The schedule of Lu and Tong: SGD of 0.025 with momentum 0.8, batches of 16, 60 epochs, eight-fold "
        "augmentation, mean squared error of one-hot maps, patches of 256 pixels with an overlap of 128 of ISBI's "
        "slices, raindrop at 480x480. The width, 64 filters at the image, is U-Net's. For a GPU."
    ),
}
# Frames that the loss of sharpness and surfaces is averaged over, and how thoroughly.
SHARPNESS = {"small": {"samples": 16, "repeats": 2}, "paper": {"samples": 128, "repeats": 5}}
SURFACE = {"small": {"samples": 16, "exact": False}, "paper": {"samples": 64, "exact": True}}
# Epochs between two that are scored: a score takes longer than a small epoch.
SCORED = {"small": 5, "paper": 1}

_SMALL = {"base_width": 8, "optimizer": "adam", "learning_rate": 1e-3, "epochs": 30}
_PAPER = {
    **{"base_width": 64, "optimizer": "sgd", "learning_rate": 0.025, "momentum": 0.8, "epochs": 60},
    **{"loss": "mse", "head": "sigmoid"},
}
_PATCHES = {"resize": (256, 256), "patch": 128, "overlap": 64}
# Of the studies that stop at the loss of a reference.
_OWN = {
    ("isbi2012", "small"): _SMALL | _PATCHES | {"head": "softmax"},
    ("isbi2012", "paper"): _PAPER | {"patch": 256, "overlap": 128},
    ("drive", "small"): _SMALL | {"head": "softmax", "resize": (292, 282), "patch": 128, "overlap": 64},
    ("drive", "paper"): _PAPER | {"patch": 256, "overlap": 128},
    ("raindrop", "small"): _SMALL | {"head": "identity", "loss": "mse", "resize": (240, 240), "patch": 128},
    ("raindrop", "paper"): _PAPER | {"resize": (480, 480)},
}
_FRAMES_OF_PAPER = {
    ("isbi2012", "small"): _PATCHES,
    ("isbi2012", "paper"): {"patch": 256, "overlap": 128},
    ("drive", "small"): {"resize": (128, 128)},
    ("drive", "paper"): {"resize": (256, 256)},
    ("raindrop", "small"): {"resize": (240, 240), "patch": 128},
    ("raindrop", "paper"): {"resize": (480, 480)},
}
# Train and test only, all epochs, and the weights of each of them.
_WHOLE = {
    **{
        "loss": "mse",
        "head": "sigmoid",
        "test_share": 0.3,
        "validation_share": 0.0,
        "validate_on_test": True,
    },
    **{"random_split": True, "keep": "training-loss", "trajectory": 1},
}
# Frames of one epoch, augmented ones counted; None for eight times the training set.
_FRAMES = {"small": 432, "paper": None}
_ALL = {"depth": 4, "augment": "dihedral"}


def own_settings(reader, scale):
    """Return options of `TrainConfig` for a training that stops at the loss of a reference, model and seed aside.

    Args:
        reader: Name of the dataset's reader; other masks than the paper's are cut as ISBI's, at their own size.
        scale: `small` or `paper`.
    """
    chosen = _OWN.get((reader, scale))
    if chosen is None:
        chosen = {key: value for key, value in _OWN["isbi2012", scale].items() if key != "resize"}
    return _ALL | chosen


def paper_settings(reader, scale):
    """Return options of `TrainConfig` for a training of all epochs by the paper's protocol, model and seed aside."""
    schedule = _SMALL if scale == "small" else _PAPER
    return _ALL | schedule | _WHOLE | {"label_image": reader != "raindrop"} | _FRAMES_OF_PAPER[reader, scale]


def epoch_frames(scale, num_frames):
    """Return the frames of one epoch, augmented ones counted; every batch size sees the same number.

    Args:
        scale: `small` or `paper`.
        num_frames: Frames of the training set.
    """
    return _FRAMES[scale] or 8 * num_frames
