"""Options of layers that are set after construction take effect or are refused."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import (
    FeatureTransfer,
    HiddenPointRemoval,
    MaxPoolWithIndices,
    MaxUnpooling2D,
    PadToStride,
    Rotation,
    TVLayer,
    TVReLU,
    TVSigmoid,
    TVSoftmax,
)

LOGITS = np.random.default_rng(0).normal(0, 2, (1, 8, 6, 3)).astype("float32")
HEADS = pytest.mark.parametrize("head", [TVSoftmax, TVSigmoid, TVReLU])
CHANGES = {
    "inference_iterations": 3,
    "isotropic": False,
    "tolerance": 1e-2,
    "method": "projected-gradient",
    "voxel_size": (2.0, 1.0),
}
EACH_CHANGE = pytest.mark.parametrize("name", CHANGES)


def predicted(layer):
    model = keras.Sequential([keras.Input(LOGITS.shape[1:]), layer])
    model.predict(LOGITS, verbose=0)
    return model


@HEADS
def test_tv_weight_set_after_a_trace_is_that_of_the_layer_its_config_and_its_clone(head):
    layer = head(0.1)
    model, right = predicted(layer), head(5.0)(LOGITS)
    layer.tv_weight = 5.0
    np.testing.assert_allclose(model.predict(LOGITS, verbose=0), right, atol=1e-5)
    np.testing.assert_allclose(keras.models.clone_model(model).predict(LOGITS, verbose=0), right, atol=1e-5)
    assert layer.get_config()["tv_weight"] == 5.0


def test_tv_weight_set_to_what_it_began_with_undoes_what_was_learned():
    layer = TVSoftmax(2.0)
    layer(LOGITS)
    layer.raw_tv_weight.assign(0.0)
    layer.tv_weight = 2.0
    assert float(layer.current_tv_weight()) == pytest.approx(2.0)


@pytest.mark.parametrize("learned", [True, False])
def test_tv_weights_of_classes_are_those_of_a_call(learned):
    weights = [0.5, 1.0, 4.0]
    layer = TVSoftmax(weights, learn_tv_weight=learned, per_class=True)
    np.testing.assert_allclose(layer(LOGITS), TVSoftmax()(LOGITS, tv_weight=weights), atol=1e-5)


def test_tv_weights_of_classes_may_be_set_and_cloned():
    layer = TVSoftmax(per_class=True)
    layer(LOGITS)
    layer.tv_weight = [0.5, 1.0, 4.0]
    np.testing.assert_allclose(layer.current_tv_weight(), [0.5, 1.0, 4.0], rtol=1e-6)
    np.testing.assert_array_equal(TVSoftmax.from_config(layer.get_config())(LOGITS), layer(LOGITS))


@pytest.mark.parametrize(
    "value, message",
    [(0.0, "finite number > 0"), (np.nan, "finite number > 0"), ([1.0, 2.0], "each of the 3 classes")],
)
def test_tv_weight_that_does_not_fit_is_refused_and_nothing_changes(value, message):
    layer = TVSoftmax(2.0, per_class=True)
    layer(LOGITS)
    with pytest.raises(ValueError, match=message):
        layer.tv_weight = value
    assert layer.tv_weight == 2.0
    np.testing.assert_allclose(layer.current_tv_weight(), 2.0)


@EACH_CHANGE
def test_option_set_before_a_trace_holds(name):
    layer = TVSoftmax(1.0)
    layer(LOGITS)
    setattr(layer, name, CHANGES[name])
    right = TVSoftmax(1.0, **{name: CHANGES[name]})(LOGITS)
    np.testing.assert_allclose(predicted(layer).predict(LOGITS, verbose=0), right, atol=1e-5)


@EACH_CHANGE
def test_option_set_after_a_trace_is_refused(name):
    layer = TVSoftmax(1.0)
    predicted(layer)
    before = layer.get_config()
    with pytest.raises(ValueError, match=f"`{name}` of the layer .* once a graph was traced with it"):
        setattr(layer, name, CHANGES[name])
    assert layer.get_config() == before


def test_fixed_tv_weight_set_after_a_trace_is_refused():
    layer = TVSoftmax(1.0, learn_tv_weight=False)
    predicted(layer)
    with pytest.raises(ValueError, match="once a graph was traced with it"):
        layer.tv_weight = 2.0


def test_option_set_after_keras_alone_asked_for_the_shape_is_taken():
    class Segmenter(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = TVSoftmax()

        def call(self, logits):
            return self.head(logits)

    model = Segmenter()
    model(keras.Input(LOGITS.shape[1:]))
    model.head.inference_iterations = 3
    np.testing.assert_allclose(
        model.predict(LOGITS, verbose=0), TVSoftmax(inference_iterations=3)(LOGITS), atol=1e-5
    )


CLOUD = np.random.default_rng(0).normal(size=(1, 9, 3)).astype("float32")


@pytest.mark.parametrize(
    "make, inputs, name, value",
    [
        (TVSoftmax, LOGITS, "per_class", True),
        (TVSoftmax, LOGITS, "learn_tv_weight", False),
        (TVSoftmax, LOGITS, "return_gap", True),
        (MaxPoolWithIndices, LOGITS, "pool_size", 3),
        (lambda: PadToStride(4), LOGITS, "stride", 8),
        (Rotation, np.ones((2, 4), "float32"), "representation", "ortho6d"),
        (HiddenPointRemoval, CLOUD, "backend", "z-buffer"),
        (lambda: FeatureTransfer(4, 2), np.ones((2, 5), "float32"), "clusters", 3),
    ],
)
def test_option_that_a_built_layer_is_made_of_is_refused(make, inputs, name, value):
    layer = make()
    layer(inputs)
    with pytest.raises(ValueError, match=f"`{name}` of the layer .* once the layer is built"):
        setattr(layer, name, value)


@pytest.mark.parametrize(
    "layer, name, value",
    [
        (TVSoftmax(), "iterations", -1),
        (TVSoftmax(), "method", "newton"),
        (TVSoftmax(), "potential", "relu"),
        (MaxUnpooling2D(), "padding", "full"),
        (PadToStride(4), "stride", 0),
        (HiddenPointRemoval(), "splat", 4),
        (HiddenPointRemoval(), "exponent", 11),
    ],
)
def test_option_out_of_range_is_refused_when_it_is_set(layer, name, value):
    with pytest.raises(ValueError, match=f"Received: .*{name}="):
        setattr(layer, name, value)


def test_hulls_take_an_exponent_that_is_set_after_a_trace():
    layer = HiddenPointRemoval(0.5)
    graph = tf.function(layer, autograph=False)
    graph(CLOUD)
    layer.exponent = 5.0
    np.testing.assert_array_equal(graph(CLOUD), HiddenPointRemoval(5.0)(CLOUD))


def test_what_keras_owns_may_be_set_at_any_time():
    layer = TVSoftmax()
    model = predicted(layer)
    layer.trainable = False
    assert not model.trainable_variables


def test_options_that_version_0_1_did_not_have_have_their_defaults_told():
    parameters = inspect.signature(TVLayer.__init__).parameters
    assert TVLayer.LATER == {name: parameters[name].default for name in TVLayer.LATER}
