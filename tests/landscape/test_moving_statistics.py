import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter, displaced, evaluate

from tfapp.errors import InputError
from tfapp.landscape import landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.fingerprint import METHOD
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


L = keras.layers
SEQUENCES = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")


def statistics(model, *inputs):
    found = batch_statistics(model, normalisations(model), [], [tf.constant(x) for x in inputs] or SEQUENCES)
    return [np.asarray(value) for value in found]


def test_a_layer_that_is_called_twice_has_the_mean_over_its_calls():
    first, second = keras.Input((3,)), keras.Input((3,))
    layer = L.BatchNormalization(momentum=0.9)
    model = keras.Model([first, second], L.Add()([layer(first), layer(second)]))
    x, y = np.random.default_rng(0).normal(2.0, size=(2, 7, 3)).astype("float32")
    mean, variance = statistics(model, x, y)
    np.testing.assert_allclose(mean, (x.mean(0) + y.mean(0)) / 2, rtol=1e-5)
    np.testing.assert_allclose(variance, (x.var(0) + y.var(0)) / 2, rtol=1e-5)


class OwnNoise(L.Layer):
    """A layer that draws at random in training, in a way of its own, beside its normalisation."""

    def __init__(self, amount):
        super().__init__()
        self.amount, self.norm = amount, L.BatchNormalization()

    def call(self, x, training=None):
        noise = self.amount * keras.random.normal(keras.ops.shape(x)) if training else 0.0
        return self.norm(x + noise, training=training)


RANDOM = {
    "recurrent": lambda p: L.SimpleRNN(3, dropout=p, recurrent_dropout=p),
    "attention": lambda p: lambda x: L.Attention(dropout=p)([x, x]),
    "whole noise": lambda p: L.GaussianNoise(int(2 * p)),
    "turned pictures": lambda p: (
        lambda x: L.RandomFlip()(L.Reshape((5, 4, 1))(x)) if p else L.Reshape((5, 4, 1))(x)
    ),
    "own": OwnNoise,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RANDOM)
def test_nothing_is_drawn_at_random_whatever_layer_would(name):
    def built(amount):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((5, 4))
        outputs = RANDOM[name](amount)(inputs)
        return keras.Model(inputs, outputs if name == "own" else L.BatchNormalization()(outputs))

    for found, expected in zip(statistics(built(0.5)), statistics(built(0.0)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


class NeverMoved(L.BatchNormalization):
    """A normalisation that is in inference mode always."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


class CalledSo(L.Layer):
    """A layer that calls its normalisation in inference mode always."""

    def __init__(self):
        super().__init__()
        self.norm = L.BatchNormalization()

    def call(self, inputs, training=None):
        return self.norm(inputs, training=False)


@pytest.mark.parametrize("kind", [NeverMoved, CalledSo])
def test_statistics_that_training_does_not_move_stay_as_they_are_stored(kind):
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, kind()(inputs))
    normalisations(model)[0].moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    mean, variance = statistics(model)
    np.testing.assert_array_equal(mean, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(variance, np.ones(4))


def test_layers_within_time_steps_have_the_mean_over_the_steps():
    model = keras.Sequential([keras.Input((5, 4), batch_size=6), L.TimeDistributed(L.BatchNormalization())])
    mean, variance = statistics(model)
    np.testing.assert_allclose(mean, SEQUENCES.mean((0, 1)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, SEQUENCES.var(0).mean(0), rtol=1e-4)


def test_a_pass_leaves_the_layers_as_they_were(segmenter, data):
    [layer] = normalisations(segmenter)
    before = dict(vars(layer))
    batch_statistics(segmenter, [layer], [], tf.constant(data[0][:4]))
    assert vars(layer) == before


@pytest.mark.slow
def test_a_surface_of_before_is_used_again_only_where_its_statistics_were_right(segmenter, data, tmp_path):
    file = tmp_path / "surface.npz"
    surface = surface_of(segmenter, data, path=file)
    del surface.metadata["key"][METHOD]
    surface.save(file)
    np.testing.assert_array_equal(surface_of(segmenter, data, path=file).loss, surface.loss)
    surface.centre *= 1.1
    surface.save(file)
    with pytest.raises(InputError, match="earlier version, which did not estimate the moving statistics"):
        surface_of(segmenter, data, path=file)
