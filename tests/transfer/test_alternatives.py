"""What transferred features are compared with besides: the backbone in another state, both features joined."""

import keras
import numpy as np
import pytest

from tests.transfer.small_images import part, write_backbone_with_statistics
from tfapp.data.resolution import Resolution
from tfapp.errors import InputError
from tfapp.transfer.alternatives import AdaptedBackbone, _adapt, joined, parse_alternatives
from tfapp.transfer.backbones import open_backbone
from tfapp.transfer.features import FeatureExtractor


def extractor(folder):
    backbone = open_backbone(str(write_backbone_with_statistics(folder / "b.keras")), 16)
    return FeatureExtractor(backbone, Resolution(16, 4), True, 0)


def test_adapted_statistics_are_the_means_and_variances_of_batches_of_poor_images(tmp_path):
    low, images = extractor(tmp_path), part(30)
    _adapt(low, images, {images.names[3]}, lambda done, total: None)
    layers = {layer.name: layer for layer in low.backbone.model._flatten_layers()}
    poor = np.stack([low.image(images, place) for place in range(30) if place != 3])
    maps = np.asarray(layers["convolution"](poor))
    np.testing.assert_allclose(
        layers["normalisation"].moving_mean, maps.mean((0, 1, 2)), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        layers["normalisation"].moving_variance, maps.var((0, 1, 2)), rtol=1e-3, atol=1e-6
    )


def test_backbone_is_adapted_once_and_not_before_features_are_asked_for(tmp_path):
    calls = []
    adapted = AdaptedBackbone(extractor(tmp_path).backbone, lambda: calls.append(1))
    assert not calls and adapted.dimension == 6
    for _ in range(2):
        adapted.features(np.zeros((1, 16, 16, 3), np.float32))
    assert calls == [1]


def test_joined_features_are_both_at_length_one():
    first, second = np.array([[3.0, 4.0]], np.float32), np.array([[0.0, 0.0, 2.0]], np.float32)
    fitting, testing = joined((first, 2 * first), (second, second))
    np.testing.assert_allclose(fitting, [[0.6, 0.8, 0, 0, 1]], rtol=1e-6)
    np.testing.assert_allclose(testing, fitting, rtol=1e-6)


def test_names_are_read_in_their_order_once_each():
    assert parse_alternatives("own, side=128,low=1,own") == ("own", "side=128", "low=1")
    assert parse_alternatives(None) == parse_alternatives("") == ()


@pytest.mark.parametrize("text", ["other", "side=", "side=5", "low=0", "low=a", "own,,soft"])
def test_unknown_names_are_refused(text):
    with pytest.raises(
        InputError, match="expected some of: own, nearest, soft, features, joined, batch-norm, side=N"
    ):
        parse_alternatives(text)


def test_adapted_layers_are_those_of_keras(tmp_path):
    """The layer that is adapted is what inference uses: features change."""
    low, images = extractor(tmp_path), part(12)
    before = low.backbone.features(np.stack([low.image(images, place) for place in range(4)]))
    _adapt(low, images, set(), lambda done, total: None)
    after = low.backbone.features(np.stack([low.image(images, place) for place in range(4)]))
    assert isinstance(low.backbone.model, keras.Model) and np.abs(after - before).max() > 1e-3
