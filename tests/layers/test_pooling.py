import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import MaxPoolWithIndices, MaxUnpooling2D

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
    weights = np.random.default_rng(1).standard_normal(layer(images)[0].shape[1:])

    def values(x):  # of each image
        return tf.reduce_sum(layer(x)[0] * weights, (1, 2, 3))

    tensor = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = values(tensor)
    # Far smaller than the gaps between the values, so that no maximum moves.
    step = 1e-5
    moves = step * np.eye(images[0].size).reshape(-1, *images[0].shape)
    differences = [(values(image + moves) - values(image - moves)) / (2 * step) for image in images]
    differences = np.reshape(differences, images.shape)
    np.testing.assert_allclose(tape.gradient(result, tensor), differences, atol=1e-8)


def test_image_that_is_nowhere_finite_still_has_indices_inside():
    # A diverging training must reach the loss, where it is noticed, and not fail here.
    _, indices = MaxPoolWithIndices()(np.full((1, 4, 4, 2), np.nan, np.float32))
    assert np.min(indices) >= 0 and np.max(indices) < 4 * 4 * 2


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


UNPOOLING = [
    {},
    {"padding": "VALID"},
    {"pool_size": (2, 3), "padding": "valid"},
    {"pool_size": 3, "strides": (2, 1)},
    {"strides": 4},
]


def by_definition(pooled, indices, pool=(2, 2), strides=(2, 2), padding="same"):
    """What tensorflow-addons 0.23 documents: its output shapes, and a sum at (row, column) of the index
    in the image and channel of the place."""
    batch, height, width, channels = pooled.shape
    if padding.lower() == "same":
        height, width = height * strides[0], width * strides[1]
    else:
        height, width = (height - 1) * strides[0] + pool[0], (width - 1) * strides[1] + pool[1]
    unpooled = np.zeros((batch, height, width, channels), pooled.dtype)
    for place in np.ndindex(pooled.shape):
        row, rest = divmod(int(indices[place]), width * channels)
        unpooled[place[0], row, rest // channels, place[3]] += pooled[place]
    return unpooled


def random_pair(layer, size=(3, 4), channels=2, seed=0):
    """Values and arbitrary indices, as in the tests of tensorflow-addons: also outside of the windows, also
    the same ones twice."""
    rng = np.random.default_rng(seed)
    pooled = rng.standard_normal((2, *size, channels)).astype(np.float32)
    _, height, width, _ = layer.compute_output_shape(pooled.shape, pooled.shape)
    return pooled, rng.integers(0, height * width * channels, pooled.shape)


@pytest.mark.parametrize("options", UNPOOLING)
def test_equals_the_definition_of_tensorflow_addons(options):
    layer = MaxUnpooling2D(**options)
    pooled, indices = random_pair(layer)
    expected = by_definition(pooled, indices, layer.pool_size, layer.strides, layer.padding)
    np.testing.assert_allclose(layer(pooled, indices), expected, rtol=1e-6)


def test_known_values():
    # 13 and 4 to the places 1 and 6 of a 2x4 image, row by row.
    output = MaxUnpooling2D()(np.array([[[[13.0], [4.0]]]]), np.array([[[[1], [6]]]]))
    np.testing.assert_array_equal(np.ravel(output), [0, 13, 0, 0, 0, 0, 4, 0])


def test_values_with_one_index_are_added():
    output = MaxUnpooling2D()(np.array([[[[13.0], [4.0]]]]), np.array([[[[5], [5]]]]))
    np.testing.assert_array_equal(np.ravel(output), [0, 0, 0, 0, 0, 17, 0, 0])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 4)])
def test_maxima_return_to_their_places_at_the_size_of_the_reference(size, padding):
    images = np.random.default_rng(0).permutation(2 * size[0] * size[1] * 3).reshape(2, *size, 3) + 1.0
    pooled, indices = MaxPoolWithIndices(padding=padding)(images)
    unpooled = MaxUnpooling2D()(pooled, indices, images)
    expected = np.where(np.isin(images, pooled), images, 0)  # the values are all different
    np.testing.assert_array_equal(unpooled, expected)


def test_equal_maxima_return_to_one_place_only():
    pooled, indices = MaxPoolWithIndices()(np.ones((1, 4, 4, 1)))
    assert float(tf.reduce_sum(MaxUnpooling2D()(pooled, indices))) == 4


def test_indices_that_count_through_the_batch_are_refused():
    images = np.random.default_rng(0).random((2, 4, 4, 1), dtype=np.float32)
    pooled, indices = tf.nn.max_pool_with_argmax(images, 2, 2, "SAME", include_batch_in_index=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
        MaxUnpooling2D()(pooled, indices)


@pytest.mark.parametrize("outside", [-1, 8])
def test_index_outside_of_its_image_does_not_reach_the_next_one(outside):
    pooled, indices = np.ones((2, 1, 2, 1), np.float32), np.zeros((2, 1, 2, 1), np.int64)
    indices[:, 0, 0] = outside
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
        MaxUnpooling2D()(pooled, indices)


def test_unpooling_is_the_adjoint_of_taking_the_values_at_the_indices():
    layer = MaxUnpooling2D(dtype="float64")
    pooled, indices = random_pair(layer)
    pooled = tf.constant(pooled, tf.float64)
    weights = np.random.default_rng(1).standard_normal((2, 6, 8, 2))
    with tf.GradientTape() as tape:
        tape.watch(pooled)
        unpooled = layer(pooled, indices)
    gradient = tape.gradient(unpooled, pooled, weights)
    assert float(tf.reduce_sum(unpooled * weights)) == pytest.approx(float(tf.reduce_sum(pooled * gradient)))
    row, column = indices // (8 * 2), indices // 2 % 8
    image, channel = np.indices(indices.shape)[[0, 3]]
    np.testing.assert_array_equal(gradient, weights[image, row, column, channel])


def pool_and_unpool(padding="same"):
    images = keras.Input((None, None, 3))
    pooled, indices = MaxPoolWithIndices(padding=padding)(images)
    return keras.Model(images, MaxUnpooling2D()(pooled, indices, images))


@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiled_derivative_with_unknown_sizes_equals_the_eager_one(jit_compile):
    model = pool_and_unpool()

    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = tf.reduce_sum(tf.sin(model(images)))
        return tape.gradient(value, images)

    signature = [tf.TensorSpec((None, None, None, 3))]
    compiled = tf.function(gradient, input_signature=signature, jit_compile=jit_compile)
    for size in [(6, 8), (7, 9)]:
        images = tf.constant(np.random.default_rng(0).random((2, *size, 3)), tf.float32)
        np.testing.assert_allclose(compiled(images), gradient(images), atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_moves_the_rounded_values(dtype):
    layer = MaxUnpooling2D(dtype=dtype)
    images = np.random.default_rng(0).random((2, 6, 8, 3), dtype=np.float32)
    pooled, indices = MaxPoolWithIndices(dtype=dtype)(images)
    unpooled = tf.cast(layer(pooled, indices), tf.float32).numpy()
    expected = by_definition(tf.cast(pooled, tf.float32).numpy(), indices.numpy())
    assert layer(pooled, indices).dtype == layer.compute_dtype
    np.testing.assert_array_equal(unpooled, expected)


def test_symbolic_shape_is_that_of_the_reference():
    images = keras.Input((7, None, 4))
    pooled, indices = MaxPoolWithIndices()(images)
    assert MaxUnpooling2D()(pooled, indices, images).shape == (None, 7, None, 4)
    assert MaxUnpooling2D()(pooled, indices).shape == (None, 6, None, 4)


def test_indices_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"`indices` must have the shape of `pooled`. Received: indices"):
        MaxUnpooling2D()(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 3, 1), np.int64))


@pytest.mark.parametrize("options", [{"pool_size": -2}, {"strides": 0}, {"padding": "full"}])
def test_bad_arguments_of_the_unpooling_are_named(options):
    [name] = options
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        MaxUnpooling2D(**options)
