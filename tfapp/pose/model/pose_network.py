"""Network from a depth image to the poses of the instances."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfapp.errors import InputError
from tfapp.models.classifiers.residual import residual_network
from tfapp.pose.model.visible_distance import squared_distances

TRANSLATIONS = ("direct", "centroid")
# How far from a centroid the middle of a part may be, in units of the network.
REACH = 0.3
# Where instances are thought to lie before anything is learned: side by side, and a little above the centre.
SPREAD, HEIGHT = 0.4, -0.15
# Random orientations that those of the hypotheses are taken from.
CANDIDATES = 512
WIDTHS = (16, 32, 64, 128)
ROUNDS = 10


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


@keras.saving.register_keras_serializable("tfapp")
class PointMap(keras.layers.Layer):
    """Turns depth into a picture of the points it shows: x, y, z and whether there is one.

    Input: depth `(batch, height, width)` in metres along the optical axis, of the parts alone; 0, NaN and infinity are
    places without one. Output: `(batch, size, size, 4)`: the coordinates in the camera's frame, as
    (point - centre) / unit, and 1 where a part was measured; all 0 elsewhere.

    A pixel is taken or left out, never mixed with its neighbours: a mean over an edge is a point in the air.

    Args:
        camera: Dictionary of `fx`, `fy`, `cx`, `cy` in pixels of the depth image, pixel centres at +0.5.
        centre: Point (x, y, z) of the camera's frame in metres that becomes the origin.
        unit: Length in metres that becomes 1.
        size: Height and width of the output in pixels.
    """

    def __init__(self, camera, centre, unit, size, **kwargs):
        super().__init__(**kwargs)
        self.camera = {name: float(camera[name]) for name in ("fx", "fy", "cx", "cy")}
        self.centre = tuple(map(float, centre))
        self.unit = float(unit)
        self.size = size

    def call(self, depth):
        depth = tf.cast(depth, self.compute_dtype)
        depth = tf.where(tf.math.is_finite(depth), depth, 0.0)
        rows, columns = (_taken(tf.shape(depth)[axis], self.size) for axis in (1, 2))
        z = tf.gather(tf.gather(depth, rows, axis=1), columns, axis=2)
        x = (tf.cast(columns, z.dtype) + 0.5 - self.camera["cx"]) / self.camera["fx"]
        y = (tf.cast(rows, z.dtype) + 0.5 - self.camera["cy"]) / self.camera["fy"]
        points = tf.stack([z * x, z * y[:, None], z], -1)
        measured = tf.cast(z > 0, z.dtype)[..., None]
        return tf.concat([measured * (points - tf.constant(self.centre, z.dtype)) / self.unit, measured], -1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 4)

    def get_config(self):
        own = {"camera": self.camera, "centre": list(self.centre), "unit": self.unit, "size": self.size}
        return super().get_config() | own


def _taken(count, size):
    """Return the pixels in the middle of `size` equal parts of a side."""
    return tf.cast((tf.range(size, dtype="float32") + 0.5) * tf.cast(count, "float32") / size, "int32")


@keras.saving.register_keras_serializable("tfapp")
class Centroids(keras.layers.Layer):
    """K-means of the points of a `PointMap`, from the farthest points, in the order of their x.

    Input: `(batch, height, width, 4)`. Output: `(batch, count, 3)`, without a gradient. The first centre is the point
    farthest from the mean of all, each further one that farthest from the centres so far, then ten rounds of Lloyd's
    algorithm: the same points give the same centres. A picture without points has its centres at the origin.

    Args:
        count: Number of centres.
    """

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, point_map):
        shape = tf.shape(point_map)
        flat = tf.stop_gradient(tf.reshape(point_map, (shape[0], shape[1] * shape[2], 4)))
        points, weights = flat[..., :3], flat[..., 3]
        centres = self._farthest(points, weights)
        for _ in range(ROUNDS):
            centres = self._moved(points, weights, centres)
        return tf.gather(centres, tf.argsort(centres[..., 0], axis=-1), axis=1, batch_dims=1)

    def _farthest(self, points, weights):
        total = tf.maximum(tf.reduce_sum(weights, 1), 1.0)
        mean = tf.reduce_sum(points * weights[..., None], 1) / total[:, None]
        nearest = squared_distances(points, mean[:, None])[..., 0]
        centres = []
        for _ in range(self.count):
            # Pixels without a point lose against any that have one.
            index = tf.argmax(tf.where(weights > 0, nearest, -1.0), axis=1)
            centres.append(tf.gather(points, index, axis=1, batch_dims=1))
            distances = squared_distances(points, centres[-1][:, None])[..., 0]
            nearest = distances if len(centres) == 1 else tf.minimum(nearest, distances)
        return tf.stack(centres, 1)

    def _moved(self, points, weights, centres):
        member = tf.one_hot(
            tf.argmin(squared_distances(points, centres), axis=-1), self.count, dtype=points.dtype
        )
        member *= weights[..., None]
        counts = tf.reduce_sum(member, 1)[..., None]
        means = tf.matmul(member, points, transpose_a=True) / tf.maximum(counts, 1.0)
        return tf.where(counts > 0, means, centres)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.count, 3)

    def get_config(self):
        return super().get_config() | {"count": self.count}


@keras.saving.register_keras_serializable("tfapp")
class UnitQuaternion(keras.layers.Layer):
    """Adds a fixed quaternion, so that 0 stands for an orientation, and makes the length 1."""

    def __init__(self, base, **kwargs):
        super().__init__(**kwargs)
        self.base = base

    def call(self, inputs):
        return tf.math.l2_normalize(inputs + tf.constant(self.base, inputs.dtype), -1, epsilon=1e-12)

    def get_config(self):
        return super().get_config() | {"base": self.base}


@keras.saving.register_keras_serializable("tfapp")
class Offset(keras.layers.Layer):
    """Adds fixed places, one for each instance."""

    def __init__(self, places, **kwargs):
        super().__init__(**kwargs)
        self.places = places

    def call(self, inputs):
        return inputs + tf.constant(self.places, inputs.dtype)

    def get_config(self):
        return super().get_config() | {"places": self.places}


@keras.saving.register_keras_serializable("tfapp")
class AroundCentroids(keras.layers.Layer):
    """Places within a reach of the centroids: `[centroids (batch, N, 3), numbers (batch, K, N, 3)]`."""

    def __init__(self, reach, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, inputs):
        centroids, numbers = inputs
        return centroids[:, None] + self.reach * tf.tanh(numbers)

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


@keras.saving.register_keras_serializable("tfapp")
class StopGradient(keras.layers.Layer):
    """Passes its input on, and no gradient back."""

    def call(self, inputs):
        return tf.stop_gradient(inputs)
