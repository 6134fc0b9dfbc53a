import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import build, with_probabilities

IMAGES = np.random.default_rng(0).uniform(size=(2, 9, 12, 3)).astype(np.float32)


def small(head):
    return build("unet", 3, head=head, base_width=4, depth=1)


@pytest.mark.parametrize("head", ["softmax", "tv-softmax"])
def test_model_with_a_head_answers_as_it_is(head):
    model = small(head)
    np.testing.assert_array_equal(with_probabilities(model, "m")(IMAGES), model(IMAGES))


def test_logits_become_their_softmax():
    model = small(None)
    np.testing.assert_allclose(
        with_probabilities(model, "m")(IMAGES), keras.ops.softmax(model(IMAGES)), atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("head", [None, "softmax"])
def test_post_tv_is_the_converged_layer_behind_the_logits(head):
    model = small(head)
    logits = keras.Model(model.input, model.get_layer("logits").output)(IMAGES)
    # Eagerly, every iteration would be a line of Python.
    converged = TVSoftmax(2.0, learn_tv_weight=False, inference_iterations=3000, jit_compile=True)(logits)
    np.testing.assert_allclose(with_probabilities(model, "m", 2.0)(IMAGES), converged, atol=5e-3)


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_gap_of_post_tv_is_small_at_any_weight(weight):
    _, gap = with_probabilities(small("softmax"), "m", weight, gap=True)(IMAGES)
    assert np.asarray(gap).max() <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("head", "post_tv"), [("tv-softmax", None), ("softmax", 1.0)])
def test_gap_comes_with_the_same_probabilities(head, post_tv):
    model = small(head)
    probabilities, gap = with_probabilities(model, "m", post_tv, gap=True)(IMAGES)
    np.testing.assert_array_equal(probabilities, with_probabilities(model, "m", post_tv)(IMAGES))
    assert gap.shape == (2,) and (np.asarray(gap) >= 0).all()


def unclear():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))


def channels_first():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Softmax(axis=1)(inputs))


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (
            lambda: small("tv-softmax"),
            {"post_tv": 1.0},
            "`post_tv` is for models without a TV head; m.keras has one",
        ),
        (lambda: small("softmax"), {"post_tv": -1.0}, "`post_tv` must be a number of at least 0; got -1.0"),
        (
            lambda: small("softmax"),
            {"post_tv": float("nan")},
            "`post_tv` must be a number of at least 0; got nan",
        ),
        (
            lambda: small("softmax"),
            {"gap": True},
            "`gap` is the certificate of a TV head and m.keras has none",
        ),
        (unclear, {}, "do not tell whether it gives logits or probabilities; say it by `model_output`"),
        (channels_first, {}, "m.keras cannot be used as a segmenter: .* over another"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(make, options, sentence):
    with pytest.raises(InputError, match=sentence):
        with_probabilities(make(), "m.keras", **options)
