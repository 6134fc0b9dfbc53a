"""LeNet-5 with sigmoids, as a thesis's background chapter (section 1.4.1) describes it, and its loss."""

import keras
import numpy as np

from tfapp.models import TanhSquaredError, build_classifier


def test_lenet_5_of_the_chapter_has_sigmoids_averages_and_a_vector_of_400():
    model = build_classifier("lenet-5-sigmoid", 10, (28, 28, 1))
    parts = [(type(layer).__name__, getattr(layer, "activation", None)) for layer in model.layers]
    pools = [name for name, _ in parts if "Pooling" in name]
    activations = [function.__name__ for _, function in parts if function is not None]
    assert pools == ["AveragePooling2D"] * 2 and model.get_layer("flatten").output.shape[-1] == 400
    assert activations == ["sigmoid"] * 4 + ["linear"] * 2


def test_loss_is_the_squared_distance_of_tanh_to_codes_of_1_and_minus_1(tmp_path):
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    labels = np.array([0, 2, 1, 1, 0])
    expected = np.mean((np.tanh(logits) - (2 * np.eye(3)[labels] - 1)) ** 2)
    loss = keras.losses.deserialize(keras.losses.serialize(TanhSquaredError()))
    assert np.isclose(float(loss(labels[:, None], logits)), expected, rtol=1e-6)
