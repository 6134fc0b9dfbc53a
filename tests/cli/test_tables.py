"""Tables on a terminal of 80 columns lose nothing."""

from rich.console import Console

from tfapp.cli import console as terminal
from tfapp.report.result_table import ResultTable


def printed(monkeypatch, table, width=80):
    narrow = Console(width=width)
    monkeypatch.setattr(terminal, "console", narrow)
    with narrow.capture() as found:
        terminal.print_table(table)
    return found.get()


def test_long_names_are_wrapped_and_numbers_stay(monkeypatch):
    name = "α = 1, from sgd-0.1@plateau+patience=2-seed0 to its initial weights"
    text = printed(monkeypatch, ResultTable(["loss surface", ""], [[name, "2.07345 at (1.5, 0)"]]))
    assert "2.07345 at (1.5, 0)" in text and "…" not in text


def test_headings_are_folded_and_not_cut(monkeypatch):
    header = ["network", *["smoothness of steps"] * 8]
    text = printed(monkeypatch, ResultTable(header, [["LeNet-5", *["0.125"] * 8]]))
    assert "…" not in text and text.count("0.125") == 8 and "LeNet-5" in text
