"""A Keras callback that shows the training of a pose model in TensorBoard."""

import warnings

import keras

from tfapp.errors import InputError
from tfapp.pose.pictures.model_pictures import draw_model
from tfapp.pose.predictions import learned_points
from tfapp.report.figures import screen_png
from tfapp.report.tensorboard import summary_writer, write_png, write_scalar


class PoseTensorBoard(keras.callbacks.Callback):
    """Write what a `PoseModel` learns; steps are epochs, and a training that resumes continues them.

    After every epoch the scalars `pose/loss`, `pose/chamfer_mm`, `pose/learning_rate`, `pose/model_learning_rate` and
    `pose/points_seen`, the share of the object model's points that scenes show; every so many epochs, and when the
    training ends, the picture `pose/model`. A picture that cannot be drawn is a warning. Writing needs no TensorBoard.

    Args:
        log_dir: Folder of TensorBoard, made when the first epoch ends.
        every: Integer >= 1, epochs between two pictures.

    Raises:
        InputError: For another `every`.
    """

    def __init__(self, log_dir, every: int = 10):
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise InputError(f"`every` must be an integer >= 1. Received: every={every!r}.")
        self.log_dir, self.every = log_dir, every
        self._writer = self._epoch = self._drawn = None

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self._writer is None:
            self._writer = summary_writer(self.log_dir)
        with self._writer.as_default():
            for name, value in _figures(self.model, logs).items():
                write_scalar(f"pose/{name}", value, self._epoch)
        if self._epoch % self.every == 0:
            self._draw()
        self._writer.flush()  # as safe from a kill as the checkpoint

    def on_train_end(self, logs=None):
        if self._writer is None:
            return
        if self._drawn != self._epoch:
            self._draw()
        self._writer.close()
        self._writer = None

    def _draw(self):
        self._drawn = self._epoch
        try:
            figure = draw_model(*learned_points(self.model), f"Object model after epoch {self._epoch}")
        except InputError as error:
            # A night of training is worth more than its picture.
            warnings.warn(f"No picture of the object model after epoch {self._epoch}: {error}", stacklevel=2)
            return
        png, width, height = screen_png(figure)
        with self._writer.as_default():
            write_png("pose/model", png, self._epoch, width, height)


def _figures(model, logs):
    return {
        "loss": logs["loss"],
        "chamfer_mm": logs["distance_mm"],
        "learning_rate": float(model.optimizer.learning_rate),
        "model_learning_rate": float(model.model_optimizer.learning_rate),
        "points_seen": float(learned_points(model)[1].mean()),
    }


class RoundCurves:
    """Writes the rounds of a refinement, for `refine_run(watch=...)`; steps are rounds.

    Args:
        log_dir: Folder of TensorBoard, made when the first round ends.
    """

    def __init__(self, log_dir):
        self._log_dir, self._writer = log_dir, None

    def __call__(self, row):
        if self._writer is None:
            self._writer = summary_writer(self._log_dir)
        with self._writer.as_default():
            for name in ("residual_mm", "points", "moved"):
                write_scalar(f"refine/{name}", row[name], row["round"])
        self._writer.flush()
