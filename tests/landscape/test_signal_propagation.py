"""Activations, gradients and Jacobians layer by layer, against theory and against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape import save_signals_png, signal_propagation
from tfapp.landscape.figures.signal_figures import signal_table
from tfapp.reproduce.lecture.signal import perceptron

L = keras.layers


def inputs_of(width, samples=8, seed=0):
    return np.random.default_rng(seed).standard_normal((samples, width)).astype(np.float32)


def signal_through(case, depth, width=256, training=False):
    return signal_propagation(perceptron(case, depth, 0, width), inputs_of(width), training=training)


def test_orthogonal_weights_with_relu_halve_the_square_of_the_length_in_each_layer():
    signal = signal_through("orthogonal", 8, width=1024)
    relus = [layer for layer in signal.layers if layer.kind == "ReLU"]
    for depth, layer in enumerate(relus, 1):
        assert layer.activation / signal.input_rms == pytest.approx(2 ** (-depth / 2), rel=0.1)
        assert layer.gain == pytest.approx(2 ** (-depth / 2), rel=0.1)
        assert layer.gradient / relus[-1].gradient == pytest.approx(2 ** (-(8 - depth) / 2), rel=0.1)


def test_large_weights_explode_by_the_root_of_half_their_number():
    signal = signal_through("large", 10)
    for name in ("activation", "gradient", "gain"):
        assert signal.rate(name) == pytest.approx(np.sqrt(256 / 2), rel=0.05)
    assert any("explode at" in sentence for sentence in signal.sentences())


def test_weights_of_he_keep_the_signal():
    signal = signal_through("He", 20)
    for name in ("activation", "gradient", "gain"):
        assert signal.rate(name) == pytest.approx(1, abs=0.05)
    assert signal.sentences() == ["The signal is neither lost nor does it explode."]


def test_batch_normalisation_keeps_activations_and_lets_gradients_grow_by_little_whatever_the_weights():
    signal = signal_through("large, batch normalised", 20, training=True)
    assert signal.rate("activation") == pytest.approx(1, abs=0.02)
    # sqrt(pi / (pi - 1)) = 1.21 in wide networks with large batches: Yang et al. (2019).
    assert 1 < signal.rate("gradient") < 1.5
    assert signal.sentences() == ["The signal is neither lost nor does it explode."]


def test_small_weights_die_and_the_layer_is_named():
    signal = signal_through("small", 10)
    [forwards, backwards] = signal.sentences()
    assert forwards.startswith("The activations die at ") and backwards.startswith(
        "Going backwards, the gradients die"
    )


def test_units_that_are_0_for_every_sample_are_told():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="first"), L.ReLU(name="dead"), L.Dense(2)])
    model.layers[0].set_weights([np.zeros((4, 3)), -np.ones(3)])
    # Of nothing a layer without a bias makes nothing.
    model.layers[2].bias.assign([0, 0])
    signal = signal_propagation(model, inputs_of(4))
    assert [layer.silent for layer in signal.layers] == [0, 1, 1]
    assert signal.sentences()[-1].startswith("Every unit of dead is 0 for every sample")


def network():
    keras.utils.set_random_seed(1)
    layers = [L.Dense(5, "tanh", name="one"), L.Dense(4, "tanh", name="two"), L.Dense(3, name="three")]
    return keras.Sequential([keras.Input((6,)), *layers])


def by_hand(model, x):
    """Return outputs, and Jacobians from the input, of the three layers, in float64."""
    h, jacobian, outputs, jacobians = np.float64(x), np.eye(x.shape[1])[None], [], []
    for layer in model.layers:
        kernel, bias = map(np.float64, layer.get_weights())
        h = h @ kernel + bias
        slope = np.ones_like(h)
        if layer.name != "three":
            h = np.tanh(h)
            slope = 1 - h**2
        jacobian = (jacobian @ kernel) * slope[:, None, :]
        outputs.append(h)
        jacobians.append(np.broadcast_to(jacobian, (len(x), *jacobian.shape[1:])))
    return outputs, jacobians


def test_singular_values_are_those_of_the_jacobian_of_the_first_sample():
    model, x = network(), inputs_of(6)
    signal = signal_propagation(model, x)
    _, jacobians = by_hand(model, x)
    for layer, jacobian in zip(signal.layers, jacobians, strict=True):
        np.testing.assert_allclose(layer.singular_values, np.linalg.svd(jacobian[0])[1], rtol=1e-4, atol=1e-6)


def test_gain_is_the_root_mean_square_of_the_singular_values_over_the_inputs():
    model, x = network(), inputs_of(6, samples=16)
    signal = signal_propagation(model, x, probes=400)
    _, jacobians = by_hand(model, x)
    for layer, jacobian in zip(signal.layers, jacobians, strict=True):
        expected = np.sqrt(np.mean(np.sum(jacobian**2, axis=(1, 2)) / 6))
        assert layer.gain == pytest.approx(expected, rel=0.03)


def test_gradients_are_those_of_the_loss_of_each_sample():
    model, x = network(), inputs_of(6)
    y = np.random.default_rng(1).standard_normal((8, 3)).astype(np.float32)
    model.compile("sgd", "mse")
    signal = signal_propagation(model, x, y)
    outputs, jacobians = by_hand(model, x)
    of_output = 2 * (outputs[-1] - y) / 3
    assert signal.layers[-1].gradient == pytest.approx(np.sqrt(np.mean(np.sum(of_output**2, 1))), rel=1e-4)
    kernel = np.float64(model.get_layer("three").kernel)
    at_two = of_output @ kernel.T
    assert signal.layers[1].gradient == pytest.approx(np.sqrt(np.mean(np.sum(at_two**2, 1))), rel=1e-4)
    of_weights = outputs[1].T @ of_output / 8
    of_bias = of_output.mean(0)
    expected = np.sqrt(np.sum(of_weights**2) + np.sum(of_bias**2))
    assert signal.layers[-1].parameters == pytest.approx(expected, rel=1e-4)


def test_gradients_of_a_summed_loss_are_those_of_each_sample_too():
    x, y = inputs_of(6), np.zeros((8, 3), np.float32)
    found = []
    for reduction in ("sum_over_batch_size", "sum"):
        model = network()
        model.compile("sgd", keras.losses.MeanSquaredError(reduction=reduction))
        found.append(signal_propagation(model, x, y).layers[0].gradient)
    mean, total = found
    assert total == pytest.approx(mean, rel=1e-4)


def test_output_without_a_loss_is_no_end_of_the_gradients():
    inputs = keras.Input((4,))
    shared = L.Dense(4, "tanh", name="shared")(inputs)
    model = keras.Model(inputs, [L.Dense(2, name="a")(shared), L.Dense(2, name="b")(shared)])
    model.compile("sgd", ["mse", None])
    signal = signal_propagation(model, inputs_of(4), [np.zeros((8, 2), np.float32), None])
    assert signal.sentences() == ["The signal is neither lost nor does it explode."]


def test_recurrent_layers_and_wrappers_are_followed_as_a_whole():
    layers = [
        L.LSTM(4, return_sequences=True, name="lstm"),
        L.TimeDistributed(L.Dense(3), name="steps"),
        L.GRU(2, name="gru"),
    ]
    model = keras.Sequential([keras.Input((5, 3)), *layers])
    x = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    signal = signal_propagation(model, x)
    assert [(layer.name, layer.depth) for layer in signal.layers] == [("lstm", 1), ("steps", 2), ("gru", 3)]


def test_input_of_zeros_is_no_error():
    signal = signal_propagation(network(), np.zeros((2, 6), np.float32))
    assert signal.input_rms == 0 and signal.sentences()


def test_layers_within_models_and_layers_called_twice_are_followed():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, "relu", name="shared")], name="inner")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L.Dense(2, name="top")(inner(inner(inputs))))
    assert [layer.name for layer in signal_propagation(model, inputs_of(4)).layers] == [
        "shared",
        "shared #2",
        "top",
    ]


def test_model_of_a_class_of_its_own_is_followed():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = L.Dense(4, "relu", name="one"), L.Dense(2, name="two")

        def call(self, x):
            return self.two(self.one(x))

    model = Own()
    model(inputs_of(3))
    assert [layer.name for layer in signal_propagation(model, inputs_of(3)).layers] == ["one", "two"]


def test_model_is_as_it_was():
    model = keras.Sequential([keras.Input((4,)), L.BatchNormalization(), L.Dropout(0.5), L.Dense(2)])
    before = [np.array(variable) for variable in model.variables]
    calls = [layer.call for layer in model.layers]
    signal_propagation(model, inputs_of(4), training=True)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    assert [layer.call for layer in model.layers] == calls


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": np.zeros((0, 6), np.float32)}, "at least one sample. Received: none"),
        ({"x": np.zeros((2, 6), np.int32)}, "samples of floating-point numbers.* Received: int32"),
        ({"x": {"a": inputs_of(6)}}, "a model with one input"),
        ({"x": inputs_of(6), "y": inputs_of(3)}, "Targets need a loss: compile"),
        ({"x": inputs_of(6), "seed": -1}, "`seed` must be an integer of at least 0"),
        ({"x": inputs_of(6), "probes": 0}, "`probes` must be an integer of at least 1"),
    ],
)
def test_bad_input_is_told(arguments, words):
    with pytest.raises(InputError, match=words):
        signal_propagation(network(), **arguments)


def test_model_without_a_gradient_is_told():
    class Constant(keras.Model):
        def __init__(self):
            super().__init__()
            self.one = L.Dense(4, name="one")

        def call(self, x):
            return tf.stop_gradient(self.one(x))

    model = Constant()
    model(inputs_of(4))
    with pytest.raises(
        InputError, match="that depends on the layers by a gradient. Received: none of 1 layers"
    ):
        signal_propagation(model, inputs_of(4))


def test_picture_and_table_have_every_layer(tmp_path):
    signal = signal_propagation(network(), inputs_of(6))
    save_signals_png({"a": signal, "b": signal}, tmp_path / "signal.png", "two")
    assert (tmp_path / "signal.png").stat().st_size > 1000
    assert [row[0] for row in signal_table(signal).rows] == ["one", "two", "three"]
