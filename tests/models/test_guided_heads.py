"""Heads whose guide is the image that enters the network."""

import keras
import numpy as np
import pytest

from tests.models.test_tiling import with_random_weights
from tfapp.data import resize_images
from tfapp.layers import TVSoftmax
from tfapp.models import at_own_size, build, logits_of, with_probabilities
from tfapp.models.tiling import TiledNetwork
from tfapp.runs.progress import SILENT

OPTIONS = {"tv_weight": 3.0, "inference_iterations": 9, "edge_contrast": 0.3}


def guided(**options):
    network = build(
        "unet",
        3,
        base_width=2,
        depth=2,
        head="tv-softmax",
        head_options={**OPTIONS, **options},
        guided=True,
    )
    return with_random_weights(network)


def images(*size):
    return np.random.default_rng(0).random((2, *size, 3), dtype=np.float32)


def by_hand(model, batch, guide, **options):
    return TVSoftmax(**{**OPTIONS, **options})(logits_of(model)(batch), guide=guide)


@pytest.mark.parametrize("size", [(16, 16), (9, 14)])
def test_the_guide_is_the_image_also_where_the_network_pads_it(size):
    model, batch = guided(), images(*size)
    expected = by_hand(model, batch, batch)
    assert np.abs(expected - by_hand(model, batch, None)).max() > 1e-3
    np.testing.assert_allclose(model(batch, training=False), expected, atol=1e-6)


def test_a_head_that_is_not_guided_takes_the_logits_alone():
    model, batch = (
        build("unet", 3, base_width=2, depth=2, head="tv-softmax", head_options=OPTIONS),
        images(9, 14),
    )
    np.testing.assert_allclose(model(batch, training=False), by_hand(model, batch, None), atol=1e-6)


def test_the_certificate_is_that_of_the_guided_problem():
    model, batch = guided(), images(9, 14)
    answer, gap = with_probabilities(model, "run", gap=True)(batch, training=False)
    expected = by_hand(model, batch, batch, return_gap=True)
    np.testing.assert_allclose(answer, expected[0], atol=1e-6)
    np.testing.assert_allclose(gap, expected[1], rtol=1e-3)


def test_the_guide_of_a_network_of_resized_images_is_resized_with_them():
    model, batch = guided(), images(20, 26)
    inside = resize_images(batch, (10, 13))
    expected = keras.ops.image.resize(by_hand(model, inside, inside), (20, 26))
    np.testing.assert_allclose(at_own_size(model, (10, 13))(batch, training=False), expected, atol=1e-5)


@pytest.mark.slow
def test_a_saved_model_is_guided_when_it_is_loaded(tmp_path):
    model, batch = guided(), images(9, 14)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(batch, training=False), by_hand(model, batch, batch), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("isotropic", [True, False])
def test_tiles_are_answered_as_the_whole_image(isotropic):
    tiled = TiledNetwork(guided(isotropic=isotropic), 3, 72)
    picture = images(37, 101)[0]
    assert tiled.tiling((37, 101)).count((37, 101)) > 1
    np.testing.assert_allclose(tiled.joined(picture, SILENT), tiled.whole(picture), atol=2e-6)
