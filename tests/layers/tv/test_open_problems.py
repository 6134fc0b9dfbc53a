"""Other operators, potentials, lengths and class shares: against a general convex solver and finite differences."""

from functools import cache

import cvxpy
import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference
from own_potentials import SOFT_SQUARE

from tfapp.layers import (
    ClassDistances,
    NonLocalDifferences,
    SecondDifferences,
    TVActivation,
    TVProblem,
    TVSigmoid,
    TVSoftmax,
    register_potential,
    regularise_logits,
)
from tfapp.layers.tv.potentials import POTENTIALS

SIZE = (8, 8)
DISTANCES = np.array([[0, 1, 2], [1, 0, 1.5], [2, 1.5, 0]])
GUIDE = np.random.default_rng(5).uniform(size=(1, *SIZE, 2))
CONVERGED = {"iterations": 20_000, "tolerance": 1e-11}


def second_difference_matrices(size):
    """Return the matrices of D, and those of the second derivatives, the mixed one times sqrt(2)."""
    down, right = (matrix.toarray() for matrix in reference.difference_matrices(size))
    index = np.arange(size[0] * size[1]).reshape(size)
    seconds = []
    for before, here, after in [
        (index[:-2], index[1:-1], index[2:]),
        (index[:, :-2], index[:, 1:-1], index[:, 2:]),
    ]:
        matrix = np.zeros((index.size, index.size))
        for pixel, coefficient in ((before, 1), (here, -2), (after, 1)):
            matrix[here.ravel(), pixel.ravel()] += coefficient
        seconds.append(matrix)
    return [down, right], [seconds[0], 2**0.5 * right @ down, seconds[1]]


def non_local_matrices(guide, radius, contrast):
    """Return one matrix for each offset of half a window, pair by pair."""
    size = guide.shape[:2]
    offsets = [
        (i, j) for i in range(-radius, radius + 1) for j in range(-radius, radius + 1) if (i, j) > (0, 0)
    ]
    matrices = []
    for i, j in offsets:
        matrix = np.zeros((guide[..., 0].size,) * 2)
        for row, column in np.ndindex(size):
            if 0 <= row + i < size[0] and 0 <= column + j < size[1]:
                squared = ((guide[row, column] - guide[row + i, column + j]) ** 2).sum()
                root = (np.exp(-squared / (2 * contrast**2)) / len(offsets)) ** 0.5
                here, there = row * size[1] + column, (row + i) * size[1] + column + j
                matrix[here, here], matrix[here, there] = -root, root
        matrices.append(matrix)
    return matrices


def lengths_of(a, groups):
    """Return the lengths, one expression for each group of matrices and class."""
    return [
        cvxpy.norm(cvxpy.vstack([matrix @ a[:, c] for matrix in group]), 2, axis=0)
        for group in groups
        for c in range(a.shape[1])
    ]


def second_order(a):
    first, second = second_difference_matrices(SIZE)
    return sum(cvxpy.sum(one) for one in lengths_of(a, [first, [0.5 * matrix for matrix in second]]))


def non_local(a):
    return sum(cvxpy.sum(one) for one in lengths_of(a, [non_local_matrices(GUIDE[0], 2, 0.4)]))


def by_class(a):
    centre = np.eye(3) - 1 / 3
    values, vectors = np.linalg.eigh(-0.5 * centre @ DISTANCES**2 @ centre)
    moved = a @ (vectors * np.sqrt(np.maximum(values, 0)))
    parts = [matrix @ moved[:, d] for matrix in reference.difference_matrices(SIZE) for d in range(3)]
    return cvxpy.sum(cvxpy.norm(cvxpy.vstack(parts), 2, axis=0))


def huber(a):
    lengths = lengths_of(a, [reference.difference_matrices(SIZE)])
    return sum(cvxpy.sum(cvxpy.huber(one, 0.3)) for one in lengths) / (2 * 0.3)


def plain(a):
    return sum(cvxpy.sum(one) for one in lengths_of(a, [reference.difference_matrices(SIZE)]))


def entropy(a):
    return -cvxpy.sum(cvxpy.entr(a))


CASES = {
    "second order": (TVSoftmax, {"operator": SecondDifferences(0.5)}, second_order),
    "non-local": (TVSoftmax, {"operator": NonLocalDifferences(2, 0.4)}, non_local),
    "class distances": (TVSoftmax, {"operator": ClassDistances(DISTANCES)}, by_class),
    "huber": (TVSoftmax, {"huber": 0.3}, huber),
    "temperature": (TVSoftmax, {"temperature": 0.6}, plain),
    "tanh": (TVActivation, {"potential": "tanh"}, plain),
    "shares": (TVSoftmax, {"volumes": [0.5, 0.2, 0.3]}, plain),
    "bounded shares": (TVSoftmax, {"volumes": ([0.4, 0.0, 0.1], [1.0, 0.3, 1.0])}, plain),
    "shares of channels": (TVSigmoid, {"volumes": [0.5, 0.2, 0.6]}, plain),
    "anisotropic shares": (TVSoftmax, {"volumes": [0.5, 0.2, 0.3], "isotropic": False}, None),
}


def energy(name, a, o):
    layer, options, length = CASES[name]
    if layer is TVSoftmax:
        convex = options.get("temperature", 1.0) * entropy(a)
    elif layer is TVSigmoid:
        convex = entropy(a) + entropy(1 - a)
    else:
        convex = 0.5 * (entropy(1 + a) + entropy(1 - a))
    if length is None:
        parts = [matrix @ a[:, c] for matrix in reference.difference_matrices(SIZE) for c in range(3)]
        lengths = sum(cvxpy.sum(cvxpy.abs(part)) for part in parts)
    else:
        lengths = length(a)
    return convex - cvxpy.sum(cvxpy.multiply(o, a)) + 0.5 * lengths


@cache
def solution(name):
    """Return logits, the layer's output and gap, and the convex solver's output."""
    layer, options, _ = CASES[name]
    o = 2 * np.random.default_rng(1).standard_normal((1, *SIZE, 3))
    o[:, 2:6, 2:5, 1] += 2
    solver = layer(tv_weight=0.5, tolerance=1e-6, inference_iterations=20_000, return_gap=True, **options)
    guide = {"guide": GUIDE} if name == "non-local" else {}
    a, gap = solver(tf.constant(o), **guide)
    variable = cvxpy.Variable((SIZE[0] * SIZE[1], 3))
    constraints = [cvxpy.sum(variable, axis=1) == 1] if layer is TVSoftmax else []
    if shares := options.get("volumes"):
        least, most = shares if len(shares) == 2 else (shares, shares)
        constraints += [cvxpy.sum(variable, axis=0) / variable.shape[0] >= np.array(least)]
        constraints += [cvxpy.sum(variable, axis=0) / variable.shape[0] <= np.array(most)]
    problem = cvxpy.Problem(cvxpy.Minimize(energy(name, variable, o.reshape(-1, 3))), constraints)
    problem.solve(solver=cvxpy.CLARABEL)
    assert problem.status == cvxpy.OPTIMAL
    return o, a.numpy(), float(gap[0]), variable.value.reshape(o.shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_output_is_that_of_a_general_convex_solver(name):
    o, ours, gap, expected = solution(name)
    # A gap of g per pixel bounds the mean squared l1 error by twice it, at entropies.
    np.testing.assert_allclose(ours, expected, atol=4e-3)
    plain_output = reference.VALUES["softmax"](o)
    assert abs(gap) < 2e-6 and np.abs(ours - plain_output).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if "shares" in name])
def test_shares_are_kept(name):
    _, ours, _, _ = solution(name)
    shares = CASES[name][1]["volumes"]
    least, most = shares if len(shares) == 2 else (shares, shares)
    found = ours.mean((0, 1, 2))
    assert (found >= np.array(least) - 1e-6).all() and (found <= np.array(most) + 1e-6).all()


PROBLEMS = {
    "second order": (TVProblem(operator=SecondDifferences(0.5), **CONVERGED), {}),
    "second order, anisotropic": (
        TVProblem("sigmoid", False, operator=SecondDifferences(0.5), **CONVERGED),
        {},
    ),
    "non-local": (TVProblem(operator=NonLocalDifferences(1, 0.4), **CONVERGED), {"guide": GUIDE[:, :6, :5]}),
    "class distances": (TVProblem(operator=ClassDistances(DISTANCES), **CONVERGED), {}),
    "huber": (TVProblem(huber=0.3, **CONVERGED), {}),
    "huber, anisotropic": (TVProblem("relu", False, huber=0.3, **CONVERGED), {}),
    "tanh": (TVProblem("tanh", **CONVERGED), {}),
    "own potential": (TVProblem("soft-square", **CONVERGED), {}),
    "shares": (TVProblem(**CONVERGED), {"volumes": [[0.5, 0.2, 0.3]]}),
    "bounded shares": (TVProblem("sigmoid", **CONVERGED), {"volumes": ([0.6, 0.0, 0.3], [1.0, 0.3, 0.4])}),
}


def value_and_gradients(name):
    problem, options = PROBLEMS[name]
    upstream = tf.constant(np.random.default_rng(2).standard_normal((1, 6, 5, 3)))

    @tf.function(autograph=False)
    def both(o, weight):
        with tf.GradientTape() as tape:
            tape.watch([o, weight])
            u = regularise_logits(
                o, weight, problem, backward_iterations=500, backward_tolerance=1e-10, **options
            ).logits
            a = problem.phi.gradient(tf.transpose(u, [3, 0, 1, 2]))
            loss = tf.reduce_sum(tf.transpose(upstream, [3, 0, 1, 2]) * a)
        return loss, *tape.gradient(loss, [o, weight])

    return both


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_to_logits_and_lambda_are_finite_differences(name, monkeypatch):
    monkeypatch.setattr("tfapp.layers.tv.potentials.POTENTIALS", dict(POTENTIALS))
    register_potential(SOFT_SQUARE)
    both = value_and_gradients(name)
    generator = np.random.default_rng(3)
    o, way = (tf.constant(1.5 * generator.standard_normal((1, 6, 5, 3))) for _ in range(2))
    weight, h = tf.constant(0.3, tf.float64), 1e-5
    _, to_o, to_weight = both(o, weight)
    along_o = (both(o + h * way, weight)[0] - both(o - h * way, weight)[0]) / (2 * h)
    along_weight = (both(o, weight + h)[0] - both(o, weight - h)[0]) / (2 * h)
    # The damping stands for what the tolerance of the gap does not resolve.
    assert float(tf.reduce_sum(to_o * way)) == pytest.approx(float(along_o), rel=1e-3, abs=1e-4)
    assert float(to_weight) == pytest.approx(float(along_weight), rel=1e-3, abs=1e-4)


@pytest.mark.slow
def test_gradient_to_shares_is_a_finite_difference():
    o = tf.constant(np.random.default_rng(4).standard_normal((1, 6, 5, 3)))
    upstream, problem = tf.constant(np.random.default_rng(5).standard_normal(o.shape)), TVProblem(**CONVERGED)

    @tf.function(autograph=False)
    def both(shares):
        with tf.GradientTape() as tape:
            tape.watch(shares)
            u = regularise_logits(
                o, 0.3, problem, volumes=shares, backward_iterations=500, backward_tolerance=1e-10
            ).logits
            loss = tf.reduce_sum(upstream * tf.nn.softmax(u))
        return loss, tape.gradient(loss, shares)

    shares, h = tf.constant([[0.5, 0.2, 0.3]], tf.float64), 1e-5
    way = tf.constant([[1.0, -0.4, -0.6]], tf.float64)  # shares go on summing to 1
    numeric = (both(shares + h * way)[0] - both(shares - h * way)[0]) / (2 * h)
    assert float(tf.reduce_sum(both(shares)[1] * way)) == pytest.approx(float(numeric), rel=1e-3, abs=1e-4)
