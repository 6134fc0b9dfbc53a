import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.models import at_own_size, find_stride, fitted, resize_probabilities

layers = keras.layers


def images(height, width, channels=3):
    return np.random.default_rng(0).uniform(size=(1, height, width, channels)).astype(np.float32)


def pixelwise(classes=3, shape=(None, None, 3)):
    inputs = keras.Input(shape)
    return keras.Model(
        inputs, layers.Conv2D(classes, 1, activation="softmax" if classes > 1 else "sigmoid")(inputs)
    )


def skipping(depth):
    """A network that fails where height or width is not a multiple of 2 ** depth."""
    inputs = x = keras.Input((None, None, 3))
    skips = []
    for _ in range(depth):
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for skip in reversed(skips):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x))


def coarse(stride):
    """A network that answers every `stride`-th pixel."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(
        inputs, layers.Conv2D(2, 3, strides=stride, padding="same", activation="softmax")(inputs)
    )


@pytest.mark.parametrize(
    ("model", "stride"),
    [(pixelwise, 1), (lambda: skipping(1), 2), (lambda: skipping(5), 32), (lambda: coarse(4), 4)],
)
def test_stride_is_the_least_that_the_network_takes(model, stride):
    assert find_stride(model(), 3, "model.keras") == stride


def test_network_that_takes_no_image_is_refused():
    inputs = keras.Input((None, None, 3))
    cropped = keras.Model(inputs, layers.Conv2D(2, 3)(inputs))
    with pytest.raises(InputError, match="model.keras takes no image of up to 640x640 pixels .*answers"):
        find_stride(cropped, 3, "model.keras")


def test_network_that_must_know_the_size_is_refused_with_the_layer_and_its_reason():
    inputs = keras.Input((None, None, 3))
    # It wants sizes that are known when the graph is made; images of every size are answered outside of one.
    pooled = layers.AdaptiveAveragePooling2D(8)(inputs)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(pooled))
    with pytest.raises(
        InputError,
        match=r"model.keras declares images of any size, .* \(AdaptiveAveragePooling2D: Input spatial dimensions must "
        r"be statically known.*\); save it with an input of one size, such as keras.Input\(\(256, 256, 3\)\)",
    ):
        find_stride(model, 3, "model.keras")


def test_network_whose_layers_never_fit_is_refused_with_the_layer_and_its_reason():
    inputs = keras.Input((None, None, 3))
    wide = layers.ZeroPadding2D(1)(inputs)
    # Of open sizes nothing is known to differ.
    model = keras.Model(inputs, layers.Conv2D(2, 1)(layers.Add()([inputs, wide])))
    with pytest.raises(InputError, match=r"no image of up to 640x640 pixels \(.*[Ii]ncompatible shapes"):
        find_stride(model, 3, "model.keras")


def test_image_of_any_size_is_answered_at_its_size():
    assert fitted(skipping(2), 3, stride=4)(images(9, 14)).shape == (1, 9, 14, 2)


def test_sizes_that_fit_are_answered_as_by_the_network_itself():
    model = skipping(2)
    np.testing.assert_allclose(fitted(model, 3, stride=4)(images(8, 12)), model(images(8, 12)), atol=1e-6)


def test_coarse_answer_is_resized_bilinearly():
    model = coarse(4)
    expected = resize_probabilities(model(images(8, 12)), (8, 12))
    np.testing.assert_allclose(fitted(model, 3, stride=4)(images(8, 12)), expected, atol=1e-6)


def test_fixed_size_network_keeps_its_size():
    assert fitted(pixelwise(shape=(8, 12, 3)), 3, size=(8, 12)).input_shape == (None, 8, 12, 3)


def test_images_are_scaled_as_the_network_takes_them():
    model = pixelwise()
    expected = model(255.0 * images(5, 6))
    np.testing.assert_allclose(fitted(model, 3, input_scale=255.0)(images(5, 6)), expected, atol=1e-5)


def test_one_probability_becomes_two_classes():
    model = pixelwise(classes=1)
    foreground = model(images(5, 6))
    answer = fitted(model, 3)(images(5, 6))
    np.testing.assert_allclose(answer, tf.concat([1 - foreground, foreground], -1), atol=1e-6)


@pytest.mark.parametrize("wrap", [lambda model: fitted(model, 3), lambda model: at_own_size(model, (8, 8))])
def test_other_outputs_stay(wrap):
    inputs = keras.Input((None, None, 3))
    mean = layers.GlobalAveragePooling2D()(inputs)
    model = wrap(keras.Model(inputs, [pixelwise()(inputs), mean]))
    answer, other = model(images(8, 8))
    assert answer.shape == (1, 8, 8, 3)
    np.testing.assert_allclose(other, images(8, 8).mean((1, 2)), atol=1e-6)
