import keras
import numpy as np
import pytest

from tfapp.export import ExportError, export
from tfapp.export.segmenter import inspect_model


def test_inspection_finds_channels_and_classes(net):
    segmenter = inspect_model(net, stride=2)
    assert (segmenter.num_channels, segmenter.num_classes, segmenter.tolerance) == (3, 3, 1e-5)


def test_subclassed_model_is_inspected_once_built():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv2D(4, 3, padding="same", activation="softmax")

        def call(self, inputs):
            return self.convolution(inputs)

    model = Net()
    with pytest.raises(ExportError, match="with known channels. Received: input shape None"):
        inspect_model(model)
    model(np.zeros((1, 8, 8, 1), np.float32))
    assert inspect_model(model).num_channels == 1


def test_half_precision_widens_the_tolerance_to_four_of_its_epsilons():
    inputs = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(2, 1, dtype="mixed_float16")(inputs)
    model = keras.Model(inputs, keras.layers.Softmax(dtype="float32")(half))
    assert inspect_model(model).tolerance == 4 * np.finfo(np.float16).eps


def test_odd_size_without_stride_is_one_sentence_that_names_stride(net):
    with pytest.raises(ExportError, match="failed on a 33x47 image with stride=1 .* give that as `stride`"):
        inspect_model(net)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "`stride` must be a positive integer. Received: stride=0"),
        ({"stride": 2, "value_range": (1.0, 0.0)}, "`value_range` must be two finite rising numbers"),
        ({"stride": 2, "value_range": (0.0, float("inf"))}, "`value_range` must be two finite"),
    ],
)
def test_unusable_arguments_are_named(net, arguments, message):
    with pytest.raises(ExportError, match=message):
        inspect_model(net, **arguments)


def pixelwise(shape=(None, None, 3), **options):
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.layers.Conv2D(2, 1, **options)(inputs))


def volumes():
    inputs = keras.Input((None, None, None, 3))
    return keras.Model(inputs, keras.layers.Softmax()(inputs))


def pooled():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "model.keras", "`model` must be a Keras model. Received: str"),
        (lambda: pixelwise((32, 32, 3)), r"any height and width. Received: input shape \(None, 32, 32, 3\)"),
        (lambda: pixelwise((None, None, 4)), "images of 1 or 3 channels"),
        (volumes, "one image batch"),
        (pooled, r"must give \(batch, height, width, classes\).* Received: \(1, 3\)"),
        (lambda: pixelwise(strides=2, activation="softmax"), r"at the size of its input.*\(1, 17, 24, 2\)"),
        (lambda: pixelwise(bias_initializer="ones"), "must give probabilities.*end it in a soft-max"),
    ],
)
def test_models_that_are_no_segmenter_are_refused_with_a_reason(make, message):
    with pytest.raises(ExportError, match=message):
        inspect_model(make())


@pytest.mark.slow
def test_model_that_enlarges_by_interpolation_is_exported_and_left_as_it_was(tmp_path):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    enlarge = keras.layers.UpSampling2D(2, interpolation="bilinear")
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax")(enlarge(x)))
    assert export(
        model, tmp_path / "served", stride=2
    ).is_dir()  # checked against the model before it appears
    assert "call" not in vars(enlarge)


@pytest.mark.slow
def test_model_that_no_graph_of_any_size_can_hold_is_one_sentence(tmp_path):
    class Halves(keras.layers.Layer):
        def call(self, images):
            return images[:, : images.shape[1] // 2] if images.shape[1] > 100 else images

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax")(Halves()(inputs)))
    with pytest.raises(
        ExportError, match=r"graph of the signature serving_default \(Halves: '>' not supported between"
    ):
        export(model, tmp_path / "served")
    assert not list(tmp_path.rglob("*.pb"))
