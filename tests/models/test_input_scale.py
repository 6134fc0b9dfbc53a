import keras
import numpy as np
import pytest

from tfapp.errors import InputError
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
