import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVReLU, TVSigmoid, TVSoftmax

EVERY_LAYER = pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid, TVReLU])
LEARNED = r"\(0 is allowed with `learn_tv_weight=False`\)"


@EVERY_LAYER
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
def test_bad_options_are_named(layer_class, options, message):
    with pytest.raises(ValueError, match=message):
        layer_class(**options)


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


@EVERY_LAYER
@pytest.mark.parametrize("shape", [(1, 9, 3), (1, 3, 4, 5, 3)])
def test_voxel_size_for_another_number_of_axes_is_refused(layer_class, shape):
    message = rf"`voxel_size` must have one number for each of the {len(shape) - 2} spatial axes. Received: "
    with pytest.raises(ValueError, match=message):
        layer_class(voxel_size=(1.0, 1.0))(tf.zeros(shape))


@EVERY_LAYER
@pytest.mark.parametrize("shape", [(1, 4, 6, 1), (1, 6, 4), (1, 4)])
def test_guide_of_another_size_is_refused(layer_class, shape):
    message = r"`guide` must be an image of the size of the logits. Received: guide.shape=\(1, .*logits.shape=\(1, 6, 4"
    with pytest.raises(ValueError, match=message):
        layer_class()(tf.zeros((1, 6, 4, 3)), guide=tf.zeros(shape))


@EVERY_LAYER
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
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


@EVERY_LAYER
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_weights_below_zero_or_not_finite_are_refused(layer_class, value):
    weight = np.ones((1, 6, 4, 1), np.float32)
    weight[0, 2, 2] = value
    with pytest.raises(
        ValueError, match="`tv_weight` must be finite and >= 0 everywhere. Received: smallest"
    ):
        layer_class()(tf.zeros((1, 6, 4, 3)), tv_weight=weight)


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
