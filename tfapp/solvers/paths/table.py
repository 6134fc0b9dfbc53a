"""Paths of solvers as a table and as files."""

import csv
import io

from tfapp.files import write_text
from tfapp.result_text import markdown_table

GAPS = (1e-2, 1e-6)
HEADER = ("solver", "parameters", "end", "f − f*", *(f"updates to {gap:g}" for gap in GAPS))


def rows(paths, minimum):
    """Return the rows of `HEADER` as text.

    Args:
        paths: `tfapp.solvers.paths.paths.Path`s.
        minimum: f*, from which |f - f*| is measured.
    """
    return [_row(path, minimum) for path in paths]


def _row(path, minimum):
    end = "diverged"
    if not path.diverged:
        end = ", ".join(f"{coordinate:.4f}" for coordinate in path.points[-1])
    reached = [path.updates_to(gap, minimum) for gap in GAPS]
    counts = ["–" if count is None else f"{count:,}" for count in reached]
    return path.solver.title, path.solver.parameters, end, f"{path.gaps(minimum)[-1]:.2g}", *counts


def markdown(title, command, header, lines, notes=()) -> str:
    """Return heading, command, table and notes as Markdown."""
    remarks = "".join(f"- {note}\n" for note in notes)
    return f"# {title}\n\n```\n{command}\n```\n\n{markdown_table(header, lines)}\n" + (
        f"\n{remarks}" if notes else ""
    )


def write_paths(paths, path) -> None:
    """Write a row for each point of each path: solver, update, coordinates, f."""
    axes = range(1, paths[0].points.shape[1] + 1)
    lines = [("solver", "update", *(f"x{axis}" for axis in axes), "f")]
    for one in paths:
        for update, (point, loss) in enumerate(zip(one.points, one.losses, strict=True)):
            lines.append((one.solver.title, update, *(f"{number:.9g}" for number in (*point, loss))))
    _write(lines, path)


def write_losses(paths, path) -> None:
    """Write a row for each update and a column for each solver: the loss."""
    lines = [("update", *(one.solver.title for one in paths))]
    for update, losses in enumerate(zip(*(one.losses for one in paths), strict=True)):
        lines.append((update, *(f"{loss:.9g}" for loss in losses)))
    _write(lines, path)


def write_table(header, lines, path) -> None:
    """Write a table as CSV."""
    _write([header, *lines], path)


def _write(lines, path):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(path, text.getvalue())
