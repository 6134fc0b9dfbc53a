import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import MaxPoolWithIndices

WINDOWS = [
    {},
    {"padding": "same"},
    {"pool_size": 3, "strides": 2},
    {"pool_size": (2, 3), "strides": (3, 1), "padding": "same"},
    {"pool_size": 3, "strides": 1, "padding": "SAME"},
    {"pool_size": 1, "strides": 2},
]


def pictures(size=(7, 9), channels=3, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((2, *size, channels)).astype(dtype)


def tensorflow_operation(images, layer):
    return tf.nn.max_pool_with_argmax(images, layer.pool_size, layer.strides, layer.padding.upper())


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 4)])
def test_equals_the_operation_of_tensorflow(options, size):
    layer, images = MaxPoolWithIndices(**options), pictures(size)
    for ours, theirs in zip(layer(images), tensorflow_operation(images, layer), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_equals_the_operation_of_tensorflow_in_every_precision(dtype):
    layer, images = MaxPoolWithIndices(dtype=dtype), tf.cast(pictures(), dtype)
    pooled, indices = layer(images)
    expected = tensorflow_operation(images, layer)
    assert pooled.dtype == dtype and indices.dtype == tf.int64
    np.testing.assert_array_equal(tf.cast(pooled, "float64"), tf.cast(expected[0], "float64"))
    np.testing.assert_array_equal(indices, expected[1])


@pytest.mark.parametrize("options", WINDOWS)
def test_between_equal_maxima_the_first_in_row_major_order_is_named(options):
    layer, images = MaxPoolWithIndices(**options), np.zeros((2, 7, 9, 3), np.float32)
    np.testing.assert_array_equal(layer(images)[1], tensorflow_operation(images, layer)[1])


def test_between_equal_maxima_the_derivative_goes_to_the_one_that_the_index_names():
    images = tf.ones((1, 4, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        pooled, _ = MaxPoolWithIndices()(images)
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(tape.gradient(pooled, images)[0, :, :, 0], expected)


@pytest.mark.parametrize("options", WINDOWS)
def test_derivative_equals_central_differences(options):
    layer, images = MaxPoolWithIndices(dtype="float64", **options), pictures((5, 6), 2, np.float64)
    weights = np.random.default_rng(1).standard_normal(layer(images)[0].shape)

    def value(x):
        return tf.reduce_sum(layer(x)[0] * weights)

    tensor = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = value(tensor)
    # Far smaller than the gaps between the values, so that no maximum moves.
    step, differences = 1e-5, np.zeros_like(images)
    for place in np.ndindex(images.shape):
        moved = np.zeros_like(images)
        moved[place] = step
        differences[place] = (value(images + moved) - value(images - moved)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(result, tensor), differences, atol=1e-8)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiles_with_unknown_sizes(jit_compile):
    layer = MaxPoolWithIndices(padding="same")
    compiled = tf.function(
        layer, input_signature=[tf.TensorSpec((None, None, None, 3))], jit_compile=jit_compile
    )
    for size in [(6, 8), (7, 9)]:
        for ours, eager in zip(compiled(pictures(size)), layer(pictures(size)), strict=True):
            np.testing.assert_array_equal(ours, eager)


def test_image_that_is_nowhere_finite_still_has_indices_inside():
    # A diverging training must reach the loss, where it is noticed, and not fail here.
    _, indices = MaxPoolWithIndices()(np.full((1, 4, 4, 2), np.nan, np.float32))
    assert np.min(indices) >= 0 and np.max(indices) < 4 * 4 * 2


def test_symbolic_output_has_the_shapes_and_dtypes_of_the_real_one():
    pooled, indices = MaxPoolWithIndices(3, 2, "same")(keras.Input((7, None, 4)))
    assert (pooled.shape, pooled.dtype) == ((None, 4, None, 4), "float32")
    assert (indices.shape, indices.dtype) == ((None, 4, None, 4), "int64")


def test_mixed_precision_pools_in_float16_and_keeps_the_indices():
    pooled, indices = MaxPoolWithIndices(dtype="mixed_float16")(pictures())
    assert pooled.dtype == tf.float16 and indices.dtype == tf.int64


def test_configuration_survives_a_round_trip():
    layer = MaxPoolWithIndices((2, 3), 1, "SAME", name="pool")
    assert MaxPoolWithIndices.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_size": 0}, r"`pool_size` must be a positive integer or a pair .* Received: pool_size=0"),
        ({"pool_size": (2, 2, 2)}, r"Received: pool_size=\(2, 2, 2\)"),
        ({"pool_size": 2.5}, r"Received: pool_size=2.5"),
        ({"strides": (1, -1)}, r"`strides` must be .* Received: strides=\(1, -1\)"),
        ({"padding": "full"}, r"`padding` must be one of \('valid', 'same'\). Received: padding='full'"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MaxPoolWithIndices(**options)
