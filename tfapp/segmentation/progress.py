"""A Keras callback that reports steps done, steps in all and a short note."""

import keras

from tfapp.models import current_tv_weights, tv_head


class ReportProgress(keras.callbacks.Callback):
    """Call `show(done, total, note)` after every batch, in batches over the whole training.

    Args:
        show: Function of (batches done in all epochs, batches in all, text with the running loss).
    """

    def __init__(self, show):
        super().__init__()
        self.show = show
        self.epoch = 0
        self.validation = ""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        steps, epochs = self.params["steps"], self.params["epochs"]
        note = f"loss {logs['loss']:.4f}{self.validation}"
        self.show(self.epoch * steps + batch + 1, epochs * steps, note)

    def on_epoch_end(self, epoch, logs=None):
        self.validation = f" val {logs['val_loss']:.4f}" if "val_loss" in logs else ""
        head = tv_head(self.model)
        if head is not None:
            self.validation += " λ " + "/".join(f"{weight:.2f}" for weight in current_tv_weights(head))

    def on_train_end(self, logs=None):
        if self.model.stop_training:
            done = (self.epoch + 1) * self.params["steps"]
            self.show(
                done, done, f"stopped after epoch {self.epoch + 1},{self.validation} loss {logs['loss']:.4f}"
            )
