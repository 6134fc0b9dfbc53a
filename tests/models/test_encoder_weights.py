from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from tests.segmentation.conftest import SPEC, TINY
from tfapp.errors import InputError
from tfapp.models import build, fcn
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
