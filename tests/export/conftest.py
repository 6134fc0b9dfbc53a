"""One small segmenter and one export of it for the whole folder."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

CLASS_NAMES = ["background", "cell", "nucleus"]


def _build_net(channels=3, classes=3, head_dtype=None):
    """A net with a stride of 2 that fails on odd sizes, BatchNorm statistics off their defaults, Dropout,
    and an activation whose gradient is written by hand."""
    import keras
    import tensorflow as tf

    @tf.custom_gradient
    def scaled_identity(x):
        return 2.0 * x, lambda upstream: 1000.0 * upstream

    class ScaledIdentity(keras.layers.Layer):
        def call(self, inputs):
            return tf.cast(scaled_identity(tf.cast(inputs, tf.float32)), inputs.dtype)

    keras.utils.set_random_seed(7)
    random = keras.initializers.RandomNormal(stddev=0.7, seed=1)
    inputs = keras.Input((None, None, channels))
    fine = keras.layers.Conv2D(6, 3, padding="same", activation="relu", kernel_initializer=random)(inputs)
    coarse = keras.layers.Conv2D(6, 3, strides=2, padding="same")(fine)
    coarse = keras.layers.BatchNormalization(moving_mean_initializer=random)(coarse)
    coarse = keras.layers.Dropout(0.5)(ScaledIdentity()(coarse))
    joined = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D(2)(coarse)])
    logits = keras.layers.Conv2D(classes, 1, kernel_initializer=random)(joined)
    return keras.Model(inputs, keras.layers.Softmax(dtype=head_dtype)(logits))


def _picture(height, width, channels=3, seed=0):
    return np.random.default_rng([seed, height, width]).integers(0, 256, (height, width, channels), np.uint8)


def _keras_answer(model, images):
    """Probabilities of float32 images at their own size, padded to the stride of 2 by NumPy."""
    height, width = images.shape[1:3]
    padded = np.pad(images, [(0, 0), (0, height % 2), (0, width % 2), (0, 0)], mode="symmetric")
    return np.asarray(model(padded, training=False))[:, :height, :width]


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Namespace of `model`, `folder`, `base` and the parsed `manifest` of one export."""
    from tfapp.export import export

    model = _build_net()
    base = tmp_path_factory.mktemp("served") / "cells"
    folder = export(
        model,
        base,
        class_names=CLASS_NAMES,
        stride=2,
        warmup_sizes=((32, 40),),
        metadata={"git_commit": "1234abc", "metrics": {"auc": np.float32(0.5), "warping": float("nan")}},
        extra_examples=[_picture(21, 9).astype(np.float32) / 255],
    )
    manifest = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))
    return SimpleNamespace(model=model, folder=folder, base=base, manifest=manifest)


@pytest.fixture(scope="session")
def net():
    """The net itself, where nothing is exported."""
    return _build_net()


@pytest.fixture(scope="session")
def build_net():
    return _build_net


@pytest.fixture(scope="session")
def picture():
    return _picture


@pytest.fixture(scope="session")
def keras_answer():
    return _keras_answer


@pytest.fixture(scope="session")
def session_run():
    """Function that runs a signature of a folder through a bare TF1 session, by tensor names."""
    import tensorflow as tf

    def run(folder, signature, **inputs):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            definition = graph.signature_def[signature]
            outputs = {alias: info.name for alias, info in definition.outputs.items()}
            return session.run(outputs, {definition.inputs[alias].name: v for alias, v in inputs.items()})

    return run
