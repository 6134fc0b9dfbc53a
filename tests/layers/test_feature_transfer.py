import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import FeatureTransfer

FEATURES = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


def test_output_is_that_of_two_dense_layers_in_numpy():
    layer = FeatureTransfer(11, 4)
    found = layer(FEATURES).numpy()
    first, first_bias, second, second_bias = layer.get_weights()
    expected = np.maximum(FEATURES @ first + first_bias, 0) @ second + second_bias
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_weights_begin_with_the_variance_of_he():
    layer = FeatureTransfer(400, 300)
    layer.build((None, 500))
    # 2 / fan in: K. He et al., "Delving Deep into Rectifiers", 2015, eq. 10.
    assert np.var(layer.first.kernel) == pytest.approx(2 / 500, rel=0.05)
    assert np.var(layer.second.kernel) == pytest.approx(2 / 400, rel=0.05)


def test_parts_compute_in_the_type_of_the_layer():
    layer = FeatureTransfer(6, 3, dtype="mixed_float16")
    assert layer(FEATURES).dtype == layer.first(FEATURES).dtype == "float16"
    assert layer.first.kernel.dtype == layer.second.kernel.dtype == "float32"


def test_penalty_is_of_both_kernels():
    layer = FeatureTransfer(6, 3, kernel_regularizer=keras.regularizers.L2(0.5))
    layer(FEATURES)
    expected = 0.5 * sum(np.sum(kernel.numpy() ** 2) for kernel in (layer.first.kernel, layer.second.kernel))
    assert float(tf.add_n(layer.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("units", [0, -3, 2.5, True, "8"])
def test_units_that_are_no_positive_integer_are_refused(units):
    with pytest.raises(ValueError, match="`hidden` must be a positive integer. Received: hidden="):
        FeatureTransfer(units, 4)


def test_feature_maps_are_refused():
    with pytest.raises(ValueError, match=r"needs one feature vector for each image.*\(2, 4, 4, 8\)"):
        FeatureTransfer(4, 4)(np.zeros((2, 4, 4, 8), np.float32))
