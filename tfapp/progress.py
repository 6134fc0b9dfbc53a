"""A Keras callback that reports steps done, steps in all and a short note."""

import keras


class ReportProgress(keras.callbacks.Callback):
    """Call `show(done, total, note)` after every batch, in batches over the whole training.

    Args:
        show: Function of (batches done in all epochs, batches in all, text with the running loss).
        describe: Function of the model to a text for the note, called after every epoch, or None.
    """

    def __init__(self, show, describe=None):
        super().__init__()
        self.show = show
        self.describe = describe
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
        if self.describe:
            self.validation += self.describe(self.model)

    def on_train_end(self, logs=None):
        if self.model.stop_training:
            done = (self.epoch + 1) * self.params["steps"]
            self.show(
                done, done, f"stopped after epoch {self.epoch + 1},{self.validation} loss {logs['loss']:.4f}"
            )
