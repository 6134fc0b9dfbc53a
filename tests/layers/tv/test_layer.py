"""What the three layers share: options, errors, and how they hand their work to the solver."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVLayer, TVProblem, TVReLU, TVSigmoid, TVSoftmax, edge_weights
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

# Whether an option arrives does not take more.
FEW = {"iterations": 20, "inference_iterations": 20}


@pytest.fixture
def logits(scene):
    return tf.constant(scene((9, 7), batch=2), tf.float32)


@EVERY_LAYER
def test_output_is_the_gradient_of_the_potential_at_the_regularised_logits(logits, layer_class, solved):
    layer = layer_class(0.7, isotropic=False, inference_iterations=7)
    problem = TVProblem(layer_class.potential, False, iterations=7)
    expected = problem.phi.gradient(tf.transpose(solved(logits, 0.7, problem).logits, [3, 0, 1, 2]))
    np.testing.assert_allclose(layer(logits), tf.transpose(expected, [1, 2, 3, 0]), atol=1e-6)


# Where training is not about XLA it is left out, which would compile for seconds.
@EVERY_LAYER
def test_training_and_inference_do_their_own_numbers_of_iterations(logits, layer_class):
    layer = layer_class(iterations=3, inference_iterations=12, jit_compile=False)
    counts = [int(layer.regularise(logits, training=training).iterations) for training in (True, False, None)]
    assert counts == [3, 12, 12]


@EVERY_LAYER
def test_training_of_one_step_takes_the_papers_step(logits, layer_class):
    layer = layer_class(0.8, gradient="one-step", step=0.3)
    expected = regularise_one_step(logits, 0.8, TVProblem(layer_class.potential), 0.3).logits
    np.testing.assert_allclose(layer.regularised_logits(logits, training=True), expected, atol=1e-6)


@EVERY_LAYER
def test_inference_of_one_step_is_the_converged_form(logits, layer_class):
    one, implicit = (layer_class(gradient=kind, **FEW) for kind in ("one-step", "implicit"))
    np.testing.assert_array_equal(one(logits, training=False), implicit(logits, training=False))


@EVERY_LAYER
@pytest.mark.parametrize("size", [(1,), (9,), (1, 1), (1, 6), (5, 1), (33, 47), (3, 4, 5)])
def test_signals_images_and_volumes_of_any_size_keep_their_shape(layer_class, size):
    logits = tf.random.stateless_normal((1, *size, 4), seed=[0, 1])
    for gradient in ("implicit", "one-step"):
        layer = layer_class(gradient=gradient, iterations=2, inference_iterations=2, jit_compile=False)
        for training in (True, False):
            assert layer(logits, training=training).shape == (1, *size, 4)


def test_compiled_solver_gives_the_same_output(logits):
    outputs = [TVSoftmax(jit_compile=jit, **FEW)(logits) for jit in (True, False)]
    np.testing.assert_allclose(*outputs, atol=1e-5)


@pytest.mark.parametrize("method", ["preconditioned-fista", "projected-gradient"])
def test_method_and_tolerance_reach_the_solver(logits, method):
    layer = TVSoftmax(0.3, method=method, inference_iterations=5000, tolerance=1e-4, return_gap=True)
    solution = layer.regularise(logits)
    assert int(solution.iterations) < 2000 and np.max(solution.gap) <= 1e-4


@pytest.mark.parametrize("value", [1e-6, 0.3, 1.0, 50.0])
def test_softplus_starts_at_the_weight_asked_for(value):
    layer = TVSoftmax(value)
    layer.build((None, None, None, 3))
    assert float(layer.current_tv_weight()) == pytest.approx(value, rel=1e-5)


def test_fixed_weight_has_no_variable(logits):
    layer = TVSoftmax(0.5, learn_tv_weight=False, **FEW)
    layer(logits)
    assert layer.weights == [] and float(layer.current_tv_weight()) == 0.5


def test_per_class_has_one_weight_for_each_class(logits):
    layer = TVSoftmax(0.5, per_class=True, **FEW)
    layer(logits)
    assert layer.raw_tv_weight.shape == (3,)
    np.testing.assert_allclose(layer.current_tv_weight(), [0.5] * 3, rtol=1e-6)


def test_weights_per_class_act_on_their_class(logits):
    layer = TVSigmoid(0.5, per_class=True, **FEW)
    layer.build(logits.shape)
    layer.raw_tv_weight.assign([-100.0, 0.0, 3.0])
    for index, raw in enumerate([-100.0, 0.0, 3.0]):
        alone = TVSigmoid(**FEW)(logits[..., index : index + 1], tv_weight=tf.nn.softplus(raw))
        np.testing.assert_allclose(layer(logits)[..., index : index + 1], alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 9, 7, 1), (2, 9, 7, 3)])
def test_weight_given_to_the_call_takes_the_place_of_the_layers_own(logits, shape, solved, rng):
    weight = rng.uniform(0, 1, shape).astype(np.float32)
    expected = solved(logits, weight, TVProblem(iterations=20)).logits
    np.testing.assert_allclose(TVSoftmax(**FEW)(logits, tv_weight=weight), tf.nn.softmax(expected), atol=1e-5)


def test_guide_multiplies_lambda_by_its_edge_weights(logits, rng):
    guide = rng.uniform(0, 1, (2, 9, 7, 3)).astype(np.float32)
    expected = TVSoftmax(**FEW)(logits, tv_weight=0.8 * edge_weights(guide, 0.3))
    np.testing.assert_allclose(
        TVSoftmax(0.8, edge_contrast=0.3, **FEW)(logits, guide=guide), expected, atol=1e-6
    )


def test_guide_multiplies_the_weights_of_the_classes_too(logits, rng):
    guide = rng.uniform(0, 1, (2, 9, 7, 1)).astype(np.float32)
    per_class = np.float32([0.1, 0.5, 1.0])
    both = TVSoftmax(**FEW)(logits, guide=guide, tv_weight=per_class)
    np.testing.assert_allclose(
        both, TVSoftmax(**FEW)(logits, tv_weight=per_class * edge_weights(guide)), atol=1e-6
    )


def test_guide_of_a_volume_sees_the_voxel_size(scene, rng):
    logits, guide = (
        tf.cast(scene((3, 4, 5)), tf.float32),
        rng.uniform(0, 1, (1, 3, 4, 5, 1)).astype(np.float32),
    )
    layer = TVSoftmax(0.5, voxel_size=(3, 1, 1), **FEW)
    expected = layer(logits, tv_weight=0.5 * edge_weights(guide, 0.1, (3, 1, 1)))
    np.testing.assert_allclose(layer(logits, guide=guide), expected, atol=1e-6)


@pytest.mark.slow
def test_voxel_size_weighs_the_axes(logits):
    # Differences over a thousand units cost nothing: every row is a signal of its own.
    rows = TVSoftmax(0.5, voxel_size=(1000, 1))(logits)
    signals = TVSoftmax(0.5)(tf.reshape(logits, (18, 7, 3)))
    np.testing.assert_allclose(rows, tf.reshape(signals, (2, 9, 7, 3)), atol=0.02)
    assert np.max(np.abs(rows - TVSoftmax(0.5)(logits))) > 0.1


@EVERY_LAYER
@pytest.mark.parametrize("training", [True, False])
def test_gap_comes_second_with_one_number_for_each_sample(logits, layer_class, training):
    layer = layer_class(return_gap=True, jit_compile=False, **FEW)
    output, gap = layer(logits, training=training)
    np.testing.assert_array_equal(output, layer_class(jit_compile=False, **FEW)(logits, training=training))
    np.testing.assert_array_equal(gap, layer.regularise(logits, training=training).gap)
    assert gap.shape == (2,)


@EVERY_LAYER
@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_float16", "mixed_bfloat16"])
def test_symbolic_output_has_the_types_of_the_real_one(logits, layer_class, policy):
    layer = layer_class(dtype=policy, return_gap=True, inference_iterations=2)
    given = tf.cast(logits, layer.compute_dtype)
    symbolic = layer(keras.Input((None, None, 3), dtype=layer.compute_dtype))
    for ours, real in zip(tf.nest.flatten(symbolic), tf.nest.flatten(layer(given)), strict=True):
        assert ours.dtype == real.dtype.name


@pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_probabilities_of_mixed_precision_are_those_of_float32(logits, layer_class, policy):
    layer = layer_class(0.7, dtype=policy, **FEW)
    rounded = tf.cast(logits, layer.compute_dtype)
    np.testing.assert_array_equal(layer(rounded), layer_class(0.7, **FEW)(tf.cast(rounded, tf.float32)))


@EVERY_LAYER
def test_start_from_a_solution_saves_iterations(logits, layer_class):
    layer = layer_class(0.3, inference_iterations=2000, tolerance=1e-4)
    cold = layer.regularise(logits)
    assert int(layer.regularise(logits, start=cold.dual).iterations) <= 10 < int(cold.iterations)


def test_configuration_holds_what_was_given():
    config = TVSoftmax(**NOT_DEFAULT).get_config()
    assert {name: config[name] for name in NOT_DEFAULT} == NOT_DEFAULT


LEARNED = r"\(0 is allowed with `learn_tv_weight=False`\)"


@EVERY_LAYER
def test_options_of_all_layers_are_checked_by_their_base(layer_class):
    assert layer_class.__init__ is TVLayer.__init__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tv_weight": 0.0}, rf"`tv_weight` must be a finite number > 0 {LEARNED}. Received: tv_weight=0.0"),
        ({"tv_weight": float("nan")}, "`tv_weight` must be .* Received: tv_weight=nan"),
        ({"tv_weight": float("inf")}, "`tv_weight` must be .* Received: tv_weight=inf"),
        ({"tv_weight": -1.0, "learn_tv_weight": False}, "`tv_weight` must be .* Received: tv_weight=-1.0"),
        ({"iterations": 0}, "`iterations` must be a positive integer. Received: iterations=0"),
        ({"iterations": 2.5}, "`iterations` must be a positive integer. Received: iterations=2.5"),
        ({"inference_iterations": 0}, "`inference_iterations` must be a positive integer. Received: .*=0"),
        ({"backward_iterations": 0}, "`backward_iterations` must be a positive integer. Received: .*=0"),
        ({"gradient": "magic"}, "`gradient` must be one of .*'one-step'.* Received: gradient='magic'"),
        ({"method": "newton"}, "`method` must be one of .*'fista'.* Received: method='newton'"),
        ({"jit_compile": "yes"}, "`jit_compile` must be one of .* Received: jit_compile='yes'"),
        ({"step": 0.0}, "`step` must be a finite number > 0. Received: step=0.0"),
        ({"step": float("nan")}, "`step` must be a finite number > 0. Received: step=nan"),
        ({"edge_contrast": 0.0}, "`edge_contrast` must be a finite number > 0. Received: edge_contrast=0.0"),
        ({"tolerance": 0.0}, "`tolerance` must be a finite number > 0 or None. Received: tolerance=0.0"),
        ({"tolerance": float("nan")}, "`tolerance` must be .* Received: tolerance=nan"),
        ({"voxel_size": (1.0, 0.0)}, r"`voxel_size` must be finite numbers > 0. Received: .*\(1.0, 0.0\)"),
        ({"voxel_size": (1.0, np.inf)}, r"`voxel_size` must be finite numbers > 0. Received: .*\(1.0, inf\)"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TVSoftmax(**options)


def test_weight_zero_is_allowed_if_it_is_not_learned():
    assert TVSoftmax(0.0, learn_tv_weight=False).tv_weight == 0.0


@EVERY_LAYER
@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 2, 2, 2, 3)])
def test_input_without_spatial_axes_or_with_four_is_refused(layer_class, shape):
    message = (
        rf"{layer_class.__name__} expects logits .* 1 to 3 spatial axes. Received: input_shape=\({shape[0]}"
    )
    with pytest.raises(ValueError, match=message):
        layer_class()(tf.zeros(shape))


def test_softmax_of_one_class_is_refused():
    with pytest.raises(
        ValueError, match=r"TVSoftmax needs at least 2 classes .*\(TVSigmoid takes one\). Received"
    ):
        TVSoftmax()(tf.zeros((2, 9, 7, 1)))


@EVERY_LAYER
def test_unknown_number_of_classes_is_refused(layer_class):
    with pytest.raises(ValueError, match=f"{layer_class.__name__} needs at least . classes"):
        layer_class()(keras.Input((None, None, None)))


@pytest.mark.parametrize("shape", [(1, 9, 3), (1, 3, 4, 5, 3)])
def test_voxel_size_for_another_number_of_axes_is_refused(shape):
    message = rf"`voxel_size` must have one number for each of the {len(shape) - 2} spatial axes. Received: "
    with pytest.raises(ValueError, match=message):
        TVSoftmax(voxel_size=(1.0, 1.0))(tf.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 4, 6, 1), (1, 6, 4), (1, 4)])
def test_guide_of_another_size_is_refused(shape):
    message = r"`guide` must be an image of the size of the logits. Received: guide.shape=\(1, .*logits.shape=\(1, 6, 4"
    with pytest.raises(ValueError, match=message):
        TVSoftmax()(tf.zeros((1, 6, 4, 3)), guide=tf.zeros(shape))


@pytest.mark.parametrize(
    ("guide", "found"),
    [
        (np.float32([[0, 255], [3, 100]]), "numbers from 0 to 255"),
        (np.uint8([[0, 255], [3, 100]]), r"whole numbers \(uint8\)"),
        (np.float32([[0, 65535], [3, 100]]), "numbers from 0 to 65535"),
    ],
)
def test_guide_that_switches_the_regularisation_off_is_told(guide, found):
    layer, logits = TVSoftmax(**FEW), tf.zeros((1, 2, 2, 3))
    with pytest.warns(UserWarning, match=f"`guide` has {found} with edge_contrast=0.1, so that nearly every"):
        layer(logits, guide=guide[None, ..., None])


@pytest.mark.parametrize(("scale", "contrast"), [(1.0, 0.1), (255.0, 25.5), (8.0, 0.1)])
def test_guide_in_the_units_of_the_contrast_is_taken_without_a_word(rng, scale, contrast):
    guide = scale * rng.uniform(0, 1, (1, 4, 4, 1)).astype(np.float32)
    TVSoftmax(edge_contrast=contrast, **FEW)(tf.zeros((1, 4, 4, 3)), guide=guide)


@EVERY_LAYER
@pytest.mark.parametrize("dtype", ["int32", "int64", "complex64"])
def test_logits_of_another_type_are_one_sentence(layer_class, dtype):
    message = (
        f"{layer_class.__name__} needs logits of real numbers. Received: dtype={dtype}; cast them to float32"
    )
    with pytest.raises(ValueError, match=message):
        layer_class()(tf.zeros((1, 6, 4, 3), dtype))
    with pytest.raises(ValueError, match=message):
        layer_class()(keras.Input((6, 4, 3), dtype=dtype))


@EVERY_LAYER
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_counted_and_the_layer_is_named(layer_class, value):
    logits = np.zeros((1, 6, 4, 3), np.float32)
    logits[0, 2, 2] = value
    with pytest.raises(
        ValueError, match=f"{layer_class.__name__} needs finite logits. Received: 3 .* of 72 values"
    ):
        layer_class()(logits)


@EVERY_LAYER
def test_nan_logits_in_a_graph_come_out_as_nan(layer_class):
    layer = layer_class(inference_iterations=10_000_000, tolerance=1e-3)
    graph = tf.function(layer, autograph=False)
    assert np.isnan(graph(tf.fill((1, 6, 4, 3), np.float32(np.nan)))).any()


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_weights_below_zero_or_not_finite_are_refused(value):
    weight = np.ones((1, 6, 4, 1), np.float32)
    weight[0, 2, 2] = value
    with pytest.raises(
        ValueError, match="`tv_weight` must be finite and >= 0 everywhere. Received: smallest"
    ):
        TVSoftmax()(tf.zeros((1, 6, 4, 3)), tv_weight=weight)


@pytest.mark.parametrize("method", ["regularise", "regularised_logits"])
def test_symbolic_tensor_is_pointed_to_the_call(method):
    with pytest.raises(ValueError, match="In a functional model call the layer"):
        getattr(TVSoftmax(), method)(keras.Input((None, None, 3)))


def test_tolerance_out_of_reach_is_raised_with_a_warning():
    with pytest.warns(UserWarning, match="`tolerance`=1e-12 is below what float32 can reach; 1e-06 is used"):
        assert TVSoftmax(tolerance=1e-12).tolerance == 1e-6


def test_warning_about_the_tolerance_points_to_the_callers_line():
    with pytest.warns(UserWarning) as caught:
        TVSoftmax(tolerance=1e-12)
    assert caught[0].filename == __file__


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
