"""What TV layers are given: shapes, signs and values that are refused, and images of NaN beside others."""

import keras
import numpy as np
import pytest

from tfapp.layers import TVSigmoid, TVSoftmax


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4, 1), (2, 8, 6, 3), (2, 8, 6), (8,), (1, 2, 8, 6, 2)])
def test_tv_weight_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="`tv_weight` must be a number, one for each class, or a map"):
        TVSoftmax()(np.zeros((2, 8, 6, 2), "float32"), tv_weight=np.ones(shape, "float32"))


def test_negative_tv_weight_in_a_graph_answers_nan():
    images = keras.Input((8, 6, 2))
    weight = keras.layers.Conv2D(
        1, 1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-2.0)
    )
    model = keras.Model(images, TVSoftmax()(images, tv_weight=weight(images)))
    assert np.isnan(model.predict(np.zeros((1, 8, 6, 2), "float32"), verbose=0)).all()


def test_guide_with_nan_is_refused():
    with pytest.raises(ValueError, match="`guide` must be finite. Received: NaN or infinite values"):
        TVSoftmax()(np.zeros((1, 8, 6, 2), "float32"), guide=np.full((1, 8, 6, 3), np.nan, "float32"))


@pytest.mark.parametrize("shape", [(2, 0, 8, 2), (1, 8, 0, 2)])
def test_logits_without_a_pixel_are_refused(shape):
    with pytest.raises(ValueError, match="TVSoftmax needs at least one pixel along every spatial axis"):
        TVSoftmax()(np.zeros(shape, "float32"))


def test_image_of_nan_ends_nobodys_iterations():
    logits = np.random.default_rng(0).normal(0, 3, (2, 24, 24, 3)).astype("float32")
    model = keras.Sequential(
        [keras.Input((24, 24, 3)), TVSoftmax(2.0, tolerance=1e-4, inference_iterations=1000)]
    )
    alone = model.predict(logits[:1], verbose=0)
    logits[1, 5, 5, 0] = np.nan
    np.testing.assert_allclose(model.predict(logits, verbose=0)[:1], alone, atol=1e-5)


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0], "1"])
def test_tv_weight_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="`tv_weight` must be one number; with `per_class=True`"):
        TVSoftmax(value)


def test_tv_weights_of_a_call_may_be_a_list():
    logits = np.random.default_rng(0).normal(size=(1, 8, 6, 2)).astype("float32")
    listed, array = (
        TVSoftmax()(logits, tv_weight=one) for one in ([1.0, 2.0], np.array([1.0, 2.0], "float32"))
    )
    np.testing.assert_array_equal(listed, array)


def forbidden(value):
    logits = np.random.default_rng(0).normal(size=(1, 8, 6, 3)).astype("float32")
    logits[:, :4, :, 2] = value
    return logits


@pytest.mark.parametrize("options", [{}, {"tolerance": 1e-4}, {"method": "preconditioned-fista"}])
def test_class_of_minus_infinity_is_forbidden_as_by_a_large_negative_logit(options):
    layer = TVSoftmax(**options)
    answer = layer(forbidden(-np.inf))
    np.testing.assert_allclose(answer, layer(forbidden(-1e4)), atol=1e-6)
    graph = keras.Sequential([keras.Input((8, 6, 3)), layer]).predict(forbidden(-np.inf), verbose=0)
    np.testing.assert_allclose(answer, graph, atol=1e-6)
    assert not np.any(answer[:, :4, :, 2])


def test_pixel_without_an_allowed_class_is_refused():
    logits = forbidden(-np.inf)
    logits[0, 0, 0] = -np.inf
    with pytest.raises(
        ValueError, match="one class must stay finite. Received: -inf for every class at 1 pixels"
    ):
        TVSoftmax()(logits)


def test_sigmoid_of_minus_infinity_is_told_what_to_take():
    with pytest.raises(
        ValueError, match="finite logits. Received: 24 -inf of 144 values; take a large negative"
    ):
        TVSigmoid()(forbidden(-np.inf))
