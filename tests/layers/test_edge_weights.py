import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVSoftmax, edge_weights


def step_image(height, size=(4, 6), channels=1):
    """Dark on the left, brighter by `height` from column 3 on."""
    image = np.zeros((1, *size, channels))
    image[:, :, 3:] = height
    return image


def test_flat_image_has_weight_one():
    np.testing.assert_array_equal(edge_weights(np.full((1, 4, 6, 3), 0.7)), 1)


@pytest.mark.parametrize(("height", "expected"), [(0.1, 1 / 2), (0.2, 1 / 5), (1.0, 1 / 101)])
def test_weight_at_an_edge_has_the_value_computed_by_hand(height, expected):
    weights = edge_weights(step_image(height), contrast=0.1)
    np.testing.assert_allclose(weights[0, :, 2, 0], expected, rtol=1e-12)


def test_weight_is_low_only_where_the_difference_over_the_edge_is():
    weights = edge_weights(step_image(1.0))
    np.testing.assert_array_equal(np.delete(weights, 2, axis=2), 1)


def test_channels_add_up():
    # Three channels of height h are one of height sqrt(3) h.
    np.testing.assert_allclose(
        edge_weights(step_image(0.1, channels=3)), edge_weights(step_image(0.1 * np.sqrt(3))), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("size", "spacing"), [((9,), None), ((6, 5), None), ((6, 5), (0.5, 2.0)), ((3, 4, 5), (12.5, 1.0, 1.0))]
)
def test_equals_numpy(rng, size, spacing):
    image = rng.uniform(0, 1, (2, *size, 3))
    squared = (reference.differences(image[1], spacing) ** 2).sum((0, -1))
    weights = edge_weights(tf.constant(image), 0.3, spacing)
    assert weights.shape == (2, *size, 1)
    np.testing.assert_allclose(weights[1, ..., 0], 1 / (1 + squared / 0.09), rtol=1e-12)


def test_guide_moves_the_class_border_onto_its_edge():
    # Weak evidence for the right class in column 2; the edge lies between columns 2 and 3.
    evidence = np.array([2.0, 2.0, -0.4, -2.0, -2.0, -2.0], np.float32)
    logits = np.broadcast_to(np.stack([evidence, -evidence], -1), (1, 4, 6, 2))
    layer = TVSoftmax(1.0, inference_iterations=300)
    plain, guided = layer(logits), layer(logits, guide=step_image(1.0).astype(np.float32))
    np.testing.assert_array_equal(np.argmax(plain, -1)[0, 0], [0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(np.argmax(guided, -1)[0, 0], [0, 0, 0, 1, 1, 1])
