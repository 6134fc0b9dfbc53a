import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import MaxPoolWithIndices, MaxUnpooling2D

WINDOWS = [
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


@pytest.mark.parametrize("options", WINDOWS)
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


def test_saved_keras_model_gives_the_same(tmp_path):
    model, images = pool_and_unpool("valid"), np.random.default_rng(0).random((2, 7, 9, 3), dtype=np.float32)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(images), model(images))


def test_saved_tensorflow_model_gives_the_same(tmp_path):
    model = pool_and_unpool()
    serving = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 3))])
    tf.saved_model.save(tf.Module(), tmp_path / "saved", signatures={"serving_default": serving})
    loaded = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
    for size in [(6, 8), (7, 9)]:
        images = np.random.default_rng(0).random((2, *size, 3), dtype=np.float32)
        [output] = loaded(tf.constant(images)).values()
        np.testing.assert_array_equal(output, model(images))


def test_symbolic_shape_is_that_of_the_reference():
    images = keras.Input((7, None, 4))
    pooled, indices = MaxPoolWithIndices()(images)
    assert MaxUnpooling2D()(pooled, indices, images).shape == (None, 7, None, 4)
    assert MaxUnpooling2D()(pooled, indices).shape == (None, 6, None, 4)


def test_configuration_survives_a_round_trip():
    layer = MaxUnpooling2D((2, 3), 1, "VALID", name="unpool")
    assert MaxUnpooling2D.from_config(layer.get_config()).get_config() == layer.get_config()


def test_indices_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"`indices` must have the shape of `pooled`. Received: indices"):
        MaxUnpooling2D()(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 3, 1), np.int64))


@pytest.mark.parametrize("options", [{"pool_size": -2}, {"strides": 0}, {"padding": "full"}])
def test_bad_arguments_are_named(options):
    [name] = options
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        MaxUnpooling2D(**options)
