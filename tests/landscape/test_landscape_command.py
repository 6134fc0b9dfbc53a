import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.landscape import landscape
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
        f"{stem}.png",
        f"{stem}-contour.png",
        f"{stem}.html",
    }
    surface = Surface.load(tmp_path / "landscape" / f"{stem}.npz")
    assert surface.complete and f"{surface.centre:.6g}" in result.output
    for text in ("model.evaluate", "minimum", "maximum", "NaN cells", "a bare forward pass", f"{stem}.html"):
        assert text in result.output


def test_the_command_reads_a_complete_surface_again_and_starts_over_on_request(invoke, tmp_path):
    assert invoke().exit_code == 0
    file = tmp_path / "landscape" / "surface-n3-r0.5-s0.npz"
    written = file.stat().st_mtime_ns
    assert invoke().exit_code == 0 and file.stat().st_mtime_ns == written
    assert invoke("--overwrite").exit_code == 0 and file.stat().st_mtime_ns > written
