from itertools import product

import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVProblem, regularise_logits
from tfapp.layers.tv.solver import METHODS

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)
EVERY_POTENTIAL = pytest.mark.parametrize("potential", ["softmax", "sigmoid", "relu"])


def dual_of(solution, sample=0):
    return solution.dual.numpy()[:, :, sample]


def minimised(problem, o, solution):
    """Return sum phi(o - div zeta), what the solvers minimise, by NumPy."""
    return -reference.dual_energy(problem.potential, o[0], dual_of(solution), problem.spacing)


@ISOTROPY
@EVERY_METHOD
@EVERY_POTENTIAL
def test_gap_closes(scene, solved, potential, method, isotropic):
    problem = TVProblem(potential, isotropic, method=method, iterations=8000, tolerance=1e-10)
    assert float(solved(scene((6, 5), batch=2), 0.1, problem).gap[1]) <= 1e-10


@ISOTROPY
@EVERY_METHOD
@pytest.mark.parametrize("iterations", [1, 4, 12])
def test_gap_is_never_negative(scene, solved, method, isotropic, iterations):
    problem = TVProblem(isotropic=isotropic, method=method, iterations=iterations)
    assert np.min(solved(scene(batch=3), [0.1, 1.0, 4.0], problem).gap) >= 0


@ISOTROPY
@EVERY_POTENTIAL
@pytest.mark.parametrize(
    ("size", "spacing"), [((8,), (0.5,)), ((8, 6), (1.0, 2.0)), ((3, 4, 5), (3.0, 1.0, 1.0))]
)
def test_gap_is_the_primal_minus_the_dual_energy_per_pixel(
    scene, solved, potential, isotropic, size, spacing
):
    o, problem = scene(size, batch=2), TVProblem(potential, isotropic, spacing, iterations=5)
    solution = solved(o, 0.7, problem)
    a = reference.VALUES[potential](solution.logits.numpy()[1])
    primal = reference.primal_energy(potential, a, o[1], 0.7, isotropic, spacing)
    dual = reference.dual_energy(potential, o[1], dual_of(solution, 1), spacing)
    assert float(solution.gap[1]) == pytest.approx((primal - dual) / np.prod(size), rel=1e-9)
    assert primal - dual > 0.01


@EVERY_METHOD
def test_logits_are_what_the_dual_makes_of_them(scene, solved, method):
    o = scene((7, 6))
    solution = solved(o, 0.7, TVProblem(method=method))
    expected = o[0] - reference.divergence(dual_of(solution))
    np.testing.assert_allclose(solution.logits[0], expected, atol=1e-12)


@pytest.mark.parametrize(("isotropic", "order"), [(True, 2), (False, np.inf)])
@EVERY_METHOD
def test_dual_never_leaves_its_ball_or_cube(scene, solved, method, isotropic, order):
    weight = np.random.default_rng(1).uniform(0, 2, (1, 8, 8, 3))
    solution = solved(scene(), weight, TVProblem(isotropic=isotropic, method=method, iterations=25))
    size = np.linalg.norm(dual_of(solution), order, axis=0)
    assert np.all(size <= np.moveaxis(weight[0], -1, 0) * (1 + 1e-12))


@ISOTROPY
@EVERY_POTENTIAL
def test_projected_gradient_lowers_its_dual_problem_in_every_iteration(scene, potential, isotropic):
    o, problem = scene(contrast=6), TVProblem(potential, isotropic, method="projected-gradient", iterations=1)
    step = tf.function(lambda start: regularise_logits(o, 2.0, problem, start=start), autograph=False)
    start, values = tf.zeros((2, 3, 1, 8, 8), tf.float64), []
    for _ in range(60):
        solution = step(start)
        start = solution.dual
        values.append(minimised(problem, o, solution))
    assert np.all(np.diff(values) <= 1e-12) and values[-1] < values[0] - 1


@EVERY_POTENTIAL
def test_projected_gradient_goes_on_from_its_dual_as_if_it_had_not_stopped(scene, solved, potential):
    def solve(iterations, start=None):
        return solved(
            scene(), 0.7, TVProblem(potential, True, (1, 1), "projected-gradient", iterations), start=start
        )

    np.testing.assert_allclose(solve(5, solve(7).dual).logits, solve(12).logits, atol=1e-12)


def printed_recursion(o, weight, step, iterations):
    """(3.8) of Jia, Liu and Tai 2019 as printed, in zeta = lambda xi and with tau lambda^2 = step: A of one sample."""
    xi, eta = (np.zeros((2, o.shape[-1], *o.shape[:-1])) for _ in range(2))
    for _ in range(iterations):
        a = reference.softmax(o - reference.divergence(eta))
        xi = xi - step * np.moveaxis(reference.differences(a), -1, 1)
        eta = xi * weight / np.maximum(weight, np.sqrt((xi**2).sum(0)))
    return reference.softmax(o - reference.divergence(eta))


def test_lazy_projected_gradient_is_the_printed_recursion(scene, solved):
    o = scene((9, 8))
    problem = TVProblem(method="lazy-projected-gradient", iterations=100)
    ours = reference.softmax(solved(o, 1.0, problem).logits.numpy()[0])
    np.testing.assert_allclose(ours, printed_recursion(o[0], 1.0, 0.25, 100), atol=1e-12)
    projected = solved(o, 1.0, TVProblem(method="projected-gradient", iterations=100)).logits.numpy()[0]
    # Both tend to one solution, but are not there yet.
    assert 1e-6 < np.abs(ours - reference.softmax(projected)).max() < 0.02


@pytest.mark.parametrize("options", [{"huber": 0.1}, {"volumes": [0.2, 0.3, 0.5]}])
def test_lazy_projected_gradient_is_refused_where_it_would_solve_something_else(scene, options):
    with pytest.raises(ValueError, match="lazy-projected-gradient"):
        problem = TVProblem(method="lazy-projected-gradient", huber=options.pop("huber", 0.0))
        regularise_logits(scene(), 1.0, problem, **options)


def fista_by_numpy(potential, o, weight, isotropic, step, iterations):
    """Beck and Teboulle 2009, (4.1) to (4.3), from zero; the dual field of one sample."""
    zeta = y = np.zeros((2, o.shape[-1], *o.shape[:-1]))
    t = 1.0
    for _ in range(iterations):
        a = reference.VALUES[potential](o - reference.divergence(y))
        new = y - step * np.moveaxis(reference.differences(a), -1, 1)
        size = np.sqrt((new**2).sum(0)) if isotropic else abs(new)
        new = new / np.maximum(1, size / weight)
        t, last = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        zeta, y = new, new + (last - 1) / t * (new - zeta)
    return zeta


@ISOTROPY
@EVERY_POTENTIAL
def test_fista_equals_numpy(scene, solved, potential, isotropic):
    o, problem = scene((7, 6)), TVProblem(potential, isotropic, iterations=25)
    expected = fista_by_numpy(potential, o[0], 0.3, isotropic, problem.step, 25)
    np.testing.assert_allclose(dual_of(solved(o, 0.3, problem)), expected, atol=1e-12)


@pytest.mark.slow
def test_fista_with_a_tolerance_restarts_and_gets_further(scene, solved):
    restarted, plain = (
        solved(scene(), 0.3, TVProblem(iterations=400, tolerance=tolerance)) for tolerance in (1e-14, None)
    )
    assert float(restarted.gap[0]) < 0.1 * float(plain.gap[0])


@ISOTROPY
@pytest.mark.slow
def test_accelerated_methods_keep_the_proven_rate_of_fista_on_confident_logits(scene, solved, isotropic):
    # Beck and Teboulle 2009, theorem 4.4: value - minimum <= 2 |zeta*|^2 / (step * (k + 1)^2).
    o = scene((12, 12), contrast=4, noise=3)
    best = solved(o, 5.0, TVProblem(isotropic=isotropic, iterations=20_000, tolerance=1e-7))
    for method, k in product(["fista", "preconditioned-fista"], (10, 50)):
        problem = TVProblem(isotropic=isotropic, method=method, iterations=k)
        excess = minimised(problem, o, solved(o, 5.0, problem)) - minimised(problem, o, best)
        bound = 2 * np.sum(dual_of(best) ** 2) / (problem.step * (k + 1) ** 2)
        assert 0 < excess <= bound, (method, k)


@pytest.mark.parametrize("start", [40, 70])
def test_preconditioned_fista_takes_back_ten_iterations_that_rose(scene, solved, start):
    # Without that it ends both of these blocks higher than it began them.
    o, values = scene((6, 6), contrast=4, noise=3), []
    for iterations in (start, start + 10):
        problem = TVProblem("relu", method="preconditioned-fista", iterations=iterations)
        values.append(minimised(problem, o, solved(o, 5.0, problem)))
    assert values[1] <= values[0]


@EVERY_METHOD
def test_every_method_finds_the_same_solution(scene, solved, method):
    problem = TVProblem(method=method, iterations=20_000, tolerance=1e-10)
    u, expected = (solved(scene(), 0.3, p).logits for p in (problem, TVProblem(iterations=3000)))
    np.testing.assert_allclose(tf.nn.softmax(u), tf.nn.softmax(expected), atol=2e-5)


@EVERY_METHOD
def test_tolerance_stops_long_before_the_largest_number_of_iterations(scene, solved, method):
    solution = solved(
        scene(batch=2), [0.1, 0.3, 0.5], TVProblem(method=method, iterations=10_000, tolerance=1e-3)
    )
    assert int(solution.iterations) < 1000
    assert np.max(solution.gap) <= 1e-3


@EVERY_METHOD
@pytest.mark.parametrize("tolerance", [None, 1e-14])
def test_no_more_iterations_than_allowed_are_done(scene, solved, method, tolerance):
    solution = solved(scene(), 1.0, TVProblem(method=method, iterations=17, tolerance=tolerance))
    assert int(solution.iterations) == 17


@EVERY_METHOD
def test_seventeen_iterations_are_not_ten_or_twenty(scene, solved, method):
    gaps = [float(solved(scene(), 1.0, TVProblem(method=method, iterations=n)).gap[0]) for n in (10, 17, 20)]
    assert gaps[0] > 1.02 * gaps[1] > 1.02**2 * gaps[2]


@ISOTROPY
# The lazy recursion does not hand on the field that it goes on from, before its projection.
@pytest.mark.parametrize("method", METHODS[:-1])
def test_start_from_the_solution_is_done_after_the_first_look(scene, solved, method, isotropic):
    problem = TVProblem(isotropic=isotropic, method=method, iterations=10_000, tolerance=1e-6)
    # From zero, as without a start, but by the same graph.
    cold = solved(scene(), 0.5, problem, start=np.zeros((2, 3, 1, 8, 8)))
    warm = solved(scene(), 0.5, problem, start=cold.dual)
    assert int(warm.iterations) <= 10 < int(cold.iterations)


@EVERY_METHOD
def test_start_outside_a_smaller_ball_is_projected_first(scene, solved, method):
    start = solved(scene(), 2.0, TVProblem(isotropic=False)).dual
    problem = TVProblem(isotropic=False, method=method, iterations=3)
    projected = solved(scene(), 0.2, problem, start=np.clip(start, -0.2, 0.2))
    np.testing.assert_allclose(solved(scene(), 0.2, problem, start=start).dual, projected.dual, atol=1e-12)


@EVERY_METHOD
@pytest.mark.parametrize("stop", [{}, {"tolerance": 1e-12}, {"tolerance": 1e-2}, {"label_tolerance": 0.01}])
def test_samples_of_a_batch_do_not_influence_each_other(scene, solved, method, stop):
    # An easy sample beside a hard one, which goes on for longer.
    o = np.concatenate([scene(contrast=0.1), scene(contrast=8, seed=1)])
    problem = TVProblem(method=method, iterations=80, **stop)
    together, easy, hard = (solved(part, 3.0, problem).logits for part in (o, o[:1], o[1:]))
    np.testing.assert_allclose(together, np.concatenate([easy, hard]), atol=1e-10)


@pytest.mark.parametrize("potential", ["softmax", "sigmoid"])
def test_labels_that_no_longer_change_end_the_iterations_near_those_of_the_solution(scene, solved, potential):
    o = scene(size=(64, 64), contrast=3, noise=1.5)
    stopped = solved(o, 1.0, TVProblem(potential, iterations=1000, label_tolerance=5e-4))
    exact = solved(o, 1.0, TVProblem(potential, iterations=5000, tolerance=1e-8))
    label = {"softmax": lambda u: np.argmax(u, -1), "sigmoid": lambda u: u > 0}[potential]
    assert 10 < int(stopped.iterations) < 200
    assert np.mean(label(stopped.logits) != label(exact.logits)) < 2e-3


def test_a_label_that_changes_within_ten_iterations_is_enough_to_go_on(scene, solved):
    o = scene(size=(64, 64), contrast=3, noise=1.5)
    problem = TVProblem(iterations=1000, label_tolerance=1e-9)
    stopped = int(solved(o, 1.0, problem).iterations)
    earlier, before, last = (
        np.argmax(solved(o, 1.0, TVProblem(iterations=stopped - n)).logits, -1) for n in (20, 10, 0)
    )
    assert (before == last).all() and (earlier != before).any()


@EVERY_METHOD
@ISOTROPY
@pytest.mark.parametrize("huber", [0.0, 0.1])
def test_two_classes_are_three_of_which_one_is_out_of_reach(scene, solved, method, isotropic, huber):
    if huber and method == "lazy-projected-gradient":
        return
    o = scene()[..., :2]
    far = np.concatenate([o, np.full_like(o[..., :1], -80.0)], axis=-1)
    problem = TVProblem(isotropic=isotropic, method=method, iterations=17, huber=huber)
    two, three = solved(o, 0.5, problem), solved(far, 0.5, problem)
    np.testing.assert_allclose(two.logits, three.logits[..., :2], atol=1e-10)
    np.testing.assert_allclose(two.dual, three.dual[:, :2], atol=1e-10)
    np.testing.assert_allclose(two.gap, three.gap, atol=1e-10)


def test_two_classes_of_which_one_is_forbidden_stay_finite(scene, solved):
    o = scene()[..., :2]
    o[0, 2, 3, 0] = -np.inf
    probabilities = tf.nn.softmax(solved(o, 0.5, TVProblem()).logits).numpy()
    assert np.isfinite(probabilities).all() and probabilities[0, 2, 3, 0] == 0


@pytest.mark.parametrize("other", [{"tolerance": 1e-3}, {"potential": "relu"}])
def test_label_tolerance_is_refused_beside_a_tolerance_and_where_there_are_no_labels(other):
    with pytest.raises(
        ValueError, match="`label_tolerance` is for 'softmax' and 'sigmoid', without a `tolerance`"
    ):
        TVProblem(label_tolerance=1e-3, **other)


@EVERY_METHOD
@pytest.mark.parametrize("tolerance", [None, 1e-4])
def test_nan_in_a_graph_comes_out_as_nan_and_does_not_loop_for_ever(scene, method, tolerance):
    o = scene()
    o[0, 3, 3, 1] = np.nan
    problem = TVProblem(
        method=method, iterations=20 if tolerance is None else 10_000_000, tolerance=tolerance
    )
    graph = tf.function(lambda o: regularise_logits(o, 1.0, problem), autograph=False)
    solution = graph(tf.constant(o))
    assert np.isnan(solution.logits).any() and np.isnan(solution.gap).all()
