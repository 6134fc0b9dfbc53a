import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.models import build, stride_of


def small(head=None, **options):
    keras.utils.set_random_seed(0)
    return build("fcn-32s", 3, head=head, **{"base_width": 2, **options})


def trained(head=None):
    """A small network whose scores are not 0 any more."""
    model = small(head)
    scores, rng = model.get_layer("scores"), np.random.default_rng(0)
    scores.set_weights([rng.standard_normal(weight.shape) for weight in scores.get_weights()])
    return model


def pictures(size=(64, 96), count=2):
    return np.random.default_rng(0).random((count, *size, 3), dtype=np.float32)


def interpolated(scores, factor):
    """Bilinear interpolation between the centres of the cells, constant beyond the outermost ones."""
    for axis in (1, 2):
        length = scores.shape[axis]
        place = np.clip((np.arange(length * factor) + 0.5) / factor - 0.5, 0, length - 1)
        low = np.floor(place).astype(int)
        share = np.expand_dims(place - low, tuple(i for i in range(4) if i != axis))
        high = np.minimum(low + 1, length - 1)
        scores = (1 - share) * np.take(scores, low, axis) + share * np.take(scores, high, axis)
    return scores


@pytest.mark.parametrize("head", [None, "softmax", "tv-softmax"])
@pytest.mark.parametrize("size", [(32, 64), (33, 47), (5, 3)])
def test_answers_at_the_image_size(size, head):
    assert small(head)(pictures(size)).shape == (2, *size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiled_for_unknown_sizes_it_answers_the_same(jit_compile):
    model = trained()
    compiled = tf.function(
        lambda images: model(images, training=False),
        input_signature=[tf.TensorSpec((None, None, None, 3))],
        jit_compile=jit_compile,
    )
    for size in [(32, 64), (33, 47)]:
        np.testing.assert_allclose(compiled(pictures(size)), model(pictures(size)), atol=1e-5)


def test_stride_is_32():
    assert stride_of(small()) == 32


@pytest.mark.parametrize("width", [2, 4])
def test_has_the_parameters_of_the_paper_at_any_width(width):
    # The paper's widths 64, 128, 256, 512 and 4096 are 1, 2, 4, 8 and 64 times the first one.
    widths = [3, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8]
    widths = [3] + [width * relative for relative in widths[1:]]
    expected = sum(9 * into * out + out for into, out in zip(widths, widths[1:], strict=False))
    top = 64 * width
    expected += 49 * widths[-1] * top + top + top * top + top + 3 * top + 3
    assert small(base_width=width).count_params() == expected


def test_logits_are_the_scores_of_every_32nd_pixel_interpolated():
    model = trained()
    outputs = [model.get_layer("scores").output, model.output]
    scores, logits = keras.Model(model.input, outputs)(pictures())
    assert scores.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(logits, interpolated(scores.numpy(), 32), rtol=1e-4, atol=1e-5)


def test_untrained_network_prefers_no_class():
    assert not np.any(small()(pictures()))


def test_dropout_acts_in_training_only():
    model, images = trained(), pictures()
    np.testing.assert_array_equal(model(images, training=False), model(images, training=False))
    assert np.any(model(images, training=True) != model(images, training=True))


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_mixed_precision_has_a_derivative(jit_compile):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = trained()
    finally:
        keras.config.set_dtype_policy("float32")

    @tf.function(jit_compile=jit_compile)
    def gradient(images):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(images, training=False))
        return tape.gradient(value, model.get_layer("fc7").kernel.value)

    derivative = gradient(pictures((32, 32), count=1))
    assert np.isfinite(derivative).all() and np.any(derivative)


@pytest.mark.slow
def test_saved_model_loads_with_the_same_answers(tmp_path):
    model, images = trained("tv-softmax"), pictures((33, 47))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


def test_another_depth_is_refused():
    with pytest.raises(InputError, match="FCN-32s has 5 poolings; got a depth of 4; leave out `depth`"):
        small(depth=4)
