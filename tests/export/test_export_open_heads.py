"""Heads with shares, Huber lengths, other operators, and soft threshold dynamics, served without Keras."""

import keras
import numpy as np
import pytest

from tfapp.export import export
from tfapp.layers import SecondDifferences, SoftThresholdDynamics, TVSoftmax

pytestmark = pytest.mark.slow

HEADS = {
    "shares": lambda: TVSoftmax(0.5, volumes=[0.2, 0.3, 0.5], inference_iterations=40),
    "huber": lambda: TVSoftmax(0.5, huber=0.2, inference_iterations=40),
    "second order": lambda: TVSoftmax(0.5, operator=SecondDifferences(0.5), inference_iterations=40),
    "soft threshold dynamics": lambda: SoftThresholdDynamics(1.0),
}


@pytest.mark.parametrize("name", HEADS)
def test_served_labels_and_probabilities_are_those_of_keras(name, session_run, tmp_path):
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    model = keras.Model(images, HEADS[name]()(keras.layers.Conv2D(3, 3, padding="same")(images)))
    served = export(model, tmp_path / "served", warmup_sizes=())
    pictures = np.random.default_rng(0).uniform(size=(3, 17, 23, 3)).astype(np.float32)
    answer = session_run(served, "serving_default", images=pictures)
    expected = np.asarray(model(pictures, training=False))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], expected.argmax(-1))
    if name == "shares":
        np.testing.assert_allclose(expected.mean((1, 2)), [[0.2, 0.3, 0.5]] * 3, atol=5e-5)
