"""Soft threshold dynamics against NumPy, and its energy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import convolve1d
from scipy.special import softmax

from tfapp.layers import SoftThresholdDynamics

LOGITS = 2 * np.random.default_rng(0).standard_normal((2, 9, 4, 3))


def smoothed(a, width, kernel_size):
    kernel = np.exp(-0.5 * ((np.arange(kernel_size) - kernel_size // 2) / width) ** 2)
    for axis in (1, 2):
        # SciPy's "reflect" mirrors about the edge of the last pixel, as often as it takes.
        a = convolve1d(a, kernel / kernel.sum(), axis=axis, mode="reflect")
    return a


def by_numpy(o, weight, temperature, width, kernel_size, iterations):
    a = softmax(o / temperature, -1)
    for _ in range(iterations):
        a = softmax((o - weight * smoothed(1 - 2 * a, width, kernel_size)) / temperature, -1)
    return a


@pytest.mark.parametrize("kernel_size", [3, 5, 11])
def test_output_is_that_of_numpy_also_where_the_kernel_is_larger_than_the_image(kernel_size):
    layer = SoftThresholdDynamics(0.8, 0.7, 1.3, kernel_size=kernel_size, iterations=4)
    np.testing.assert_allclose(
        layer(LOGITS), by_numpy(LOGITS, 0.8, 0.7, 1.3, kernel_size, 4), rtol=1e-5, atol=1e-6
    )


def test_energy_does_not_rise():
    def energy(a):
        length = (a * smoothed(1 - a, 1.0, 7)).sum()
        return -(LOGITS * a).sum() + 0.7 * (a * np.log(np.maximum(a, 1e-300))).sum() + 1.5 * length

    energies = [
        energy(SoftThresholdDynamics(1.5, 0.7, 1.0, kernel_size=7, iterations=n)(LOGITS).numpy())
        for n in range(1, 12)
    ]
    assert (np.diff(energies) < 1e-9).all() and energies[0] - energies[-1] > 0.5


@pytest.mark.parametrize("name", ["tv_weight", "temperature", "width"])
def test_gradient_to_what_is_learned_is_a_finite_difference(name):
    layer = SoftThresholdDynamics(0.8, 0.7, 1.3, iterations=3, dtype="float64")
    layer.build(LOGITS.shape)
    [raw] = [variable for variable in layer.weights if variable.name == f"raw_{name}"]
    upstream = tf.constant(np.random.default_rng(1).standard_normal(LOGITS.shape))

    def loss():
        return tf.reduce_sum(upstream * layer(tf.constant(LOGITS)))

    with tf.GradientTape() as tape:
        found = loss()
    slope, h, start = float(tape.gradient(found, raw.value)), 1e-5, float(raw.value)
    raw.assign(start + h)
    above = float(loss())
    raw.assign(start - h)
    assert slope == pytest.approx((above - float(loss())) / (2 * h), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"kernel_size": 4}, "odd integer"), ({"width": 0}, "width"), ({"iterations": 0}, "iterations")],
)
def test_impossible_options_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        SoftThresholdDynamics(**options)


def test_set_weight_is_the_one_in_use_after_the_layer_was_built():
    layer = SoftThresholdDynamics(0.5)
    layer(LOGITS)
    layer.tv_weight = 2.0
    assert float(layer.current("tv_weight")) == pytest.approx(2.0)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2 classes"):
        SoftThresholdDynamics()(LOGITS[..., :1])
