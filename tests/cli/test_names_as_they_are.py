"""Names of people's classes and files, printed as they are: brackets are no markup, colons no emoji."""

import io
import os
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tfapp.cli import console as terminal
from tfapp.cli.main import app
from tfapp.report.result_table import ResultTable

NAMES = ["[/]", "nucleus [dead]", "[bold]cell[/bold]", ":cat:", "[link=x]y"]


def test_table_shows_names_as_they_are():
    with terminal.console.capture() as printed:
        terminal.print_table(ResultTable([NAMES[1], "IoU"], [[name, 0.5] for name in NAMES], NAMES[0]))
    assert all(name in printed.get() for name in NAMES)


def test_every_print_shows_names_as_they_are():
    with terminal.console.capture() as printed:
        terminal.console.print(f"classes {', '.join(NAMES)}", soft_wrap=True)
    assert all(name in printed.get() for name in NAMES)


def test_bars_show_titles_and_notes_as_they_are():
    bar = terminal._progress_bar()
    bar.add_task(NAMES[1], total=2, note=NAMES[0])
    written = io.StringIO()
    Console(file=written, width=200).print(bar.get_renderable())
    assert "nucleus [dead]" in written.getvalue() and "[/]" in written.getvalue()


def test_sentence_of_an_error_shows_names_as_they_are(tmp_path):
    (tmp_path / "nucleus [dead]").mkdir()
    result = CliRunner().invoke(
        app, ["report", str(tmp_path / "nucleus [dead]"), "--out", str(tmp_path / "page.html")]
    )
    assert result.exit_code == 2 and "nucleus [dead]" in result.output


def test_file_name_in_another_encoding_is_printed_by_its_bytes(monkeypatch):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit):
        app(["--help"])
    print(os.fsdecode(b"b\xfcrste.png"), flush=True)
    assert written.getvalue().endswith(b"b\\udcfcrste.png\n")
