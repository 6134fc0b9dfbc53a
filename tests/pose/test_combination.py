"""From the losses of alternatives to the loss of a scene."""

import numpy as np
import pytest
import tensorflow as tf

from tfapp.pose.model.pose_model import combined_channels, sign_table, softmin_weights


def test_two_channels_of_three_instances_give_eight_alternatives():
    table = sign_table(3, 2)
    assert len(table) == 8 and len(set(map(tuple, table))) == 8 and table[0] == [1.0, 1.0, 1.0]


def test_one_channel_has_no_reflection():
    assert sign_table(4, 1) == [[1.0] * 4]


def test_softmin_of_equation_4_2():
    losses = np.array([0.4, 0.6])
    expected = np.exp(-10 * losses / losses.sum())
    # 0.88 and 0.12 at the gamma that 5,000 steps reach.
    np.testing.assert_allclose(softmin_weights(tf.constant(losses), 10.0), expected / expected.sum())
    np.testing.assert_allclose(softmin_weights(tf.constant(losses), 10.0), [0.88, 0.12], atol=0.005)


def test_softmin_begins_with_the_mean():
    assert float(combined_channels(tf.constant([1.0, 2.0, 6.0]), 0.0)) == pytest.approx(3.0)


def test_softmin_ends_with_the_minimum():
    losses = tf.constant([[1.0, 2.0], [5.0, 3.0]])
    np.testing.assert_allclose(combined_channels(losses, 1000.0), [1.0, 3.0], rtol=1e-5)


def test_softmin_weights_have_no_gradient():
    losses = tf.constant([0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        combined = combined_channels(losses, 3.0)
    np.testing.assert_allclose(tape.gradient(combined, losses), softmin_weights(losses, 3.0))


def test_minimum_moves_the_best_channel_alone():
    losses = tf.constant([0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        combined = combined_channels(losses)
    np.testing.assert_array_equal(tape.gradient(combined, losses), [1.0, 0.0])
