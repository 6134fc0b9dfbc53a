import keras
import numpy as np
import pytest

from tfapp.models import OneHotMeanSquaredError, before_projection, build, logits_of, on_simplex
from tfapp.models.probabilities import project_onto_simplex


def numbers(classes=4, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1, (2, 5, 6, classes)).astype(np.float32)


def projected(values):
    """The nearest point of the simplex, its threshold found by bisection."""
    low, high = values.min(-1, keepdims=True) - 1.0, values.max(-1, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        too_much = np.maximum(values - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(too_much, middle, low), np.where(too_much, high, middle)
    return np.maximum(values - high, 0)


def test_loss_is_the_weighted_mean_squared_distance_from_one_hot_maps():
    outputs, rng = numbers(), np.random.default_rng(1)
    labels, weights = rng.integers(0, 4, (2, 5, 6)), rng.random((2, 5, 6))
    weights[0, 0] = 0
    expected = np.average(np.mean((outputs - np.eye(4)[labels]) ** 2, -1), weights=weights)
    loss = OneHotMeanSquaredError(reduction="mean_with_sample_weight")
    assert float(loss(labels, outputs, sample_weight=weights)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 11])
def test_projection_is_the_nearest_point_of_the_simplex(classes):
    values = numbers(classes)
    np.testing.assert_allclose(project_onto_simplex(values), projected(values.astype(float)), atol=1e-5)


def test_projection_leaves_probabilities_as_they_are():
    probabilities = np.random.default_rng(0).dirichlet((1, 1, 1), (5, 6)).astype(np.float32)
    np.testing.assert_allclose(project_onto_simplex(probabilities), probabilities, atol=1e-6)


def test_projection_keeps_the_largest_class():
    values = numbers()
    np.testing.assert_array_equal(np.argmax(project_onto_simplex(values), -1), values.argmax(-1))


@pytest.mark.parametrize("head", ["sigmoid", "identity"])
def test_regression_heads_give_their_function_of_the_logits(head):
    keras.utils.set_random_seed(0)
    model, images = build("unet", 3, head=head, base_width=2, depth=1), numbers(3)
    logits = logits_of(model)(images).numpy()
    expected = logits if head == "identity" else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model(images), expected, atol=1e-6)


def test_model_on_the_simplex_shares_the_weights_and_knows_what_was_projected():
    model, images = build("unet", 3, head="identity", base_width=2, depth=1), numbers(3)
    regular = on_simplex(model)
    np.testing.assert_allclose(np.sum(regular(images), -1), 1, atol=1e-5)
    assert regular.weights[0] is model.weights[0]
    assert before_projection(regular) is model.output
    assert before_projection(model) is model.output


@pytest.mark.slow
def test_compiled_model_loads_with_its_loss(tmp_path):
    model = build("unet", 3, head="identity", base_width=2, depth=1)
    model.compile("sgd", loss=OneHotMeanSquaredError(reduction="mean_with_sample_weight"))
    images, labels = numbers(3), np.ones((2, 5, 6), int)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(images, labels, verbose=0) == model.evaluate(images, labels, verbose=0)
    assert loaded.loss.reduction == "mean_with_sample_weight"
