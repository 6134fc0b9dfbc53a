"""K-FAC and the natural gradient in `fit()`: compiled and not, saved and resumed, refused in words."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.data import open_classification
from tfapp.optimizers import KFAC, NaturalGradient

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = RNG.integers(0, 3, 64)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
OPTIONS = {
    "default": {"damping": 0.01},
    "fixed": {"damping": 0.01, "step": "fixed", "learning_rate": 0.1},
    "seldom": {"damping": 0.01, "statistics_every": 3, "inverse_every": 4, "fisher_share": 0.5},
    "empirical": {"damping": 0.01, "fisher": "empirical", "adapt_every": 0},
}


def network(*between, dtype="float32"):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, "tanh", dtype=dtype), *between, keras.layers.Dense(3, dtype=dtype)]
    return keras.Sequential([keras.Input((4,), dtype=dtype), *layers])


def fit(model, epochs, **options):
    return model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **options)


def assert_same_weights(model, other, atol):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def trained(options, **compiled):
    # float64, so that what differs is not the rounding, which training magnifies.
    model = network(dtype="float64")
    model.compile(KFAC(**options), LOSS, **compiled)
    fit(model, 2)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_graph_and_eager_training_go_the_same_way(options):
    models = [trained(options, **compiled) for compiled in ({"jit_compile": False}, {"run_eagerly": True})]
    assert_same_weights(*models, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_compiled_by_xla_goes_the_same_way_with_the_same_labels(options):
    # From one seed XLA draws other labels than TensorFlow, so those of the data are taken. Keras computes the loss
    # of a float64 net in float32, and XLA rounds it otherwise.
    models = [trained(options | {"fisher": "empirical"}, jit_compile=jit) for jit in (False, True)]
    assert_same_weights(*models, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_resumed_from_a_keras_file_equals_the_unbroken_one(options, tmp_path):
    unbroken, broken = network(), network()
    unbroken.compile(KFAC(**options), LOSS, jit_compile=False)
    fit(unbroken, 2)
    broken.compile(KFAC(**options), LOSS, jit_compile=False)
    fit(broken, 1)
    broken.save(tmp_path / "half.keras")
    resumed = keras.models.load_model(tmp_path / "half.keras")
    assert resumed.optimizer.measured() == broken.optimizer.measured()
    fit(resumed, 1)
    assert_same_weights(resumed, unbroken, 1e-7)


@pytest.mark.parametrize("make", [lambda: KFAC(**OPTIONS["seldom"]), lambda: NaturalGradient(damping=0.1)])
def test_configuration_makes_the_same_optimizer(make):
    optimizer = make()
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()


@pytest.mark.slow
def test_loss_falls_further_than_by_adam_in_as_many_updates():
    losses = []
    for optimizer in (KFAC(damping=0.01), keras.optimizers.Adam(0.03)):
        model = network()
        model.compile(optimizer, LOSS, jit_compile=False)
        model.fit(X, Y, batch_size=64, epochs=20, verbose=0)
        losses.append(model.evaluate(X, Y, verbose=0))
    assert losses[0] < losses[1]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["quadratic", "fixed"])
def test_first_damping_that_is_too_small_is_raised_before_the_first_step(step):
    digits = open_classification("digits:200").train
    images, labels = digits.images / np.float32(255), np.asarray(digits.labels)
    losses = {}
    for adapt_every in (0, 5):
        keras.utils.set_random_seed(0)
        convolutions = [keras.layers.Conv2D(n, 5, 2, activation="relu") for n in (6, 16)]
        layers = [*convolutions, keras.layers.Flatten(), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        optimizer = KFAC(damping=1e-7, step=step, fisher_share=0.25, adapt_every=adapt_every)
        model.compile(optimizer, LOSS, jit_compile=False)
        losses[adapt_every] = [*(model.train_on_batch(images, labels) for _ in range(2))]
    assert losses[0][1] > losses[0][0]
    assert losses[5][1] < losses[5][0]
    assert optimizer.measured()["damping"] > 1e-6


@pytest.mark.slow
def test_layers_without_factors_are_named_and_follow_the_plain_gradient():
    model = network(keras.layers.BatchNormalization())
    model.compile(KFAC(plain_learning_rate=0.5, momentum=0.0), LOSS, jit_compile=False)
    gamma = model.layers[1].gamma
    with tf.GradientTape() as tape:
        loss = LOSS(Y[:16], model(X[:16], training=True))
    expected = gamma.numpy() - 0.5 * tape.gradient(loss, gamma.value).numpy()
    model.layers[1].moving_mean.assign(np.zeros(8))
    model.layers[1].moving_variance.assign(np.ones(8))
    model.train_on_batch(X[:16], Y[:16])
    np.testing.assert_allclose(gamma, expected, atol=1e-6)
    assert [path.split("/")[-1] for path in model.optimizer.plain_variables] == ["gamma", "beta"]


@pytest.mark.slow
def test_step_leaves_moving_statistics_and_dropout_seeds_to_the_training_pass():
    models = []
    for optimizer in (KFAC(learning_rate=0.0, plain_learning_rate=1e-9), keras.optimizers.SGD(0.0)):
        model = network(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=3))
        model.compile(optimizer, LOSS, jit_compile=False)
        fit(model, 1)
        models.append(model)
    for a, b in zip(*(model.non_trainable_variables for model in models), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "inputs", "plain"),
    [
        ([keras.layers.Embedding(9, 4), keras.layers.Flatten()], RNG.integers(0, 9, (16, 3)), 1),
        ([keras.layers.DepthwiseConv2D(3), keras.layers.Flatten()], RNG.normal(size=(16, 5, 5, 2)), 2),
        ([keras.layers.Conv2D(4, 3, groups=2), keras.layers.Flatten()], RNG.normal(size=(16, 5, 5, 2)), 2),
        ([keras.layers.LSTM(4)], RNG.normal(size=(16, 5, 2)), 3),
        (
            [keras.layers.Conv2D(4, 3, use_bias=False), keras.layers.Flatten()],
            RNG.normal(size=(16, 5, 5, 2)),
            0,
        ),
    ],
)
def test_models_with_other_layers_train(layers, inputs, plain):
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.compile(KFAC(damping=0.01), LOSS, jit_compile=False)
    before = model.evaluate(inputs, Y[:16], verbose=0)
    model.fit(inputs, Y[:16], epochs=5, verbose=0)
    assert model.evaluate(inputs, Y[:16], verbose=0) < before
    assert len(model.optimizer.plain_variables) == plain


@pytest.mark.slow
@pytest.mark.parametrize("make", [KFAC, NaturalGradient])
def test_training_loop_of_ones_own_records_its_batches(make):
    model, other = network(), network()
    optimizer = make(damping=0.01)
    optimizer.bind(model, LOSS)
    optimizer.build(model.trainable_variables)
    other.compile(make(damping=0.01), LOSS, run_eagerly=True)
    # Up to the one that adapts the damping, for which the loss is computed again.
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = LOSS(Y[:16], model(X[:16], training=True))
        optimizer.record_batch(tf.constant(X[:16]), tf.constant(Y[:16]))
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
        other.train_on_batch(X[:16], Y[:16])
    assert_same_weights(model, other, 1e-4)


def test_step_without_its_batch_is_refused():
    model = network()
    optimizer = KFAC()
    optimizer.bind(model, LOSS)
    gradients = [tf.zeros(v.shape) for v in model.trainable_variables]
    with pytest.raises(RuntimeError, match=r"call `optimizer.record_batch\(x, y\)` before `apply`"):
        optimizer.apply(gradients, model.trainable_variables)


def test_optimizer_without_a_model_is_refused():
    with pytest.raises(ValueError, match=r"compile a model with it, or call `optimizer.bind\(model, loss\)`"):
        KFAC().build(network().trainable_variables)


@pytest.mark.parametrize("make", [KFAC, NaturalGradient])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 0}, "`damping` must be a positive number. Received: damping=0."),
        ({"damping": -1.0}, "Received: damping=-1.0."),
        ({"fisher_share": 1.5}, r"`fisher_share` must lie in \(0, 1\]"),
        ({"gradient_accumulation_steps": 2}, "a larger batch in place of `gradient_accumulation_steps`"),
    ],
)
def test_bad_setting_is_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.0}, r"`momentum` must lie in \[0, 1\)"),
        ({"step": "newton"}, "`step` must be one of quadratic, fixed"),
        ({"fisher": "exact"}, "`fisher` must be one of model, empirical"),
        ({"inverse_every": 0}, "`inverse_every` must be a positive integer"),
        ({"adapt_every": 1.5}, "`adapt_every` must be an integer of at least 0"),
    ],
)
def test_bad_setting_of_kfac_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KFAC(**options)


@pytest.mark.parametrize(
    "loss",
    [
        "mae",
        "hinge",
        lambda y, p: tf.reduce_mean((y - p) ** 2),
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
    ],
)
def test_loss_without_a_distribution_is_refused_at_compile(loss):
    with pytest.raises(ValueError, match="KFAC needs"):
        network().compile(KFAC(), loss)


def test_shared_layer_is_refused():
    shared = keras.layers.Dense(4, name="twice")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(shared(shared(inputs))))
    model.compile(KFAC(), LOSS, run_eagerly=True)
    with pytest.raises(ValueError, match="'twice', a shared layer, which is called 2 times"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("make", [KFAC, NaturalGradient])
def test_batch_of_one_example_is_refused(make):
    model = network()
    model.compile(make(), LOSS, run_eagerly=True)
    with pytest.raises(ValueError, match="Received: a batch of 1 example."):
        model.train_on_batch(X[:1], Y[:1])


def test_weights_of_examples_are_refused():
    model = network()
    model.compile(KFAC(), LOSS, run_eagerly=True)
    with pytest.raises(ValueError, match="leave out `sample_weight` and `class_weight`"):
        model.train_on_batch(X, Y, sample_weight=np.ones(64))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_refused(policy):
    keras.config.set_dtype_policy(policy)
    try:
        with pytest.raises(ValueError, match="make the model with the dtype policy float32"):
            network().compile(KFAC(), LOSS)
    finally:
        keras.config.set_dtype_policy("float32")


def test_other_optimizers_compile_and_train_as_before():
    model = network()
    model.compile("sgd", LOSS, run_eagerly=True)
    assert np.isfinite(model.train_on_batch(X, Y, sample_weight=np.ones(64)))


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
def test_loss_that_is_not_finite_ends_a_training_by_its_callback_and_not_by_an_error(jit_compile):
    model = network()
    model.compile(KFAC(), LOSS, jit_compile=jit_compile)
    x = np.where(np.arange(64)[:, None] == 5, np.nan, X)
    history = model.fit(
        x, Y, batch_size=64, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert len(history.epoch) == 1
