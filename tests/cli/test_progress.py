"""Progress at a terminal and in a pipe: what stays, and how many lines there are."""

import io

import pytest
from rich.console import Console

from tfapp.cli import console as terminal


@pytest.fixture
def shown(monkeypatch):
    """Return a function that makes the console a terminal or a pipe, and returns what is written there."""

    def make(is_terminal):
        written = io.StringIO()
        console = Console(file=written, width=100, force_terminal=is_terminal, markup=False, emoji=False)
        monkeypatch.setattr(terminal, "console", console)
        return written

    return make


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose last number is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[-1])
    return now


def work(clock, images=40, tiles=20, seconds=1.0):
    """Tell of images by tiles within a task, so many seconds for each tile."""
    progress = terminal.ConsoleProgress()
    with progress.task("evaluating", images) as task:
        for number in range(images):
            with progress.task(f"image-{number}, by tiles", tiles, passing=True) as inner:
                for _ in range(tiles):
                    clock.append(clock[-1] + seconds)
                    inner.advance()
            task.advance()


def test_pipe_gets_a_line_of_passing_tasks_every_ten_seconds_with_the_name_and_the_steps(shown, clock):
    written = shown(False)
    work(clock)
    lines = [line for line in written.getvalue().splitlines() if "by tiles" in line]
    # 800 tiles of a second each.
    assert len(lines) == 80 and lines[:3] == [
        "image-0, by tiles 10/20",
        "image-0, by tiles 20/20",
        "image-1, by tiles 10/20",
    ]


def test_pipe_gets_no_line_of_passing_tasks_that_take_less(shown, clock):
    written = shown(False)
    work(clock, seconds=0.01)
    assert "by tiles" not in written.getvalue() and written.getvalue().count("evaluating") == 1


def test_passing_task_leaves_no_bar_behind(shown, clock):
    shown(True)
    progress = terminal.ConsoleProgress()
    with progress.task("evaluating", 2):
        for number in range(2):
            with progress.task(f"image-{number}, by tiles", 3, passing=True):
                assert [task.description for task in progress._bar.tasks][1:] == [f"image-{number}, by tiles"]
        assert [task.description for task in progress._bar.tasks] == ["evaluating"]
