import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers.tv.solver import LINKS

EVERY_LINK = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)


@pytest.fixture
def u(rng):
    """Regularised logits as planes of 4 classes; none is within 1e-3 of the kink of the ReLU."""
    values = 2 * rng.standard_normal((4, 2, 5))
    return tf.constant(np.where(abs(values) < 1e-3, 1.0, values))


def jacobian_matrices(link, a):
    """Return J(A) for every pixel as matrices (pixels, classes, classes)."""
    columns = [
        link.jacobian(a, tf.zeros_like(a) + tf.reshape(e, (-1, 1, 1))) for e in tf.eye(4, dtype=a.dtype)
    ]
    return np.stack(columns, -1).transpose(1, 2, 0, 3).reshape(-1, 4, 4)


@EVERY_LINK
def test_value_equals_numpy(link, u):
    expected = reference.VALUES[link.name](np.moveaxis(u.numpy(), 0, -1))
    np.testing.assert_allclose(link.value(u), np.moveaxis(expected, -1, 0), rtol=1e-12)


@EVERY_LINK
def test_value_is_the_gradient_of_the_potential(link, u):
    with tf.GradientTape() as tape:
        tape.watch(u)
        total = tf.reduce_sum(link.potential(u))
    np.testing.assert_allclose(tape.gradient(total, u), link.value(u), rtol=1e-12)


@EVERY_LINK
def test_jacobian_is_the_derivative_of_the_value(link, u, rng):
    v, h = tf.constant(rng.standard_normal(u.shape)), 1e-6
    numeric = (link.value(u + h * v) - link.value(u - h * v)) / (2 * h)
    np.testing.assert_allclose(link.jacobian(link.value(u), v), numeric, atol=1e-8)


@EVERY_LINK
def test_no_eigenvalue_of_the_jacobian_exceeds_the_bound(link, u):
    assert np.linalg.eigvalsh(jacobian_matrices(link, link.value(u))).max() <= link.bound + 1e-12


@pytest.mark.parametrize(
    ("name", "pixel"), [("softmax", [0, 0, -99, -99]), ("sigmoid", [0, 5, 5, 5]), ("relu", [1, -1, -1, -1])]
)
def test_bound_is_attained(name, pixel):
    link = LINKS[name]
    a = link.value(tf.reshape(tf.constant(pixel, tf.float64), (4, 1, 1)))
    assert np.linalg.eigvalsh(jacobian_matrices(link, a)).max() == pytest.approx(link.bound)


@EVERY_LINK
def test_diagonal_lies_above_the_jacobian(link, u):
    a = link.value(u)
    diagonal = np.moveaxis(link.diagonal(a).numpy(), 0, -1).reshape(-1, 1, 4) * np.eye(4)
    assert np.linalg.eigvalsh(diagonal - jacobian_matrices(link, a)).min() >= -1e-12


@EVERY_LINK
def test_what_a_loss_on_the_output_sends_back_is_wholly_visible(link, u, rng):
    a = link.value(u)
    h = link.jacobian(a, tf.constant(rng.standard_normal(u.shape)))
    np.testing.assert_allclose(link.visible(a, h), h, atol=1e-12)


@EVERY_LINK
def test_what_the_output_does_not_feel_is_not_visible(link, u, rng):
    # J v = 0 for the directions that `visible` takes out of any h.
    a, h = link.value(u), tf.constant(rng.standard_normal(u.shape))
    np.testing.assert_allclose(link.jacobian(a, h - link.visible(a, h)), 0, atol=1e-12)


def test_one_number_for_all_classes_of_a_softmax_is_not_visible(u):
    link = LINKS["softmax"]
    np.testing.assert_allclose(link.visible(link.value(u), tf.ones_like(u)), 0, atol=1e-15)


def test_pixels_that_a_relu_cuts_off_are_not_visible(u):
    link = LINKS["relu"]
    np.testing.assert_array_equal(link.visible(link.value(u), tf.ones_like(u)), u > 0)


@EVERY_LINK
@pytest.mark.parametrize("size", [1e3, -1e3])
def test_huge_logits_have_a_finite_value_and_potential(link, size):
    u = tf.constant(np.array([size, -size, 0, 0], np.float32).reshape(4, 1, 1))
    assert np.isfinite(link.value(u)).all() and np.isfinite(link.potential(u)).all()
