"""What is asked of every layer alike: Keras's own checks, files, graphs of unknown sizes, XLA."""

import importlib
import pkgutil
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_checks import run_layer_test
from scipy.spatial.transform import Rotation as SciPyRotation

import tfapp.layers
from tfapp.layers import (
    CropLike,
    FeatureTransfer,
    HiddenPointRemoval,
    LinearOperator,
    MaxPoolWithIndices,
    MaxUnpooling2D,
    PadToStride,
    RigidTransform,
    RoIAlign,
    RoIPool,
    Rotation,
    SecondDifferences,
    SoftThresholdDynamics,
    TVActivation,
    TVLayer,
    TVReLU,
    TVSigmoid,
    TVSoftmax,
)
from tfapp.layers.tv.attach import ProbabilityLogits

# No option as it is by default; few iterations, for none of this is about accuracy.
TV_OPTIONS = {
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
    "jit_compile": False,
}
OPEN_OPTIONS = {
    "tv_weight": 0.4,
    "iterations": 4,
    "inference_iterations": 13,
    "operator": SecondDifferences(0.5, (2.0, 1.0)),
    "huber": 0.1,
    "temperature": 0.7,
    "learn_temperature": True,
    "weight_form": "direct",
    "weight_rate": 0.1,
    "weight_bounds": (0.1, 5.0),
}
HPR_OPTIONS = {
    "exponent": 2.0,
    "camera": (0.3, -0.2, 0.1),
    "threads": 2,
    "pixels": 32,
    "splat": 1,
    "tolerance": 0.1,
}


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def uniform(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def images(n):
    return [normal(2, n + 2, n, 3)]


def logits_and_guide(n):
    return [normal(2, n + 2, n, 3), uniform(2, n + 2, n, 1)]


def pooled_and_indices(n):
    # All indices are in the image of the least size, 5 x 5 pixels of 2 channels.
    indices = np.random.default_rng(1).integers(0, 50, (2, n, n, 2))
    return [normal(2, n, n, 2), indices, normal(2, 2 * n - 1, 2 * n, 1)]


def poses(n):
    rotations = SciPyRotation.random(6, rng=np.random.default_rng(0)).as_matrix().astype(np.float32)
    signs = np.where(uniform(2, 3) < 0.5, -1, 1).astype(np.float32)
    return [normal(2, n, 3), rotations.reshape(2, 3, 3, 3), normal(2, 3, 3), signs]


def features_and_boxes(n):
    corners = 8 * np.sort(uniform(2, n, 2, 2), axis=2)
    return [normal(2, n + 2, n, 3), np.reshape(corners, (2, n, 4))]


class Case(NamedTuple):
    """A layer, how it is called, and on what.

    Attributes:
        layer_class: Its class.
        options: What it is made with.
        inputs: Function from a size to arrays; the axes that it changes may be unknown in a graph.
        unknown: For each array, which of its axes are unknown in a graph.
        call: Function (layer, inputs) -> output.
        shapes: Shape of the output, or of each output, of the inputs of size 5.
        dtypes: The same for its type.
        in_saved_model: Whether it is all TensorFlow, so that a SavedModel can hold it.
        by_keras: What to tell Keras's own checks beside the first input.
    """

    layer_class: type
    options: dict
    inputs: object
    unknown: list
    call: object = lambda layer, inputs: layer(*inputs)
    shapes: tuple | list = ()
    dtypes: str | list = "float32"
    in_saved_model: bool = True
    by_keras: dict = {}


def call_with_list(layer, inputs):
    return layer(inputs)


def call_with_guide(layer, inputs):
    return layer(inputs[0], guide=inputs[1])


def call_with_sign(layer, inputs):
    return layer(inputs[:3], sign=inputs[3])


IMAGE, CLOUD = (0, 1, 2), (0, 1)
CASES = {
    **{
        layer_class.__name__: Case(
            layer_class, TV_OPTIONS, logits_and_guide, [IMAGE, IMAGE], call_with_guide, (2, 7, 5, 3)
        )
        for layer_class in (TVSoftmax, TVSigmoid, TVReLU)
    },
    "TVSoftmax with gap": Case(
        TVSoftmax,
        {**TV_OPTIONS, "return_gap": True},
        logits_and_guide,
        [IMAGE, IMAGE],
        call_with_guide,
        ((2, 7, 5, 3), (2,)),
        ("float32", "float32"),
        by_keras={"run_training_check": False},  # a tuple of outputs has no one loss
    ),
    "TVSoftmax with shares": Case(
        TVSoftmax, {**OPEN_OPTIONS, "volumes": (0.5, 0.2, 0.3)}, images, [IMAGE], shapes=(2, 7, 5, 3)
    ),
    "TVActivation": Case(
        TVActivation, {**OPEN_OPTIONS, "potential": "tanh"}, images, [IMAGE], shapes=(2, 7, 5, 3)
    ),
    "SoftThresholdDynamics": Case(
        SoftThresholdDynamics,
        {"tv_weight": 0.4, "temperature": 0.7, "width": 1.5, "kernel_size": 7, "iterations": 3},
        images,
        [IMAGE],
        shapes=(2, 7, 5, 3),
    ),
    "PadToStride": Case(PadToStride, {"stride": 4}, images, [IMAGE], shapes=(2, 8, 8, 3)),
    "CropLike": Case(
        CropLike,
        {},
        lambda n: [normal(2, n + 4, n + 3, 2), normal(2, n, n, 1)],
        [IMAGE, IMAGE],
        call_with_list,
        (2, 5, 5, 2),
    ),
    "MaxPoolWithIndices": Case(
        MaxPoolWithIndices,
        {"pool_size": (2, 3), "strides": (2, 1), "padding": "SAME"},
        images,
        [IMAGE],
        shapes=((2, 4, 5, 3),) * 2,
        dtypes=("float32", "int64"),
        by_keras={"run_training_check": False},  # a sum of indices is no loss
    ),
    "MaxUnpooling2D": Case(
        MaxUnpooling2D,
        {"pool_size": (2, 3), "strides": 2, "padding": "VALID"},
        pooled_and_indices,
        [IMAGE, IMAGE, IMAGE],
        shapes=(2, 9, 10, 2),
        # Keras gives no second input to the models that it makes of a layer, nor to its check of mixed precision.
        by_keras={"run_training_check": False, "run_mixed_precision_check": False},
    ),
    **{
        f"Rotation of {representation}": Case(
            Rotation,
            {"representation": representation},
            lambda n, length=length: [normal(2, n, length)],
            [CLOUD],
            shapes=(2, 5, 3, 3),
        )
        for representation, length in (("quaternion", 4), ("axis-angle", 3), ("ortho6d", 6))
    },
    "RigidTransform": Case(
        RigidTransform, {}, poses, [CLOUD, (0,), (0,), (0,)], call_with_sign, (2, 3, 5, 3)
    ),
    **{
        f"HiddenPointRemoval by {backend}": Case(
            HiddenPointRemoval,
            {**HPR_OPTIONS, "backend": backend},
            lambda n: [normal(2, 10 * n, 3) / 50 + np.float32([0, 0, 0.6])],
            [CLOUD],
            shapes=(2, 50),
            dtypes="bool",
            in_saved_model=backend == "z-buffer",
            by_keras={"run_training_check": False},  # a mask has no gradient
        )
        for backend in ("scipy", "open3d", "z-buffer")
    },
    **{
        layer_class.__name__: Case(
            layer_class,
            {"size": (3, 2), "stride": 1.5, **options},
            features_and_boxes,
            [IMAGE, CLOUD],
            shapes=(2, 5, 3, 2, 3),
            # Keras gives no second input to the models that it makes of a layer, nor to its check of mixed precision.
            by_keras={"run_training_check": False, "run_mixed_precision_check": False},
        )
        for layer_class, options in ((RoIPool, {}), (RoIAlign, {"sampling": 3, "aligned": False}))
    },
    "FeatureTransfer": Case(
        FeatureTransfer,
        {"hidden": 6, "clusters": 4, "kernel_regularizer": keras.regularizers.L2(0.1)},
        lambda n: [normal(n, 7)],
        [(0,)],
        shapes=(5, 4),
    ),
    **{
        f"ProbabilityLogits of {link}": Case(
            ProbabilityLogits,
            {"link": link},
            lambda n: [uniform(2, n + 2, n, 3)],
            [IMAGE],
            shapes=(2, 7, 5, 3),
        )
        for link in ("softmax", "sigmoid")
    },
}


def case_named(name):
    if "open3d" in name:
        pytest.importorskip("open3d")
    return CASES[name]


@pytest.fixture(params=CASES)
def case(request):
    return case_named(request.param)


# The graph with the gap holds the one without it.
@pytest.fixture(params=[name for name in CASES if name != "TVSoftmax"])
def graph_case(request):
    return case_named(request.param)


def model_of(case):
    """A functional model of the layer alone, whose inputs have the unknown axes of the case."""
    symbols = []
    for array, unknown in zip(case.inputs(5), case.unknown, strict=True):
        shape = [None if axis in unknown else length for axis, length in enumerate(array.shape)]
        symbols.append(keras.Input(batch_shape=shape, dtype=str(array.dtype)))
    return keras.Model(symbols, case.call(case.layer_class(**case.options), symbols))


def shapes_of(case):
    return [case.shapes] if isinstance(case.shapes[0], int) else case.shapes


def assert_equal(ours, expected, **tolerances):
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(*(np.asarray(array, np.float64) for array in (one, other)), **tolerances)


# Keras's checks train on a generator, and layers without weights too.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*shuffle=True` was passed, but will be ignored:UserWarning")
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights:UserWarning")
def test_keras_has_no_objection(case):
    first, *others = case.inputs(5)
    given = {"input_data": tf.constant(first)}
    if case.call in (call_with_list, call_with_sign):
        given = {"input_data": tuple(tf.constant(array) for array in case.inputs(5)[:3])}
    elif case.layer_class is MaxUnpooling2D:
        given["call_kwargs"] = {"indices": others[0], "reference": others[1]}
    elif case.layer_class in (RoIPool, RoIAlign):
        given["call_kwargs"] = {"boxes": others[0]}
    run_layer_test(
        case.layer_class,
        case.options,
        expected_output_shape=case.shapes,
        expected_output_dtype=case.dtypes,
        **given,
        **case.by_keras,
    )


def test_every_layer_has_a_case():
    found = set()
    for module in pkgutil.walk_packages(tfapp.layers.__path__, "tfapp.layers."):
        found |= {
            value
            for value in vars(importlib.import_module(module.name)).values()
            if isinstance(value, type) and issubclass(value, keras.Layer)
        }
    assert found - {TVLayer} == {case.layer_class for case in CASES.values()}


def test_keras_file_gives_the_same_and_keeps_every_option(case, tmp_path):
    model = model_of(case)
    for number, variable in enumerate(model.trainable_variables):
        variable.assign(variable + 0.1 * (number + 1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(loaded(case.inputs(5)), model(case.inputs(5)), rtol=0)
    # The same losses, too: a penalty of weights is no part of the output.
    assert_equal(loaded.losses, model.losses)
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    kept = {name: loaded.layers[-1].get_config()[name] for name in case.options}
    given = {name: getattr(model.layers[-1], name) for name in case.options}
    assert {**kept, **objects(kept)} == {**given, **objects(given)}


def objects(options):
    """The regularizers and operators among options as their configurations, which can be compared."""
    regularizers = {
        name: keras.regularizers.serialize(keras.regularizers.get(value))
        for name, value in options.items()
        if name.endswith("regularizer")
    }
    operator = options.get("operator")
    if isinstance(operator, LinearOperator):
        regularizers["operator"] = keras.saving.serialize_keras_object(operator)
    return regularizers


def test_symbolic_output_knows_what_the_inputs_tell(case):
    model = model_of(case)
    for size in (5, 8):
        real = model(case.inputs(size))
        for ours, expected in zip(tf.nest.flatten(model.output), tf.nest.flatten(real), strict=True):
            assert tf.TensorShape(ours.shape).is_compatible_with(expected.shape)
            assert ours.dtype == expected.dtype.name


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_graph_of_unknown_sizes_gives_what_eager_mode_gives(graph_case, jit_compile):
    case = graph_case
    layer = case.layer_class(**case.options)
    if jit_compile and not layer.supports_jit:
        pytest.skip("the layer calls SciPy or Open3D, as its `supports_jit` says")
    case.call(layer, case.inputs(5))
    graph = tf.function(
        lambda *inputs: case.call(layer, list(inputs)),
        input_signature=[
            tf.TensorSpec([None if axis in unknown else n for axis, n in enumerate(array.shape)], array.dtype)
            for array, unknown in zip(case.inputs(5), case.unknown, strict=True)
        ],
        jit_compile=jit_compile,
        autograph=False,
    )
    known = tf.nest.flatten(graph.get_concrete_function().structured_outputs)
    assert [tensor.shape.rank for tensor in known] == [len(shape) for shape in shapes_of(case)]
    # XLA compiles for each size anew.
    for size in (8,) if jit_compile else (5, 8):
        assert_equal(graph(*case.inputs(size)), case.call(layer, case.inputs(size)), atol=1e-5)


def test_saved_model_gives_the_same_at_any_size(graph_case, tmp_path):
    case = graph_case
    if not case.in_saved_model:
        pytest.skip("the layer calls SciPy or Open3D, which a SavedModel cannot hold")
    model = model_of(case)
    module = tf.Module()
    module.serve = tf.function(
        lambda *inputs: model(list(inputs), training=False),
        input_signature=[tf.TensorSpec(symbol.shape, symbol.dtype) for symbol in model.inputs],
        autograph=False,
    )
    module.variables_of_model = model.variables
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)  # its variables live as long as it does
    for size in (5, 8):
        arrays = [tf.constant(array) for array in case.inputs(size)]
        assert_equal(loaded.serve(*arrays), model(arrays), atol=1e-6)
