import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVReLU

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])


def output(logits, tv_weight, **options):
    """Return the layer's output in float64, computed in a graph."""
    layer = TVReLU(tv_weight, learn_tv_weight=False, dtype="float64", **options)
    return tf.function(layer, autograph=False)(tf.constant(logits)).numpy()


def denoised(o, weight, isotropic, iterations=4000):
    """The map of Rudin, Osher and Fatemi, min 1/2 |x - o|^2 + weight TV(x), by projected gradient in NumPy."""
    field = np.zeros((o.ndim - 1, *o.shape))
    for _ in range(iterations):
        x = o - reference.divergence(np.moveaxis(field, -1, 1))
        field = field - reference.differences(x) / 8
        if isotropic:
            field *= weight / np.maximum(weight, np.sqrt((field**2).sum(0)))
        else:
            field = np.clip(field, -weight, weight)
    return o - reference.divergence(np.moveaxis(field, -1, 1))


@pytest.fixture
def signed(scene):
    """Values of both signs, one sample: half of the denoised map is below zero."""
    return scene((7, 6), classes=2) - 1


def test_anisotropic_output_is_the_relu_of_the_denoised_map(signed):
    ours = output(signed, 0.5, isotropic=False, inference_iterations=2000)
    np.testing.assert_allclose(ours[0], reference.relu(denoised(signed[0], 0.5, False)), atol=1e-5)


def test_isotropic_output_is_not_the_relu_of_the_denoised_map_but_better(signed):
    ours = output(signed, 0.5, inference_iterations=2000)[0]
    clipped = reference.relu(denoised(signed[0], 0.5, True))
    energies = [reference.primal_energy("relu", a, signed[0], 0.5) for a in (ours, clipped)]
    assert np.abs(ours - clipped).max() > 0.01 and energies[0] < energies[1] - 1e-4


def test_output_that_stays_positive_is_the_denoised_map(signed):
    for isotropic in (True, False):
        ours = output(signed + 20, 0.5, isotropic=isotropic, inference_iterations=2000)[0]
        np.testing.assert_allclose(ours, denoised(signed[0] + 20, 0.5, isotropic), atol=2e-3)


def test_output_is_never_negative(signed):
    assert output(signed, 0.1).min() >= 0


@ISOTROPY
def test_channels_are_independent(scene, isotropic):
    together = output(scene(), 0.5, isotropic=isotropic)[..., 1:2]
    alone = output(scene()[..., 1:2], 0.5, isotropic=isotropic)
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_lambda_zero_gives_the_plain_relu(signed):
    np.testing.assert_allclose(output(signed, 0.0), reference.relu(signed), atol=1e-14)


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_huge_lambda_gives_the_relu_of_the_spatial_mean(signed, shift):
    flat = output(signed + shift, 5.0, inference_iterations=4000)
    expected = reference.relu((signed + shift).mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-3)


def test_scaling_input_and_lambda_scales_the_output(signed):
    np.testing.assert_allclose(output(3 * signed, 1.5), 3 * output(signed, 0.5), atol=1e-12)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_returns_the_compute_type_but_computes_in_float32(signed, policy):
    layer = TVReLU(0.5, dtype=policy)
    rounded = tf.cast(signed, layer.compute_dtype)
    ours = layer(rounded)
    expected = tf.cast(TVReLU(0.5)(tf.cast(rounded, tf.float32)), layer.compute_dtype)
    assert ours.dtype == layer.compute_dtype
    np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(expected, tf.float32))
