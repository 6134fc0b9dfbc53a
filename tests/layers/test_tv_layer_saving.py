import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVReLU, TVSigmoid, TVSoftmax

EVERY_LAYER = pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid, TVReLU])
OPTIONS = {
    "tv_weight": 0.4,
    "iterations": 4,
    "gradient": "jacobian-free",
    "isotropic": False,
    "step": 2.0,
    "per_class": True,
    "method": "preconditioned-fista",
    "inference_iterations": 13,
    "tolerance": 1e-3,
    "backward_iterations": 3,
    "edge_contrast": 0.2,
    "voxel_size": (2.0, 1.0),
    "return_gap": True,
}


def model_with(layer):
    images, guide = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    logits = keras.layers.Conv2D(3, 3, padding="same")(images)
    return keras.Model([images, guide], layer(logits, guide=guide))


@pytest.fixture
def inputs(rng):
    return [rng.standard_normal((2, 9, 7, channels)).astype(np.float32) for channels in (2, 1)]


@EVERY_LAYER
def test_keras_file_predicts_the_same(tmp_path, inputs, layer_class):
    model = model_with(layer_class(**OPTIONS))
    model.layers[-1].raw_tv_weight.assign([-1.0, 0.0, 1.0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for ours, expected in zip(loaded(inputs), model(inputs), strict=True):
        np.testing.assert_array_equal(ours, expected)


@EVERY_LAYER
def test_keras_file_keeps_every_option(tmp_path, layer_class):
    model = model_with(layer_class(**OPTIONS))
    model.save(tmp_path / "model.keras")
    config = keras.models.load_model(tmp_path / "model.keras").layers[-1].get_config()
    assert {name: config[name] for name in OPTIONS} == OPTIONS


@EVERY_LAYER
@pytest.mark.parametrize("return_gap", [True, False])
def test_saved_model_predicts_the_same_at_any_size(tmp_path, inputs, layer_class, return_gap):
    layer = layer_class(0.4, inference_iterations=6, return_gap=return_gap)
    model = model_with(layer)
    signature = [tf.TensorSpec((None, None, None, channels)) for channels in (2, 1)]
    module = tf.Module()
    module.serve = tf.function(
        lambda images, guide: model([images, guide], training=False), input_signature=signature
    )
    module.variables_of_model = model.variables
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)  # its variables live as long as it does
    served = loaded.serve(*inputs)
    for ours, expected in zip(tf.nest.flatten(served), tf.nest.flatten(model(inputs)), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def compiled_nodes(layer, training):
    """Return the attributes by which XLA would be needed, of all functions of the layer's graph."""
    call = tf.function(lambda logits: layer(logits, training=training), autograph=False)
    graph = call.get_concrete_function(tf.TensorSpec((None, None, None, 3))).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    marked = [*nodes, *graph.library.function]
    return [item for item in marked if "_XlaMustCompile" in item.attr and item.attr["_XlaMustCompile"].b]


@EVERY_LAYER
@pytest.mark.parametrize("gradient", ["implicit", "one-step"])
def test_automatic_inference_graph_needs_no_xla(layer_class, gradient):
    assert compiled_nodes(layer_class(gradient=gradient), training=False) == []


@EVERY_LAYER
def test_automatic_training_graph_uses_xla(layer_class):
    assert compiled_nodes(layer_class(), training=True)


@pytest.mark.parametrize("training", [True, False])
def test_graph_that_may_not_compile_needs_no_xla(training):
    assert compiled_nodes(TVSoftmax(jit_compile=False), training) == []
