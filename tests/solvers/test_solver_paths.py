import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad
from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, PathSolver, SolverPath, trace_path
from tfapp.solvers.paths.solvers import VALUES, parameter_text, solvers_on
from tfapp.solvers.search.functions import FUNCTIONS


def solver(make, name="sgd"):
    return PathSolver(name, name, "", make)


@pytest.fixture(scope="module")
def bpgrad_path():
    plain = solver(lambda: BPGrad(500.0, momentum=0.0), "bpgrad-plain")
    return trace_path(TENSOR_FUNCTIONS["rosenbrock"], (-1.2, 2.5), plain, 40)


@pytest.mark.parametrize("name", TENSOR_FUNCTIONS)
def test_tensor_functions_are_those_of_numpy_with_their_gradients(name):
    function = FUNCTIONS[name]
    for point in np.random.default_rng(0).uniform(*np.array(function.bounds).T, (5, function.dimension)):
        variable = tf.Variable(point)
        with tf.GradientTape() as tape:
            value = TENSOR_FUNCTIONS[name](variable)
        assert value.numpy() == pytest.approx(function.function(point), rel=1e-12)
        np.testing.assert_allclose(tape.gradient(value, variable), function.gradient(point), rtol=1e-9)


def test_path_of_gradient_descent_is_that_of_numpy():
    path = trace_path(
        TENSOR_FUNCTIONS["rosenbrock"], (-1.2, 2.5), solver(lambda: keras.optimizers.SGD(0.0005)), 30
    )
    point = np.array([-1.2, 2.5])
    for update in range(31):
        np.testing.assert_allclose(path.points[update], point, rtol=1e-6)
        point = point - 0.0005 * FUNCTIONS["rosenbrock"].gradient(point)


def test_losses_are_the_function_at_the_points(bpgrad_path):
    assert bpgrad_path.points.shape == (41, 2) and bpgrad_path.points.dtype == np.float64
    np.testing.assert_allclose(bpgrad_path.losses, FUNCTIONS["rosenbrock"].function(bpgrad_path.points))


def test_steps_of_bpgrad_without_momentum_are_as_long_as_its_formula_says(bpgrad_path):
    losses = bpgrad_path.losses[:-1]
    eta = (losses - 0.1 * np.minimum.accumulate(losses)) / 500
    np.testing.assert_allclose(bpgrad_path.step_lengths, eta, rtol=1e-6)


def test_path_that_leaves_all_bounds_has_diverged(bpgrad_path):
    far = trace_path(
        TENSOR_FUNCTIONS["rosenbrock"], (-1.2, 2.5), solver(lambda: keras.optimizers.SGD(0.1)), 20
    )
    assert far.diverged and not bpgrad_path.diverged


def test_updates_are_counted_to_the_first_gap_that_is_small_enough():
    path = SolverPath(solver(None), np.zeros((4, 1)), np.array([3.0, 1.05, 2.0, 1.01]))
    assert [path.updates_to(gap, 1.0) for gap in (5, 0.1, 0.02, 0.001)] == [0, 1, 3, None]


@pytest.mark.parametrize("function", [*VALUES, "rosenbrock"])
def test_every_solver_that_is_asked_for_has_parameters(function):
    names = [
        "bpgrad",
        "bpgrad-plain",
        "sgd",
        "sgd-momentum",
        "nesterov",
        "adagrad",
        "adadelta",
        "rmsprop",
        "adam",
        "amsgrad",
        "nadam",
        "eve",
        "alig",
    ]
    found = solvers_on(function, dict.fromkeys(names))
    assert list(dict.fromkeys(one.name for one in found)) == names
    assert all(isinstance(one.make(), keras.optimizers.Optimizer) for one in found)


def test_a_value_that_is_given_takes_the_place_of_the_usual_one():
    (found,) = solvers_on("rosenbrock", {"adam": 0.25})
    assert found.parameters == "rate 0.25" and float(found.make().learning_rate) == 0.25


def test_parameters_are_written_with_their_letter():
    assert [
        parameter_text("bpgrad", 20.0),
        parameter_text("bpgrad-auto", "auto"),
        parameter_text("sgd", 0.1),
    ] == [
        "L 20",
        "L auto",
        "rate 0.1",
    ]
