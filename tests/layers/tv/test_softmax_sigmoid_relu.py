"""The outputs of the three layers: what each of them minimises, its limits and symmetries."""

from functools import cache, partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVReLU, TVSigmoid, TVSoftmax, total_variation

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
# Training compiles with XLA, by default; one gradient of one layer is enough to see that nothing is lost there.
JIT = {"implicit": "auto", "jacobian-free": False, "unrolled": False, "one-step": False}
FEW = {"iterations": 10, "inference_iterations": 10}
CONVERGED = {"inference_iterations": 4000}


@cache
def graph_of(layer_class, tv_weight, **options):
    layer = layer_class(tv_weight, learn_tv_weight=False, dtype="float64", **options)
    return tf.function(layer, autograph=False)


@pytest.fixture(scope="module", autouse=True)
def forget_the_graphs():
    yield
    graph_of.cache_clear()


def output(layer_class, logits, tv_weight, **options):
    """Return the layer's output in float64, computed in a graph."""
    return graph_of(layer_class, tv_weight, **options)(tf.constant(logits)).numpy()


softmax, sigmoid, relu = (partial(output, layer_class) for layer_class in (TVSoftmax, TVSigmoid, TVReLU))


@pytest.mark.parametrize("gradient", ["implicit", "one-step"])
@pytest.mark.parametrize("training", [True, False])
def test_output_is_a_probability_at_every_pixel(scene, gradient, training):
    probabilities = TVSoftmax(gradient=gradient, jit_compile=False, **FEW)(
        scene(classes=11).astype(np.float32), training=training
    )
    np.testing.assert_allclose(tf.reduce_sum(probabilities, -1), 1, atol=1e-6)
    assert float(tf.reduce_min(probabilities)) >= 0


def test_lambda_zero_gives_the_plain_softmax(scene):
    np.testing.assert_allclose(softmax(scene(), 0.0), reference.softmax(scene()), atol=1e-14)


@ISOTROPY
def test_small_lambda_comes_near_the_plain_softmax(scene, isotropic):
    near = softmax(scene(), 1e-7, isotropic=isotropic)
    np.testing.assert_allclose(near, reference.softmax(scene()), atol=1e-6)


@ISOTROPY
def test_huge_lambda_gives_the_softmax_of_the_spatial_mean_of_the_logits(scene, isotropic):
    o = scene((6, 6), contrast=1)
    flat = softmax(o, 20.0, isotropic=isotropic, **CONVERGED)
    expected = reference.softmax(o.mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-6)


@ISOTROPY
def test_constant_logits_give_their_plain_softmax_up_to_the_border(isotropic):
    o = np.broadcast_to([1.0, -2.0, 0.5], (1, 6, 5, 3))
    np.testing.assert_allclose(softmax(o, 3.0, isotropic=isotropic), reference.softmax(o), atol=1e-14)


def test_adding_a_number_to_all_logits_of_a_pixel_changes_nothing(scene, rng):
    shift = 5 * rng.standard_normal((1, 8, 8, 1))
    np.testing.assert_allclose(softmax(scene() + shift, 0.7), softmax(scene(), 0.7), atol=1e-12)


@ISOTROPY
def test_permuting_the_classes_permutes_the_output(scene, isotropic):
    order = [2, 0, 1]
    permuted = softmax(scene()[..., order], 0.7, isotropic=isotropic)
    np.testing.assert_allclose(permuted, softmax(scene(), 0.7, isotropic=isotropic)[..., order], atol=1e-12)


@ISOTROPY
def test_energy_is_below_that_of_the_plain_softmax_and_of_nearby_points(scene, rng, isotropic):
    def energy(a):
        return reference.primal_energy("softmax", a, scene()[0], 0.6, isotropic)

    a = softmax(scene(), 0.6, isotropic=isotropic, **CONVERGED)[0]
    assert energy(a) < energy(reference.softmax(scene()[0])) - 1
    for _ in range(20):
        assert energy(a) < energy(reference.softmax(np.log(a) + 0.01 * rng.standard_normal(a.shape)))


@ISOTROPY
def test_total_variation_falls_with_lambda(scene, isotropic):
    variations = [
        float(total_variation(softmax(scene(), weight, isotropic=isotropic), isotropic)[0])
        for weight in (0.0, 0.1, 0.5, 2.0)
    ]
    assert np.all(np.diff(variations) < 0)


@pytest.mark.parametrize("turn", [np.flip, np.rot90])
@pytest.mark.parametrize("axes", [(1, 2), (2, 1)])
def test_anisotropic_output_turns_with_the_logits(scene, turn, axes):
    options = {"isotropic": False, **CONVERGED}
    turned = turn(scene((8, 7)), axis=axes[0]) if turn is np.flip else turn(scene((8, 7)), axes=axes)
    back = softmax(turned, 0.5, **options)
    back = turn(back, axis=axes[0]) if turn is np.flip else turn(back, k=-1, axes=axes)
    np.testing.assert_allclose(back, softmax(scene((8, 7)), 0.5, **options), atol=1e-6)


def test_isotropic_output_is_transposed_with_the_logits(scene):
    transposed = softmax(scene((8, 7)).transpose(0, 2, 1, 3), 0.5)
    np.testing.assert_allclose(transposed.transpose(0, 2, 1, 3), softmax(scene((8, 7)), 0.5), atol=1e-12)


def test_isotropic_output_does_not_turn_with_the_logits(scene):
    # Forward differences look down and right only; who flips images at test time chooses the other one.
    back = np.flip(softmax(np.flip(scene(), axis=1), 0.5, **CONVERGED), axis=1)
    assert np.abs(back - softmax(scene(), 0.5, **CONVERGED)).max() > 0.01


def test_samples_of_a_batch_do_not_influence_each_other(scene):
    o = scene(batch=3)
    np.testing.assert_allclose(softmax(o, 0.7)[1:2], softmax(o[1:2], 0.7), atol=1e-12)


def test_float32_agrees_with_float64(scene):
    single = TVSoftmax(1.0)(scene().astype(np.float32), training=False)
    np.testing.assert_allclose(single, softmax(scene(), 1.0), atol=1e-5)


def test_softmax_of_the_regularised_logits_is_the_output(scene):
    o, layer = scene().astype(np.float32), TVSoftmax(0.7, **FEW)
    np.testing.assert_array_equal(tf.nn.softmax(layer.regularised_logits(o)), layer(o))


def saturated_model(loss, **options):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, TVSoftmax(0.1, **FEW)(images))
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_softmax_keras_cross_entropy_finds_the_logits_so_that_wrong_and_certain_pixels_keep_their_loss(
    loss, run_eagerly
):
    # From float32 probabilities the loss would be clipped at -log(1e-7) = 16.1 and its gradient be lost.
    certain = np.zeros((1, 8, 8, 3), np.float32)
    certain[..., 0] = 300.0
    labels = np.ones((1, 8, 8), int)
    labels = labels if loss.startswith("sparse") else np.eye(3)[labels]
    model = saturated_model(loss, run_eagerly=run_eagerly)
    assert model.evaluate(certain, labels, verbose=0) == pytest.approx(300.0, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gradient", JIT)
def test_softmax_saturated_logits_of_both_signs_give_a_finite_loss_and_gradient(rng, gradient):
    o = tf.constant(rng.choice([-200.0, 200.0], (1, 8, 8, 3)), tf.float32)
    labels = rng.integers(0, 3, (1, 8, 8))
    layer = TVSoftmax(gradient=gradient, jit_compile=JIT[gradient], **FEW)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = keras.losses.SparseCategoricalCrossentropy()(labels, layer(o, training=True))
    gradients = tape.gradient(loss, [o, *layer.trainable_variables])
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)
    assert float(tf.norm(gradients[0])) > 0.01


@ISOTROPY
def test_one_channel_equals_a_softmax_of_two_classes_with_half_the_weight(scene, isotropic):
    # Softmax over (o, 0) is the sigmoid of o; its total variation counts every border in both classes.
    pair, options = scene(classes=2), {"isotropic": isotropic, "inference_iterations": 4000}
    two = softmax(pair, 0.25, **options)[..., 1:]
    np.testing.assert_allclose(sigmoid(pair[..., 1:] - pair[..., :1], 0.5, **options), two, atol=1e-6)


@ISOTROPY
def test_channels_of_a_sigmoid_are_independent(scene, isotropic):
    o = scene()
    together = sigmoid(o, 0.5, isotropic=isotropic)[..., 1:2]
    np.testing.assert_allclose(together, sigmoid(o[..., 1:2], 0.5, isotropic=isotropic), atol=1e-12)


@ISOTROPY
def test_negating_the_logits_gives_one_minus_the_output(scene, isotropic):
    negated = sigmoid(-scene(), 0.5, isotropic=isotropic)
    np.testing.assert_allclose(negated, 1 - sigmoid(scene(), 0.5, isotropic=isotropic), atol=1e-12)


def test_lambda_zero_gives_the_plain_sigmoid(scene):
    np.testing.assert_allclose(sigmoid(scene(), 0.0), reference.sigmoid(scene()), atol=1e-14)


def test_huge_lambda_gives_the_sigmoid_of_the_spatial_mean_of_the_logits(scene):
    o = scene((6, 6), contrast=1)
    flat = sigmoid(o, 20.0, inference_iterations=4000)
    expected = reference.sigmoid(o.mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-6)


@ISOTROPY
def test_energy_is_below_that_of_the_plain_sigmoid(scene, isotropic):
    ours, plain = (
        reference.primal_energy("sigmoid", a, scene()[0], 0.6, isotropic)
        for a in (sigmoid(scene(), 0.6, isotropic=isotropic)[0], reference.sigmoid(scene()[0]))
    )
    assert ours < plain - 1


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_sigmoid_keras_cross_entropy_finds_the_logits_so_that_wrong_and_certain_pixels_keep_their_loss(
    run_eagerly,
):
    # From float32 probabilities the loss would be clipped at -log(1e-7) = 16.1 and its gradient be lost.
    images = keras.Input((None, None, 1))
    model = keras.Model(images, TVSigmoid(0.1, **FEW)(images))
    model.compile("sgd", "binary_crossentropy", run_eagerly=run_eagerly)
    certain, labels = np.full((1, 8, 8, 1), 300, np.float32), np.zeros((1, 8, 8, 1))
    assert model.evaluate(certain, labels, verbose=0) == pytest.approx(300.0, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gradient", JIT)
def test_sigmoid_saturated_logits_of_both_signs_give_a_finite_loss_and_gradient(rng, gradient):
    o = tf.constant(rng.choice([-200.0, 200.0], (1, 8, 8, 2)), tf.float32)
    labels = rng.integers(0, 2, (1, 8, 8, 2)).astype(np.float32)
    layer = TVSigmoid(gradient=gradient, jit_compile=False, **FEW)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = keras.losses.BinaryCrossentropy()(labels, layer(o, training=True))
    gradients = tape.gradient(loss, [o, *layer.trainable_variables])
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)
    assert float(tf.norm(gradients[0])) > 0.01


def denoised(o, weight, isotropic, iterations=4000):
    """The map of Rudin, Osher and Fatemi, min 1/2 |x - o|^2 + weight TV(x), by projected gradient in NumPy."""
    field = np.zeros((o.ndim - 1, *o.shape))
    for _ in range(iterations):
        x = o - reference.divergence(np.moveaxis(field, -1, 1))
        field = field - reference.differences(x) / 8
        if isotropic:
            field *= weight / np.maximum(weight, np.sqrt((field**2).sum(0)))
        else:
            field = np.clip(field, -weight, weight)
    return o - reference.divergence(np.moveaxis(field, -1, 1))


@pytest.fixture
def signed(scene):
    """Values of both signs, one sample: half of the denoised map is below zero."""
    return scene((7, 6), classes=2) - 1


def test_anisotropic_output_is_the_relu_of_the_denoised_map(signed):
    ours = relu(signed, 0.5, isotropic=False, inference_iterations=2000)
    np.testing.assert_allclose(ours[0], reference.relu(denoised(signed[0], 0.5, False)), atol=1e-5)


def test_isotropic_output_is_not_the_relu_of_the_denoised_map_but_better(signed):
    ours = relu(signed, 0.5, inference_iterations=2000)[0]
    clipped = reference.relu(denoised(signed[0], 0.5, True))
    energies = [reference.primal_energy("relu", a, signed[0], 0.5) for a in (ours, clipped)]
    assert np.abs(ours - clipped).max() > 0.01 and energies[0] < energies[1] - 1e-4


@pytest.mark.slow
def test_output_that_stays_positive_is_the_denoised_map(signed):
    for isotropic in (True, False):
        ours = relu(signed + 20, 0.5, isotropic=isotropic, inference_iterations=2000)[0]
        np.testing.assert_allclose(ours, denoised(signed[0] + 20, 0.5, isotropic), atol=2e-3)


def test_output_is_never_negative(signed):
    assert relu(signed, 0.1).min() >= 0


@ISOTROPY
def test_channels_of_a_relu_are_independent(scene, isotropic):
    together = relu(scene(), 0.5, isotropic=isotropic)[..., 1:2]
    alone = relu(scene()[..., 1:2], 0.5, isotropic=isotropic)
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_lambda_zero_gives_the_plain_relu(signed):
    np.testing.assert_allclose(relu(signed, 0.0), reference.relu(signed), atol=1e-14)


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_huge_lambda_gives_the_relu_of_the_spatial_mean(signed, shift):
    flat = relu(signed + shift, 5.0, inference_iterations=4000)
    expected = reference.relu((signed + shift).mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-3)


def test_scaling_input_and_lambda_scales_the_output(signed):
    np.testing.assert_allclose(relu(3 * signed, 1.5), 3 * relu(signed, 0.5), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_returns_the_compute_type_but_computes_in_float32(signed, policy):
    layer = TVReLU(0.5, dtype=policy, **FEW)
    rounded = tf.cast(signed, layer.compute_dtype)
    ours = layer(rounded)
    expected = tf.cast(TVReLU(0.5, **FEW)(tf.cast(rounded, tf.float32)), layer.compute_dtype)
    assert ours.dtype == layer.compute_dtype
    np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(expected, tf.float32))
