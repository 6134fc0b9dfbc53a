"""`estimate_lipschitz` against slopes computed in NumPy, and what it leaves alone."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import pdist

from tfapp.optimizers import BPGrad, LipschitzEstimate, estimate_lipschitz
from tfapp.optimizers.weight_paths import pair_distances

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1)) + 0.3 * RNG.normal(size=(60, 1))).astype("float32")
SHORT = {"steps": 6, "batch_size": 10}


def network(*layers, loss="mse", optimizer="sgd"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), *(layers or (L.Dense(1, use_bias=False),))])
    model.compile(optimizer, loss)
    return model


def as_dataset(size=10):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(size)


def linear_path(weights, steps, learning_rate, momentum):
    """Return places, losses and losses of the same batch at the next place, of SGD in NumPy on batches of 10."""
    places, losses, next_losses = [np.float64(weights)], [], []
    velocity = np.zeros_like(places[0])
    for step in range(steps + 1):
        rows = slice(10 * step % 60, 10 * step % 60 + 10)
        x, y = np.float64(X[rows]), np.float64(Y[rows])
        residual = x @ places[-1] - y
        velocity = momentum * velocity - learning_rate * 2 * x.T @ residual / 10
        losses.append(np.mean(residual**2))
        places.append(places[-1] + velocity)
        next_losses.append(np.mean((x @ places[-1] - y) ** 2))
    return np.array(places[:-1])[..., 0], np.array(losses), np.array(next_losses)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("kind", ["same batch", "own batches", "all pairs"])
def test_slopes_are_those_of_the_path_in_numpy(kind, momentum):
    model = network()
    places, losses, next_losses = linear_path(model.get_weights()[0], 8, 0.05, momentum)
    step_lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    expected = {
        "same batch": np.abs(next_losses - losses)[:-1] / step_lengths,
        "own batches": np.abs(np.diff(losses)) / step_lengths,
        "all pairs": pdist(losses[:, None]) / pdist(places),
    }[kind]
    options = {"same_batch": kind == "same batch", "pairs": "all" if kind == "all pairs" else "successive"}
    estimate = estimate_lipschitz(
        model, as_dataset(), steps=8, learning_rate=0.05, momentum=momentum, **options
    )
    np.testing.assert_allclose(estimate.slopes, expected, rtol=2e-4, atol=1e-5)


def test_figures_of_known_slopes():
    slopes = np.arange(1.0, 101.0)
    options = {"mode": "trajectory", "pairs": "successive", "same_batch": True}
    estimate = LipschitzEstimate(slopes, 0.95, 0.9, 200.0, **options)
    assert (estimate.quantile_slope, estimate.median, estimate.max) == (95.0, 50.5, 100.0)
    assert estimate.lipschitz == pytest.approx(950.0)


def test_slope_of_a_short_step_is_the_gradient_norm_with_dropout_too():
    model = network(L.Dense(16, "tanh"), L.Dropout(0.5), L.Dense(1))
    estimate = estimate_lipschitz(model, X, Y, learning_rate=1e-3, momentum=0.0, quantile=1.0, **SHORT)
    assert estimate.max == pytest.approx(estimate.max_gradient_norm, rel=0.02)


def test_regularisation_is_part_of_the_loss():
    # f = 0.5 w^2 and x = 0: the slope between w and w - 0.1 * w is 0.5 * 1.9 w.
    model = network(L.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.5)))
    zeros = np.zeros_like(X)
    weight = np.linalg.norm(model.get_weights()[0])
    estimate = estimate_lipschitz(model, zeros, np.zeros_like(Y), learning_rate=0.1, momentum=0.0, steps=1)
    assert estimate.slopes == pytest.approx([0.95 * weight], rel=1e-5)


class SquaredActivity(L.Layer):
    def call(self, inputs):
        self.add_loss(0.5 * tf.reduce_sum(tf.square(inputs)) / 20)
        return inputs


def test_losses_that_layers_add_are_part_of_the_loss():
    # f = 0.5 * mean |Wx|^2 beside a data loss of 0, and x = e_1: as in the test above.
    model = network(L.Dense(1, use_bias=False), SquaredActivity(), loss=lambda a, b: 0.0 * b[:, 0])
    ones = np.tile(np.float32([1, 0, 0, 0]), (20, 1))
    options = {"learning_rate": 0.1, "momentum": 0.0, "steps": 1, "batch_size": 20}
    estimate = estimate_lipschitz(model, ones, Y[:20], **options)
    assert estimate.slopes == pytest.approx([0.95 * abs(model.get_weights()[0][0, 0])], rel=1e-5)


class Listed(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return [X[30 * index : 30 * index + 30], Y[30 * index : 30 * index + 30]]


def test_pydatasets_and_generators_are_read_as_datasets_are():
    expected = estimate_lipschitz(network(), as_dataset(30), steps=5).slopes
    for data in (Listed(), (Listed()[i] for i in range(2))):
        np.testing.assert_array_equal(estimate_lipschitz(network(), data, steps=5).slopes, expected)


class OwnTrainStep(keras.Model):
    def train_step(self, data):
        return {"loss": tf.zeros(())}


def test_a_loss_of_train_step_is_refused_and_terms_in_it_warned_of():
    plain = network()
    model = OwnTrainStep(plain.inputs, plain.outputs)
    model.compile("sgd")
    with pytest.raises(ValueError, match="a model whose loss is only in its own `train_step`"):
        estimate_lipschitz(model, X, Y, **SHORT)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="The model has a `train_step` of its own"):
        estimate_lipschitz(model, X, Y, **SHORT)


def test_arrays_are_shuffled_by_the_seed():
    first, same, other = (estimate_lipschitz(network(), X, Y, seed=s, **SHORT).slopes for s in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_sample_weights_are_part_of_the_loss():
    plain = estimate_lipschitz(network(), X, Y, **SHORT, learning_rate=1e-4, momentum=0.0)
    doubled = estimate_lipschitz(network(), X, Y, np.full(60, 2.0), **SHORT, learning_rate=1e-4, momentum=0.0)
    assert doubled.slopes[0] == pytest.approx(2 * plain.slopes[0], rel=1e-3)


def test_dataset_repeats_when_it_ends():
    assert len(estimate_lipschitz(network(), as_dataset(30), steps=7).slopes) == 7


def fancy():
    return network(
        L.Dense(8, "tanh", kernel_regularizer="l2"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(1)
    )


@pytest.mark.parametrize("mode", ["trajectory", "inits"])
def test_model_and_generators_are_left_as_they_were(mode):
    model = fancy()
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(X, Y, batch_size=30, verbose=0)
    variables = (*model.variables, *model.optimizer.variables)
    before = [v.numpy() for v in variables]
    states = random.getstate(), np.random.get_state()[1].tolist()
    tf.random.set_seed(5)
    estimate_lipschitz(model, X, Y, mode=mode, **SHORT)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    drawn = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(5)
    np.testing.assert_array_equal(drawn, tf.random.uniform((3,)).numpy())
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def two_by_two():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = L.Concatenate()([left, right])
    model = keras.Model([left, right], [L.Dense(1, name="a")(joined), L.Dense(1, name="b")(joined)])
    model.compile(BPGrad(), ["mse", "mae"], loss_weights=[0.3, 0.7])
    return model, ([X, 2 * X], [Y, -Y])


def embedder():
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            L.Embedding(9, 3),
            L.Flatten(),
            L.Dense(1, kernel_constraint="unit_norm"),
        ]
    )
    model.compile("sgd", "mse")
    return model, (RNG.integers(0, 9, (60, 6)), Y)


def half_precision():
    model = network(L.Dense(8, "tanh", dtype="mixed_float16"), L.Dense(1))
    return model, (X, Y)


@pytest.mark.parametrize("make", [two_by_two, embedder, half_precision])
def test_models_of_all_kinds(make):
    model, data = make()
    estimate = estimate_lipschitz(model, *data, **SHORT)
    assert len(estimate.slopes) == 6 and 0 < estimate.lipschitz < 1000


def test_initialisations_are_new_ones_each_time():
    # f = w: every slope is 1, if there are two different places.
    model = network(L.Dense(1, use_bias=False), loss=lambda truth, output: tf.reduce_sum(output) / 10)
    one = np.tile(np.array([[1.0, 0, 0, 0]], "float32"), (60, 1))
    estimate = estimate_lipschitz(model, one, Y, mode="inits", **SHORT)
    assert len(estimate.slopes) == 6 and estimate.max <= 1 + 1e-5 and estimate.slopes.std() > 0


def test_loss_that_hardly_differs_between_initialisations_gives_far_smaller_slopes():
    wide = [network(L.Dense(256, "relu"), L.Dense(256, "relu"), L.Dense(1)) for _ in range(2)]
    initial = estimate_lipschitz(wide[0], X, Y, mode="inits", **SHORT)
    assert 20 * initial.max < estimate_lipschitz(wide[1], X, Y, **SHORT).max


def uncompiled():
    return keras.Sequential([keras.Input((4,)), L.Dense(1)])


def unbuilt():
    model = keras.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    return model


def seeded():
    return network(L.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=1)))


def constant():
    return network(loss=lambda truth, output: 3.0 + 0.0 * tf.reduce_sum(output))


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(1)

    def call(self, x):
        return self.dense(x)


def own():
    model = OwnModel()
    model.compile("sgd", "mse")
    model(X)
    return model


@pytest.mark.parametrize(
    "make, data, options, message",
    [
        (uncompiled, (X, Y), {}, "`model` must be compiled"),
        (unbuilt, (X, Y), {}, "`model` must be built"),
        (lambda: network(L.ReLU()), (X, X), {}, "`model` must have trainable weights"),
        (constant, (X, Y), {}, "this one is constant, or its gradient is zero. Received: a loss of 3"),
        (seeded, (X, Y), {"mode": "inits", "steps": 3}, "its initialisers have seeds of their own"),
        (own, (X, Y), {"mode": "inits"}, "`model` must be sequential or functional .*Received: OwnModel"),
        (network, (np.nan * X, Y), {}, "try other data. Received: a loss of nan .* at step 0"),
        (network, (X, Y), {"learning_rate": 1e9}, "try a smaller `learning_rate` than 1000000000.0"),
        (network, (X[:9], Y[:9]), {"batch_size": 10}, "at least one batch of samples. Received: 9 samples"),
        (network, (as_dataset().take(0),), {}, "at least one batch. Received: a dataset without any"),
        (network, (as_dataset(), Y), {}, "must be None with a dataset"),
        (network, (X, Y[:7]), {}, "of the same number of samples"),
        (network, (iter([X]), Y), {}, "must be arrays, or nests of arrays"),
        (network, (X, Y), {"pairs": "all"}, '`same_batch` must be False with pairs="all"'),
        (network, (X, Y), {"pairs": "some"}, "`pairs` must be .*Received: pairs='some'"),
        (network, (X, Y), {"mode": "random"}, "`mode` must be .*Received: mode='random'"),
        (network, (X, Y), {"steps": 0}, "`steps` must be a positive integer. Received: steps=0"),
        (network, (X, Y), {"batch_size": 2.5}, "`batch_size` must be a positive integer"),
        (network, (X, Y), {"learning_rate": np.nan}, "`learning_rate` must be a positive number"),
        (network, (X, Y), {"quantile": 0}, r"`quantile` must lie in \(0, 1\]. Received: quantile=0"),
        (network, (X, Y), {"momentum": 1.0}, r"`momentum` must lie in \[0, 1\). Received: momentum=1.0"),
    ],
)
def test_bad_input_is_named(make, data, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_lipschitz(make(), *data, **options)


def test_distances_of_pairs_are_those_of_scipy():
    vectors = [np.float32(5 + 1e-3 * RNG.normal(size=70_000)) for _ in range(4)]
    np.testing.assert_allclose(pair_distances(vectors), pdist(np.float64(vectors)), rtol=1e-6)


def test_vectors_that_coincide_have_no_distance():
    vectors = [np.float32(RNG.normal(size=1000)) for _ in range(2)]
    assert pair_distances([vectors[0], vectors[1], vectors[1].copy()])[2] == 0.0
