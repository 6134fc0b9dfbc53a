"""What a model seems to give, compared with its own answer to trial images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from segmenters import images, nested, segmenter

from tfapp.layers import regularise
from tfapp.layers.tv.attach import model_logits
from tfapp.layers.tv.trial import MisreadOutput

layers = keras.layers


def softmaxes_side_by_side(join):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, join([layers.Conv2D(2, 1, activation="softmax")(inputs) for _ in range(2)]))


def mixed(x):
    """Probabilities whose classes are put in the place of pixels."""
    return layers.Reshape((8, 12, 3))(layers.Permute((3, 1, 2))(x))


FIXED = (8, 12, 3)
# Endings whose structure looks like a softmax or logits, and which are something else.
MISLEADING_MODELS = {
    "classes cut off": lambda: segmenter(layers.Softmax(), lambda x: x[..., 1:]),
    "foreground alone": lambda: segmenter(layers.Softmax(), lambda x: x[..., 1:], classes=2),
    "padded": lambda: segmenter(layers.Softmax(), layers.ZeroPadding2D(1)),
    "classes among the pixels": lambda: segmenter(layers.Softmax(), mixed, shape=FIXED),
    "normalised": lambda: segmenter(layers.Softmax(), layers.BatchNormalization()),
    "two softmaxes joined": lambda: softmaxes_side_by_side(layers.Concatenate()),
    "two softmaxes added": lambda: softmaxes_side_by_side(layers.Add()),
    "a class added": lambda: segmenter(layers.Softmax(), lambda x: keras.ops.pad(x, [[0, 0]] * 3 + [[0, 1]])),
    "resized beyond its values": lambda: segmenter(
        layers.Softmax(), layers.UpSampling2D(2, interpolation="bicubic")
    ),
    "softmax of one class": lambda: segmenter(layers.Softmax(), classes=1),
    "logits that are probabilities": lambda: segmenter(
        layers.Softmax(), layers.Dense(3, kernel_initializer="identity")
    ),
    "in a model": lambda: nested(segmenter(layers.Softmax(), layers.ZeroPadding2D(1))),
}


def sharpened(model):
    """The same model with a first convolution five times as large, so that its classes stand out."""
    for variable in model.weights[:2]:
        variable.assign(5 * variable)
    return model


@pytest.mark.parametrize("name", MISLEADING_MODELS)
def test_structure_that_is_not_what_it_seems_is_refused(name):
    with pytest.raises(ValueError, match="`model` |`output` "):
        regularise(sharpened(MISLEADING_MODELS[name]()), 0.0)


@pytest.mark.parametrize("name", ["foreground alone", "logits that are probabilities"])
def test_said_probabilities_are_kept_whatever_the_structure(name):
    model = MISLEADING_MODELS[name]()
    np.testing.assert_allclose(
        regularise(model, 0.0, output="probabilities")(images()), model(images()), atol=1e-6
    )


@pytest.mark.parametrize("name", ["classes cut off", "padded", "two softmaxes joined"])
def test_said_probabilities_that_do_not_sum_to_1_are_refused(name):
    with pytest.raises(MisreadOutput, match="sum over the classes to .* not to 1"):
        regularise(MISLEADING_MODELS[name](), output="probabilities")


def test_one_said_probability_outside_0_and_1_is_refused():
    with pytest.raises(MisreadOutput, match="gives numbers from -.* where probabilities were expected"):
        regularise(segmenter(classes=1), output="probabilities")


def test_overshooting_probabilities_are_taken_with_a_warning():
    model = sharpened(MISLEADING_MODELS["resized beyond its values"]())
    with pytest.warns(UserWarning, match="what is below 0 counts as 0"):
        smooth = regularise(model, 0.0, output="probabilities")
    own = np.maximum(model(images()), 0)
    np.testing.assert_allclose(smooth(images()), own / own.sum(-1, keepdims=True), atol=1e-6)


def test_refusal_of_misread_probabilities_names_the_way_out():
    with pytest.raises(MisreadOutput, match="sum to 1 .*pass `output`='probabilities'") as refused:
        regularise(MISLEADING_MODELS["logits that are probabilities"]())
    assert refused.value.are_probabilities


def test_model_that_takes_no_trial_image_is_taken_by_its_structure_with_a_warning():
    model = segmenter(OneSize(), layers.Softmax())
    with pytest.warns(UserWarning, match="took none of the trial images"):
        regularise(model)


class OneSize(layers.Layer):
    def call(self, x):
        tf.debugging.assert_equal(tf.shape(x)[1], 100)
        return x


def test_trial_finds_a_size_that_an_unpadded_network_takes():
    model = segmenter(layers.Cropping2D(40), layers.Conv2D(3, 1, activation="softmax"))
    image = np.random.default_rng(0).uniform(size=(1, 100, 100, 3)).astype(np.float32)
    np.testing.assert_allclose(regularise(model, 0.0)(image), model(image), atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_trial_keeps_a_fixed_batch_and_the_type_of_the_input(dtype):
    inputs = keras.Input(batch_shape=(2, 8, 12, 3), dtype=dtype)
    outputs = layers.Conv2D(3, 3, padding="same", activation="softmax")(layers.Rescaling(1 / 255)(inputs))
    model, x = keras.Model(inputs, outputs), (255 * images()).astype(dtype)
    np.testing.assert_allclose(regularise(model, 0.0)(x), model(x), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_no_difference(policy):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = sharpened(segmenter(activation="softmax", classes=40))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model_logits(model).activation == "softmax"


def test_trial_changes_nothing_that_a_layer_keeps():
    model = segmenter(layers.BatchNormalization(), layers.Dropout(0.5), layers.Softmax())
    before = [np.array(variable) for variable in model.variables]
    model_logits(model)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)
