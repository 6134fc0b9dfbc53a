"""Numbers of every step of a training, and condition (3.4) on them."""

import csv
import io
from array import array

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path, disk_errors_naming


class StepTable:
    """Rows of numbers, one for each step; the column `step` counts up.

    Args:
        path: `Path` of the CSV file, or None.
        overwrite: Whether to replace the file of another training.
    """

    def __init__(self, path, overwrite):
        self._path, self._overwrite = path, overwrite
        # Eight bytes for each number; a list of floats would take four times as much.
        self._columns, self._values = (), array("d")
        self._num_written = 0

    def columns(self):
        """Return a dictionary from the name of a column to float64 `(rows,)`."""
        table = np.array(self._values).reshape(-1, len(self._columns) or 1)
        return dict(zip(self._columns, table.T, strict=False))

    def open(self, columns, step):
        """Go on after a step: rows beyond it, in memory and in the file, are of a continuation that was given up.

        Args:
            columns: Names of the columns.
            step: Steps that the optimizer has made.

        Raises:
            InputError: If the file is not a table of these columns, or that of another training.
        """
        columns = tuple(columns)
        rows = np.array(self._values if columns == self._columns else []).reshape(-1, len(columns))
        self._columns = columns
        if self._path is not None:
            rows = self._read(step)
        rows = rows[rows[:, self._columns.index("step")] <= step]
        self._values, self._num_written = array("d", rows.ravel()), rows.size
        if self._path is not None:
            with atomic_path(self._path) as temporary:
                temporary.write_text(_lines([self._columns, *_cells(rows)]), encoding="utf-8")

    def add(self, row):
        """Add a row; it is written by `flush`."""
        self._values.extend(row)

    def flush(self):
        """Append to the file what was added since the last time, and return it, float64 `(rows, columns)`."""
        rows = np.array(self._values[self._num_written :]).reshape(-1, len(self._columns))
        if self._path is not None:
            # A kill leaves whole lines and at most one that reading leaves out.
            with disk_errors_naming(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(_lines(_cells(rows)))
        self._num_written = len(self._values)
        return rows

    def _read(self, step):
        rows = [] if self._overwrite else self._stored()
        self._overwrite = False  # a second `fit` resumes
        if rows and not step:
            raise InputError(
                f"{self._path} holds {len(rows)} rows of another training; choose another file, or replace it with "
                "overwrite=True."
            )
        return np.array(rows).reshape(-1, len(self._columns))

    def _stored(self):
        if not self._path.is_file():
            return []
        text = self._path.read_text(encoding="utf-8")
        lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
        try:
            rows = [[float(cell) for cell in line] for line in lines[1:]]
        except ValueError:
            lines = []
        if not lines or tuple(lines[0]) != self._columns or any(len(row) != len(lines[0]) for row in rows):
            raise InputError(
                f"{self._path} is not a table of the columns {','.join(self._columns)}; choose another file, or "
                "replace it with overwrite=True."
            )
        return rows


def _cells(rows):
    # Nine digits tell every float32 from the next.
    return [[f"{value:.9g}" for value in row] for row in rows]


def _lines(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class PathCondition:
    """Left-hand side of condition (3.4) along the path of the weights:

        max_{i<=t} { f(x_i) - L |x_{t+1} - x_i| }  <=  rho * min_{i<=t} f(x_i)

    Where it holds, x_{t+1} lies in none of the balls around x_1 to x_t in which no loss is below the right-hand side.
    Without momentum the step of Algorithm 2 puts x_{t+1} on the border of the ball around x_t, where both sides are
    equal for i = t, and does not look at the others.

    Each place that is kept takes 4 bytes for each weight, and each check reads all of them.

    Args:
        every: Keep and check every so many steps; the maximum is over these, and no larger than over all.
        limit: Places to keep; then no more are checked.

    References:
        Y. Wu, dissertation, chapter 3, condition (3.4) and figure 3.6; Z. Zhang, Y. Wu, G. Wang, *BPGrad: Towards
        Global Optimality in Deep Learning via Branch and Pruning*, 2018, arXiv:1711.06959, eq. 4.
    """

    def __init__(self, every, limit):
        self._every, self._limit = every, limit
        self.clear()

    def clear(self):
        """Forget all places, as those of another path."""
        self._places, self._losses = [], []
        self._here = None

    @property
    def places(self):
        """The places that were kept, and the one after the last step that was checked: float32 (places + 1, weights).

        Raises:
            InputError: No step was checked.
        """
        if not self._places:
            raise InputError("Expected steps at which condition (3.4) was checked. Received: none.")
        return np.stack([*self._places, self._last])

    def before_step(self, model, optimizer, step):
        """Remember where the model is, if the step after `step` steps is one to check."""
        self._here = None
        if step % self._every == 0 and len(self._places) < self._limit:
            self._here, self._num_skipped = _weights(model), optimizer.measured()["num_skipped"]

    @property
    def is_due(self):
        """Whether the step is one to check."""
        return self._here is not None

    def after_step(self, model, measured):
        """Return the left-hand side for where the model is now, or NaN if it is not checked, was skipped, or has no L.

        Args:
            model: Keras model.
            measured: Numbers of the step.
        """
        if self._here is None or measured["num_skipped"] > self._num_skipped or not measured["lipschitz"]:
            return np.nan
        self._places.append(self._here)
        self._losses.append(measured["loss"])
        self._last = now = _weights(model)
        distances = np.array([np.linalg.norm(now - place) for place in self._places])
        return float(np.max(np.array(self._losses) - measured["lipschitz"] * distances))


def _weights(model):
    return np.concatenate([np.float32(variable.numpy()).ravel() for variable in model.trainable_variables])
