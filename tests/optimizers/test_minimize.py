"""Full-batch solvers over the weights of a model against SciPy on the same function in NumPy."""

import keras
import numpy as np
import pytest
import scipy.optimize

from tfapp.optimizers import minimize
from tfapp.optimizers.minimize import METHODS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = RNG.integers(0, 3, 40)
DECAY = 0.05


@pytest.fixture
def float64():
    """Have Keras compute in float64, the loss of a compiled model too."""
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def softmax_model():
    keras.utils.set_random_seed(0)
    decay = keras.regularizers.L2(DECAY)
    layer = keras.layers.Dense(3, kernel_regularizer=decay, bias_regularizer=decay)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def flattened(vector):
    """Return the same loss and its gradient in NumPy."""
    weights = vector.reshape(4, 3)
    rows = np.c_[X, np.ones(40)]
    logits = rows @ weights
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(40), Y]).mean() + DECAY * np.sum(vector**2)
    return loss, (rows.T @ (p - np.eye(3)[Y]) / 40 + 2 * DECAY * weights).ravel()


def hessian_product(vector, direction):
    rows = np.c_[X, np.ones(40)]
    logits = rows @ vector.reshape(4, 3)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    change = rows @ direction.reshape(4, 3)
    change = p * (change - np.sum(p * change, 1, keepdims=True))
    return (rows.T @ change / 40).ravel() + 2 * DECAY * direction


def start_of(model):
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("iterations", [3, 200])
@pytest.mark.parametrize("method", METHODS)
def test_weights_are_those_of_scipy_on_the_flattened_function(method, iterations):
    model = softmax_model()
    options = {"maxiter": iterations, "xtol" if method == "newton-cg" else "gtol": 1e-7}
    options |= {"ftol": 0.0} if method == "l-bfgs" else {}
    product = {"hessp": hessian_product} if method == "newton-cg" else {}
    expected = scipy.optimize.minimize(
        flattened, start_of(model), jac=True, method=METHODS[method], options=options, **product
    )
    found = minimize(model, X, Y, method, max_iterations=iterations, tolerance=1e-7)
    np.testing.assert_allclose(start_of(model), expected.x, atol=1e-6)
    assert found.loss == pytest.approx(expected.fun, rel=1e-9)
    assert found.iterations == expected.nit and found.converged == expected.success


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_batches_give_the_same_minimum():
    whole, parts = softmax_model(), softmax_model()
    minimize(whole, X, Y, "newton-cg", tolerance=1e-8)
    minimize(parts, X, Y, "newton-cg", tolerance=1e-8, batch_size=16)
    np.testing.assert_allclose(start_of(parts), start_of(whole), atol=1e-6)


@pytest.mark.slow
def test_other_variables_of_the_model_stay():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
        ]
    )
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [variable.numpy() for variable in model.non_trainable_variables]
    first = model.evaluate(X, Y, verbose=0)
    assert minimize(model, X, Y, max_iterations=20).loss < first
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "adam"}, "`method` must be one of bfgs, l-bfgs, newton-cg"),
        ({"y": Y[:3]}, "`x` and `y` must have as many entries, at least one. Received: 40 and 3."),
        ({"max_iterations": 0}, "`max_iterations` must be a positive integer"),
        ({"tolerance": 0}, "`tolerance` must be a positive number"),
    ],
)
def test_bad_argument_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        minimize(softmax_model(), **{"x": X, "y": Y} | options)


def test_model_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="must be compiled"):
        minimize(keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)]), X, Y)


def test_more_weights_than_bfgs_has_room_for_are_refused():
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(101)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="take 'l-bfgs'. Received: a model of 20,301 weights."):
        minimize(model, np.zeros((2, 200)), np.zeros((2, 101)), "bfgs")
