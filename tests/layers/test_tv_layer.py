import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVProblem, TVReLU, TVSigmoid, TVSoftmax, edge_weights
from tfapp.layers.tv.gradients import regularise_one_step

LAYERS = [TVSoftmax, TVSigmoid, TVReLU]
EVERY_LAYER = pytest.mark.parametrize("layer_class", LAYERS)
NOT_DEFAULT = {
    "tv_weight": 0.4,
    "learn_tv_weight": False,
    "iterations": 5,
    "gradient": "jacobian-free",
    "isotropic": False,
    "step": 2.0,
    "per_class": True,
    "method": "preconditioned-fista",
    "inference_iterations": 7,
    "tolerance": 1e-3,
    "backward_iterations": 3,
    "edge_contrast": 0.2,
    "voxel_size": (2.0, 1.0),
    "jit_compile": False,
    "return_gap": True,
}


@pytest.fixture
def logits(scene):
    return tf.constant(scene((9, 7), batch=2), tf.float32)


@EVERY_LAYER
def test_output_is_the_link_of_the_regularised_logits(logits, layer_class, solved):
    layer = layer_class(0.7, isotropic=False, inference_iterations=7)
    problem = TVProblem(layer_class.link, False, iterations=7)
    expected = problem.phi.value(tf.transpose(solved(logits, 0.7, problem).logits, [3, 0, 1, 2]))
    np.testing.assert_allclose(layer(logits), tf.transpose(expected, [1, 2, 3, 0]), atol=1e-6)


@EVERY_LAYER
def test_training_and_inference_do_their_own_numbers_of_iterations(logits, layer_class):
    layer = layer_class(iterations=3, inference_iterations=12)
    counts = [int(layer.regularise(logits, training=training).iterations) for training in (True, False, None)]
    assert counts == [3, 12, 12]


@EVERY_LAYER
def test_training_of_one_step_takes_the_papers_step(logits, layer_class):
    layer = layer_class(0.8, gradient="one-step", step=0.3)
    expected = regularise_one_step(logits, 0.8, TVProblem(layer_class.link), 0.3).logits
    np.testing.assert_allclose(layer.regularised_logits(logits, training=True), expected, atol=1e-6)


@EVERY_LAYER
def test_inference_of_one_step_is_the_converged_form(logits, layer_class):
    one, implicit = layer_class(gradient="one-step"), layer_class()
    np.testing.assert_array_equal(one(logits, training=False), implicit(logits, training=False))


@EVERY_LAYER
def test_compiled_solver_gives_the_same_output(logits, layer_class):
    outputs = [layer_class(jit_compile=jit)(logits) for jit in (True, False)]
    np.testing.assert_allclose(*outputs, atol=1e-5)


@pytest.mark.parametrize("method", ["preconditioned-fista", "projected-gradient"])
def test_method_and_tolerance_reach_the_solver(logits, method):
    layer = TVSoftmax(0.3, method=method, inference_iterations=5000, tolerance=1e-4, return_gap=True)
    solution = layer.regularise(logits)
    assert int(solution.iterations) < 2000 and np.max(solution.gap) <= 1e-4


@EVERY_LAYER
@pytest.mark.parametrize("size", [(1,), (9,), (1, 1), (1, 6), (5, 1), (33, 47), (3, 4, 5)])
def test_signals_images_and_volumes_of_any_size_keep_their_shape(layer_class, size):
    logits = tf.random.stateless_normal((1, *size, 4), seed=[0, 1])
    for gradient in ("implicit", "one-step"):
        layer = layer_class(gradient=gradient, iterations=3, inference_iterations=3, jit_compile=False)
        for training in (True, False):
            assert layer(logits, training=training).shape == (1, *size, 4)


@EVERY_LAYER
def test_graph_of_unknown_sizes_takes_any(layer_class):
    layer = layer_class(inference_iterations=3)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 3))], autograph=False)
    for shape in [(1, 8, 6, 3), (2, 5, 9, 3)]:
        logits = tf.random.stateless_normal(shape, seed=[0, 1])
        np.testing.assert_allclose(graph(logits), layer(logits), atol=1e-6)


@EVERY_LAYER
@pytest.mark.parametrize("value", [1e-6, 0.3, 1.0, 50.0])
def test_softplus_starts_at_the_weight_asked_for(layer_class, value):
    layer = layer_class(value)
    layer.build((None, None, None, 3))
    assert float(layer.current_tv_weight()) == pytest.approx(value, rel=1e-5)


def test_fixed_weight_has_no_variable(logits):
    layer = TVSoftmax(0.5, learn_tv_weight=False)
    layer(logits)
    assert layer.weights == [] and float(layer.current_tv_weight()) == 0.5


def test_per_class_has_one_weight_for_each_class(logits):
    layer = TVSoftmax(0.5, per_class=True)
    layer(logits)
    assert layer.raw_tv_weight.shape == (3,)
    np.testing.assert_allclose(layer.current_tv_weight(), [0.5] * 3, rtol=1e-6)


def test_weights_per_class_act_on_their_class(logits):
    layer = TVSigmoid(0.5, per_class=True)
    layer.build(logits.shape)
    layer.raw_tv_weight.assign([-100.0, 0.0, 3.0])
    for index, raw in enumerate([-100.0, 0.0, 3.0]):
        alone = TVSigmoid()(logits[..., index : index + 1], tv_weight=tf.nn.softplus(raw))
        np.testing.assert_allclose(layer(logits)[..., index : index + 1], alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 9, 7, 1), (2, 9, 7, 3)])
def test_weight_given_to_the_call_takes_the_place_of_the_layers_own(logits, shape, solved, rng):
    weight = rng.uniform(0, 1, shape).astype(np.float32)
    expected = solved(logits, weight, TVProblem(iterations=100)).logits
    np.testing.assert_allclose(TVSoftmax()(logits, tv_weight=weight), tf.nn.softmax(expected), atol=1e-5)


def test_guide_multiplies_lambda_by_its_edge_weights(logits, rng):
    guide = rng.uniform(0, 1, (2, 9, 7, 3)).astype(np.float32)
    expected = TVSoftmax()(logits, tv_weight=0.8 * edge_weights(guide, 0.3))
    np.testing.assert_allclose(TVSoftmax(0.8, edge_contrast=0.3)(logits, guide=guide), expected, atol=1e-6)


def test_guide_multiplies_the_weights_of_the_classes_too(logits, rng):
    guide = rng.uniform(0, 1, (2, 9, 7, 1)).astype(np.float32)
    per_class = np.float32([0.1, 0.5, 1.0])
    both = TVSoftmax()(logits, guide=guide, tv_weight=per_class)
    np.testing.assert_allclose(
        both, TVSoftmax()(logits, tv_weight=per_class * edge_weights(guide)), atol=1e-6
    )


def test_guide_of_a_volume_sees_the_voxel_size(scene, rng):
    logits, guide = (
        tf.cast(scene((3, 4, 5)), tf.float32),
        rng.uniform(0, 1, (1, 3, 4, 5, 1)).astype(np.float32),
    )
    layer = TVSoftmax(0.5, voxel_size=(3, 1, 1))
    expected = layer(logits, tv_weight=0.5 * edge_weights(guide, 0.1, (3, 1, 1)))
    np.testing.assert_allclose(layer(logits, guide=guide), expected, atol=1e-6)


def test_voxel_size_weighs_the_axes(logits):
    # Differences over a thousand units cost nothing: every row is a signal of its own.
    rows = TVSoftmax(0.5, voxel_size=(1000, 1))(logits)
    signals = TVSoftmax(0.5)(tf.reshape(logits, (18, 7, 3)))
    np.testing.assert_allclose(rows, tf.reshape(signals, (2, 9, 7, 3)), atol=0.02)
    assert np.max(np.abs(rows - TVSoftmax(0.5)(logits))) > 0.1


@EVERY_LAYER
@pytest.mark.parametrize("training", [True, False])
def test_gap_comes_second_with_one_number_for_each_sample(logits, layer_class, training):
    layer = layer_class(return_gap=True)
    output, gap = layer(logits, training=training)
    np.testing.assert_array_equal(output, layer_class()(logits, training=training))
    np.testing.assert_array_equal(gap, layer.regularise(logits, training=training).gap)
    assert gap.shape == (2,)


@EVERY_LAYER
@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("return_gap", [True, False])
def test_symbolic_output_has_the_shapes_and_types_of_the_real_one(logits, layer_class, policy, return_gap):
    layer = layer_class(dtype=policy, return_gap=return_gap, inference_iterations=2)
    given = tf.cast(logits, layer.compute_dtype)
    symbolic = layer(keras.Input((None, None, 3), dtype=layer.compute_dtype))
    for ours, real in zip(tf.nest.flatten(symbolic), tf.nest.flatten(layer(given)), strict=True):
        assert ours.dtype == real.dtype.name
        assert tf.TensorShape(ours.shape).is_compatible_with(real.shape)


@pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_probabilities_of_mixed_precision_are_those_of_float32(logits, layer_class, policy):
    layer = layer_class(0.7, dtype=policy)
    rounded = tf.cast(logits, layer.compute_dtype)
    np.testing.assert_array_equal(layer(rounded), layer_class(0.7)(tf.cast(rounded, tf.float32)))


@EVERY_LAYER
def test_start_from_a_solution_saves_iterations(logits, layer_class):
    layer = layer_class(0.3, inference_iterations=2000, tolerance=1e-4)
    cold = layer.regularise(logits)
    assert int(layer.regularise(logits, start=cold.dual).iterations) <= 10 < int(cold.iterations)


@EVERY_LAYER
def test_configuration_survives_a_round_trip(layer_class):
    layer = layer_class(**NOT_DEFAULT, name="head")
    assert layer_class.from_config(layer.get_config()).get_config() == layer.get_config()


def test_configuration_holds_what_was_given():
    config = TVSoftmax(**NOT_DEFAULT).get_config()
    assert {name: config[name] for name in NOT_DEFAULT} == NOT_DEFAULT
