import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import register_filter_axes
from tfapp.landscape.directions import filters
from tfapp.landscape.directions.filters import norm_axes
from tfapp.landscape.directions.random_directions import filter_normalised_direction

L = keras.layers


def model_of(layer, shape):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, dtype="int32" if isinstance(layer, L.Embedding) else "float32")
    return keras.Model(inputs, layer(inputs))


def norms_of_filters(kernel, select, count):
    """Norms computed one filter at a time; `select(kernel, j)` is filter j."""
    return np.array([np.linalg.norm(select(kernel, j).astype(np.float64).ravel()) for j in range(count)])


def last(kernel, j):
    return kernel[..., j]


def last_but_one(kernel, j):
    return kernel[..., j, :]


def channel_and_multiplier(kernel, j):
    return kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])[:, j]


def heads_and_features(kernel, j):
    return kernel.reshape(kernel.shape[0], -1)[:, j]


CASES = {
    "conv1d": (L.Conv1D(5, 3), (8, 4), last, 5),
    "conv2d": (L.Conv2D(5, 3), (8, 8, 4), last, 5),
    "conv2d-groups": (L.Conv2D(6, 3, groups=2), (8, 8, 4), last, 6),
    "conv3d": (L.Conv3D(5, 2), (6, 6, 6, 4), last, 5),
    "dense": (L.Dense(5), (7,), last, 5),
    "conv1d-transpose": (L.Conv1DTranspose(5, 3), (8, 4), last_but_one, 5),
    "conv2d-transpose": (L.Conv2DTranspose(5, 3), (8, 8, 4), last_but_one, 5),
    "conv3d-transpose": (L.Conv3DTranspose(5, 2), (6, 6, 6, 4), last_but_one, 5),
    "depthwise1d": (L.DepthwiseConv1D(3, depth_multiplier=2), (8, 4), channel_and_multiplier, 8),
    "depthwise2d": (L.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4), channel_and_multiplier, 8),
    "einsum-dense": (L.EinsumDense("ab,bc->ac", 5), (7,), last, 5),
    "einsum-to-heads": (L.EinsumDense("abc,cde->abde", (None, 2, 3)), (4, 5), heads_and_features, 6),
    "einsum-transposed-kernel": (L.EinsumDense("ab,cb->ac", 5), (7,), lambda kernel, j: kernel[j], 5),
    "embedding": (L.Embedding(9, 5), (3,), lambda table, j: table[j], 9),
}


@pytest.mark.parametrize("name", CASES)
def test_every_filter_of_the_direction_has_the_norm_of_the_filter_of_the_model(name):
    layer, shape, select, count = CASES[name]
    model = model_of(layer, shape)
    kernel, direction = model.trainable_variables[0].numpy(), filter_normalised_direction(model, 0)[0]
    expected = norms_of_filters(kernel, select, count)
    np.testing.assert_allclose(norms_of_filters(direction, select, count), expected, rtol=1e-6)
    assert np.ptp(expected) > 1e-3  # else the test could not tell one axis from another


@pytest.mark.parametrize("layer,shape", [(L.SeparableConv1D, (8, 4)), (L.SeparableConv2D, (8, 8, 4))])
def test_a_separable_convolution_has_one_rule_for_each_of_its_kernels(layer, shape):
    model = model_of(layer(5, 3, depth_multiplier=2), shape)
    depthwise, pointwise = (w.numpy() for w in model.trainable_variables[:2])
    u_depthwise, u_pointwise, u_bias = filter_normalised_direction(model, 0)
    np.testing.assert_allclose(
        norms_of_filters(u_depthwise, channel_and_multiplier, 8),
        norms_of_filters(depthwise, channel_and_multiplier, 8),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        norms_of_filters(u_pointwise, last, 5), norms_of_filters(pointwise, last, 5), rtol=1e-6
    )
    assert not u_bias.any()


def test_projections_of_an_attention_layer_have_one_filter_for_each_feature_of_each_head():
    inputs = keras.Input((5, 6))
    model = keras.Model(inputs, L.MultiHeadAttention(2, 3)(inputs, inputs))
    kernels = [w.numpy() for w in model.trainable_variables]
    directions = filter_normalised_direction(model, 0)
    found = 0
    for kernel, direction in zip(kernels, directions, strict=True):
        if kernel.shape == (6, 2, 3):  # query, key and value: (input, head, feature)
            found += 1
            np.testing.assert_allclose(
                np.sqrt((direction.astype(np.float64) ** 2).sum(0)), np.sqrt((kernel**2).sum(0)), rtol=1e-5
            )
        if kernel.shape == (2, 3, 6):  # output: (head, feature, output)
            found += 1
            np.testing.assert_allclose(
                np.sqrt((direction.astype(np.float64) ** 2).sum((0, 1))),
                np.sqrt((kernel**2).sum((0, 1))),
                rtol=1e-5,
            )
    assert found == 4


@pytest.mark.parametrize("layer", [L.SimpleRNN(3), L.GRU(3), L.LSTM(3), L.Bidirectional(L.GRU(3))])
def test_recurrent_layers_have_one_filter_for_each_gate_of_each_unit(layer):
    model = model_of(layer, (4, 5))
    directions = filter_normalised_direction(model, 0)
    for variable, direction in zip(model.trainable_variables, directions, strict=True):
        if variable.name == "bias":  # that of a GRU has rank 2
            assert not direction.any()
        else:
            np.testing.assert_allclose(
                np.linalg.norm(direction, axis=0), np.linalg.norm(variable.numpy(), axis=0), rtol=1e-5
            )


def test_directions_follow_the_trainable_variables_in_order_shape_and_float32(segmenter):
    direction = filter_normalised_direction(segmenter, 0)
    assert [d.shape for d in direction] == [tuple(w.shape) for w in segmenter.trainable_variables]
    assert {d.dtype for d in direction} == {np.dtype("float32")}


def test_biases_and_batch_normalisation_are_not_perturbed(segmenter):
    direction = filter_normalised_direction(segmenter, 0)
    moved = {w.path: d.any() for w, d in zip(segmenter.trainable_variables, direction, strict=True)}
    assert {path.split("/")[-1] for path, is_moved in moved.items() if is_moved} == {"kernel"}
    assert sorted(path.split("/")[-1] for path, is_moved in moved.items() if not is_moved) == [
        *["beta"],
        *["bias"] * 3,
        *["gamma"],
    ]


@pytest.mark.parametrize("layer", [L.LayerNormalization(axis=(1, 2, 3)), L.PReLU()])
def test_normalisation_and_slope_parameters_of_high_rank_are_not_perturbed(layer):
    model = model_of(layer, (4, 4, 2))
    assert model.trainable_variables[0].shape == (4, 4, 2)
    assert not any(d.any() for d in filter_normalised_direction(model, 0))


def test_a_scalar_parameter_is_not_perturbed():
    class Scale(L.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs):
            return inputs * self.scale

    (direction,) = filter_normalised_direction(model_of(Scale(), (3,)), 0)
    assert direction.shape == () and direction == 0


def test_a_filter_of_zeros_stays_where_it_is():
    model = model_of(L.Dense(2), (3,))
    kernel = model.trainable_variables[0]
    kernel.assign(kernel.numpy() * np.array([1.0, 0.0], np.float32))
    direction = filter_normalised_direction(model, 0)[0]
    assert direction[:, 0].all() and not direction[:, 1].any()


def test_entries_have_the_mean_and_the_symmetry_of_a_gaussian():
    model = model_of(L.Dense(50), (2000,))
    direction = filter_normalised_direction(model, 0)[0].astype(np.float64)
    standard = direction / direction.std()
    # Standard error of the mean of 100 000 numbers: 0.0032.
    assert abs(standard.mean()) < 0.013
    assert abs((np.abs(standard) < 1).mean() - 0.6827) < 0.01


def test_a_seed_gives_the_same_direction_again(segmenter):
    first, again, other = (filter_normalised_direction(segmenter, seed) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_layers_inside_models_and_wrappers_are_found():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3)])
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, L.TimeDistributed(inner)(inputs))
    kernel, direction = model.trainable_variables[0].numpy(), filter_normalised_direction(model, 0)[0]
    np.testing.assert_allclose(np.linalg.norm(direction, axis=0), np.linalg.norm(kernel, axis=0), rtol=1e-6)


@pytest.mark.parametrize("layer,shape", [(L.ConvLSTM1D, (3, 6, 2)), (L.ConvLSTM2D, (3, 4, 4, 2))])
def test_filters_of_a_convolutional_lstm_are_the_gates_of_its_feature_maps(layer, shape):
    model = model_of(layer(5, 2), shape)
    for variable, direction in list(
        zip(model.trainable_variables, filter_normalised_direction(model, 0), strict=True)
    )[:2]:
        kernel = variable.numpy()
        expected = norms_of_filters(kernel, last, 4 * 5)
        np.testing.assert_allclose(norms_of_filters(direction, last, 4 * 5), expected, rtol=1e-6)


LORA = {
    "dense": (L.Dense(5), (7,), last, 2),
    "conv2d": (L.Conv2D(5, 3), (8, 8, 4), last, 2),
    "einsum-to-heads": (L.EinsumDense("abc,cde->abde", (None, 4, 3)), (4, 5), heads_and_features, 4 * 2),
    "embedding": (L.Embedding(9, 5), (3,), lambda table, j: table[j], 9),
}


@pytest.mark.parametrize("name", LORA)
def test_factors_of_lora_have_filters(name):
    layer, shape, select, count = LORA[name]
    model = model_of(layer, shape)
    layer.enable_lora(2)
    a, b = (w for w in model.trainable_variables if "lora" in w.name)
    b.assign(np.random.default_rng(0).normal(size=b.shape))
    of = dict(zip(map(id, model.trainable_variables), filter_normalised_direction(model, 0), strict=True))
    first = norms_of_filters(a.numpy(), select, count)
    np.testing.assert_allclose(norms_of_filters(of[id(a)], select, count), first, rtol=1e-5)
    outputs = norms_of_filters(b.numpy(), last, b.shape[-1])
    np.testing.assert_allclose(norms_of_filters(of[id(b)], last, b.shape[-1]), outputs, rtol=1e-5)


def test_a_kernel_of_an_unknown_layer_is_refused_by_name():
    class Bilinear(L.Layer):
        def build(self, input_shape):
            self.form = self.add_weight(shape=(3, 3), name="form")

        def call(self, inputs):
            return inputs @ self.form

    with pytest.raises(InputError, match=r"Layer 'odd_one' \(Bilinear\).*'form' of shape \(3, 3\)"):
        filter_normalised_direction(model_of(Bilinear(name="odd_one"), (3,)), 0)


class Mixing(L.Layer):
    """y_u = sum over a, b of x_a w_uab x_b: the first axis numbers the units."""

    def build(self, input_shape):
        self.form = self.add_weight(shape=(2, input_shape[-1], input_shape[-1]), name="form")

    def call(self, inputs):
        return tf.einsum("na,uab,nb->nu", inputs, self.form, inputs)


@pytest.fixture
def registered():
    """Registrations of a test are forgotten after it."""
    before = dict(filters._REGISTERED)
    yield register_filter_axes
    filters._REGISTERED.clear()
    filters._REGISTERED.update(before)


def test_registered_axes_number_the_filters_of_a_layer_and_of_its_subclasses(registered):
    class Special(Mixing):
        pass

    registered(Mixing, "form", (-3,))
    for layer in (Mixing(), Special()):
        model = model_of(layer, (3,))
        [direction] = filter_normalised_direction(model, 0)
        norms = [np.linalg.norm(part.reshape(2, -1), axis=1) for part in (direction, model.get_weights()[0])]
        np.testing.assert_allclose(*norms, rtol=1e-5)


def test_registered_axes_that_a_parameter_does_not_have_are_named(registered):
    registered(Mixing, "form", (-4,))
    with pytest.raises(InputError, match=r"without the axes \(-4,\) that are registered for it"):
        norm_axes(model_of(Mixing(), (3,)))


@pytest.mark.parametrize("axes", [(), (0,), (-1, -1), "-1", (True,), (-1.0,)])
def test_axes_that_are_not_counted_from_the_end_are_refused(axes):
    with pytest.raises(InputError, match="`axes` must be different negative integers"):
        register_filter_axes(Mixing, "form", axes)


def test_what_is_no_layer_cannot_be_registered():
    with pytest.raises(InputError, match="`layer` must be a class of Keras layers"):
        register_filter_axes(dict, "form", (-1,))


def test_a_frozen_layer_is_left_out():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])
    model.layers[0].trainable = False
    assert [d.shape for d in filter_normalised_direction(model, 0)] == [(3, 2), (2,)]


def test_layers_normalised_as_a_whole_need_no_known_filters():
    class Bilinear(L.Layer):
        def build(self, input_shape):
            self.form = self.add_weight(shape=(3, 4), name="form")

        def call(self, inputs):
            return inputs @ self.form

    assert norm_axes(model_of(Bilinear(), (3,)), by_filter=False) == [(0, 1)]


def two_branches():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3, name="deep")], name="inner")
    inputs = keras.Input((4,))
    outputs = L.LayerNormalization(name="norm")(L.Dense(2, name="top")(inner(inputs)))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "layers,moved",
    [
        (["top"], [False, False, True, False, False, False]),
        (["deep"], [True, False, False, False, False, False]),
        (["inner"], [True, False, False, False, False, False]),
        ("top", [False, False, True, False, False, False]),
        (["top", "inner"], [True, False, True, False, False, False]),
    ],
)
def test_directions_can_be_limited_to_named_layers_and_to_what_is_inside_them(layers, moved):
    assert [axes is not None for axes in norm_axes(two_branches(), layers=layers)] == moved


def test_biases_and_normalisation_parameters_are_moved_as_whole_vectors_on_request():
    axes = norm_axes(two_branches(), biases=True)
    assert axes == [(0,), (0,), (0,), (0,), (0,), (0,)]


def test_an_unknown_layer_is_refused_with_the_names_of_the_known_ones():
    with pytest.raises(InputError, match=r"Received: \['tip'\]; known are inner, deep, top, norm"):
        norm_axes(two_branches(), layers=["top", "tip"])


def test_a_named_layer_that_would_not_move_is_refused():
    with pytest.raises(InputError, match="Layer 'norm' has only biases, normalisation.*biases=True"):
        norm_axes(two_branches(), layers=["top", "norm"])


def test_an_unknown_kernel_outside_the_named_layers_is_no_obstacle():
    class Bilinear(L.Layer):
        def build(self, input_shape):
            self.form = self.add_weight(shape=(3, 3), name="form")

        def call(self, inputs):
            return inputs @ self.form

    inputs = keras.Input((6, 6, 3))
    model = keras.Model(inputs, L.Conv2D(2, 3, name="last")(Bilinear()(inputs)))
    with pytest.raises(InputError, match="Bilinear"):
        norm_axes(model)
    assert norm_axes(model, layers=["last"])[-2:] == [(0, 1, 2), None]
