"""Shares of the classes: what is refused, and that they are kept at every size and confidence."""

import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import TVReLU, TVSigmoid, TVSoftmax, regularise_logits
from tfapp.layers.tv.solver import TVProblem

LOGITS = np.random.default_rng(0).standard_normal((2, 9, 7, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("volumes", "told"),
    [
        ([0.5, 0.5, 0.5], "sums.*1.5"),
        ([0.5, 0.2, 0.2], "cannot be met"),
        (([0.5, 0.4, 0.3], None), "cannot be met"),
        ((None, [0.2, 0.2, 0.2]), "cannot be met"),
        ([1.2, -0.1, -0.1], "0 <= least <= largest <= 1"),
        (([0.5, 0, 0], [0.4, 1, 1]), "0 <= least <= largest <= 1"),
        ([1.0, 0.0, 0.0], "a logit of -inf forbids a class"),
        ([0.5, 0.5], "one share for each of the 3 classes"),
        ([np.nan, 0.5, 0.5], "must be finite"),
    ],
)
def test_impossible_shares_are_refused(volumes, told):
    with pytest.raises(ValueError, match=told):
        TVSoftmax(volumes=volumes)(LOGITS)


@pytest.mark.parametrize("volumes", [0.5, (None, None), "many", [[0.1, "x"], None]])
def test_option_of_another_form_is_refused(volumes):
    with pytest.raises(ValueError, match=".volumes. must be a list of one share for each class"):
        TVSoftmax(volumes=volumes)


def test_relu_has_no_shares():
    with pytest.raises(ValueError, match="for softmax and sigmoid"):
        TVReLU(volumes=[0.2, 0.3, 0.5])(LOGITS)


def test_one_step_keeps_no_shares():
    with pytest.raises(ValueError, match="not kept by one step"):
        TVSoftmax(volumes=[0.2, 0.3, 0.5], gradient="one-step")(LOGITS, training=True)


def test_unrolled_gradient_has_no_shares():
    with pytest.raises(ValueError, match="differentiated by"):
        regularise_logits(LOGITS, 1.0, TVProblem(), gradient="unrolled", volumes=[0.2, 0.3, 0.5])


def test_shares_that_a_graph_finds_impossible_answer_nan():
    layer = TVSoftmax(learn_tv_weight=False, inference_iterations=5)
    graph = tf.function(lambda least: layer(LOGITS, volumes=(least, tf.ones(3))))
    assert (
        np.isnan(graph(tf.constant([1.2, 0, 0]))).all() and np.isfinite(graph(tf.constant([0.2, 0, 0]))).all()
    )


@pytest.mark.parametrize("contrast", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("layer_class", [TVSoftmax, TVSigmoid])
def test_shares_of_each_image_are_kept_at_any_confidence(layer_class, contrast):
    shares = np.array([[0.7, 0.2, 0.1], [0.05, 0.05, 0.9]], np.float32)
    a = layer_class(0.3)(contrast * LOGITS, volumes=shares)
    np.testing.assert_allclose(tf.reduce_mean(a, [1, 2]), shares, atol=5e-5)


def test_bounds_that_hold_anyway_change_nothing():
    free = TVSoftmax(0.3)(LOGITS)
    bounded = TVSoftmax(0.3, volumes=([0.05, 0.05, 0.05], None))(LOGITS)
    np.testing.assert_allclose(bounded, free, atol=2e-3)


def test_prices_are_what_the_logits_lack():
    problem = TVProblem(iterations=50)
    solution = regularise_logits(LOGITS, 0.0, problem, volumes=[0.6, 0.3, 0.1])
    np.testing.assert_allclose(
        solution.logits - LOGITS, tf.broadcast_to(solution.prices[:, None, None], LOGITS.shape), atol=1e-5
    )


@pytest.mark.parametrize("method", ["preconditioned-fista", "lazy-projected-gradient"])
def test_methods_that_keep_no_shares_are_refused(method):
    layer = TVSoftmax(volumes=[0.2, 0.5, 0.3], method=method)
    with pytest.raises(ValueError, match=f"are kept by the methods .* Received: method='{method}'"):
        layer(np.zeros((1, 6, 5, 3), np.float32))
