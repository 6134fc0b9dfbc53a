"""A model that serves must answer an image whatever else is in its batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.export.batch_trial import check_each_alone, unlike_images
from tfapp.export.errors import ExportError
from tfapp.export.image_limits import finite, limited
from tfapp.export.scorer import inspect_scorer
from tfapp.export.segmenter import inspect_model


class WithoutBatchMean(keras.layers.Layer):
    def call(self, values):
        return values - tf.reduce_mean(values, 0, keepdims=True)


def model_of(images, head, *layers):
    keras.utils.set_random_seed(0)
    values = images
    for layer in (*layers, head):
        values = layer(values)
    return keras.Model(images, values)


def test_segmenter_that_looks_at_the_batch_is_refused():
    model = model_of(
        keras.Input((None, None, 3)),
        keras.layers.Softmax(),
        keras.layers.Conv2D(2, 3, padding="same"),
        WithoutBatchMean(),
    )
    with pytest.raises(ExportError, match="`model` must answer an image whatever else is in its batch"):
        inspect_model(model)


def test_scorer_that_looks_at_the_batch_is_refused():
    model = model_of(
        keras.Input((8, 8, 3)), keras.layers.Dense(2), keras.layers.Flatten(), WithoutBatchMean()
    )
    with pytest.raises(ExportError, match="`model` must answer an image whatever else is in its batch"):
        inspect_scorer(model)


def test_answers_that_differ_by_little_pass():
    images = unlike_images((4, 5), 1, (0.0, 255.0))
    assert (
        images.shape == (2, 4, 5, 1) and images[0].max() <= 127.5 <= images[1].min() and images.max() <= 255
    )
    check_each_alone(lambda some: some + 0.001 * len(some), images)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_fail(value):
    images = np.zeros((2, 4, 4, 1), np.float32)
    images[1, 2, 2] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="images must be finite, got NaN or infinite values"
    ):
        finite(tf.constant(images))


def test_images_without_a_pixel_fail_and_a_batch_without_images_does_not():
    with pytest.raises(tf.errors.InvalidArgumentError, match="images must have at least one pixel"):
        limited(tf.zeros((2, 0, 4, 1)), 2**20)
    assert limited(tf.zeros((0, 4, 4, 1)), 2**20).shape == (0, 4, 4, 1)
