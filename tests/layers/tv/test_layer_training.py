"""The three layers in `fit`."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVReLU, TVSigmoid, TVSoftmax

pytestmark = pytest.mark.slow

EVERY_GRADIENT = pytest.mark.parametrize("gradient", ["implicit", "jacobian-free", "unrolled", "one-step"])
# Few iterations: these tests are about training, not about accuracy.
SHORT = {"tv_weight": 0.2, "iterations": 6, "inference_iterations": 6, "backward_iterations": 3}
MIRRORED = """
import numpy as np
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)

import keras
from tfapp.layers import TVSoftmax

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    images = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, padding="same")(images)
    model = keras.Model(images, TVSoftmax(iterations=5)(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
data = np.random.default_rng(0).standard_normal((4, 8, 8, 2)).astype("float32")
before = float(model.layers[-1].current_tv_weight())
history = model.fit(data, (data[..., 0] > 0).astype("int32"), batch_size=4, epochs=1, verbose=0).history
after = float(model.layers[-1].current_tv_weight())
print(strategy.num_replicas_in_sync, np.isfinite(history["loss"][0]), before != after)
"""


class SubclassedModel(keras.Model):
    """Trains on the regularised logits, as a loss with `from_logits=True` wants them."""

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(3, 3, padding="same")
        self.head = TVSoftmax(**SHORT)

    def call(self, images, training=None):
        return self.head.regularised_logits(self.convolution(images), training=training)


def functional_model(layer_class=TVSoftmax, **options):
    images = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, padding="same")(images)
    return keras.Model(images, layer_class(**{**SHORT, **options})(x))


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def data():
    """Return noisy images (4, 9, 7, 2) of stripes and their labels."""
    labels = np.stack([np.roll(np.arange(7) * 3 // 7, shift) for shift in range(4)])
    labels = np.repeat(labels[:, None], 9, axis=1)
    noise = np.random.default_rng(1).normal(0, 0.1, (4, 9, 7, 2))
    return (labels[..., None] / 3 + noise).astype(np.float32), labels


def test_compiled_fit_lowers_the_loss_and_evaluate_and_predict_run(data):
    model = functional_model()
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", jit_compile=True)
    history = model.fit(*data, epochs=15, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert model.evaluate(*data, verbose=0) < history[0]
    assert model.predict(data[0], verbose=0).shape == (4, 9, 7, 3)


def test_fit_of_a_subclassed_model_on_the_logits_lowers_the_loss(data):
    model = SubclassedModel()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=False)
    history = model.fit(*data, epochs=15, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


@pytest.mark.parametrize(
    "options",
    [
        {"gradient": "implicit", "method": "fista", "tolerance": 1e-3},
        {"gradient": "jacobian-free", "method": "preconditioned-fista", "per_class": True},
        {"gradient": "unrolled", "method": "projected-gradient"},
        {"gradient": "one-step", "per_class": True},
    ],
)
def test_every_gradient_and_method_moves_lambda_the_same_in_a_compiled_model_and_in_none(options, data):
    losses = []
    for jit_compile in (True, False):
        keras.utils.set_random_seed(0)
        model = functional_model(**options)
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=jit_compile)
        before = np.array(model.layers[-1].current_tv_weight())
        losses.append(model.fit(*data, epochs=2, batch_size=4, verbose=0).history["loss"])
        assert np.all(np.array(model.layers[-1].current_tv_weight()) != before)
    np.testing.assert_allclose(*losses, rtol=1e-3)


@EVERY_GRADIENT
def test_eager_training_step_gives_the_gradients_of_the_graph(gradient, data):
    model = functional_model(gradient=gradient, jit_compile="auto" if gradient == "implicit" else False)

    def step():
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(data[1], model(data[0], training=True))
        return tape.gradient(loss, model.trainable_variables)

    for eager, graph in zip(step(), tf.function(step, autograph=False)(), strict=True):
        np.testing.assert_allclose(eager, graph, atol=1e-5)


def test_one_step_has_a_gradient_to_a_large_weight(data):
    # With the safe step of the converged form one iteration would not depend on lambda at all.
    model = functional_model(gradient="one-step", tv_weight=1.0, jit_compile=False)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(data[1], model(data[0], training=True))
    assert abs(float(tape.gradient(loss, model.layers[-1].raw_tv_weight))) > 1e-4


@pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid, TVReLU])
def test_head_that_predicts_the_weight_of_every_pixel_gets_a_gradient(layer_class, data):
    images = keras.Input((None, None, 2))
    logits = keras.layers.Conv2D(3, 3, padding="same")(images)
    weight = keras.layers.Conv2D(1, 1, activation="softplus", name="weight")(images)
    output = layer_class(learn_tv_weight=False, jit_compile=False, **SHORT)(logits, tv_weight=weight)
    model = keras.Model(images, output)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(data[0], training=True) - tf.one_hot(data[1], 3)))
    for gradient in tape.gradient(loss, model.get_layer("weight").trainable_variables):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-6


def test_model_with_a_guide_trains(data):
    images = keras.Input((None, None, 2))
    logits = keras.layers.Conv2D(3, 3, padding="same")(images)
    model = keras.Model(images, TVSoftmax(**SHORT)(logits, guide=images))
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(*data, epochs=3, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_relu_trains_inside_a_network_of_mixed_precision(data):
    images = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", dtype="mixed_float16")(images)
    x = TVReLU(dtype="mixed_float16", **SHORT)(x)
    x = keras.layers.Conv2D(3, 3, padding="same", dtype="mixed_float16")(x)
    model = keras.Model(images, TVSoftmax(dtype="mixed_float16", **SHORT)(x))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    history = model.fit(*data, epochs=8, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_mirrored_strategy_trains_on_two_devices():
    # In a process of its own: devices can be split only before TensorFlow has begun.
    done = subprocess.run([sys.executable, "-c", MIRRORED], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["2", "True", "True"], done.stderr


def test_direct_weight_takes_the_step_of_3_24_with_its_own_rate():
    # lambda <- lambda - tau dL/dlambda, with tau a tenth of the network's rate.
    rng = np.random.default_rng(0)
    logits, truth = rng.standard_normal((1, 6, 5, 3)).astype("float32"), rng.integers(0, 3, (1, 6, 5))
    layer = TVSoftmax(weight_form="direct", weight_rate=0.1, **SHORT)
    with tf.GradientTape() as tape:
        weight = tf.constant(SHORT["tv_weight"])
        tape.watch(weight)
        output = layer(logits, tv_weight=weight, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(truth, output))
    expected = SHORT["tv_weight"] - 0.1 * 0.5 * float(tape.gradient(loss, weight))
    images = keras.Input((None, None, 3))
    model = keras.Model(images, layer(images))
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.fit(logits, truth, verbose=0)
    assert float(layer.current_tv_weight()) == pytest.approx(expected, rel=1e-5)


def test_direct_weight_never_falls_below_nothing():
    images = keras.Input((None, None, 3))
    layer = TVSoftmax(weight_form="direct", weight_rate=1000.0, **SHORT)
    model = keras.Model(images, layer(images))
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    # Noise as truth: no smoothing is right.
    truth = rng.integers(0, 3, (1, 6, 5))
    model.fit(5 * np.eye(3, dtype="float32")[truth], truth, epochs=2, verbose=0)
    assert float(layer.current_tv_weight()) == 0.0
