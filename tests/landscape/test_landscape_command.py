import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.landscape import landscape, parse_range, parse_seconds
from tfapp.errors import InputError
from tfapp.landscape import Surface

OPTIONS = ["--n", "3", "--samples", "10", "--batch-size", "4"]


@pytest.fixture
def invoke(monkeypatch, segmenter, data, tmp_path):
    """Return a function that runs the command on a run folder with the small segmenter."""
    run = SimpleNamespace(
        path=tmp_path,
        title="RUnet",
        load_model=lambda: segmenter,
        sample=lambda part, count, seed: data if (part, count) == ("train", 10) else None,
    )
    module = SimpleNamespace(Run=SimpleNamespace(open=lambda path: run))
    monkeypatch.setitem(sys.modules, "tfapp.runs", module)
    app = typer.Typer()
    app.command()(landscape)
    return lambda *options: CliRunner().invoke(
        app, [str(tmp_path), *OPTIONS, *options], env={"COLUMNS": "120"}
    )


def test_the_command_writes_surface_pictures_and_page(invoke, tmp_path):
    result = invoke("--range", "0.25")
    assert result.exit_code == 0, result.output
    stem = "surface-n3-r0.25-s0"
    assert {file.name for file in (tmp_path / "landscape").iterdir()} == {
        f"{stem}.npz",
        f"{stem}.timing.json",
        f"{stem}.png",
        f"{stem}-contour.png",
        f"{stem}.html",
    }
    surface = Surface.load(tmp_path / "landscape" / f"{stem}.npz")
    assert surface.complete and f"{surface.centre:.6g}" in result.output
    for text in (
        "model.evaluate",
        "minimum",
        "points measured",
        "NaN cells",
        "a bare forward pass",
        f"{stem}.html",
    ):
        assert text in result.output


def test_the_command_reads_a_complete_surface_again_and_starts_over_on_request(invoke, tmp_path):
    assert invoke().exit_code == 0
    file = tmp_path / "landscape" / "surface-n3-r1-s0.npz"
    written = file.stat().st_mtime_ns
    assert invoke().exit_code == 0 and file.stat().st_mtime_ns == written
    assert invoke("--overwrite").exit_code == 0 and file.stat().st_mtime_ns > written


def test_a_line_is_drawn_as_a_curve(invoke, tmp_path):
    result = invoke("--line", "--range", "-0.5:1")
    assert result.exit_code == 0, result.output
    file = tmp_path / "landscape" / "surface-n3-r-0.5to1-s0-line.npz"
    assert Surface.load(file).alphas.tolist() == [-0.5, 0.25, 1.0]
    assert file.with_suffix(".png").is_file() and not file.with_suffix(".html").exists()


def test_a_budget_that_ends_is_said_and_the_same_command_goes_on(invoke, tmp_path):
    first = invoke("--budget", "0.0001s", "--exact")
    assert first.exit_code == 0 and "budget" in first.output
    assert 0 < Surface.load(tmp_path / "landscape" / "surface-n3-r1-s0-exact.npz").num_measured < 9
    assert "9 of 9" in invoke("--exact").output


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", (-1.0, 1.0)), ("-0.5:1.5", (-0.5, 1.5)), ("1,-1:2", ((-1.0, 1.0), (-1.0, 2.0)))],
)
def test_ranges_are_half_widths_or_limits_for_one_or_both_axes(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "a", "2:1", "1:2:3", "1,1,1", ""])
def test_other_ranges_are_refused(text):
    with pytest.raises(InputError, match="--range expects"):
        parse_range(text)


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("1.5s", 1.5), ("5m", 300), ("2h", 7200)])
def test_times_are_read_with_their_unit(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0s", "-1", "soon", "5 d"])
def test_other_times_are_refused(text):
    with pytest.raises(InputError, match="--budget expects a time such as 60s"):
        parse_seconds(text)
