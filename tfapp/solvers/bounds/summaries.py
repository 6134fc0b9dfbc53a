"""The columns of `BoundsLogger` in TensorBoard."""

import tensorflow as tf

from tfapp.summaries import check_tensorboard, summary_writer

# More would slow a training down, and no screen shows them.
_POINTS = 25


class BoundsSummaries:
    """Writer of scalars `bounds/NAME`, whose steps are those of the optimizer.

    Args:
        log_dir: Folder of TensorBoard.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, log_dir):
        check_tensorboard()
        self._log_dir, self._writer = log_dir, None

    def write(self, columns, rows):
        """Write about 25 of the rows of an epoch, the last among them.

        Args:
            columns: Names of the columns, `step` among them.
            rows: float64 `(rows, columns)`.
        """
        if self._writer is None:
            self._writer = summary_writer(self._log_dir)
        spacing = max(len(rows) // _POINTS, 1)
        with self._writer.as_default():
            for row in rows[::-1][::spacing][::-1]:
                values = dict(zip(columns, row, strict=True))
                step = int(values.pop("step"))
                for name, value in values.items():
                    tf.summary.scalar(f"bounds/{name}", value, step)
        self._writer.flush()

    def close(self):
        """Close the file; a later `write` begins another one."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
