import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.models import build, stride_of


def small(head=None, **options):
    keras.utils.set_random_seed(0)
    return build("segnet", 3, head=head, **{"base_width": 4, "depth": 2, **options})


def pictures(size=(16, 16), count=2):
    return np.random.default_rng(0).random((count, *size, 3), dtype=np.float32)


def between(model, *names):
    """Return the model of some layers' outputs."""
    return keras.Model(model.input, [model.get_layer(name).output for name in names])


@pytest.mark.parametrize("head", [None, "softmax", "tv-softmax"])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (5, 3)])
def test_answers_at_the_image_size(size, head):
    assert small(head)(pictures(size)).shape == (2, *size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiled_for_unknown_sizes_it_answers_the_same(jit_compile):
    model = small()
    compiled = tf.function(
        lambda images: model(images, training=False),
        input_signature=[tf.TensorSpec((None, None, None, 3))],
        jit_compile=jit_compile,
    )
    for size in [(16, 16), (17, 31)]:
        np.testing.assert_allclose(compiled(pictures(size)), model(pictures(size)), atol=1e-5)


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_every_block_halves_once(depth):
    assert stride_of(small(depth=depth)) == 2**depth


def test_segnet_of_the_paper_has_the_known_number_of_parameters(no_values):
    # 13 convolutions of VGG-16 and the same 13 turned round; the literature quotes 29.5 million.
    encoder = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    encoder += [(256, 512), (512, 512), (512, 512), (512, 512), (512, 512), (512, 512)]
    decoder = [(out, into) for into, out in encoder[:0:-1]] + [(64, 12)]
    convolutions = sum(9 * into * out + out for into, out in encoder + decoder)
    normalisations = sum(4 * out for _, out in (encoder + decoder)[:-1])
    model = build("segnet", 12, base_width=64, depth=5)
    assert model.count_params() == convolutions + normalisations
    assert convolutions == pytest.approx(29.5e6, rel=0.005)


def test_decoder_puts_features_only_where_the_encoder_had_its_maxima():
    model = small(depth=1)
    [(_, indices), unpooled] = between(model, "block1_pool", "decoder1_unpool")(pictures())
    for image in range(2):
        allowed = np.zeros(unpooled[image].shape, bool)
        np.put(allowed, indices[image], True)
        assert np.any(unpooled[image]) and not np.any(unpooled[image][~allowed])


@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_convolution_but_the_last_is_normalised_or_none(batch_norm):
    layers = small(batch_norm=batch_norm).layers
    convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in layers)
    normalisations = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert normalisations == (convolutions - 1 if batch_norm else 0)


@pytest.mark.slow
def test_moving_averages_forget_their_start_within_60_steps():
    model = small(depth=1)
    for _ in range(60):
        model(pictures(), training=True)
    features = model.get_layer("block1_conv1")(pictures()).numpy()
    norm = model.get_layer("block1_conv1_norm")
    np.testing.assert_allclose(norm.moving_mean, features.mean((0, 1, 2)), rtol=0.01)
    np.testing.assert_allclose(norm.moving_variance, features.var((0, 1, 2)), rtol=0.02)


def test_dropout_is_at_the_lowest_level():
    model = small(dropout=0.5)
    assert model.get_layer("bottom_dropout").input.shape == model.get_layer("block2_pool").output[0].shape


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.slow
def test_rsegnet_learns(jit_compile):
    model, images = small("tv-softmax", depth=1), pictures(count=4)
    labels = (images[..., 0] > 0.5).astype(int)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", jit_compile=jit_compile)
    history = model.fit(images, labels, epochs=30, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]


def test_mixed_precision_gives_finite_logits():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        logits = small()(pictures((17, 31)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(logits).all()


@pytest.mark.slow
def test_saved_model_loads_with_the_same_answers(tmp_path):
    model = small("tv-softmax")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = pictures((11, 13))
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("depth", [0, 6])
def test_depth_that_vgg_does_not_have_is_refused(depth):
    with pytest.raises(InputError, match=f"has from 1 to 5 poolings; got a depth of {depth}"):
        small(depth=depth)
