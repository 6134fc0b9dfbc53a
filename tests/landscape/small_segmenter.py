"""A small segmenter with every ingredient that landscape tools get wrong, and references for its losses."""

import keras
import numpy as np

BATCH_SIZE = 4


def build_segmenter(regularizer=None):
    """Return a compiled U-shaped network: convolution, batch normalisation, transposed convolution, skip."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 2))
    fine = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer=regularizer)(inputs)
    fine = keras.layers.ReLU()(keras.layers.BatchNormalization()(fine))
    coarse = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(keras.layers.MaxPooling2D()(fine))
    coarse = keras.layers.Dropout(0.5)(coarse)
    up = keras.layers.Conv2DTranspose(4, 2, strides=2)(coarse)
    outputs = keras.layers.Conv2D(3, 1, activation="softmax")(keras.layers.concatenate([fine, up]))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(4)
    # Moving statistics and offsets away from their initial 0 and 1, as after training.
    model.set_weights([w + 0.1 * rng.random(w.shape, np.float32) for w in model.get_weights()])
    return model


def evaluate(model, x, y, w=None):
    return model.evaluate(x, y, sample_weight=w, batch_size=BATCH_SIZE, verbose=0, return_dict=True)["loss"]


def displaced(model, u, v, alpha, beta):
    """Return the trainable weights w + alpha*u + beta*v, computed by NumPy in float32."""
    return [
        w.numpy() + np.float32(alpha) * a + np.float32(beta) * b
        for w, a, b in zip(model.trainable_variables, u, v, strict=True)
    ]
