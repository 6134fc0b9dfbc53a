"""The network from a depth image to the poses of the instances."""

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.pose.model.backbones import backbone
from tfapp.pose.model.centroids import Centroids
from tfapp.pose.model.output_layers import AroundCentroids, Offset, StopGradient, UnitQuaternion
from tfapp.pose.model.point_map import PointMap

TRANSLATIONS = ("direct", "centroid")
# How far from a centroid the middle of a part may be, in units of the network.
REACH = 0.3
# Where instances are thought to lie before anything is learned: side by side, and a little above the centre.
SPREAD, HEIGHT = 0.4, -0.15
# Random orientations that those of the hypotheses are taken from.
CANDIDATES = 512


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
        Y. Wu, dissertation, chapter 4: a ResNet-18 with 7 N outputs. Hypotheses: E. Insafutdinov, A. Dosovitskiy,
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
    features = backbone(settings.backbone)(points)
    quaternion = _numbers(features, settings, 4, "rotation_head")
    quaternion = UnitQuaternion(_base_quaternions(settings), name="quaternion")(quaternion)
    translation = _numbers(features, settings, 3, "translation_head")
    if settings.translation == "centroid":
        centroids = Centroids(settings.instances, name="centroids")(points)
        translation = AroundCentroids(REACH, name="translation")([centroids, translation])
    else:
        translation = Offset(_places(settings.instances), name="translation")(translation)
    options = settings.hypotheses * settings.channels
    choice = keras.layers.Dense(settings.instances * options, name="choice")(
        StopGradient(name="fixed_features")(features)
    )
    choice = keras.layers.Reshape((settings.instances, options), name="choice_shape")(choice)
    outputs = {"quaternion": quaternion, "translation": translation, "choice": choice}
    return keras.Model(depth, outputs, name="pose_network")


def _numbers(features, settings, count, name):
    shape = (settings.hypotheses, settings.instances, count)
    # Small at first: the poses begin at those that are given with them.
    small = keras.initializers.RandomNormal(stddev=0.01, seed=settings.seed)
    x = keras.layers.Dense(int(np.prod(shape)), kernel_initializer=small, name=name)(features)
    return keras.layers.Reshape(shape, name=f"{name}_shape")(x)


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
