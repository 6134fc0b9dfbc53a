"""Potentials: their terms, gradient, Jacobian and bounds, and the trial of those that users register."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference
from own_potentials import SOFT_SQUARE

from tfapp.layers import TVActivation, register_potential
from tfapp.layers.tv.potentials import POTENTIALS

OWN = ("softmax", "sigmoid", "relu", "tanh")
EVERY_FUNCTION = pytest.mark.parametrize("potential", [POTENTIALS[name] for name in OWN], ids=OWN)


@pytest.fixture
def u(rng):
    """Regularised logits as planes of 4 classes; none is within 1e-3 of the kink of the ReLU."""
    values = 2 * rng.standard_normal((4, 2, 5))
    return tf.constant(np.where(abs(values) < 1e-3, 1.0, values))


def jacobian_matrices(potential, a):
    """Return J(A) for every pixel as matrices (pixels, classes, classes)."""
    columns = [
        potential.jacobian(a, tf.zeros_like(a) + tf.reshape(e, (-1, 1, 1))) for e in tf.eye(4, dtype=a.dtype)
    ]
    return np.stack(columns, -1).transpose(1, 2, 0, 3).reshape(-1, 4, 4)


@EVERY_FUNCTION
def test_gradient_equals_numpy(potential, u):
    expected = reference.VALUES[potential.name](np.moveaxis(u.numpy(), 0, -1))
    np.testing.assert_allclose(potential.gradient(u), np.moveaxis(expected, -1, 0), rtol=1e-12)


@EVERY_FUNCTION
def test_gradient_is_the_derivative_of_the_terms(potential, u):
    with tf.GradientTape() as tape:
        tape.watch(u)
        total = tf.reduce_sum(potential.terms(u))
    np.testing.assert_allclose(tape.gradient(total, u), potential.gradient(u), rtol=1e-12)


@EVERY_FUNCTION
def test_jacobian_is_the_derivative_of_the_gradient(potential, u, rng):
    v, h = tf.constant(rng.standard_normal(u.shape)), 1e-6
    numeric = (potential.gradient(u + h * v) - potential.gradient(u - h * v)) / (2 * h)
    np.testing.assert_allclose(potential.jacobian(potential.gradient(u), v), numeric, atol=1e-8)


@EVERY_FUNCTION
def test_no_eigenvalue_of_the_jacobian_exceeds_the_bound(potential, u):
    assert (
        np.linalg.eigvalsh(jacobian_matrices(potential, potential.gradient(u))).max()
        <= potential.bound + 1e-12
    )


@pytest.mark.parametrize(
    ("name", "pixel"), [("softmax", [0, 0, -99, -99]), ("sigmoid", [0, 5, 5, 5]), ("relu", [1, -1, -1, -1])]
)
def test_bound_is_attained(name, pixel):
    potential = POTENTIALS[name]
    a = potential.gradient(tf.reshape(tf.constant(pixel, tf.float64), (4, 1, 1)))
    assert np.linalg.eigvalsh(jacobian_matrices(potential, a)).max() == pytest.approx(potential.bound)


@EVERY_FUNCTION
def test_diagonal_lies_above_the_jacobian(potential, u):
    a = potential.gradient(u)
    diagonal = np.moveaxis(potential.curvature(a).numpy(), 0, -1).reshape(-1, 1, 4) * np.eye(4)
    assert np.linalg.eigvalsh(diagonal - jacobian_matrices(potential, a)).min() >= -1e-12


@EVERY_FUNCTION
def test_what_a_loss_on_the_output_sends_back_is_wholly_visible(potential, u, rng):
    a = potential.gradient(u)
    h = potential.jacobian(a, tf.constant(rng.standard_normal(u.shape)))
    np.testing.assert_allclose(potential.visible(a, h), h, atol=1e-12)


@EVERY_FUNCTION
def test_what_the_output_does_not_feel_is_not_visible(potential, u, rng):
    # J v = 0 for the directions that `visible` takes out of any h.
    a, h = potential.gradient(u), tf.constant(rng.standard_normal(u.shape))
    np.testing.assert_allclose(potential.jacobian(a, h - potential.visible(a, h)), 0, atol=1e-12)


def test_one_number_for_all_classes_of_a_softmax_is_not_visible(u):
    potential = POTENTIALS["softmax"]
    np.testing.assert_allclose(potential.visible(potential.gradient(u), tf.ones_like(u)), 0, atol=1e-15)


def test_pixels_that_a_relu_cuts_off_are_not_visible(u):
    potential = POTENTIALS["relu"]
    np.testing.assert_array_equal(potential.visible(potential.gradient(u), tf.ones_like(u)), u > 0)


@EVERY_FUNCTION
@pytest.mark.parametrize("size", [1e3, -1e3])
def test_huge_logits_have_finite_terms_and_gradient(potential, size):
    u = tf.constant(np.array([size, -size, 0, 0], np.float32).reshape(4, 1, 1))
    assert np.isfinite(potential.gradient(u)).all() and np.isfinite(potential.terms(u)).all()


WRONG = {
    "not the derivative of `terms`": {"gradient": lambda u: 2 * u / tf.sqrt(1.0 + u**2)},
    "must increase": {"terms": lambda u: -(u**2) / 2, "gradient": lambda u: -u},
    "above `bound`": {"bound": 0.1},
    "`jacobian` is not the derivative": {"jacobian": lambda a, v: v},
    "planes of the shape": {"gradient": lambda u: tf.reduce_sum(u, axis=0, keepdims=True)},
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_potential_is_refused_by_value(fault):
    with pytest.raises(ValueError, match=fault.replace("`", ".")):
        register_potential(dataclasses.replace(SOFT_SQUARE, **WRONG[fault]))
    assert SOFT_SQUARE.name not in POTENTIALS


def test_name_of_the_package_is_not_taken():
    with pytest.raises(ValueError, match="is taken by the package"):
        register_potential(dataclasses.replace(SOFT_SQUARE, name="softmax"))


def test_potential_that_nobody_registered_is_told():
    with pytest.raises(ValueError, match="register_potential"):
        TVActivation("test-unheard")


def test_registered_potential_is_the_activation_of_a_layer(monkeypatch):
    monkeypatch.setattr("tfapp.layers.tv.potentials.POTENTIALS", dict(POTENTIALS))
    register_potential(SOFT_SQUARE)
    o = np.random.default_rng(0).standard_normal((1, 5, 4, 2)).astype(np.float32)
    ours = TVActivation(SOFT_SQUARE.name, tv_weight=0, learn_tv_weight=False)(o)
    np.testing.assert_allclose(ours, o / np.sqrt(1 + o**2), atol=1e-6)
