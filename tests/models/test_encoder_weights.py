from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from tests.segmentation.conftest import SPEC, TINY
from tfapp.errors import InputError
from tfapp.models import build, fcn
from tfapp.models.vgg_weights import as_convolution, has_fully_connected
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train


@pytest.fixture(scope="module")
def vgg():
    """A VGG-16 of Keras with random weights, biases too."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(weights=None, include_top=False)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return model


@pytest.fixture(scope="module")
def weights_file(vgg, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.weights.h5"
    vgg.save_weights(path)
    return path


@pytest.fixture(scope="module")
def published_file(vgg, tmp_path_factory):
    """The weights in the older layout of the file that Keras publishes."""
    folder = tmp_path_factory.mktemp("vgg")
    vgg.save(folder / "model.h5")
    with h5py.File(folder / "model.h5") as whole, h5py.File(folder / "notop.h5", "w") as weights:
        for name, group in whole["model_weights"].items():
            whole.copy(group, weights, name)
        weights.attrs.update(whole["model_weights"].attrs)
    return folder / "notop.h5"


def features_of(model, block):
    output = model.get_layer(f"block{block}_pool").output
    return keras.Model(model.input, output[0] if isinstance(output, (list, tuple)) else output)


def assert_same_features(model, vgg, block):
    images = np.random.default_rng(1).random((2, 64, 96, 3), dtype=np.float32)
    expected = features_of(vgg, block)(keras.applications.vgg16.preprocess_input(255 * images)).numpy()
    np.testing.assert_allclose(features_of(model, block)(images), expected, atol=1e-4 * expected.max())


@pytest.mark.slow
@pytest.mark.parametrize("file", ["weights_file", "published_file"])
def test_encoder_has_the_features_of_the_vgg_of_keras(vgg, file, request):
    path = request.getfixturevalue(file)
    assert_same_features(build("segnet", 3, batch_norm=False, encoder_weights=path), vgg, 5)


def test_encoder_of_fewer_blocks_has_the_features_of_the_first_ones(vgg, weights_file):
    model = build("segnet", 3, depth=2, batch_norm=False, encoder_weights=str(weights_file))
    assert_same_features(model, vgg, 2)


def test_fcn_scales_its_images_and_loads_its_encoder(monkeypatch):
    # The network of full width has 134 million parameters: too many for a test.
    asked = []
    monkeypatch.setattr(fcn, "load_encoder_weights", lambda model, source: asked.append((model, source)))
    model = build("fcn-32s", 3, base_width=2, encoder_weights="imagenet")
    assert asked == [(model, "imagenet")]
    assert model.get_layer("block1_conv1").input is model.get_layer("centre_as_imagenet").output


def test_imagenet_asks_keras_for_its_weights(vgg, monkeypatch):
    known = {("imagenet", False): vgg}
    monkeypatch.setattr(keras.applications, "VGG16", lambda weights, include_top: known[weights, include_top])
    assert_same_features(build("segnet", 3, depth=1, batch_norm=False, encoder_weights="imagenet"), vgg, 1)


def test_failed_download_names_the_file_to_give_instead(monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure on https://example.org/vgg16: None -- no route")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    with pytest.raises(
        InputError, match="could not download .*URL fetch failure.*; give the path of .*notop.h5"
    ):
        build("segnet", 3, depth=1, encoder_weights="imagenet")


@pytest.mark.parametrize(
    ("options", "got"),
    [({"base_width": 16}, r"3 channel\(s\) and a base width of 16"), ({"channels": 1}, r"1 channel\(s\)")],
)
def test_encoder_that_the_weights_do_not_fit_is_refused(weights_file, options, got):
    with pytest.raises(
        InputError, match=f"for RGB images and an encoder of `base_width` 64; got images of {got}"
    ):
        build("segnet", 3, depth=1, encoder_weights=weights_file, **options)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="no.h5 do not exist; expected a file of keras.applications.VGG16"):
        build("segnet", 3, depth=1, encoder_weights=tmp_path / "no.h5")


def small_vgg(width=2, channels=3):
    """A VGG-16 with its top in layers of the names that keras.applications has, 64 / width times as narrow."""
    rng = np.random.default_rng(3)
    images = keras.Input((224, 224, channels))
    x = images
    for block, (count, factor) in enumerate(zip((2, 2, 3, 3, 3), (1, 2, 4, 8, 8), strict=True), 1):
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(factor * width, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    x = keras.layers.Flatten()(x)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(64 * width, activation="relu", name=name)(x)
    model = keras.Model(images, keras.layers.Dense(5, name="predictions")(x))
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return model


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "vgg.keras"
    small_vgg().save(path)
    return path


def test_layers_of_fcn_that_were_fully_connected_have_the_outputs_of_vgg_in_the_middle(small_file):
    vgg = keras.models.load_model(small_file)
    fcn_32s = build("fcn-32s", 3, base_width=2, encoder_weights=small_file)
    images = np.random.default_rng(1).random((2, 224, 224, 3), dtype=np.float32)
    seen = keras.applications.vgg16.preprocess_input(255 * images)
    for own, name in (("fc6_relu", "fc1"), ("fc7_relu", "fc2")):
        found = keras.Model(fcn_32s.input, fcn_32s.get_layer(own).output)(images).numpy()
        expected = keras.Model(vgg.input, vgg.get_layer(name).output)(seen).numpy()
        # The 7x7 window around the middle position of the 7x7 map covers all of it.
        np.testing.assert_allclose(found[:, 3, 3], expected, atol=1e-4 * expected.max())


def test_dense_kernel_as_a_convolution_gives_the_dense_output_at_one_position():
    rng = np.random.default_rng(0)
    features, kernel = rng.normal(size=(1, 7, 7, 5)), rng.normal(size=(245, 6))
    found = keras.ops.conv(features, as_convolution(kernel, (7, 7)), padding="valid")
    np.testing.assert_allclose(found[0, 0, 0], features.reshape(-1) @ kernel, rtol=1e-10)


def test_archive_of_another_width_is_told(small_file):
    with pytest.raises(InputError, match="encoder of `base_width` 2; got images of .* base width of 3"):
        build("fcn-32s", 3, base_width=3, encoder_weights=small_file)


def test_archive_of_another_network_is_told(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    model.save(tmp_path / "other.keras")
    with pytest.raises(InputError, match="other.keras has no layer block1_conv1 .*keras.applications.VGG16"):
        build("fcn-32s", 3, base_width=4, encoder_weights=tmp_path / "other.keras")


def test_archive_with_other_fully_connected_layers_is_told(tmp_path):
    model = small_vgg()
    inner = keras.Model(model.input, model.get_layer("block5_pool").output)
    x = keras.layers.GlobalAveragePooling2D()(inner.output)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(128, name=name)(x)
    keras.Model(inner.input, x).save(tmp_path / "other.keras")
    with pytest.raises(
        InputError, match="for fc6 has a kernel of .*; expected 784x128: use weights of VGG-16"
    ):
        build("fcn-32s", 3, base_width=2, encoder_weights=tmp_path / "other.keras")


def test_encoder_alone_takes_the_convolutions_of_an_archive(small_file):
    vgg = keras.models.load_model(small_file)
    model = build("segnet", 3, depth=2, base_width=2, batch_norm=False, encoder_weights=small_file)
    kernel = vgg.get_layer("block2_conv2").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("block2_conv2").get_weights()[0], kernel)


def test_file_tells_whether_it_has_the_fully_connected_layers(small_file, weights_file, tmp_path):
    assert has_fully_connected(small_file) and not has_fully_connected(weights_file)
    with h5py.File(tmp_path / "top.h5", "w") as file:
        for name, shape in {"fc1": (25_088, 4096), "fc2": (4096, 4096), "predictions": (4096, 10)}.items():
            # Declared, not filled: no byte of it is written.
            file.create_dataset(f"{name}/kernel", shape, "float32", chunks=(64, 1))
    assert has_fully_connected(tmp_path / "top.h5")


@pytest.mark.slow
def test_weights_file_with_the_top_gives_all_layers(tmp_path):
    keras.utils.set_random_seed(0)
    vgg = keras.applications.VGG16(weights=None, include_top=True, classes=10)
    vgg.save_weights(tmp_path / "vgg16.weights.h5")
    model = build("fcn-32s", 3, base_width=64, encoder_weights=tmp_path / "vgg16.weights.h5")
    for own, name in (("fc6", "fc1"), ("fc7", "fc2")):
        kernel, bias = vgg.get_layer(name).get_weights()
        found = model.get_layer(own).get_weights()
        np.testing.assert_array_equal(found[0].reshape(kernel.shape), kernel)
        np.testing.assert_array_equal(found[1], bias)


@pytest.mark.parametrize("name", ["other.weights.h5", "other.h5", "photo.png"])
def test_file_of_something_else_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(InputError, match=f"{name} is not a weights file .* of keras.applications.VGG16"):
        build("segnet", 3, depth=1, encoder_weights=tmp_path / name)


@pytest.mark.parametrize("name", ["other.weights.h5", "other.h5"])
def test_weights_of_another_network_are_told(tmp_path, name):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)])
    (model.save_weights if ".weights." in name else model.save)(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is not a weights file .* of keras.applications.VGG16"):
        build("segnet", 3, depth=1, encoder_weights=tmp_path / name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "unet"}, r"networks with a VGG-16 encoder \(fcn-32s, segnet\); got `model` unet"),
        ({"model": "segnet"}, "for RGB images and an encoder of `base_width` 64"),
        ({"model": "segnet", "base_width": 64}, "do not exist"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_before_anything_is_written(tmp_path, options, message):
    config = replace(TINY, encoder_weights=str(tmp_path / "no.h5"), **options)
    with pytest.raises(InputError, match=message):
        train(SPEC, tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_goes_on_and_loads_without_the_weights_file(tmp_path, vgg):
    file = tmp_path / "vgg16.weights.h5"
    vgg.save_weights(file)
    config = replace(
        TINY, model="segnet", base_width=64, depth=1, epochs=1, steps_per_epoch=1, encoder_weights=str(file)
    )
    train(SPEC, tmp_path / "run", config)
    file.unlink()
    train(SPEC, tmp_path / "run", replace(config, epochs=2))
    assert Run.open(tmp_path / "run").load_model().get_layer("centre_as_imagenet")
