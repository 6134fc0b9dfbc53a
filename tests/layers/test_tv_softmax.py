import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVSoftmax
from tfapp.layers.total_variation import converged_logits, one_step_logits


@pytest.fixture
def logits():
    return tf.constant(np.random.default_rng(0).standard_normal((2, 9, 7, 3)), tf.float32)


def functional_model(classes=3, **options):
    images = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(classes, 3, padding="same")(images)
    return keras.Model(images, TVSoftmax(**options)(x))


class SubclassedModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(3, 3, padding="same")
        self.head = TVSoftmax()

    def call(self, images, training=None):
        return self.head.regularised_logits(self.convolution(images), training=training)


def data(classes=3, height=9, width=7):
    labels = np.stack([np.roll(np.arange(width) * classes // width, shift) for shift in range(4)])
    labels = np.repeat(labels[:, None], height, axis=1)
    noise = np.random.default_rng(1).normal(0, 0.1, (4, height, width, 2))
    return (labels[..., None] / classes + noise).astype(np.float32), labels


@pytest.mark.parametrize("training", [True, False])
def test_output_is_a_probability_at_every_pixel(logits, training):
    output = TVSoftmax()(logits, training=training)
    np.testing.assert_allclose(tf.reduce_sum(output, -1), 1, atol=1e-6)
    assert float(tf.reduce_min(output)) >= 0


def test_training_runs_the_one_step_form(logits):
    layer = TVSoftmax(0.8, step=0.3)
    np.testing.assert_allclose(
        layer.regularised_logits(logits, training=True), one_step_logits(logits, 0.8, 0.3), atol=1e-6
    )


def test_inference_runs_the_converged_form(logits):
    layer = TVSoftmax(0.8, iterations=7, isotropic=False)
    np.testing.assert_allclose(
        layer.regularised_logits(logits, training=False), converged_logits(logits, 0.8, 7, False), atol=1e-6
    )


@pytest.mark.parametrize("value", [1e-6, 0.3, 1.0, 40.0])
def test_softplus_starts_at_the_weight_asked_for(logits, value):
    layer = TVSoftmax(value)
    layer(logits)
    assert float(layer.current_tv_weight()) == pytest.approx(value, rel=1e-5)


def test_fixed_weight_has_no_variable(logits):
    layer = TVSoftmax(0.5, learn_tv_weight=False)
    layer(logits)
    assert layer.weights == []


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("make", [functional_model, SubclassedModel])
def test_fit_evaluate_predict_and_falling_loss(make, jit_compile):
    keras.utils.set_random_seed(0)
    model, (images, labels) = make(), data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=make is SubclassedModel)
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=jit_compile)
    history = model.fit(images, labels, epochs=15, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert np.isfinite(model.evaluate(images, labels, verbose=0))
    assert model.predict(images, verbose=0).shape == (4, 9, 7, 3)


def test_fit_changes_the_learned_weight():
    model, (images, labels) = functional_model(), data()
    model.compile("adam", "sparse_categorical_crossentropy")
    before = float(model.layers[-1].current_tv_weight())
    model.fit(images, labels, epochs=2, verbose=0)
    assert float(model.layers[-1].current_tv_weight()) != before


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_keras_cross_entropy_finds_the_logits_so_that_wrong_and_certain_pixels_keep_a_loss(run_eagerly):
    # From float32 probabilities the loss would be clipped at -log(1e-7) = 16.1 and its gradient be lost.
    images = keras.Input((None, None, 3))
    model = keras.Model(images, TVSoftmax(0.1)(images))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
    certain = np.zeros((1, 8, 8, 3), np.float32)
    certain[..., 0] = 300.0
    assert model.evaluate(certain, np.ones((1, 8, 8)), verbose=0) == pytest.approx(300.0, rel=1e-5)


def test_saved_and_loaded_model_predicts_the_same(tmp_path):
    model, (images, _) = functional_model(tv_weight=0.4, iterations=5, isotropic=False, step=2.0), data()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_configuration_survives_a_round_trip():
    layer = TVSoftmax(0.4, False, 5, "one-step", False, step=2.0, name="head")
    assert TVSoftmax.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1), (33, 47)])
@pytest.mark.parametrize("classes", [2, 11])
def test_any_size_and_class_count(size, classes):
    logits = tf.random.stateless_normal((1, *size, classes), seed=[0, 1])
    for training in (True, False):
        assert TVSoftmax()(logits, training=training).shape == (1, *size, classes)


def test_two_classes_equal_one_sigmoid_problem_with_twice_the_weight():
    # Softmax over (o, 0) is the sigmoid of o; its TV counts the border in both classes.
    rng = np.random.default_rng(0)
    o = rng.standard_normal((1, 6, 6, 1))
    pair = tf.constant(np.concatenate([o, np.zeros_like(o)], -1))
    solve = tf.function(converged_logits, autograph=False)
    a = tf.nn.softmax(solve(pair, 0.3, 4000, isotropic=False))[0, ..., 0].numpy()
    z = np.zeros((2, 6, 6))
    for _ in range(20000):
        s = 1 / (1 + np.exp(-(o[0, ..., 0] - _numpy_div(z))))
        d = np.stack(
            [
                np.vstack([np.diff(s, axis=0), np.zeros((1, 6))]),
                np.hstack([np.diff(s, axis=1), np.zeros((6, 1))]),
            ]
        )
        z = np.clip(z - 0.4 * d, -0.6, 0.6)
    np.testing.assert_allclose(a, s, atol=2e-5)


def _numpy_div(z):
    vertical, horizontal = z[0].copy(), z[1].copy()
    vertical[-1], horizontal[:, -1] = 0, 0
    out = vertical + horizontal
    out[1:] -= vertical[:-1]
    out[:, 1:] -= horizontal[:, :-1]
    return out


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_computes_in_float32(logits, policy):
    layer = TVSoftmax(dtype=policy)
    output = layer(tf.cast(logits, layer.compute_dtype), training=False)
    assert output.dtype == tf.float32
    rounded = tf.cast(tf.cast(logits, layer.compute_dtype), tf.float32)
    np.testing.assert_allclose(output, tf.nn.softmax(converged_logits(rounded, 1.0)), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tv_weight": 0.0}, "`tv_weight` must be"),
        ({"tv_weight": float("nan")}, "`tv_weight` must be"),
        ({"tv_weight": -1.0, "learn_tv_weight": False}, "`tv_weight` must be"),
        ({"iterations": 0}, "`iterations` must be a positive integer. Received: iterations=0"),
        ({"iterations": 2.5}, "`iterations` must be"),
        ({"gradient": "magic"}, "`gradient` must be one of"),
        ({"step": 0.0}, "`step` must be"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TVSoftmax(**options)


@pytest.mark.parametrize("shape", [(2, 9, 3), (2, 9, 7, 1)])
def test_bad_input_shape_is_named(shape):
    with pytest.raises(ValueError, match="TVSoftmax (expects|needs)"):
        TVSoftmax()(tf.zeros(shape))


def test_regularised_logits_of_a_symbolic_tensor_explains_itself():
    with pytest.raises(ValueError, match="In a functional model call the layer"):
        TVSoftmax().regularised_logits(keras.Input((None, None, 3)))
