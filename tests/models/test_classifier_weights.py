import random
import threading

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.models import build_classifier

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def vgg():
    keras.utils.set_random_seed(0)
    options = {"classes": 3, "classifier_activation": None, "input_shape": SHAPE}
    return keras.applications.VGG16(weights=None, **options)


@pytest.fixture(scope="module")
def weights_file(vgg, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.weights.h5"
    vgg.save_weights(path)
    return path


@pytest.mark.slow
def test_weights_of_a_file_give_the_logits_of_keras_applications(vgg, weights_file):
    images = np.random.default_rng(1).random((2, *SHAPE), dtype=np.float32)
    expected = vgg(keras.applications.vgg16.preprocess_input(255 * images)).numpy()
    model = build_classifier("vgg-16", 3, SHAPE, weights=weights_file)
    np.testing.assert_allclose(model(images), expected, atol=1e-4 * np.abs(expected).max())


def test_weights_for_other_classes_are_refused(weights_file):
    with pytest.raises(
        InputError, match="is not a weights file .* of keras.applications.VGG16 with its top for 4 cl"
    ):
        build_classifier("vgg-16", 4, SHAPE, weights=weights_file)


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        (
            "vgg-16",
            SHAPE,
            {},
            "no.h5 do not exist; expected a file of keras.applications.VGG16: nothing is downl",
        ),
        ("vgg-19", (32, 32, 1), {}, r"weights of VGG19 are for RGB images; got 1 channel\(s\)"),
        (
            "resnet-50",
            SHAPE,
            {},
            "Weights of ResNet50 need its own first layers; build it with stem='imagenet'",
        ),
        ("resnet-101", SHAPE, {"stem": "imagenet"}, "no.h5 do not exist"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(tmp_path, name, shape, options, message):
    with pytest.raises(InputError, match=message):
        build_classifier(name, 3, shape, weights=tmp_path / "no.h5", **options)


def test_other_threads_do_not_change_the_weights_of_a_seed():
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            random.randint(0, 9)

    expected = build_classifier("two-layer", 3, SHAPE, seed=4).get_weights()
    other = threading.Thread(target=draw)
    other.start()
    try:
        weights = build_classifier("two-layer", 3, SHAPE, seed=4).get_weights()
    finally:
        stop.set()
        other.join()
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(a, b)
