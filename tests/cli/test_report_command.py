"""`tfapp report` on segmenters, and on a transfer run."""

import pytest
from typer.testing import CliRunner

from tests.transfer.made_up_run import begun_run, finished_run, metrics
from tfapp.cli.main import app


def report(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_page_of_a_transfer_run_is_written_to_out(tmp_path):
    run = finished_run(tmp_path / "run", metrics())
    out = tmp_path / "deep" / "page.html"
    result = report(run.path, "--out", out)
    assert result.exit_code == 0 and f"wrote {out}" in result.output
    assert "Feature transfer for low-resolution images" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "options", [("--noise", "gaussian=0.07"), ("--examples", 4), ("--title", "Mine"), ("--export", "served")]
)
def test_options_of_segmenters_are_refused(tmp_path, options):
    run = begun_run(tmp_path / "run")
    result = report(run.path, "--out", tmp_path / "r.html", *options)
    assert result.exit_code == 2
    assert f"{options[0]} is for reports on segmenters; leave it out" in result.output
    assert not (tmp_path / "r.html").exists()


def test_several_runs_are_refused(tmp_path):
    first, second = (begun_run(tmp_path / name) for name in ("first", "second"))
    result = report(first.path, second.path, "--out", tmp_path / "r.html")
    assert result.exit_code == 2 and "shows that run alone; got 2 runs." in result.output
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
def test_command_writes_the_page_and_names_it(evaluated_run, tmp_path):
    out = tmp_path / "deep" / "page.html"
    result = report(evaluated_run.path, "--out", out, "--examples", 1, "--title", "A <title>")
    assert result.exit_code == 0 and f"wrote {out}" in result.output
    assert "<h1>A &lt;title&gt;</h1>" in out.read_text(encoding="utf-8")


def test_several_amounts_of_noise_are_refused(evaluated_run, tmp_path):
    result = report(evaluated_run.path, "--out", tmp_path / "r.html", "--noise", "gaussian=0.05,0.07")
    assert result.exit_code == 2 and "several amounts" in " ".join(result.output.split())


def test_folder_that_is_not_a_run_is_refused_by_the_command(tmp_path):
    result = report(tmp_path, "--out", tmp_path / "r.html")
    assert result.exit_code == 2 and "is not a run folder" in " ".join(result.output.split())
    assert not (tmp_path / "r.html").exists()


def test_page_over_a_record_of_the_run_is_refused(tmp_path):
    run = finished_run(tmp_path / "run", metrics())
    before = (run.path / "run.json").read_bytes()
    result = report(run.path, "--out", run.path / "run.json")
    assert result.exit_code == 2 and "choose another --out" in " ".join(result.output.split())
    assert (run.path / "run.json").read_bytes() == before
