"""Network from a depth image to the poses of the instances."""

import keras
import numpy as np
from keras import layers

from tfapp.errors import InputError
from tfapp.models.classifiers.residual import residual_network
from tfapp.pose.model.network_inputs import DepthChannels, PointMap
from tfapp.pose.model.pose_layers import AroundCentroids, Centroids, Offset, StopGradient, UnitQuaternion
from tfapp.pose.model.rotation_numbers import RotationNumbers, numbers_of, rotation_length
from tfapp.runs.precision import dtype_policy

TRANSLATIONS = ("direct", "centroid")
# How far from a centroid the middle of a part may be, in units of the network.
REACH = 0.3
# Where instances are thought to lie before anything is learned: side by side, and a little above the centre.
SPREAD, HEIGHT = 0.4, -0.15
# Random orientations that those of the hypotheses are taken from.
CANDIDATES = 512
WIDTHS = (16, 32, 64, 128)


def build_pose_network(settings):
    """Return a Keras model from depth to poses.

    Input: depth `(batch, height, width)` in metres of the parts alone. Outputs, with K hypotheses and N instances:
    `quaternion` `(batch, K, N, 4)`, (w, x, y, z), of length 1; `translation` `(batch, K, N, 3)` in units of the
    network; `choice` `(batch, N, K * channels)`, logits of which hypothesis and which of its rotation channels shows
    each instance best, learned without a gradient into the features.

    Args:
        settings: A `PoseSettings`.

    Raises:
        InputError: For an unknown backbone or translation.

    Reference:
        Y. Wu, dissertation, chapter 4: a ResNet-18 that sees depth three times and gives a vector of 7 N numbers, which
        is `network_input` depth without `base_poses`. Hypotheses: E. Insafutdinov, A. Dosovitskiy,
        *Unsupervised Learning of Shape and Pose with Differentiable Point Clouds*, NeurIPS 2018.
    """
    if settings.translation not in TRANSLATIONS:
        raise InputError(
            f"Unknown translation {settings.translation!r}; choose one of: {', '.join(TRANSLATIONS)}."
        )
    depth = keras.Input((settings.camera["height"], settings.camera["width"]), name="depth")
    points = PointMap(
        settings.camera, settings.centre, settings.unit, settings.size, dtype="float32", name="points"
    )(depth)
    # Half precision has three digits: enough for features, but not for points in metres and their poses.
    with dtype_policy(settings.precision):
        features = backbone(settings.backbone)(_seen(depth, points, settings))
    length = rotation_length(settings.rotation)
    if settings.base_poses:
        rotation = _numbers(features, settings, length, "rotation_head")
        translation = _numbers(features, settings, 3, "translation_head")
    else:
        rotation, translation = _pose_vector(features, settings, length)
    quaternion = _quaternion(rotation, settings)
    if settings.translation == "centroid":
        centroids = Centroids(settings.instances, dtype="float32", name="centroids")(points)
        translation = AroundCentroids(REACH, dtype="float32", name="translation")([centroids, translation])
    elif settings.base_poses:
        translation = Offset(_places(settings.instances), dtype="float32", name="translation")(translation)
    options = settings.hypotheses * settings.channels
    fixed = StopGradient(dtype="float32", name="fixed_features")(features)
    choice = keras.layers.Dense(settings.instances * options, dtype="float32", name="choice")(fixed)
    choice = keras.layers.Reshape((settings.instances, options), dtype="float32", name="choice_shape")(choice)
    outputs = {"quaternion": quaternion, "translation": translation, "choice": choice}
    return keras.Model(depth, outputs, name="pose_network")


def _seen(depth, points, settings):
    """Return what the backbone sees, of the depth or of its `PointMap`."""
    if settings.network_input == "points":
        return points
    channels = DepthChannels(
        settings.centre[2], settings.unit, settings.size, dtype="float32", name="depth_channels"
    )
    return channels(depth)


def _pose_vector(features, settings, length):
    """Return the numbers of the rotations and the translations out of one vector, the poses one after the other."""
    shape = (settings.hypotheses, settings.instances, length + 3)
    # Where the linear layers of PyTorch begin, which Wu (2020) used: a bias of zeros would have all poses equal.
    reach = features.shape[-1] ** -0.5
    begin = [keras.initializers.RandomUniform(-reach, reach, seed=settings.seed + n) for n in range(2)]
    x = keras.layers.Dense(
        int(np.prod(shape)),
        kernel_initializer=begin[0],
        bias_initializer=begin[1],
        dtype="float32",
        name="pose_vector",
    )(features)
    x = keras.layers.Reshape(shape, dtype="float32", name="pose_vector_shape")(x)
    return x[..., :length], x[..., length:]


def _quaternion(numbers, settings):
    if settings.base_poses:
        base = _base_quaternions(settings)
    else:
        base = np.zeros((settings.hypotheses, settings.instances, 4)).tolist()
    if settings.rotation == "quaternion":
        return UnitQuaternion(base, dtype="float32", name="quaternion")(numbers)
    added = numbers_of(settings.rotation, base) if settings.base_poses else None
    return RotationNumbers(settings.rotation, added, dtype="float32", name="quaternion")(numbers)


def _numbers(features, settings, count, name):
    shape = (settings.hypotheses, settings.instances, count)
    # Small at first: the poses begin at those that are given with them.
    small = keras.initializers.RandomNormal(stddev=0.01, seed=settings.seed)
    x = keras.layers.Dense(int(np.prod(shape)), kernel_initializer=small, dtype="float32", name=name)(
        features
    )
    return keras.layers.Reshape(shape, dtype="float32", name=f"{name}_shape")(x)


def _base_quaternions(settings):
    """Return one orientation for each hypothesis and instance, `(K, N, 4)`, as nested lists.

    The hypotheses of an instance are far apart: each is the one of many random orientations that is farthest from
    those before it.
    """
    rng = np.random.default_rng(settings.seed)
    return np.stack([_far_apart(settings.hypotheses, rng) for _ in range(settings.instances)], 1).tolist()


def _far_apart(count, rng):
    drawn = rng.normal(size=(CANDIDATES, 4))
    drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    taken = drawn[:1]
    while len(taken) < count:
        # q and -q are the same orientation.
        nearness = np.abs(drawn @ taken.T).max(1)
        taken = np.concatenate([taken, drawn[[nearness.argmin()]]])
    return taken


def _places(instances):
    across = np.linspace(-SPREAD, SPREAD, instances) if instances > 1 else [0.0]
    return [[float(x), 0.0, HEIGHT] for x in across]


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
    """Return the features `(batch, 512)` of ResNet-18 (He et al., 2016), as Wu (2020) has it."""
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
