import math

import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVSoftmax, edge_weights, total_variation
from tfapp.layers.arguments import at_least_float32, inverse_softplus, reachable
from tfapp.layers.tv.operators import (
    adjoint_differences,
    forward_differences,
    from_planes,
    length,
    project,
    to_planes,
)

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
# Size and spacing for one, two and three spatial axes; a single pixel has no neighbour at all.
GRIDS = pytest.mark.parametrize(
    ("size", "spacing"),
    [
        ((9,), (2.0,)),
        ((7, 5), (1.0, 1.0)),
        ((7, 5), (0.5, 3.0)),
        ((1, 6), (1.0, 2.0)),
        ((3, 4, 5), (12.5, 1.0, 0.7)),
    ],
)


def random_field(rng, size, scale=2.0):
    """One part per spatial axis, planes of 3 classes and 2 samples."""
    return tuple(tf.constant(scale * rng.standard_normal((3, 2, *size))) for _ in size)


def inner(field, other):
    return sum(float(tf.reduce_sum(f * g)) for f, g in zip(field, other, strict=True))


def test_planes_have_the_classes_first_and_the_batch_second(rng):
    maps = rng.standard_normal((2, 4, 5, 3))
    np.testing.assert_array_equal(to_planes(tf.constant(maps))[1, 0], maps[0, ..., 1])


@pytest.mark.parametrize("size", [(9,), (7, 5), (3, 4, 5)])
def test_planes_turn_back_into_maps(rng, size):
    maps = rng.standard_normal((2, *size, 3))
    np.testing.assert_array_equal(from_planes(to_planes(tf.constant(maps))), maps)


@GRIDS
def test_differences_equal_matrices(rng, size, spacing):
    maps = rng.standard_normal((2, *size, 3))
    ours = [from_planes(part)[1] for part in forward_differences(to_planes(tf.constant(maps)), spacing)]
    np.testing.assert_allclose(ours, reference.differences(maps[1], spacing), atol=1e-14)


@GRIDS
def test_divergence_equals_matrices(rng, size, spacing):
    field = random_field(rng, size)
    expected = reference.divergence(np.stack(field)[:, :, 1], spacing)
    np.testing.assert_allclose(from_planes(-adjoint_differences(field, spacing))[1], expected, atol=1e-13)


@GRIDS
def test_divergence_is_the_negative_adjoint_of_the_differences_even_with_values_past_the_border(
    rng, size, spacing
):
    a, field = tf.constant(rng.standard_normal((3, 2, *size))), random_field(rng, size)
    right = float(tf.reduce_sum(a * adjoint_differences(field, spacing)))
    assert inner(forward_differences(a, spacing), field) == pytest.approx(right, rel=1e-12, abs=1e-12)


@GRIDS
def test_divergence_does_not_read_what_lies_past_the_border(rng, size, spacing):
    field = random_field(rng, size)
    changed = [part.numpy() for part in field]
    for axis, part in enumerate(changed):
        part[(slice(None), slice(None), *[slice(None)] * axis, -1)] = 1e9
    again = adjoint_differences([tf.constant(part) for part in changed], spacing)
    np.testing.assert_array_equal(again, adjoint_differences(field, spacing))


@GRIDS
def test_divergence_sums_to_zero_in_every_plane(rng, size, spacing):
    total = tf.reduce_sum(adjoint_differences(random_field(rng, size), spacing), range(2, 2 + len(size)))
    np.testing.assert_allclose(total, 0, atol=1e-12)


@pytest.mark.parametrize(("isotropic", "expected"), [(True, 2 + np.sqrt(2)), (False, 4)])
def test_one_bright_pixel_has_the_variation_computed_by_hand(isotropic, expected):
    # Differences: (-1, -1) at the pixel, 1 above it and 1 to its left.
    image = np.zeros((1, 5, 5, 1))
    image[0, 2, 2] = 1
    np.testing.assert_allclose(total_variation(image, isotropic), [expected])


@ISOTROPY
@GRIDS
def test_total_variation_of_each_sample_equals_matrices(rng, size, spacing, isotropic):
    maps = rng.standard_normal((2, *size, 3))
    expected = [reference.lengths(sample, isotropic, spacing).sum() for sample in maps]
    np.testing.assert_allclose(total_variation(maps, isotropic, spacing), expected, rtol=1e-12)


@ISOTROPY
def test_constant_map_has_no_variation_not_even_at_the_border(isotropic):
    assert float(total_variation(np.full((1, 6, 5, 2), 3.0), isotropic)[0]) == 0


@ISOTROPY
def test_transposing_an_image_keeps_its_variation(rng, isotropic):
    image = rng.standard_normal((1, 6, 5, 2))
    transposed = total_variation(image.transpose(0, 2, 1, 3), isotropic)
    np.testing.assert_allclose(transposed, total_variation(image, isotropic), rtol=1e-12)


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
def test_flips_and_quarter_turns_keep_the_anisotropic_variation(rng, turn):
    image = rng.standard_normal((6, 5, 2))
    turned = total_variation(turn(image)[None], isotropic=False)
    np.testing.assert_allclose(turned, total_variation(image[None], isotropic=False), rtol=1e-12)


@GRIDS
def test_length_is_euclidean_or_the_sum_of_absolute_values(rng, size, spacing):
    field = random_field(rng, size)
    np.testing.assert_allclose(length(field, True), np.linalg.norm(field, axis=0), rtol=1e-12)
    np.testing.assert_allclose(length(field, False), np.abs(field).sum(0), rtol=1e-12)


@ISOTROPY
def test_projection_leaves_what_is_inside(rng, isotropic):
    field = random_field(rng, (7, 5), scale=0.2)
    np.testing.assert_allclose(project(field, tf.constant(1.5, tf.float64), isotropic), field, rtol=1e-12)


@pytest.mark.parametrize(("isotropic", "order"), [(True, 2), (False, np.inf)])
@pytest.mark.parametrize("size", [(9,), (7, 5), (3, 4, 5)])
def test_projection_brings_what_is_outside_onto_the_surface(rng, size, isotropic, order):
    field = random_field(rng, size)
    outside = np.linalg.norm(field, order, axis=0) > 1.5
    projected = project(field, tf.constant(1.5, tf.float64), isotropic)
    np.testing.assert_allclose(np.linalg.norm(projected, order, axis=0)[outside], 1.5, rtol=1e-12)
    assert outside.any()


@pytest.mark.parametrize(("isotropic", "order"), [(True, 2), (False, np.inf)])
def test_projection_is_the_nearest_point(rng, isotropic, order):
    # z is nearest to y in a convex set exactly if <y - z, x - z> <= 0 for all of its x.
    field = np.stack(random_field(rng, (7, 5)))
    projected = np.stack(project(tuple(tf.constant(field)), tf.constant(1.0, tf.float64), isotropic))
    inside = rng.standard_normal((200, *field.shape))
    inside /= np.maximum(1, np.linalg.norm(inside, order, axis=1))[:, None]
    assert ((field - projected) * (inside - projected)).sum(1).max() <= 1e-12


@ISOTROPY
def test_projection_takes_a_radius_for_every_pixel(rng, isotropic):
    field = random_field(rng, (7, 5))
    radius = tf.constant(rng.uniform(0.1, 3, (1, 2, 7, 5)))
    whole = np.stack(project(field, radius, isotropic))[..., 3, 2]
    pixel = project(tuple(part[..., 3:4, 2:3] for part in field), radius[..., 3:4, 2:3], isotropic)
    np.testing.assert_allclose(whole, np.stack(pixel)[..., 0, 0], rtol=1e-12)


@ISOTROPY
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_projection_onto_radius_zero_is_zero_and_not_nan(rng, isotropic, dtype):
    vertical = tf.cast(rng.standard_normal((3, 2, 7, 5)), dtype)
    field = (vertical, tf.zeros_like(vertical))
    for part in project(field, tf.zeros([], dtype), isotropic):
        np.testing.assert_array_equal(part, 0)


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


@pytest.mark.slow
def test_guide_moves_the_class_border_onto_its_edge():
    # Weak evidence for the right class in column 2; the edge lies between columns 2 and 3.
    evidence = np.array([2.0, 2.0, -0.4, -2.0, -2.0, -2.0], np.float32)
    logits = np.broadcast_to(np.stack([evidence, -evidence], -1), (1, 4, 6, 2))
    layer = TVSoftmax(1.0, inference_iterations=300)
    plain, guided = layer(logits), layer(logits, guide=step_image(1.0).astype(np.float32))
    np.testing.assert_array_equal(np.argmax(plain, -1)[0, 0], [0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(np.argmax(guided, -1)[0, 0], [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("value", [1e-6, 0.01, 1.0, 30.0])
def test_inverse_softplus_is_undone_by_softplus(value):
    assert math.log1p(math.exp(inverse_softplus(value))) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-6, -13.815510057964274),  # log(expm1(1e-6)) = log(1e-6) + 5e-7, by the series of expm1
        (1.0, 0.541324854612918),  # log(e - 1)
        (50.0, 50.0),  # 50 + log(1 - exp(-50)): below the digits of a float
    ],
)
def test_inverse_softplus_has_the_golden_value(value, expected):
    assert inverse_softplus(value) == pytest.approx(expected, rel=1e-13)


def test_tolerance_that_float32_cannot_reach_is_raised_with_a_warning():
    with pytest.warns(UserWarning, match="`tolerance`=1e-09 is below what float32 can reach; 1e-06 is used"):
        assert reachable(1e-9) == 1e-6


@pytest.mark.parametrize("tolerance", [None, 1e-6, 1e-3])
def test_tolerance_within_reach_stays(tolerance):
    assert reachable(tolerance) == tolerance


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64")],
)
def test_half_precision_becomes_float32(given, kept):
    assert at_least_float32(tf.cast(np.ones(3), given)).dtype == kept
