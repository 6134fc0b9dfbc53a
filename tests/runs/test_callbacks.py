"""What callbacks tell of a training while it runs."""

import keras
import numpy as np

from tfapp.runs.callbacks import ReportProgress


def test_what_is_shown_last_is_of_the_last_epoch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    shown = []
    report = ReportProgress(lambda *line: shown.append(line), lambda _: " extra")
    history = model.fit(
        x, y, batch_size=4, epochs=3, validation_data=(x, y), verbose=0, callbacks=[report]
    ).history
    loss, validation = history["loss"][-1], history["val_loss"][-1]
    assert shown[-1] == (6, 6, f"loss {loss:.4f} val {validation:.4f} extra")
