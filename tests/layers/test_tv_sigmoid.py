import keras
import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVSigmoid, TVSoftmax

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])


def output(logits, tv_weight, layer=TVSigmoid, **options):
    """Return the layer's output in float64, computed in a graph."""
    layer = layer(tv_weight, learn_tv_weight=False, dtype="float64", **options)
    return tf.function(layer, autograph=False)(tf.constant(logits)).numpy()


@ISOTROPY
def test_one_channel_equals_a_softmax_of_two_classes_with_half_the_weight(scene, isotropic):
    # Softmax over (o, 0) is the sigmoid of o; its total variation counts every border in both classes.
    pair, options = scene(classes=2), {"isotropic": isotropic, "inference_iterations": 4000}
    two = output(pair, 0.25, TVSoftmax, **options)[..., 1:]
    np.testing.assert_allclose(output(pair[..., 1:] - pair[..., :1], 0.5, **options), two, atol=1e-6)


@ISOTROPY
def test_channels_are_independent(scene, isotropic):
    o = scene()
    together = output(o, 0.5, isotropic=isotropic)[..., 1:2]
    np.testing.assert_allclose(together, output(o[..., 1:2], 0.5, isotropic=isotropic), atol=1e-12)


@ISOTROPY
def test_negating_the_logits_gives_one_minus_the_output(scene, isotropic):
    negated = output(-scene(), 0.5, isotropic=isotropic)
    np.testing.assert_allclose(negated, 1 - output(scene(), 0.5, isotropic=isotropic), atol=1e-12)


def test_lambda_zero_gives_the_plain_sigmoid(scene):
    np.testing.assert_allclose(output(scene(), 0.0), reference.sigmoid(scene()), atol=1e-14)


def test_huge_lambda_gives_the_sigmoid_of_the_spatial_mean_of_the_logits(scene):
    o = scene((6, 6), contrast=1)
    flat = output(o, 20.0, inference_iterations=4000)
    expected = reference.sigmoid(o.mean((1, 2), keepdims=True))
    np.testing.assert_allclose(flat, np.broadcast_to(expected, flat.shape), atol=1e-6)


@ISOTROPY
def test_energy_is_below_that_of_the_plain_sigmoid(scene, isotropic):
    ours, plain = (
        reference.primal_energy("sigmoid", a, scene()[0], 0.6, isotropic)
        for a in (output(scene(), 0.6, isotropic=isotropic)[0], reference.sigmoid(scene()[0]))
    )
    assert ours < plain - 1


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_keras_cross_entropy_finds_the_logits_so_that_wrong_and_certain_pixels_keep_their_loss(run_eagerly):
    # From float32 probabilities the loss would be clipped at -log(1e-7) = 16.1 and its gradient be lost.
    images = keras.Input((None, None, 1))
    model = keras.Model(images, TVSigmoid(0.1)(images))
    model.compile("sgd", "binary_crossentropy", run_eagerly=run_eagerly)
    certain, labels = np.full((1, 8, 8, 1), 300, np.float32), np.zeros((1, 8, 8, 1))
    assert model.evaluate(certain, labels, verbose=0) == pytest.approx(300.0, rel=1e-5)


@pytest.mark.parametrize("gradient", ["implicit", "jacobian-free", "unrolled", "one-step"])
def test_saturated_logits_of_both_signs_give_a_finite_loss_and_gradient(rng, gradient):
    o = tf.constant(rng.choice([-200.0, 200.0], (1, 8, 8, 2)), tf.float32)
    labels, layer = rng.integers(0, 2, (1, 8, 8, 2)).astype(np.float32), TVSigmoid(gradient=gradient)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = keras.losses.BinaryCrossentropy()(labels, layer(o, training=True))
    gradients = tape.gradient(loss, [o, *layer.trainable_variables])
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)
    assert float(tf.norm(gradients[0])) > 0.01
