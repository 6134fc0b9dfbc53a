"""A Keras callback that shows the landscape around the weights among the curves of a training."""

import inspect
import tempfile
import warnings
from numbers import Integral
from pathlib import Path

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.evaluate import landscape
from tfapp.landscape.samples import read
from tfapp.report.tensorboard import check_tensorboard, summary_writer

_POINTS = 17  # along each axis: a picture in a browser, at a tenth of the evaluations of a printed one
# The weights differ from surface to surface, so that none resumes the file of another.
_OWN = {"path", "overwrite", "progress"}


class LandscapeTensorBoard(keras.callbacks.Callback):
    """Draw the loss around the weights at the end of a training, or every so many epochs, in TensorBoard.

        model.fit(x, y, epochs=60, callbacks=[LandscapeTensorBoard("logs", x[:64], y[:64], every=20)])

    The images `landscape/surface` and `landscape/contour`, of a line `landscape/curve`; and the scalars
    `landscape/loss_at_solution`, `landscape/highest_loss`, `landscape/points_measured` and, where points are
    predicted, `landscape/prediction_max_error`, the largest measured error as a share of the range. Steps are
    epochs. The training goes on as it would without: weights, optimizer and random numbers are not touched.
    A surface that cannot be measured is a warning.

    Args:
        log_dir: folder of TensorBoard, that of `keras.callbacks.TensorBoard` or another one.
        x, y, sample_weight: the data that the loss is averaged over, as for `landscape`; a few dozen samples.
        every: integer >= 1, epochs between two surfaces; None for one when the training ends. With a number
            too, the last epoch gets one.
        options: further arguments of `landscape`, such as `range`, `directions`, `line` or `seed`; `n` is 17.

    Raises:
        InputError: TensorBoard is not installed, a bad `every`, an unknown option, or data without samples.
    """

    def __init__(self, log_dir, x, y=None, sample_weight=None, *, every: int | None = None, **options):
        super().__init__()
        check_tensorboard()
        if every is not None and (isinstance(every, bool) or not isinstance(every, Integral) or every < 1):
            raise InputError(f"`every` must be an integer >= 1, or None. Received: every={every!r}.")
        known = inspect.signature(landscape).parameters.values()
        known = {p.name for p in known if p.kind is p.KEYWORD_ONLY} - _OWN
        unknown = sorted(set(options) - known)
        if unknown:
            raise InputError(
                f"Expected options of landscape() that make sense in a training: {', '.join(sorted(known))}. "
                f"Received: {', '.join(unknown)}."
            )
        self.log_dir, self.every = Path(log_dir), every
        samples = read(x, y, sample_weight)
        # What can be read only once is kept; arrays are batched as the options say.
        self._data = samples.parts if samples.given is None else (samples.batches(1),)
        self._options = {"n": _POINTS, **options}
        self._writer = self._drawn = None
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self.every is not None and self._epoch % self.every == 0:
            self._measure()

    def on_train_end(self, logs=None):
        if self._drawn != self._epoch:
            self._measure()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._drawn = None

    def _measure(self):
        self._drawn = self._epoch
        try:
            surface = landscape(self.model, *self._data, **self._options)
            pictures = _pictures(surface)
        except InputError as error:
            # A night of training is worth more than its picture.
            warnings.warn(f"No landscape after epoch {self._epoch}: {error}", stacklevel=2)
            return
        if self._writer is None:
            self._writer = summary_writer(self.log_dir)
        with self._writer.as_default(self._epoch):
            for name, value in _figures(surface).items():
                tf.summary.scalar(f"landscape/{name}", value)
            for name, picture in pictures.items():
                tf.summary.image(f"landscape/{name}", picture[None])
        self._writer.flush()


def _figures(surface):
    highest = surface.metadata["self_check"]["maximum"]
    figures = {"loss_at_solution": surface.centre, "points_measured": surface.num_measured}
    if highest is not None:
        figures["highest_loss"] = highest[0]
    if surface.metadata["prediction"].get("points"):
        figures["prediction_max_error"] = surface.metadata["prediction"]["max_error"]
    return figures


def _pictures(surface):
    """Return uint8 (height, width, 3) pictures by their names."""
    # Plotting libraries are loaded when the first picture is drawn.
    from tfapp.landscape.figures.contours import save_contour_png

    is_line = len(surface.betas) == 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.png")
        surface.plot(path)
        pictures = {"curve" if is_line else "surface": _read(path)}
        if not is_line:
            save_contour_png(surface, path)
            pictures["contour"] = _read(path)
    return pictures


def _read(path):
    return tf.io.decode_png(path.read_bytes(), channels=3)
