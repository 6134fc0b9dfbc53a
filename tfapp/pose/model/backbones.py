"""What turns the picture of points into features."""

from keras import layers

from tfapp.errors import InputError
from tfapp.models.classifiers.residual import residual_network

WIDTHS = (16, 32, 64, 128)


def small_network(points, features=128):
    """Return features `(batch, features)` of a small residual network that keeps where things are.

    Args:
        points: Output of `PointMap`, `(batch, size, size, 4)`.
        features: Number of features.
    """
    x = points
    for stage, width in enumerate(WIDTHS, 1):
        x = _block(x, width, f"stage{stage}")
    # A global average would lose where in the picture a part lies.
    x = layers.Flatten(name="flat")(x)
    return layers.Dense(features, "relu", name="features")(x)


def resnet_18(points):
    """Return the features `(batch, 512)` of ResNet-18 (He et al., 2016), as the text has it."""
    return residual_network(points, None, depths=(2, 2, 2, 2), stem="imagenet")


def _block(x, width, name):
    """Return a residual block that halves height and width."""
    # Every second pixel first: the gradient of TensorFlow 2.21 for a 1x1 convolution of stride 2 on few channels
    # writes beyond its memory on a CPU.
    taken = layers.MaxPooling2D(1, 2, name=f"{name}_taken")(x)
    shortcut = layers.Conv2D(width, 1, name=f"{name}_shortcut")(taken)
    x = layers.Conv2D(width, 3, 2, padding="same", activation="relu", name=f"{name}_1")(x)
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_2")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))


BACKBONES = {"small": small_network, "resnet-18": resnet_18}


def backbone(name):
    """Return the function of a name of `BACKBONES`.

    Raises:
        InputError: For another name.
    """
    if name not in BACKBONES:
        raise InputError(f"Unknown pose network {name!r}; choose one of: {', '.join(BACKBONES)}.")
    return BACKBONES[name]
