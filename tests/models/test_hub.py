"""Backbones of keras-hub: a preset in a folder, with its own way of preparing images."""

import sys

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.models.hub import hub_network, with_full_preset
from tfapp.transfer.backbones import open_backbone

SIDE = 32
IMAGES = np.random.default_rng(0).random((2, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("keras_hub", reason="keras-hub is an extra, for Python 3.11 and newer")


@pytest.fixture(scope="module")
def preset(hub, tmp_path_factory):
    """A folder with a small network of random weights, whose converter scales each colour otherwise."""
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    converter = hub.layers.ImageConverter(scale=[0.02, 0.01, 0.015], offset=[-2.0, -1.5, -1.8])
    preprocessor = hub.models.ResNetImageClassifierPreprocessor(image_converter=converter)
    whole = hub.models.ResNetImageClassifier(backbone=backbone, num_classes=3, preprocessor=preprocessor)
    folder = tmp_path_factory.mktemp("hub") / "preset"
    whole.save_to_preset(str(folder))
    return folder


@pytest.mark.slow
def test_features_are_averages_of_images_that_the_preset_prepared(hub, preset):
    network = hub.models.Backbone.from_preset(str(preset))
    prepared = hub.layers.ImageConverter.from_preset(str(preset))(255 * IMAGES)
    expected = np.asarray(network(prepared)).mean((1, 2))
    found = open_backbone(f"keras-hub:{preset}", SIDE)
    np.testing.assert_allclose(found.features(IMAGES), expected, rtol=1e-4, atol=1e-5)
    assert found.input_scale is None and found.layer == "average of the last map"


@pytest.mark.slow
def test_preset_that_does_not_say_what_it_takes_asks_for_it(hub, preset, tmp_path):
    hub.models.Backbone.from_preset(str(preset)).save_to_preset(str(tmp_path / "bare"))
    with pytest.raises(InputError, match="has no image converter .* say by `input_scale`"):
        open_backbone(f"keras-hub:{tmp_path / 'bare'}", SIDE)
    assert open_backbone(f"keras-hub:{tmp_path / 'bare'}", SIDE, input_scale=1.0).dimension == 64


@pytest.mark.slow
def test_folder_that_is_no_preset_is_refused(hub, tmp_path):
    with pytest.raises(
        InputError, match="keras-hub has no backbone .* expected the name of a preset, or a folder"
    ):
        hub_network(f"keras-hub:{tmp_path}")


def test_missing_keras_hub_is_told_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InputError, match=r'takes keras-hub .*: pip install "tfapp\[hub\]"'):
        hub_network("keras-hub:resnet_50_imagenet")


def test_folder_of_a_preset_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "preset").mkdir()
    monkeypatch.chdir(tmp_path)
    assert with_full_preset("keras-hub:preset") == f"keras-hub:{tmp_path.resolve() / 'preset'}"
    assert with_full_preset("keras-hub:resnet_50_imagenet") == "keras-hub:resnet_50_imagenet"
    assert with_full_preset("preset") == "preset"
