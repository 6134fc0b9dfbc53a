"""The solutions against a general convex solver: cvxpy with Clarabel's interior-point method."""

import cvxpy
import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVProblem, edge_weights

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
EVERY_POTENTIAL = pytest.mark.parametrize("potential", ["softmax", "sigmoid", "relu"])


def convex_solution(potential, o, weight, isotropic=True, spacing=None):
    """Solve  min Phi(A) - <o, A> + sum lambda |D A|  for one sample (*spatial, classes)."""
    flat = o.reshape(-1, o.shape[-1])
    weight = np.broadcast_to(weight, o.shape).reshape(flat.shape)
    a = cvxpy.Variable(flat.shape)
    variation = 0
    for c in range(flat.shape[1]):
        parts = cvxpy.vstack([d @ a[:, c] for d in reference.difference_matrices(o.shape[:-1], spacing)])
        variation += weight[:, c] @ cvxpy.norm(parts, 2 if isotropic else 1, axis=0)
    entropy = -cvxpy.sum(cvxpy.entr(a))
    potential, constraints = {
        "softmax": (entropy, [cvxpy.sum(a, axis=1) == 1]),
        "sigmoid": (entropy - cvxpy.sum(cvxpy.entr(1 - a)), []),
        "relu": (cvxpy.sum_squares(a) / 2, [a >= 0]),
    }[potential]
    objective = potential - cvxpy.sum(cvxpy.multiply(flat, a)) + variation
    problem = cvxpy.Problem(cvxpy.Minimize(objective), constraints)
    problem.solve(solver=cvxpy.CLARABEL)
    assert problem.status == cvxpy.OPTIMAL
    return a.value.reshape(o.shape), problem.value


@pytest.fixture
def compare(solved):
    """Return a function that solves a problem in both ways and compares maps and energies."""

    def run(potential, o, weight, isotropic=True, spacing=None):
        of_sample = np.asarray(weight)[0] if np.ndim(weight) == o.ndim else np.asarray(weight)
        expected, energy = convex_solution(potential, o[0], of_sample, isotropic, spacing)
        problem = TVProblem(potential, isotropic, spacing or (1.0,) * (o.ndim - 2), "fista", 20_000, 1e-9)
        a = reference.VALUES[potential](solved(o, weight, problem).logits.numpy()[0])
        # Strong convexity turns an excess e of the energy into an error of sqrt(2 e).
        np.testing.assert_allclose(a, expected, atol=2e-4)
        ours = reference.primal_energy(potential, a, o[0], of_sample, isotropic, spacing)
        assert ours == pytest.approx(energy, rel=1e-6, abs=1e-6)
        assert np.abs(a - reference.VALUES[potential](o[0])).max() > 0.1  # the problem is not idle

    return run


@ISOTROPY
@EVERY_POTENTIAL
@pytest.mark.parametrize("size", [(12, 12)])
def test_images(scene, compare, potential, isotropic, size):
    compare(potential, scene(size), 0.5, isotropic)


@ISOTROPY
@pytest.mark.slow
def test_image_of_32_pixels(scene, compare, isotropic):
    compare("softmax", scene((32, 32), contrast=3, noise=1.5), 0.5, isotropic)


@ISOTROPY
@EVERY_POTENTIAL
@pytest.mark.slow
def test_signals(scene, compare, potential, isotropic):
    compare(potential, scene((40,)), 0.5, isotropic, (0.5,))


@ISOTROPY
@EVERY_POTENTIAL
@pytest.mark.slow
def test_volumes_of_thick_slices(scene, compare, potential, isotropic):
    compare(potential, scene((3, 4, 5)), 0.5, isotropic, (3.0, 1.0, 0.8))


@EVERY_POTENTIAL
@pytest.mark.slow
def test_one_weight_for_each_class(scene, compare, potential):
    compare(potential, scene(), [0.1, 0.8, 0.3], True)


@ISOTROPY
@EVERY_POTENTIAL
def test_one_weight_for_each_pixel(scene, compare, rng, potential, isotropic):
    compare(potential, scene(), rng.uniform(0, 1, (1, 8, 8, 1)), isotropic)


@ISOTROPY
@pytest.mark.slow
def test_one_weight_for_each_pixel_and_class(scene, compare, rng, isotropic):
    compare("softmax", scene(), rng.uniform(0, 1, (1, 8, 8, 3)), isotropic)


@ISOTROPY
@pytest.mark.slow
def test_weights_from_the_edges_of_an_image(scene, compare, isotropic):
    guide = np.zeros((1, 8, 8, 1))
    guide[:, 3:] = 0.6
    compare("softmax", scene(), 0.8 * edge_weights(tf.constant(guide)).numpy(), isotropic)


@pytest.mark.slow
def test_many_classes(scene, compare):
    compare("softmax", scene(classes=11), 0.3, True)


@ISOTROPY
@pytest.mark.slow
def test_confident_logits_and_a_large_weight(scene, compare, isotropic):
    compare("softmax", scene((6, 6), contrast=4, noise=3), 5.0, isotropic)
