import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter, displaced, evaluate

from tfapp.errors import InputError
from tfapp.landscape import landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.moving_statistics import batch_statistics, normalisations


def surface_of(model, data, **options):
    return landscape(model, *data, n=3, range=0.5, batch_size=BATCH_SIZE, reestimate=True, **options)


def test_statistics_of_a_batch_are_its_means_and_variances(segmenter, data):
    images = tf.constant(data[0][:4])
    mean, variance = batch_statistics(segmenter, normalisations(segmenter), [], images)
    activations = segmenter.layers[1](images).numpy().reshape(-1, 4)
    np.testing.assert_allclose(mean, activations.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, activations.var(0), rtol=1e-4)


@pytest.mark.slow
def test_a_point_is_what_evaluate_says_with_the_statistics_of_its_weights(segmenter, data):
    plane = random_directions(segmenter, seed=0)
    moved, weights = build_segmenter(), displaced(segmenter, plane.u, plane.v, 0.5, 0.5)
    for variable, value in zip(moved.trainable_variables, weights, strict=True):
        variable.assign(value)
    parts = [data[0][start : start + 4] for start in (0, 4, 8)]
    found = [batch_statistics(moved, normalisations(moved), [], tf.constant(part)) for part in parts]
    mean, variance = (np.average([f[k] for f in found], axis=0, weights=[4, 4, 2]) for k in (0, 1))
    [layer] = normalisations(moved)
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    assert surface_of(segmenter, data).loss[2, 2] == pytest.approx(evaluate(moved, *data), rel=1e-4)


@pytest.mark.slow
def test_stored_statistics_and_dropout_rates_stay_as_they_are_and_the_surface_is_not_random(segmenter, data):
    before = segmenter.get_weights()
    surfaces = [surface_of(segmenter, data).loss for _ in range(2)]
    np.testing.assert_array_equal(*surfaces)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))
    assert [layer.rate for layer in segmenter.layers if isinstance(layer, keras.layers.Dropout)] == [0.5]


def test_a_model_without_batch_normalisation_is_refused(data):
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(inputs))
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(InputError, match="trainable batch normalisation"):
        surface_of(model, data)
