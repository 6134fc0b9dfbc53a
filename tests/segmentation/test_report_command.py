import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.report import report as report_command
from tfapp.errors import InputError


@pytest.fixture
def invoke():
    app = typer.Typer()
    app.command()(report_command)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def test_command_writes_the_page_and_names_it(invoke, evaluated_run, tmp_path):
    out = tmp_path / "deep" / "page.html"
    result = invoke(evaluated_run.path, "--out", out, "--examples", 1, "--title", "A <title>")
    assert result.exit_code == 0 and f"wrote {out}" in result.output
    assert "<h1>A &lt;title&gt;</h1>" in out.read_text(encoding="utf-8")


def test_several_amounts_of_noise_are_refused(invoke, evaluated_run, tmp_path):
    result = invoke(evaluated_run.path, "--out", tmp_path / "r.html", "--noise", "gaussian=0.05,0.07")
    assert isinstance(result.exception, InputError) and "several amounts" in str(result.exception)


def test_folder_that_is_not_a_run_is_refused_by_the_command(invoke, tmp_path):
    result = invoke(tmp_path, "--out", tmp_path / "r.html")
    assert isinstance(result.exception, InputError) and not (tmp_path / "r.html").exists()
