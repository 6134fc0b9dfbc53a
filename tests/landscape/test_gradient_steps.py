"""Loss and gradient along a gradient step, and internal covariate shift, against NumPy and a known quadratic."""

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import BatchGradient, covariate_shift, gradient_step

L = keras.layers
RATES = [0.05, 0.1, 0.2]


def quadratic(widths):
    """Return a linear model whose loss is sum(widths w^2) / 2 over its weights, and its batch."""
    model = keras.Sequential([keras.Input((len(widths),)), L.Dense(1, use_bias=False, name="w")])
    model.compile("sgd", "mse")
    # The mean of (w_i x_i)^2 over n samples that are sqrt(widths_i n / 2) along one axis each.
    x = np.diag(np.sqrt(np.array(widths) * len(widths) / 2)).astype(np.float32)
    return model, x, np.zeros((len(widths), 1), np.float32)


def test_along_an_eigenvector_of_a_quadratic_the_smoothness_is_its_eigenvalue():
    model, x, y = quadratic([3.0, 1.0, 7.0])
    model.layers[0].set_weights([np.array([[0.0], [0.0], [2.0]])])
    step = gradient_step(model, x, y, rates=RATES)
    assert step.loss == pytest.approx(14, rel=1e-5) and step.gradient == pytest.approx(14, rel=1e-5)
    assert step.smoothness == pytest.approx(7, rel=1e-5)
    # w goes to 2 (1 - 7 eta): the losses are 14 (1 - 7 eta)^2, the least at .1, the largest at .05.
    np.testing.assert_allclose(step.losses, 14 * (1 - 7 * np.array(RATES)) ** 2, rtol=1e-4)
    assert step.loss_range == pytest.approx((14 * 0.3**2, 14 * 0.65**2), rel=1e-4)
    np.testing.assert_allclose(step.changes, 7 * 14 * np.array(RATES), rtol=1e-4)


def test_smoothness_of_a_quadratic_is_that_of_its_matrix_along_the_gradient():
    model, x, y = quadratic([3.0, 1.0, 7.0])
    weights = np.array([[1.0], [-2.0], [0.5]])
    model.layers[0].set_weights([weights])
    gradient = np.array([3.0, 1.0, 7.0]) * weights[:, 0]
    expected = np.linalg.norm(np.array([3.0, 1.0, 7.0]) * gradient) / np.linalg.norm(gradient)
    assert gradient_step(model, x, y, rates=RATES).smoothness == pytest.approx(expected, rel=1e-4)


def normalised_network():
    keras.utils.set_random_seed(3)
    layers = [
        L.Dense(5, use_bias=False, name="one"),
        L.BatchNormalization(name="norm"),
        L.Activation("tanh"),
        L.Dense(4, "tanh", name="two"),
        L.Dropout(0.5),
        L.Dense(3, name="three"),
    ]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((16, 6)).astype(np.float32), rng.random((16, 3)).astype(np.float32)


def test_batch_normalisation_is_by_the_statistics_of_the_batch_and_no_variable_is_written():
    model, x, y = normalised_network()
    model.layers[4].rate = 0.0  # without dropout, for NumPy
    before = [np.array(variable) for variable in model.variables]
    step = gradient_step(model, x, y, rates=[0.1])
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    h = np.float64(x) @ model.layers[0].get_weights()[0]
    h = np.tanh((h - h.mean(0)) / np.sqrt(h.var(0) + 1e-3))
    for layer, activation in ((model.layers[3], np.tanh), (model.layers[5], np.asarray)):
        kernel, bias = layer.get_weights()
        h = activation(h @ kernel + bias)
    assert step.loss == pytest.approx(np.mean((h - y) ** 2), rel=1e-4)


def test_loss_falls_along_the_step_as_its_gradient_tells_also_with_dropout():
    model, x, y = normalised_network()
    # As small a step has no curvature yet; the draws of dropout are the same at both ends.
    step = gradient_step(model, x, y, rates=[1e-3])
    assert step.loss - step.losses[0] == pytest.approx(1e-3 * step.gradient**2, rel=0.02)


def linear_chain():
    """Return a chain of three 1x1 layers a, b, c without biases, whose loss on x = 1, y = 0 is (a b c)^2."""
    layers = [L.Dense(1, use_bias=False, name=name) for name in "abc"]
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile("sgd", "mse")
    model.set_weights([np.full((1, 1), value) for value in (2.0, 3.0, 0.5)])
    return model, np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)


def test_covariate_shift_is_the_change_of_a_layers_gradient_by_the_layers_before_it():
    model, x, y = linear_chain()
    a, b, c = 2.0, 3.0, 0.5
    slopes = 2 * a * b * c * np.array([b * c, a * c, a * b])
    a2, b2 = np.array([a, b]) - 0.01 * slopes[:2]
    # Of b after a was updated, and of c after a and b were: c itself, and what follows, stay.
    expected = [2 * (a2 * c) ** 2 * b - slopes[1], 2 * (a2 * b2) ** 2 * c - slopes[2]]
    found = covariate_shift(model, x, y, rate=0.01)
    assert [one.name for one in found] == ["b", "c"]
    np.testing.assert_allclose([one.shift for one in found], np.abs(expected), rtol=1e-4)
    assert found[0].relative == pytest.approx(abs(expected[0]) / abs(slopes[1]), rel=1e-4)
    assert [one.cosine for one in found] == pytest.approx([1, 1])


def test_covariate_shift_of_an_update_that_turns_the_gradient_round_has_the_cosine_minus_one():
    model, x, _ = linear_chain()
    y = np.full((1, 1), 2.0, np.float32)
    # a b c goes from 3, above 2, to 1.5: the error changes its sign, from 1 to -.5.
    [*_, last] = covariate_shift(model, x, y, after=[np.full((1, 1), v) for v in (1.0, 3.0, 9.0)])
    assert last.cosine == pytest.approx(-1) and last.shift == pytest.approx(2 * 1 * 6 + 2 * 0.5 * 3)


def test_layers_are_chosen_from_the_second_to_the_last_and_normalisation_is_updated_with_those_before():
    model, x, y = normalised_network()
    after = [np.asarray(one.value) + 0.1 for one in model.trainable_variables]
    assert [one.name for one in covariate_shift(model, x, y, after=after)] == ["two", "three"]
    assert [one.name for one in covariate_shift(model, x, y, after=after, layers=1)] == ["three"]
    moved = [np.asarray(one.value) for one in model.trainable_variables]
    moved[1] = moved[1] + 0.5  # the scale of the normalisation alone
    assert covariate_shift(model, x, y, after=moved)[0].shift > 0


def test_one_function_serves_many_batches():
    model, x, y = normalised_network()
    gradient = BatchGradient(model)
    one = gradient_step(model, x, y, rates=RATES, gradient=gradient)
    gradient_step(model, x[:8], y[:8], rates=RATES, gradient=gradient)
    assert one.loss == gradient_step(model, x, y, rates=RATES).loss


@pytest.mark.parametrize("rates", [[], [0.0], [-1.0], [float("nan")]])
def test_step_sizes_out_of_range_are_told(rates):
    model, x, y = linear_chain()
    with pytest.raises(InputError, match="`rates` must be step sizes"):
        gradient_step(model, x, y, rates=rates)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either `rate`.* or `after`.* Received: neither"),
        ({"rate": 0.1, "after": []}, "Received: both"),
        ({"rate": -0.1}, "`rate` must be a finite number above 0"),
        ({"after": [np.zeros(2)]}, "`after` must be one array for each of the 3 trainable variables"),
        ({"rate": 0.1, "layers": 0}, "`layers` must be an integer of at least 1"),
    ],
)
def test_bad_input_of_the_covariate_shift_is_told(arguments, words):
    model, x, y = linear_chain()
    with pytest.raises(InputError, match=words):
        covariate_shift(model, x, y, **arguments)


def test_model_without_a_loss_and_a_batch_that_does_not_fit_are_told():
    model, x, y = linear_chain()
    with pytest.raises(InputError, match="a batch whose loss 'sequential.*' can compute"):
        gradient_step(model, np.ones((1, 2), np.float32), y, rates=RATES)
    with pytest.raises(InputError, match="compiled and built model"):
        gradient_step(keras.Sequential([keras.Input((1,)), L.Dense(1)]), x, y, rates=RATES)
    quadratic_model, x, y = quadratic([1.0])
    with pytest.raises(InputError, match="at least two layers with a kernel"):
        covariate_shift(quadratic_model, x, y, rate=0.1)


def test_model_at_a_point_that_is_not_finite_is_told():
    model, x, y = linear_chain()
    model.set_weights([np.full((1, 1), value) for value in (np.inf, 1.0, 1.0)])
    with pytest.raises(InputError, match="a finite loss and gradient at the weights"):
        gradient_step(model, x, y, rates=RATES)
