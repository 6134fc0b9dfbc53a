"""Networks with TV-regularised ReLUs in place of ReLUs."""

import keras
import numpy as np
import pytest

from tfapp.layers import TVReLU
from tfapp.models import MODELS, build

DEPTHS = {"fcn-32s": 5, "fcn-16s": 4, "fcn-8s": 3}
EVERY_MODEL = pytest.mark.parametrize("name", MODELS)


def network(name, relu=None):
    return build(name, 3, base_width=1, depth=DEPTHS.get(name, 2), relu=relu)


def relus(model):
    return [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.ReLU)
        or getattr(getattr(layer, "activation", None), "__name__", "") == "relu"
    ]


@EVERY_MODEL
def test_every_relu_is_replaced(name):
    model = network(name, lambda called: TVReLU(name=called))
    assert not relus(model)
    assert sum(isinstance(layer, TVReLU) for layer in model.layers) == len(relus(network(name)))


@pytest.mark.slow
@EVERY_MODEL
def test_with_a_weight_of_0_the_network_is_that_with_relus(name):
    plain = network(name)
    model = network(name, lambda called: TVReLU(0.0, learn_tv_weight=False, name=called))
    rng = np.random.default_rng(0)
    for layer in plain.layers:
        if layer.weights:
            # Of both signs but for biases, scales and variances.
            layer.set_weights([rng.uniform(-0.4 * (w.ndim > 1), 0.5, w.shape) for w in layer.get_weights()])
            model.get_layer(layer.name).set_weights(layer.get_weights())
    images = rng.random((1, 33, 35, 3), dtype=np.float32)
    expected = plain(images, training=False)
    assert np.ptp(expected) > 0 and np.isfinite(expected).all()
    np.testing.assert_allclose(model(images, training=False), expected, rtol=1e-5, atol=1e-6)
