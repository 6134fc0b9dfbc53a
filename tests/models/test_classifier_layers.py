import keras
import numpy as np
import pytest
from scipy.signal import correlate2d

from tfapp.models.classifiers.alexnet import LocalResponseNormalization, alexnet_bn
from tfapp.models.classifiers.lenet_1998 import (
    C3_TABLE,
    DIGIT_CODES,
    CodeDistances,
    SubSampling2D,
    TableConv2D,
    UniformByFanIn,
    lenet_5_1998,
    scaled_tanh,
)

RNG = np.random.default_rng(0)


def features(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_table_convolution_sums_the_connected_maps_only():
    table = ((0, 2), (1,), (0, 1, 2, 3))
    layer, x = TableConv2D(table, 3), features(2, 6, 7, 4)
    layer.build(x.shape)
    layer.bias.assign([1.0, 2.0, 3.0])
    kernels, pairs = layer.kernel.numpy(), [(i, j) for j, maps in enumerate(table) for i in maps]
    expected = np.tile([1.0, 2.0, 3.0], (2, 4, 5, 1))
    for sample in range(2):
        for place, (source, target) in enumerate(pairs):
            expected[sample, ..., target] += correlate2d(
                x[sample, ..., source], kernels[..., place], mode="valid"
            )
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_table_has_the_connections_of_the_paper():
    # LeCun et al. 1998, table I: six maps see 3 maps, nine see 4, one sees all 6; each map of S2 is seen by ten.
    assert [len(maps) for maps in C3_TABLE] == 6 * [3] + 9 * [4] + [6]
    assert np.bincount(np.concatenate(C3_TABLE)).tolist() == 6 * [10]
    assert len(set(C3_TABLE)) == 16


def test_sub_sampling_is_a_trained_multiple_of_the_sum_of_four_and_a_trained_bias():
    layer, x = SubSampling2D(), features(2, 4, 6, 3)
    layer.build(x.shape)
    layer.kernel.assign([1.0, -2.0, 0.5])
    layer.bias.assign([0.0, 1.0, -1.0])
    sums = x.reshape(2, 2, 2, 3, 2, 3).sum((2, 4))
    np.testing.assert_allclose(layer(x), sums * [1.0, -2.0, 0.5] + [0.0, 1.0, -1.0], atol=1e-5)


def test_response_normalisation_divides_by_the_neighbouring_channels():
    x = 30 * features(2, 3, 4, 7)
    expected = np.empty_like(x)
    for channel in range(7):
        around = x[..., max(0, channel - 2) : channel + 3]
        expected[..., channel] = x[..., channel] / (2 + 1e-4 * np.square(around).sum(-1)) ** 0.75
    np.testing.assert_allclose(LocalResponseNormalization()(x), expected, rtol=1e-5)


def test_codes_are_ten_different_bitmaps_of_twelve_rows_of_seven():
    codes = np.array(DIGIT_CODES)
    assert codes.shape == (10, 12 * 7)
    assert set(codes.ravel()) == {-1, 1}
    assert np.triu(codes @ codes.T, 1).max() < 84


def test_outputs_are_minus_the_squared_distances_to_the_codes():
    x = features(3, 84)
    expected = -np.square(x[:, None] - np.array(DIGIT_CODES)).sum(-1)
    np.testing.assert_allclose(CodeDistances(DIGIT_CODES)(x), expected, rtol=1e-5)


def test_squashing_is_one_at_one():
    # LeCun et al. 1998, appendix A: f(1) = 1, f(-1) = -1.
    np.testing.assert_allclose(scaled_tanh(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1], atol=1e-4)


def test_background_and_ink_have_the_values_of_the_paper():
    # LeCun et al. 1998, section II.B: -0.1 and 1.175.
    images = keras.Input((28, 28, 1))
    model = keras.Model(images, lenet_5_1998(images, 10))
    normalised = keras.Model(images, model.get_layer("normalised").output)
    seen = normalised(np.ones((1, 28, 28, 1), np.float32)).numpy()
    assert seen.shape == (1, 32, 32, 1)
    np.testing.assert_allclose([seen[0, 0, 0, 0], seen[0, 16, 16, 0]], [-0.1, 1.175], atol=1e-6)


@pytest.mark.parametrize("fan_in", [25, [10, 40, 100]])
def test_initial_weights_fill_the_range_of_their_fan_in(fan_in):
    weights = UniformByFanIn(fan_in, seed=0)((1000, 3))
    np.testing.assert_allclose(np.abs(weights).max(0), np.broadcast_to(2.4 / np.array(fan_in), 3), rtol=0.01)
    np.testing.assert_allclose(np.mean(weights, 0), 0, atol=0.01)


@pytest.fixture
def normalised_alexnet(no_values):
    """AlexNet with batch normalisation for images of 64x64, without values of its weights."""
    images = keras.Input((64, 64, 3))
    return keras.Model(images, alexnet_bn(images, 10))


def test_batch_normalisation_stands_before_each_relu_of_alexnet(normalised_alexnet):
    kinds = [type(layer).__name__ for layer in normalised_alexnet.layers]
    before_relus = [kinds[place - 2 : place] for place, kind in enumerate(kinds) if kind == "Activation"]
    expected = 5 * [["Conv2D", "BatchNormalization"]] + 2 * [["Dense", "BatchNormalization"]]
    assert before_relus == expected
    assert kinds[-1] == "Dense"


def test_alexnet_with_batch_normalisation_has_no_dropout_and_no_response_normalisation(normalised_alexnet):
    kinds = {type(layer).__name__ for layer in normalised_alexnet.layers}
    assert not kinds & {"Dropout", "LocalResponseNormalization"}


def test_small_images_get_a_border_of_zeros_around_them_for_alexnet(normalised_alexnet):
    padded = keras.Model(normalised_alexnet.input, normalised_alexnet.get_layer("padded").output)
    x = features(1, 64, 64, 3)
    np.testing.assert_array_equal(padded(x), np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0))))


def test_images_of_full_size_get_no_border_for_alexnet(no_values):
    images = keras.Input((67, 67, 3))
    model = keras.Model(images, alexnet_bn(images, 10))
    assert "padded" not in [layer.name for layer in model.layers]
