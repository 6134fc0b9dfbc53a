import keras
import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVSoftmax, total_variation

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
CONVERGED = {"inference_iterations": 4000}


def output(logits, tv_weight, **options):
    """Return the layer's output in float64, computed in a graph."""
    layer = TVSoftmax(tv_weight, learn_tv_weight=False, dtype="float64", **options)
    return tf.function(layer, autograph=False)(tf.constant(logits)).numpy()


@pytest.mark.parametrize("gradient", ["implicit", "one-step"])
@pytest.mark.parametrize("training", [True, False])
def test_output_is_a_probability_at_every_pixel(scene, gradient, training):
    probabilities = TVSoftmax(gradient=gradient)(scene(classes=11).astype(np.float32), training=training)
    np.testing.assert_allclose(tf.reduce_sum(probabilities, -1), 1, atol=1e-6)
    assert float(tf.reduce_min(probabilities)) >= 0


def test_lambda_zero_gives_the_plain_softmax(scene):
    np.testing.assert_allclose(output(scene(), 0.0), reference.softmax(scene()), atol=1e-14)


@ISOTROPY
def test_small_lambda_comes_near_the_plain_softmax(scene, isotropic):
    near = output(scene(), 1e-7, isotropic=isotropic)
    np.testing.assert_allclose(near, reference.softmax(scene()), atol=1e-6)


@ISOTROPY
def test_huge_lambda_gives_the_softmax_of_the_spatial_mean_of_the_logits(scene, isotropic):
    o = scene((6, 6), contrast=1)
    flat = output(o, 20.0, isotropic=isotropic, **CONVERGED)
    expected = reference.softmax(o.mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-6)


@ISOTROPY
def test_constant_logits_give_their_plain_softmax_up_to_the_border(isotropic):
    o = np.broadcast_to([1.0, -2.0, 0.5], (1, 6, 5, 3))
    np.testing.assert_allclose(output(o, 3.0, isotropic=isotropic), reference.softmax(o), atol=1e-14)


def test_adding_a_number_to_all_logits_of_a_pixel_changes_nothing(scene, rng):
    shift = 5 * rng.standard_normal((1, 8, 8, 1))
    np.testing.assert_allclose(output(scene() + shift, 0.7), output(scene(), 0.7), atol=1e-12)


@ISOTROPY
def test_permuting_the_classes_permutes_the_output(scene, isotropic):
    order = [2, 0, 1]
    permuted = output(scene()[..., order], 0.7, isotropic=isotropic)
    np.testing.assert_allclose(permuted, output(scene(), 0.7, isotropic=isotropic)[..., order], atol=1e-12)


@ISOTROPY
def test_energy_is_below_that_of_the_plain_softmax_and_of_nearby_points(scene, rng, isotropic):
    def energy(a):
        return reference.primal_energy("softmax", a, scene()[0], 0.6, isotropic)

    a = output(scene(), 0.6, isotropic=isotropic, **CONVERGED)[0]
    assert energy(a) < energy(reference.softmax(scene()[0])) - 1
    for _ in range(20):
        assert energy(a) < energy(reference.softmax(np.log(a) + 0.01 * rng.standard_normal(a.shape)))


@ISOTROPY
def test_total_variation_falls_with_lambda(scene, isotropic):
    variations = [
        float(total_variation(output(scene(), weight, isotropic=isotropic), isotropic)[0])
        for weight in (0.0, 0.1, 0.5, 2.0)
    ]
    assert np.all(np.diff(variations) < 0)


@pytest.mark.parametrize("turn", [np.flip, np.rot90])
@pytest.mark.parametrize("axes", [(1, 2), (2, 1)])
def test_anisotropic_output_turns_with_the_logits(scene, turn, axes):
    options = {"isotropic": False, **CONVERGED}
    turned = turn(scene((8, 7)), axis=axes[0]) if turn is np.flip else turn(scene((8, 7)), axes=axes)
    back = output(turned, 0.5, **options)
    back = turn(back, axis=axes[0]) if turn is np.flip else turn(back, k=-1, axes=axes)
    np.testing.assert_allclose(back, output(scene((8, 7)), 0.5, **options), atol=1e-6)


def test_isotropic_output_is_transposed_with_the_logits(scene):
    transposed = output(scene((8, 7)).transpose(0, 2, 1, 3), 0.5)
    np.testing.assert_allclose(transposed.transpose(0, 2, 1, 3), output(scene((8, 7)), 0.5), atol=1e-12)


def test_isotropic_output_does_not_turn_with_the_logits(scene):
    # Forward differences look down and right only; who flips images at test time chooses the other one.
    back = np.flip(output(np.flip(scene(), axis=1), 0.5, **CONVERGED), axis=1)
    assert np.abs(back - output(scene(), 0.5, **CONVERGED)).max() > 0.01


def test_samples_of_a_batch_do_not_influence_each_other(scene):
    o = scene(batch=3)
    np.testing.assert_allclose(output(o, 0.7)[1:2], output(o[1:2], 0.7), atol=1e-12)


def test_float32_agrees_with_float64(scene):
    single = TVSoftmax(1.0)(scene().astype(np.float32), training=False)
    np.testing.assert_allclose(single, output(scene(), 1.0), atol=1e-5)


def test_softmax_of_the_regularised_logits_is_the_output(scene):
    o, layer = scene().astype(np.float32), TVSoftmax(0.7)
    np.testing.assert_array_equal(tf.nn.softmax(layer.regularised_logits(o)), layer(o))


def saturated_model(loss, **options):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, TVSoftmax(0.1)(images))
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_keras_cross_entropy_finds_the_logits_so_that_wrong_and_certain_pixels_keep_their_loss(
    loss, run_eagerly
):
    # From float32 probabilities the loss would be clipped at -log(1e-7) = 16.1 and its gradient be lost.
    certain = np.zeros((1, 8, 8, 3), np.float32)
    certain[..., 0] = 300.0
    labels = np.ones((1, 8, 8), int)
    labels = labels if loss.startswith("sparse") else np.eye(3)[labels]
    model = saturated_model(loss, run_eagerly=run_eagerly)
    assert model.evaluate(certain, labels, verbose=0) == pytest.approx(300.0, rel=1e-5)


@pytest.mark.parametrize("gradient", ["implicit", "jacobian-free", "unrolled", "one-step"])
def test_saturated_logits_of_both_signs_give_a_finite_loss_and_gradient(rng, gradient):
    o = tf.constant(rng.choice([-200.0, 200.0], (1, 8, 8, 3)), tf.float32)
    labels, layer = rng.integers(0, 3, (1, 8, 8)), TVSoftmax(gradient=gradient)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = keras.losses.SparseCategoricalCrossentropy()(labels, layer(o, training=True))
    gradients = tape.gradient(loss, [o, *layer.trainable_variables])
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)
    assert float(tf.norm(gradients[0])) > 0.01
