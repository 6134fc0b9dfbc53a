"""Visibility with a gradient, and the distance that uses it."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.pose.model.visible_distance import soft_chamfer_distance, soft_visibility

CAMERA = (0.0, 0.0, -6.0)
RNG = np.random.default_rng(0)


def two_layers(gap):
    """Return a square of 400 points and one behind it: `(1, 800, 3)`."""
    square = np.stack([*np.meshgrid(*[np.linspace(-0.5, 0.5, 20)] * 2), np.zeros((20, 20))], -1).reshape(
        -1, 3
    )
    behind = square * (1 + gap / 6) + [0, 0, gap]
    return np.concatenate([square, behind])[None].astype(np.float32)


def test_what_lies_behind_is_hidden_and_the_front_is_not():
    seen = np.asarray(soft_visibility(tf.constant(two_layers(0.5)), CAMERA))[0]
    assert seen[:400].min() > 0.9 and seen[400:].max() < 0.1


def test_hidden_points_are_drawn_forward():
    points = tf.constant(two_layers(0.12))
    with tf.GradientTape() as tape:
        tape.watch(points)
        seen = tf.reduce_sum(soft_visibility(points, CAMERA))
    assert np.all(np.asarray(tape.gradient(seen, points))[0, 400:, 2] < 0)


def test_all_visible_is_the_plain_distance():
    a, b = RNG.normal(size=(2, 50, 3)), RNG.normal(size=(2, 60, 3))
    found = soft_chamfer_distance(tf.constant(a), tf.ones((2, 50), "float64"), tf.constant(b))
    expected = [
        max(cKDTree(y).query(x)[0].mean(), cKDTree(x).query(y)[0].mean()) for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_observed_points_pay_for_hidden_ones():
    points = tf.constant([[[0.0, 0, 0], [0.5, 0, 0]]], "float64")
    observed = tf.zeros((1, 1, 3), "float64")
    # The hidden point, where the observed one is, costs 4 % of the cloud's extent; on its own side it does not count.
    found = soft_chamfer_distance(points, tf.constant([[0.0, 1e-9]], "float64"), observed)
    np.testing.assert_allclose(found, [max(0.04 * 0.5, 0.5e-9 / 1e-6)], rtol=1e-4)


def test_observed_points_prefer_visible_ones_nearby():
    points = tf.constant([[[0.0, 0, 0], [0.01, 0, 0], [0.5, 0, 0]]], "float64")
    observed = tf.zeros((1, 1, 3), "float64")
    found = soft_chamfer_distance(points, tf.constant([[0.0, 1.0, 0.0]], "float64"), observed)
    np.testing.assert_allclose(found, [0.01], rtol=1e-6)


def test_no_hidden_point_gains_more_by_coming_forward_than_by_coming_nearer():
    points = tf.constant(RNG.uniform(-0.5, 0.5, (1, 300, 3)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(points)
        cost = 0.04 * (1 - soft_visibility(points, CAMERA))
    assert np.abs(tape.gradient(cost, points)).max() < 1


def test_gradient_is_finite_where_points_coincide():
    points = tf.zeros((1, 4, 3))
    with tf.GradientTape() as tape:
        tape.watch(points)
        distance = soft_chamfer_distance(points, tf.ones((1, 4)), tf.zeros((1, 5, 3)))
    assert np.all(np.isfinite(tape.gradient(distance, points)))
