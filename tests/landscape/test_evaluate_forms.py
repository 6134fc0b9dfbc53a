"""What `model.evaluate` takes, the landscape takes and means the same; the reference is `model.evaluate` itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import landscape, sharpness
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.flatness.derivatives import loss_at_solution, prepare
from tfapp.landscape.flatness.hessian import Hessian
from tfapp.landscape.samples import ListedBatches, as_batches, read

L = keras.layers
X = np.random.default_rng(0).normal(size=(24, 8)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def mlp(loss="mse", regularizer=None, **options):
    keras.utils.set_random_seed(0)
    layers = [L.Dense(6, "relu", activity_regularizer=regularizer), L.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.compile("sgd", loss, **options)
    return model


def fully_convolutional():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((None, None, 3)), L.Conv2D(2, 3, padding="same", activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def of_different_sizes():
    rng = np.random.default_rng(1)

    def batches():
        for count, size in ((2, 8), (1, 12), (3, 6)):
            shape = (count, size, size)
            yield rng.normal(size=(*shape, 3)).astype("float32"), rng.integers(0, 2, shape).astype("int32")

    stored = list(batches())
    signature = (tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((None, None, None), tf.int32))
    found = tf.data.Dataset.from_generator(lambda: iter(stored), output_signature=signature)
    return found.apply(tf.data.experimental.assert_cardinality(len(stored)))


class Listed(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return [X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]]


class Autoencoder(keras.Model):
    """Its loss is in `test_step` only, as in the guides of Keras."""

    def __init__(self):
        super().__init__()
        self.dense, self.tracker = L.Dense(8), keras.metrics.Mean(name="loss")

    def call(self, inputs):
        return self.dense(inputs)

    @property
    def metrics(self):
        return [self.tracker]

    def test_step(self, data):
        data = data[0] if isinstance(data, tuple) else data
        self.tracker.update_state(tf.reduce_mean((self(data) - data) ** 2))
        return {"loss": self.tracker.result()}


class Doubled(keras.Model):
    """Reports a loss that is none of its metrics: `evaluate` gives that of the last batch."""

    def test_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)
        loss = self.compute_loss(x, y, self(x, training=False), w)
        return {"loss": 2 * loss, "half": loss}


class InNumPy(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="in_numpy")
        self.value = self.add_weight(name="value", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(float(np.mean(np.asarray(y_pred))))

    def result(self):
        return self.value


def autoencoder():
    keras.utils.set_random_seed(0)
    model = Autoencoder()
    model(X[:1])
    model.compile("sgd")
    return model


def doubled():
    plain = mlp()
    model = Doubled(plain.inputs, plain.outputs)
    model.compile("sgd", "mse")
    return model


def two_outputs():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="x")
    model = keras.Model({"x": inputs}, {"a": L.Dense(1, name="a")(inputs), "b": L.Dense(2, name="b")(inputs)})
    model.compile("sgd", {"a": "mse", "b": None})
    return model


def dataset(size):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(size)


def generated():
    return ((X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]) for i in range(3))


def evaluated(model, *data, **options):
    return model.evaluate(*data, verbose=0, return_dict=True, **options)["loss"]


# Losses that layers add.


@pytest.mark.slow
def test_the_centre_and_the_regularisation_count_what_layers_add():
    model, plain = mlp(regularizer=keras.regularizers.L2(0.5)), mlp()
    surface = landscape(model, X, Y, n=3, exact=True, batch_size=8)
    assert surface.centre == pytest.approx(evaluated(model, X, Y, batch_size=8), rel=1e-6)
    added = evaluated(model, X, Y, batch_size=8) - evaluated(plain, X, Y, batch_size=8)
    assert surface.regularisation[1, 1] == pytest.approx(added, rel=1e-5) and added > 0.1


class Penalised(L.Layer):
    """Adds a loss inside `call`, in a layer inside a layer."""

    def call(self, inputs):
        self.add_loss(0.25 * tf.reduce_sum(tf.square(inputs)) / tf.cast(tf.shape(inputs)[0], tf.float32))
        return inputs


def penalised():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([L.Dense(4), Penalised()])
    model = keras.Sequential([keras.Input((8,)), inner, L.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.slow
@pytest.mark.parametrize("make", [penalised, lambda: mlp(regularizer=keras.regularizers.L2(0.5))])
def test_the_loss_that_is_differentiated_counts_what_layers_add_where_asked(make):
    model = make()
    batches = as_batches(X, Y, batch_size=8)
    prepare(model, batches)
    whole = loss_at_solution(model, batches, regularisation=True)
    assert whole == pytest.approx(evaluated(model, X, Y, batch_size=8), rel=1e-6)
    data_loss = np.mean((model(X).numpy() - Y) ** 2)
    assert loss_at_solution(model, batches) == pytest.approx(data_loss, rel=1e-5)
    assert whole > 1.1 * data_loss


@pytest.mark.slow
def test_the_hessian_of_a_loss_that_a_layer_adds_is_the_closed_form():
    # f = 0.25 * mean over samples of |W'x|^2 beside a data loss of 0: H = 0.5 * mean(x x') for each of the columns.
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), L.Dense(2, use_bias=False), Penalised()])
    model.compile("sgd", lambda y_true, y_pred: 0.0 * tf.reduce_sum(y_pred, -1))
    hessian = Hessian(model, X, np.zeros((24, 2), "f4"), regularisation=True, method="exact", batch_size=5)
    expected = np.kron(X.T.astype(np.float64) @ X / 48, np.eye(2))
    np.testing.assert_allclose(hessian @ np.eye(16), expected, atol=1e-6)


# Batches of the data's own.


@pytest.mark.slow
@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(reduction="sum"), keras.losses.Dice()])
@pytest.mark.parametrize("size", [24, 10])
def test_losses_that_depend_on_the_batch_are_those_of_the_own_batches(loss, size):
    model = mlp(loss)
    batches = as_batches(dataset(size))
    prepare(model, batches)
    assert loss_at_solution(model, batches) == pytest.approx(evaluated(model, dataset(size)), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(reduction="sum"), keras.losses.Dice()])
def test_the_centre_of_a_dataset_is_what_evaluate_says_of_it(loss):
    model = mlp(loss)
    surface = landscape(model, dataset(10), n=3, exact=True)
    assert surface.centre == pytest.approx(evaluated(model, dataset(10)), rel=1e-6)
    assert surface.metadata["self_check"]["evaluate"] == evaluated(model, dataset(10))


@pytest.mark.slow
def test_arrays_whose_loss_depends_on_an_unsaid_batch_size_are_warned_of():
    model = mlp(keras.losses.BinaryCrossentropy(reduction="sum"))
    with pytest.warns(UserWarning, match="The loss depends on the batches"):
        surface = landscape(model, X, Y, n=3, exact=True)
    assert surface.centre == pytest.approx(evaluated(model, X, Y, batch_size=8), rel=1e-6)
    landscape(model, X, Y, n=3, exact=True, batch_size=8)  # said, and so not warned of


# Forms.


FORMS = {
    "images of different sizes": (fully_convolutional, of_different_sizes, None),
    "Python generator": (mlp, generated, None),
    "PyDataset of lists": (mlp, Listed, None),
    "one output without a target": (two_outputs, lambda: {"x": X}, {"a": Y, "b": None}),
    "weights of samples": (
        mlp,
        lambda: tf.data.Dataset.from_tensor_slices((X, Y, X[:, 1] ** 2)).batch(7),
        None,
    ),
    "loss in test_step": (autoencoder, lambda: X, None),
    "loss that is no metric": (doubled, lambda: dataset(10), None),
    "metric in NumPy": (lambda: mlp(metrics=[InNumPy()], run_eagerly=True), lambda: X, Y),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings(
    "ignore:`surface.metrics` holds metrics that are one number. It will not hold 'half'"
)
@pytest.mark.parametrize("form", FORMS)
def test_the_centre_is_what_evaluate_says_of_the_same_form(form):
    make, data, y = FORMS[form]
    model = make()
    options = {"batch_size": 8} if isinstance(data(), dict | np.ndarray) else {}
    expected = model.evaluate(data(), y, verbose=0, return_dict=True, **options)
    surface = landscape(model, data(), y, n=3, exact=True, biases=True, **options)
    assert surface.centre == pytest.approx(expected["loss"], rel=1e-6)
    assert surface.loss[0, 0] != pytest.approx(surface.centre, rel=1e-3)
    for name in surface.metrics:
        assert surface.metrics[name][1, 1] == pytest.approx(expected[name], rel=1e-5)


@pytest.mark.slow
def test_points_around_the_centre_are_right_for_batches_of_different_shapes():
    model, data = fully_convolutional(), of_different_sizes()
    surface = landscape(model, data, n=3, exact=True, biases=True)
    plane = random_directions(model, "filter", seed=0, biases=True)
    model.set_weights([w - a + b for w, a, b in zip(model.get_weights(), plane.u, plane.v, strict=True)])
    assert surface.loss[0, 2] == pytest.approx(evaluated(model, data), rel=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_sample_errors_of_batches_of_different_shapes_are_those_of_single_samples():
    model, data = fully_convolutional(), of_different_sizes()
    surface = landscape(model, data, n=3, line=True, sample_errors=True)
    losses = [evaluated(model, data.unbatch().batch(1).skip(i).take(1)) for i in range(6)]
    assert surface.standard_error[1, 0] == pytest.approx(np.std(losses, ddof=1) / np.sqrt(6), rel=1e-4)


@pytest.mark.slow
def test_sharpness_of_batches_of_different_shapes_begins_at_what_evaluate_says():
    model, data = fully_convolutional(), of_different_sizes()
    (found,) = sharpness(model, data, eps=[1e-2], repeats=1)
    assert found.loss == pytest.approx(evaluated(model, data), rel=1e-6) and found.mean > 0


def test_equal_batches_are_joined_and_others_listed():
    assert not isinstance(as_batches(dataset(10)), ListedBatches)
    assert list(as_batches(of_different_sizes())) == [(0, 2), (2, 1), (3, 3)]
    assert read(dataset(10)).own_batches == [10, 10, 4] and read(X, Y).own_batches is None


@pytest.mark.slow
def test_a_generator_can_be_evaluated_after_it_was_read():
    model, samples = mlp(), read(generated())
    assert samples.evaluated_by(model, 8)["loss"] == pytest.approx(evaluated(model, X, Y), rel=1e-6)


# What cannot be.


def test_a_loss_that_is_in_test_step_only_is_not_differentiated():
    with pytest.raises(InputError, match="`compute_loss` gives, to differentiate it. Received: 'autoencoder"):
        prepare(autoencoder(), as_batches(X))


def test_another_loss_than_that_of_test_step_is_not_differentiated():
    with pytest.raises(InputError, match="that its own `test_step` reports, to differentiate it"):
        prepare(doubled(), as_batches(X, Y))


@pytest.mark.slow
def test_sample_errors_of_an_own_test_step_are_refused():
    with pytest.raises(
        InputError, match="`sample_errors` cannot be had of a model with a `test_step` of its own"
    ):
        landscape(autoencoder(), X, n=3, batch_size=8, sample_errors=True)


@pytest.mark.parametrize("data", [[1.0, 2.0], tf.data.Dataset.from_tensors(1.0)])
def test_data_that_keras_does_not_take_are_refused_in_a_sentence(data):
    with pytest.raises(InputError, match="^Expected [^\n]*Received: "):
        as_batches(data)
