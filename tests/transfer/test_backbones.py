import zipfile

import keras
import numpy as np
import pytest

from tests.transfer.small_images import FEATURES, SIDE, write_backbone
from tfapp.errors import InputError
from tfapp.transfer.backbones import changes, open_backbone

IMAGES = np.random.default_rng(0).random((2, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("backbone") / "small.keras")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 32, 3), alpha=1.0
    )
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    network.save_weights(path)
    return network, path


def test_features_of_an_application_are_averages_of_its_own_prepared_images(weights):
    network, path = weights
    images = np.random.default_rng(1).random((2, 32, 32, 3)).astype(np.float32)
    found = open_backbone("MobileNet", 32, weights=path).model(images).numpy()
    prepared = keras.applications.mobilenet.preprocess_input(255 * images)
    np.testing.assert_allclose(found, network(prepared).numpy().mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_features_of_a_file_enter_its_last_dense_layer(file):
    whole = keras.models.load_model(file)
    backbone = open_backbone(str(file), SIDE)
    kernel, bias = whole.get_layer("scores").get_weights()
    found = backbone.model(IMAGES).numpy() @ kernel + bias
    np.testing.assert_allclose(found, whole(IMAGES).numpy(), rtol=1e-5, atol=1e-6)
    assert backbone.layer == "input of scores" and backbone.dimension == FEATURES


def test_features_of_a_convolution_are_averaged_over_all_places(file):
    whole = keras.models.load_model(file)
    inner = keras.Model(whole.input, whole.get_layer("convolution").output)
    found = open_backbone(str(file), SIDE, layer="convolution").model(IMAGES).numpy()
    np.testing.assert_allclose(found, inner(IMAGES).numpy().mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_input_scale_is_what_the_file_takes_for_white(file):
    found = open_backbone(str(file), SIDE, input_scale=255.0).model(IMAGES).numpy()
    expected = open_backbone(str(file), SIDE).model(255 * IMAGES).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "first"), [("float32", [keras.layers.Rescaling(1 / 255)]), ("uint8", [])])
def test_file_gets_the_white_that_it_declares(tmp_path, dtype, first):
    last = [keras.layers.GlobalAveragePooling2D(dtype="float32"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3), dtype=dtype), *first, *last])
    model.save(tmp_path / "own.keras")
    backbone = open_backbone(str(tmp_path / "own.keras"), SIDE)
    whole = np.random.default_rng(0).integers(0, 256, IMAGES.shape).astype(np.float32)
    white = 255 if dtype == "uint8" else 1
    expected = white * (whole / 255).mean((1, 2))
    np.testing.assert_allclose(backbone.model(whole / 255).numpy(), expected, rtol=1e-5)
    assert backbone.input_scale == 255 and backbone.scale_reason


def test_description_changes_with_the_weights_and_with_nothing_else(tmp_path):
    first, again, other = (
        open_backbone(str(write_backbone(tmp_path / name / "b.keras", seed)), SIDE).description()
        for name, seed in (("1", 0), ("2", 0), ("3", 1))
        if (tmp_path / name).mkdir() is None
    )
    assert first == again and first["weights"] != other["weights"]


@pytest.mark.parametrize(
    "name, options, sentence",
    [
        (
            "ResNet1",
            {},
            "Unknown backbone 'ResNet1'; expected a network of keras.applications, such as ResNet101",
        ),
        ("resnet", {}, "Unknown backbone 'resnet'"),
        ("ResNet101", {}, "ResNet101 needs trained weights; give `weights` FILE"),
        ("ResNet101", {"weights": "none.h5"}, "The weights none.h5 do not exist"),
        (
            "MobileNet",
            {"weights": "imagenet", "layer": "x"},
            "`layer` and `input_scale` are for .keras files",
        ),
        ("no.keras", {}, "The model no.keras does not exist"),
        ("no.keras", {"weights": "imagenet"}, "`weights` is for networks of keras.applications"),
    ],
)
def test_backbone_that_cannot_be_opened_gets_one_sentence(name, options, sentence):
    with pytest.raises(InputError) as error:
        open_backbone(name, 32, **options)
    assert sentence in str(error.value)


def test_file_whose_layers_fail_on_images_is_refused_as_it_is_opened(tmp_path):
    images = keras.Input((SIDE, SIDE, 3), dtype="int32")
    found = keras.layers.GlobalAveragePooling2D(name="average")(keras.layers.Conv2D(2, 3)(images))
    model = keras.Model(images, keras.layers.Dense(2)(found))
    model.save(tmp_path / "whole.keras")
    with (
        zipfile.ZipFile(tmp_path / "whole.keras") as whole,
        zipfile.ZipFile(tmp_path / "b.keras", "w") as edited,
    ):
        for member in whole.namelist():
            content = whole.read(member)
            if member == "config.json":
                content = content.replace(b'"dtype": "float32"', b'"dtype": "int32"')
            edited.writestr(member, content)
    with pytest.raises(InputError, match="b.keras cannot be computed of a black image of 16x16 pixels"):
        open_backbone(str(tmp_path / "b.keras"), SIDE, input_scale=255.0)


def test_file_that_holds_no_weights_of_the_network_is_named(tmp_path, weights):
    with pytest.raises(
        InputError, match="is not a weights file .* of keras.applications.MobileNetV2 without its top"
    ):
        open_backbone("MobileNetV2", 32, weights=weights[1])


def test_images_too_small_for_the_network_get_one_sentence(weights):
    with pytest.raises(InputError, match="MobileNet cannot be built for 8x8 images"):
        open_backbone("MobileNet", 8, weights=weights[1])


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"layer": "conv9"}, "has no layer 'conv9'; the last ones are"),
        ({"input_scale": 0.0}, "`input_scale` must be a number above 0"),
    ],
)
def test_option_that_does_not_fit_the_file_gets_one_sentence(file, options, sentence):
    with pytest.raises(InputError, match=sentence):
        open_backbone(str(file), SIDE, **options)


def test_other_size_than_the_file_takes_is_refused(file):
    with pytest.raises(
        InputError, match="takes images of 16x16 pixels; expected 32x32: say its size by `high`"
    ):
        open_backbone(str(file), 32)


def described(path, activation="relu", scale=None, stride=1, **options):
    """Return the description of a small backbone of fixed weights, built anew."""
    keras.utils.set_random_seed(0)
    images = keras.Input((SIDE, SIDE, 3))
    x = images if scale is None else keras.layers.Rescaling(scale)(images)
    x = keras.ops.abs(keras.layers.Conv2D(FEATURES, 3, strides=stride, activation=activation)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(images, keras.layers.Dense(3, name="scores")(x)).save(path / "own.keras")
    return open_backbone(str(path / "own.keras"), SIDE, layer=None, **options).description()


def test_backbone_built_again_is_the_same(tmp_path):
    first = described(tmp_path)
    # Keras numbers what is built in a process: this one has later numbers.
    assert described(tmp_path) | {"layer": ""} == first | {"layer": ""}


@pytest.mark.parametrize(
    "other", [{"activation": "tanh"}, {"scale": 1 / 255}, {"stride": 2}, {"input_scale": 255.0}]
)
def test_backbone_of_the_same_weights_that_computes_something_else_is_another(tmp_path, other):
    first, now = described(tmp_path), described(tmp_path, **other)
    assert first["weights"] == now["weights"]
    assert "architecture" in changes(first, now, same_keras=True)


def test_architecture_of_another_version_of_keras_and_of_before_it_was_kept_is_not_compared(tmp_path):
    first, now = described(tmp_path), described(tmp_path, activation="tanh")
    assert changes(first, now, same_keras=False) == []
    del first["architecture"]
    assert changes(first, now, same_keras=True) == []
    assert changes(first | {"weights": "ab"}, now, same_keras=True) == ["weights"]


def _without_top(path, stride):
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    keras.Model(images, keras.layers.Conv2D(5, stride, strides=stride)(images)).save(path)
    return str(path)


def test_features_of_a_file_without_top_are_its_output_averaged(tmp_path):
    file = _without_top(tmp_path / "headless.keras", 8)
    backbone = open_backbone(file, SIDE)
    expected = keras.models.load_model(file)(IMAGES).numpy().mean((1, 2))
    np.testing.assert_allclose(backbone.model(IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert backbone.layer == "output"


def test_file_that_gives_something_for_every_pixel_has_no_features(tmp_path):
    with pytest.raises(InputError, match="has no Dense layer with features as its input; say a layer"):
        open_backbone(_without_top(tmp_path / "segmenter.keras", 2), SIDE)
