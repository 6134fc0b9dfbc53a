import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.models import fitted
from tfapp.models.input_scale import chosen_scale, declared_scale

layers = keras.layers


def taking(*first, dtype="float32"):
    """A model with some layers or functions in front of a convolution."""
    x = inputs = keras.Input((None, None, 3), dtype=dtype)
    for one in first:
        x = one(x)
    return keras.Model(inputs, layers.Conv2D(2, 1)(x))


def nested(model):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, model(layers.ZeroPadding2D(1)(inputs)))


def in_sequence(*first):
    return keras.Sequential([keras.Input((None, None, 3)), *first, layers.Conv2D(2, 1)])


IMAGENET = {"mean": [123.7, 116.8, 103.9], "variance": [3410.0, 3260.0, 3300.0]}


@pytest.mark.parametrize(
    ("make", "white"),
    [
        (taking, None),
        (lambda: taking(dtype="uint8"), 255),
        (lambda: taking(dtype="uint16"), 65535),
        (lambda: taking(layers.Rescaling(1 / 255), dtype="uint8"), 255),
        (lambda: taking(layers.Rescaling(1 / 255)), 255),
        (lambda: taking(layers.Rescaling(1 / 127.5, offset=-1)), 255),
        (lambda: taking(layers.Rescaling(1 / 65535)), 65535),
        (lambda: taking(layers.Rescaling(2.0, offset=-1)), 1),
        (lambda: taking(layers.Rescaling(255.0, offset=[-123.7, -116.8, -103.9])), 1),
        (lambda: taking(lambda x: x / 255.0), 255),
        (lambda: taking(lambda x: x * (1 / 127.5) - 1.0), 255),
        (lambda: taking(lambda x: x - np.array([123.7, 116.8, 103.9], "float32")), 255),
        (lambda: taking(lambda x: x[..., ::-1], lambda x: (x - 127.5) / 127.5), 255),
        (lambda: taking(layers.Normalization(**IMAGENET)), 255),
        (lambda: taking(layers.Normalization(mean=[0.5] * 3, variance=[0.05] * 3)), 1),
        (lambda: taking(layers.Normalization(mean=[0.0] * 3, variance=[1.0] * 3)), None),
        (lambda: taking(layers.ZeroPadding2D(2), layers.Dropout(0.1), layers.Rescaling(1 / 255)), 255),
        (lambda: taking(layers.Conv2D(3, 1), layers.Rescaling(1 / 255)), None),
        (lambda: nested(taking(layers.Rescaling(1 / 255))), 255),
        (lambda: in_sequence(layers.Rescaling(1 / 255)), 255),
    ],
)
def test_white_is_what_the_first_layers_make_a_plain_range_of(make, white):
    declared = declared_scale(make())
    assert (declared and declared.white) == white


def with_weights(layer, *weights):
    layer.build((None, None, None, 3))
    layer.set_weights([np.asarray(one, "float32") for one in weights])
    return layer


def normalising(mean, variance):
    layer = layers.BatchNormalization(scale=False, center=False)
    return with_weights(layer, [mean] * 3, [variance] * 3)


def convolution(kernel, bias, kind=layers.Conv2D):
    options = {"filters": 3} if kind is layers.Conv2D else {}
    return with_weights(kind(kernel_size=1, **options), kernel, bias)


TO_255 = layers.Rescaling(1 / 255)
MEANS = np.array([103.9, 116.8, 123.7], "float32")


@pytest.mark.parametrize(
    ("first", "white"),
    [
        ([normalising(120, 4000)], 255),
        ([normalising(0, 4000)], 255),
        ([normalising(0.45, 0.06)], None),
        ([TO_255, normalising(0.45, 0.06)], 255),
        ([layers.RandomContrast(0.1), layers.RandomBrightness(0.1), TO_255], 255),
        ([layers.Pipeline([layers.RandomFlip(), layers.RandomContrast(0.1)]), TO_255], 255),
        ([keras.Sequential([layers.RandomFlip(), layers.RandomContrast(0.1)]), TO_255], 255),
        ([keras.Sequential([keras.Sequential([layers.RandomFlip()]), TO_255]), normalising(0.45, 0.06)], 255),
        ([keras.Sequential([TO_255]), layers.Rescaling(2.0, offset=-1.0)], 255),
        ([lambda x: keras.ops.flip(x, -1) - MEANS], 255),
        ([keras.applications.resnet.preprocess_input], 255),
        ([lambda x: keras.ops.clip(x, 0, 255) / 255.0], 255),
        ([lambda x: keras.ops.clip(x, 0, 255)], 255),
        ([lambda x: keras.ops.clip(x, 0, 1)], 1),
        ([lambda x: 255.0 - x], 255),
        ([lambda x: 1.0 - keras.ops.divide(x, x2=255.0)], 255),
        ([convolution(np.eye(3).reshape(1, 1, 3, 3) / 255, [0, 0, 0])], 255),
        ([convolution(np.eye(3)[::-1].reshape(1, 1, 3, 3), -MEANS)], 255),
        ([convolution(np.full((1, 1, 3, 1), 1 / 255), [0, 0, 0], layers.DepthwiseConv2D)], 255),
        ([convolution(np.full((1, 1, 3, 1), 0.5), [0, 0, 0], layers.DepthwiseConv2D)], None),
    ],
)
def test_first_layers_of_other_kinds_tell_too(first, white):
    declared = declared_scale(taking(*first))
    assert (declared and declared.white) == white


@pytest.mark.parametrize("scaling", [TO_255, lambda x: x / 1000.0, lambda x: keras.ops.sqrt(x) - MEANS])
def test_scaling_behind_a_layer_that_is_not_understood_is_asked_for(scaling):
    model = taking(keras.ops.sqrt, keras.ops.abs, scaling)
    with pytest.raises(InputError, match="sqrt.* comes before .*`input_scale` 1 if .*`input_scale` 255 if"):
        chosen_scale(model, "own.keras")


@pytest.mark.parametrize("first", [normalising(120, 4000), keras.Sequential([layers.RandomFlip(), TO_255])])
def test_images_reach_the_model_with_the_values_that_it_was_trained_on(first):
    model = taking(first)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype("float32")
    white, _ = chosen_scale(model, "own.keras")
    found = fitted(model, 3, input_scale=white)(pixels / 255, training=False)
    np.testing.assert_allclose(found, model(pixels, training=False), rtol=1e-5, atol=1e-5)


def test_channels_that_are_joined_between_two_scalings_do_not_disturb():
    model = taking(
        layers.Normalization(**IMAGENET), lambda x: keras.ops.concatenate([x, x]), layers.Rescaling([1.0] * 6)
    )
    assert declared_scale(model).white == 255


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (
            layers.LayerNormalization(name="even"),
            "a guess, as even comes first, which takes images of any range",
        ),
        (layers.Conv2D(3, 3), "a guess, as the model declares no range"),
    ],
)
def test_white_that_nothing_tells_is_called_a_guess(first, reason):
    white, sentence = chosen_scale(taking(first), "own.keras")
    assert white == 1 and sentence.startswith(reason)


def test_published_network_declares_its_own_scaling():
    network = keras.applications.MobileNetV3Small((32, 32, 3), alpha=0.75, include_top=False, weights=None)
    assert declared_scale(network).white == 255


@pytest.mark.parametrize("first", [layers.Rescaling(0.0), layers.Rescaling(1 / 1000)])
def test_range_that_is_not_plain_is_asked_for(first):
    with pytest.raises(
        InputError, match="does not tell which value it takes for white .* say it by `input_scale`"
    ):
        chosen_scale(taking(first), "own.keras")


def test_integers_of_no_plain_range_are_asked_for():
    with pytest.raises(InputError, match="its input is int32"):
        chosen_scale(taking(lambda x: keras.ops.cast(x, "float32"), dtype="int32"), "own.keras")


def test_what_was_said_is_taken():
    assert chosen_scale(taking(layers.Rescaling(1 / 1000)), "own.keras", 1000)[0] == 1000.0
