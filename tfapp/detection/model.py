"""Fast R-CNN and Faster R-CNN as Keras models."""

from dataclasses import dataclass

import keras
from keras import initializers, layers

from tfapp.layers import RoIAlign, RoIPool
from tfapp.models import add_weight_decay
from tfapp.models.vgg_weights import load_fully_connected

# Girshick (2015), section 3.1: deviations of the initial weights of the scores and of the offsets.
SCORES_DEVIATION, OFFSETS_DEVIATION = 0.01, 0.001
# Ren et al. (2015), section 3.1 and 3.1.3.
_PROPOSAL_CHANNELS, _PROPOSAL_DEVIATION = 256, 0.01
_CELLS = 7
POOLS = {"roi-pool": RoIPool, "roi-align": RoIAlign}
# Features that are wider than VGG-16's go through a 1x1 convolution to this width first.
WIDEST, REDUCED = 512, 256


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of a detector, which share its weights.

    Attributes:
        features: Keras model from images to the features that both heads see.
        proposals: Keras model from features to objectness `(batch, anchors)` and offsets `(batch, anchors, 4)`; None
            without a proposal network.
        regions: Keras model from features and regions `(batch, count, 4)` to probabilities `(batch, count, classes +
            1)`, the background first, and offsets `(batch, count, classes, 4)`.
    """

    features: keras.Model
    proposals: keras.Model | None
    regions: keras.Model


def build_detector(backbone, num_classes, anchors=0, *, pool="roi-align", head_width=1024, dropout=0.5):
    """Build a detector.

    Args:
        backbone: `tfapp.detection.backbones.Backbone`.
        num_classes: Without the background.
        anchors: Anchors at each place of the features for a proposal network (Faster R-CNN), 0 for none.
        pool: One of `POOLS`.
        head_width: Units of the two fully connected layers.
        dropout: Behind each of them.

    Returns:
        Keras model from a dictionary of `images` `(batch, height, width, 3)` in [0, 1], sides multiples of the stride,
        and `regions` `(batch, count, 4)` in pixels, to a dictionary of `scores` and `offsets`, with a proposal network
        also of `objectness` and `anchor_offsets`; `Parts` has the shapes.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, sections 2 and 3; S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NIPS
        2015, section 3.
    """
    images = keras.Input((None, None, 3), name="images")
    regions = keras.Input((None, 4), name="regions")
    features = backbone.model(images)
    if features.shape[-1] > WIDEST:
        reduced = layers.Conv2D(REDUCED, 1, activation="relu", kernel_initializer="he_normal", name="reduced")
        features = reduced(features)
    channels = features.shape[-1]
    head = _region_head(channels, num_classes, POOLS[pool](_CELLS, backbone.stride), head_width, dropout)
    scores, offsets = head([features, regions])
    # The names of the outputs are those of their losses in the history.
    outputs = {"scores": scores, "offsets": offsets}
    if anchors:
        objectness, anchor_offsets = _proposal_head(channels, anchors)(features)
        outputs |= {"objectness": objectness, "anchor_offsets": anchor_offsets}
    return keras.Model({"images": images, "regions": regions}, outputs, name="detector")


def _region_head(channels, num_classes, pool, width, dropout):
    features = keras.Input((None, None, channels), name="features")
    regions = keras.Input((None, 4), name="regions")
    x = layers.Reshape((-1, _CELLS * _CELLS * channels), name="flattened")(pool(features, regions))
    for name in ("fc6", "fc7"):
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", name=name)(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    scores = _small_dense(num_classes + 1, SCORES_DEVIATION, "score")(x)
    offsets = _small_dense(4 * num_classes, OFFSETS_DEVIATION, "offset")(x)
    scores = layers.Softmax(dtype="float32", name="probabilities")(scores)
    offsets = layers.Reshape((-1, num_classes, 4), dtype="float32", name="offsets_by_class")(offsets)
    return keras.Model([features, regions], [scores, offsets], name="region_head")


def _small_dense(units, deviation, name):
    return layers.Dense(units, kernel_initializer=initializers.RandomNormal(stddev=deviation), name=name)


def _proposal_head(channels, anchors):
    def convolution(filters, size, name, activation=None):
        initializer = initializers.RandomNormal(stddev=_PROPOSAL_DEVIATION)
        return layers.Conv2D(
            filters, size, padding="same", activation=activation, kernel_initializer=initializer, name=name
        )

    features = keras.Input((None, None, channels), name="features")
    x = convolution(_PROPOSAL_CHANNELS, 3, "proposal_features", "relu")(features)
    objectness = layers.Reshape((-1,), name="objectness_by_anchor")(
        convolution(anchors, 1, "anchor_objectness")(x)
    )
    objectness = layers.Activation("sigmoid", dtype="float32", name="anchor_probabilities")(objectness)
    offsets = layers.Reshape((-1, 4), dtype="float32", name="offsets_by_anchor")(
        convolution(4 * anchors, 1, "anchor_offset")(x)
    )
    return keras.Model(features, [objectness, offsets], name="proposal_head")


def parts_of(model):
    """Return the `Parts` of a model of `build_detector`."""
    names = [layer.name for layer in model.layers]
    backbone, head = model.get_layer("backbone"), model.get_layer("region_head")
    images = keras.Input((None, None, 3), name="images")
    features = backbone(images)
    if "reduced" in names:
        features = model.get_layer("reduced")(features)
    proposals = model.get_layer("proposal_head") if "proposal_head" in names else None
    return Parts(keras.Model(images, features, name="features"), proposals, head)


def prepare_for_training(model, weight_decay, fully_connected=None):
    """Give a new model the decay of its kernels, and its fully connected layers the weights of VGG-16.

    Args:
        model: Of `build_detector`.
        weight_decay: Adds half of it times the squared norm of the kernels to the loss; biases have none.
        fully_connected: Weights of VGG-16 with its top, as for `load_fully_connected`, or None.
    """
    if fully_connected is not None:
        load_fully_connected(model.get_layer("region_head"), fully_connected)
    add_weight_decay(model, weight_decay, kernels_only=True)
