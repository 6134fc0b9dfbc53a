"""Whole surfaces against a slow loop of `set_weights` and `evaluate`, on networks with what such tools get wrong."""

import keras
import numpy as np
import pytest
from small_segmenter import build_segmenter, evaluate

from tfapp.landscape import landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.layers import regularise


def segmenter():
    """Batch normalisation with moved statistics, dropout, a transposed convolution."""
    return build_segmenter()


def with_weight_decay():
    return build_segmenter(keras.regularizers.L2(0.05))


def with_total_variation_head():
    model = regularise(build_segmenter(keras.regularizers.L2(0.05)), 0.5)
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def separable():
    """Depthwise, separable and one-dimensional kernels, group normalisation and a merge by addition."""
    keras.utils.set_random_seed(6)
    inputs = keras.Input((8, 8, 2))
    features = keras.layers.SeparableConv2D(6, 3, padding="same")(inputs)
    features = keras.layers.Activation("gelu")(keras.layers.GroupNormalization(2)(features))
    features = keras.layers.add([features, keras.layers.DepthwiseConv2D(3, padding="same")(features)])
    features = keras.layers.SpatialDropout2D(0.5)(features)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(features))
    model.compile(loss="sparse_categorical_crossentropy")
    return model


# The first has most of what tools get wrong.
NETWORKS = [
    segmenter,
    *(
        pytest.param(make, marks=pytest.mark.slow)
        for make in (with_weight_decay, with_total_variation_head, separable)
    ),
]


def slow_surface(model, u, v, axis, data):
    """Return the losses that Keras itself evaluates at weights that NumPy moved in float64."""
    solution = [w.numpy() for w in model.trainable_variables]
    losses = np.empty((len(axis), len(axis)))
    for i, alpha in enumerate(axis):
        for j, beta in enumerate(axis):
            for variable, w, a, b in zip(model.trainable_variables, solution, u, v, strict=True):
                variable.assign(w + alpha * a.astype(np.float64) + beta * b.astype(np.float64))
            losses[i, j] = evaluate(model, *data)
    for variable, w in zip(model.trainable_variables, solution, strict=True):
        variable.assign(w)
    return losses


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda make: make.__name__)
def measured(request):
    """A network, its weights before anything was measured, its data and its exact surface."""
    rng = np.random.default_rng(5)
    x, y = rng.random((10, 8, 8, 2), np.float32), rng.integers(0, 3, (10, 8, 8)).astype(np.int32)
    data = x, y, rng.random((10, 8, 8), np.float32)
    model = request.param()
    before = [w.tobytes() for w in model.get_weights()]
    return model, before, data, landscape(model, *data, n=5, range=0.6, seed=3, exact=True, batch_size=4)


@pytest.mark.slow
def test_model_is_bit_for_bit_what_it_was(measured):
    model, before, _, _ = measured
    assert [w.tobytes() for w in model.get_weights()] == before


@pytest.mark.slow
def test_exact_surface_is_that_of_the_slow_loop(measured):
    model, _, data, surface = measured
    plane = random_directions(model, seed=3)
    expected = slow_surface(model, plane.u, plane.v, surface.alphas, data)
    np.testing.assert_allclose(surface.loss, expected, rtol=1e-5)


def test_loss_at_the_solution_is_that_of_evaluate(measured):
    model, _, data, surface = measured
    assert surface.centre == surface.loss[2, 2] == pytest.approx(evaluate(model, *data), rel=1e-5)
