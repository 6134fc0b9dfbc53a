"""BPGrad in real `fit()` calls, each against Algorithm 2 in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers.algorithm2 import follow
from tfapp.optimizers import BPGrad

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2)) + 0.1 * RNG.normal(size=(64, 2))).astype("float32")
STEPS = 30


def network(regulariser=None):
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(8, "tanh", kernel_regularizer=regulariser)
    return keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(2)])


def squared_error(model, batch):
    x, y = batch
    outputs = model(x, training=True)
    return tf.reduce_mean((tf.cast(outputs, tf.float32) - y) ** 2) + sum(model.losses)


def batches(size=64, steps=STEPS):
    starts = np.arange(steps) * size % len(X)
    return [(X[start : start + size], Y[start : start + size]) for start in starts]


def fit(model, inputs, targets, size=64, steps=STEPS, sample_weight=None):
    """Do a number of steps over the same samples again and again, as one epoch.

    Every epoch would open a data pipeline of its own, which takes longer than the steps of these small networks.
    """
    times = -(-steps * size // 64)
    inputs, targets = keras.tree.map_structure(lambda a: np.concatenate([a] * times), (inputs, targets))
    if sample_weight is not None:
        sample_weight = np.tile(sample_weight, times)
    model.fit(inputs, targets, batch_size=size, shuffle=False, verbose=0, sample_weight=sample_weight)


def trained(model, optimizer, size=64, steps=STEPS, **options):
    # XLA, Keras's default, would compile each of these small networks for longer than it trains.
    model.compile(optimizer, "mse", **{"jit_compile": False, **options})
    fit(model, X, Y, size, steps)
    return model


@pytest.fixture(scope="module")
def plain():
    """The network after the steps of BPGrad alone."""
    return trained(network(), BPGrad(20.0))


def distance(model, reference):
    """Return the largest difference of any weight."""
    pairs = zip(model.trainable_variables, reference.trainable_variables, strict=True)
    return max(np.max(np.abs(a.numpy() - b.numpy())) for a, b in pairs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "momentum"),
    [
        ({"jit_compile": True}, 0.9),
        ({"jit_compile": False}, 0.9),
        ({"jit_compile": False}, 0.0),
        ({"run_eagerly": True}, 0.9),
    ],
)
def test_weights_follow_algorithm_2(options, momentum):
    reference = network()
    follow(reference, squared_error, batches(), lipschitz=20.0, momentum=momentum)
    model = trained(network(), BPGrad(20.0, momentum=momentum), **options)
    assert distance(model, reference) < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"steps_per_execution": 4}], ids=["one step", "four steps per execution"]
)
def test_batches_of_16_follow_algorithm_2(options):
    reference = network()
    follow(reference, squared_error, batches(16, 32), lipschitz=20.0)
    model = trained(network(), BPGrad(20.0), size=16, steps=32, **options)
    assert distance(model, reference) < 2e-6


def test_measured_numbers_are_those_of_algorithm_2():
    reference = network()
    losses, best, etas, norms = follow(reference, squared_error, batches(16, 32), lipschitz=20.0)
    measured = trained(network(), BPGrad(20.0), size=16, steps=32).optimizer.measured()
    expected = {"loss": losses[-1], "best_loss": best[-1], "step_size": etas[-1], "gradient_norm": norms[-1]}
    expected |= {"lipschitz": 20.0, "num_skipped": 0, "max_gradient_norm": max(norms)}
    assert measured == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_regularisation_losses_are_part_of_the_loss():
    reference = network(keras.regularizers.L2(0.1))
    follow(reference, squared_error, batches(), lipschitz=20.0)
    model = trained(network(keras.regularizers.L2(0.1)), BPGrad(20.0))
    assert distance(model, reference) < 2e-6


def test_weight_decay_is_coupled():
    reference = network()
    follow(reference, squared_error, batches(), lipschitz=20.0, weight_decay=0.05)
    assert distance(trained(network(), BPGrad(20.0, weight_decay=0.05)), reference) < 2e-6


def test_decay_of_excluded_variables_is_left_out(plain):
    optimizer = BPGrad(20.0, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["kernel", "bias"])
    assert distance(trained(network(), optimizer), plain) < 2e-6


def test_lipschitz_can_be_doubled_every_ten_steps():
    doubling = keras.optimizers.schedules.ExponentialDecay(10.0, 10, 2.0, staircase=True)
    reference = network()
    follow(reference, squared_error, batches(), lipschitz=lambda step: 10.0 * 2 ** (step // 10))
    assert distance(trained(network(), BPGrad(doubling)), reference) < 2e-6


def test_learning_rate_schedule_multiplies_the_step():
    rates = keras.optimizers.schedules.PiecewiseConstantDecay([14], [1.0, 0.5])
    reference = network()
    # Up to and including step 14 the rate is 1; half the step is twice L.
    follow(reference, squared_error, batches(), lipschitz=lambda step: 20.0 if step <= 14 else 40.0)
    assert distance(trained(network(), BPGrad(20.0, learning_rate=rates)), reference) < 2e-6


def clipped_by_value(gradients):
    return [np.clip(g, -0.05, 0.05) for g in gradients]


def clipped_by_norm(gradients):
    return [g * min(1, 0.1 / np.sqrt(np.sum(g**2))) for g in gradients]


@pytest.mark.parametrize(
    "option, change", [({"clipvalue": 0.05}, clipped_by_value), ({"clipnorm": 0.1}, clipped_by_norm)]
)
def test_clipping_changes_the_direction(option, change):
    reference = network()
    follow(reference, squared_error, batches(), lipschitz=20.0, change=change)
    assert distance(trained(network(), BPGrad(20.0, **option)), reference) < 2e-6


@pytest.mark.parametrize(
    ("option", "direction"),
    [
        ({"clipvalue": 0.05}, [0.5**0.5, 0.5**0.5]),
        ({"clipnorm": 0.1}, [0.6, 0.8]),
        ({"global_clipnorm": 0.01}, [0.6, 0.8]),
    ],
    ids=str,
)
def test_clipping_changes_neither_the_measured_norm_nor_the_length_of_a_step(option, direction):
    variable, optimizer = keras.Variable([1.0, 1.0]), BPGrad(20.0, rho=0.0, momentum=0.0, **option)
    optimizer.build([variable])
    optimizer.apply([tf.constant([3.0, 4.0])], [variable], loss=tf.constant(2.0))
    measured = optimizer.measured()
    assert measured["gradient_norm"] == measured["max_gradient_norm"] == 5.0
    # f / L = 2 / 20.
    np.testing.assert_allclose(1.0 - variable.numpy(), 0.1 * np.array(direction), rtol=1e-5)


def test_global_clipping_changes_nothing(plain):
    model = trained(network(), BPGrad(20.0, global_clipnorm=0.01))
    assert distance(model, plain) < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"jit_compile": True}, {"jit_compile": False}, {"run_eagerly": True}],
    ids=["jit", "graph", "eager"],
)
def test_four_accumulated_batches_are_one_of_the_joined_size(options):
    optimizer = BPGrad(20.0, gradient_accumulation_steps=4)
    model = trained(network(), optimizer, size=16, steps=4 * 10, **options)
    assert distance(model, trained(network(), BPGrad(20.0), steps=10)) < 2e-6


def test_weight_average_is_that_of_the_path():
    model, path = network(), []
    model.compile(BPGrad(20.0), "mse", jit_compile=False)
    recorder = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs=None: path.append(model.get_weights())
    )
    model.fit(X, Y, batch_size=64, epochs=5, shuffle=False, verbose=0, callbacks=[recorder])
    average = path[0]
    for weights in path[1:]:
        average = [0.9 * a + 0.1 * w for a, w in zip(average, weights, strict=True)]
    averaged = trained(network(), BPGrad(20.0, use_ema=True, ema_momentum=0.9), steps=5).get_weights()
    for a, b in zip(averaged, average, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_loss_scale_factor_changes_nothing(plain):
    model = trained(network(), BPGrad(20.0, loss_scale_factor=1024.0))
    assert distance(model, plain) < 2e-6


@pytest.fixture
def restored_policy():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": False}], ids=["jit", "graph"])
@pytest.mark.usefixtures("restored_policy")
def test_mixed_float16_trains_by_the_unscaled_loss(plain, options):
    keras.config.set_dtype_policy("mixed_float16")
    model = trained(network(), BPGrad(20.0), **options)
    keras.config.set_dtype_policy("float32")
    inner = model.optimizer.inner_optimizer.measured()
    assert inner["best_loss"] == pytest.approx(plain.optimizer.measured()["best_loss"], rel=0.02)
    assert distance(model, plain) < 0.02


def test_settings_of_the_wrapper_are_those_of_the_optimizer_inside():
    inner = BPGrad(20.0, weight_decay=0.1)
    wrapper = keras.optimizers.LossScaleOptimizer(inner)
    variable = keras.Variable([1.0])
    wrapper.build([variable])
    wrapper.lipschitz, wrapper.weight_decay = 5, 0.0
    wrapper.scale_loss(tf.constant(3.0))
    wrapper.apply([tf.constant([2.0 * 2**15])], [variable])
    # From 1 by a step of loss / Lipschitz constant along the unit gradient, without decay.
    assert float(variable[0]) == pytest.approx(1 - 3 / 5 * (1 - inner.rho))
    assert (inner.lipschitz, wrapper.lipschitz) == (5.0, 5.0)
    assert (inner.weight_decay, wrapper.weight_decay) == (0.0, 0.0)
    assert wrapper.measured() == inner.measured()
    with pytest.raises(ValueError, match="lipschitz"):
        wrapper.lipschitz = -1
    with pytest.raises(AttributeError, match="'LossScaleOptimizer' object has no attribute 'lipshitz'"):
        _ = wrapper.lipshitz
    assert not hasattr(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "lipschitz")


@pytest.mark.usefixtures("restored_policy")
def test_mixed_bfloat16_trains(plain):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = trained(network(), BPGrad(20.0))
    keras.config.set_dtype_policy("float32")
    assert distance(model, plain) < 0.1


def test_frozen_layer_stays_and_the_others_follow_algorithm_2():
    model, reference = network(), network()
    for one in (model, reference):
        one.layers[0].trainable = False
    before = model.layers[0].get_weights()[0]
    follow(reference, squared_error, batches(), lipschitz=20.0)
    trained(model, BPGrad(20.0))
    assert distance(model, reference) < 2e-6
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before)


def two_by_two():
    keras.utils.set_random_seed(1)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    first = keras.layers.Dense(2, name="first")(joined)
    return keras.Model([left, right], [first, keras.layers.Dense(2, name="second")(joined)])


def weighted_errors(model, batch):
    x, y = batch
    first, second = model([x, 2 * x])
    return 0.3 * tf.reduce_mean((first - y) ** 2) + 0.7 * tf.reduce_mean((second + y) ** 2)


def test_several_inputs_and_outputs():
    model, reference = two_by_two(), two_by_two()
    follow(reference, weighted_errors, batches(), lipschitz=20.0)
    model.compile(BPGrad(20.0), ["mse", "mse"], loss_weights=[0.3, 0.7], jit_compile=False)
    fit(model, [X, 2 * X], [Y, -Y])
    assert distance(model, reference) < 2e-6


def embedder():
    keras.utils.set_random_seed(1)
    words = keras.layers.Embedding(10, 3)
    return keras.Sequential(
        [keras.Input((6,), dtype="int32"), words, keras.layers.Flatten(), keras.layers.Dense(2)]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("jit", "momentum"), [(True, 0.9), (False, 0.9), (False, 0.0)])
def test_embeddings_with_repeated_words(jit, momentum):
    words = np.random.default_rng(2).integers(0, 10, (64, 6)).astype("int32")
    model, reference = embedder(), embedder()
    follow(reference, squared_error, [(words, Y)] * STEPS, lipschitz=20.0, momentum=momentum)
    model.compile(BPGrad(20.0, momentum=momentum), "mse", jit_compile=jit)
    fit(model, words, Y)
    assert distance(model, reference) < 2e-6


@pytest.mark.slow
def test_sample_weights_are_part_of_the_loss():
    weights = np.linspace(0.5, 2.0, 64).astype("float32")

    def weighted(model, batch):
        return tf.reduce_mean(weights * tf.reduce_mean((model(batch[0]) - batch[1]) ** 2, -1))

    model, reference = network(), network()
    follow(reference, weighted, batches(), lipschitz=20.0)
    model.compile(BPGrad(20.0), "mse", jit_compile=False)
    fit(model, X, Y, sample_weight=weights)
    assert distance(model, reference) < 2e-6
