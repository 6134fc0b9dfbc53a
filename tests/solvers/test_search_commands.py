"""`tfapp solvers minimise`, `tfapp solvers search` and `tfapp reproduce bpgrad-figure-3.3`, as a person types them."""

import csv
import json

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.mark.slow
def test_minimise_writes_the_certificate_the_samples_and_the_figures(tmp_path):
    result = tfapp("solvers", "minimise", "f3", "--out", tmp_path, "--budget", "3", "--animate")
    assert result.exit_code == 0, result.output
    names = {"search.json", "samples.csv", "bounds.png", "search.png", "search.gif"}
    assert {path.name for path in tmp_path.iterdir()} == names
    found = json.loads((tmp_path / "search.json").read_text(encoding="utf-8"))
    assert found["command"].endswith(f"minimise f3 --out {tmp_path} --budget 3 --animate")
    assert found["evaluations"] == 3 and found["stopped"] == "evaluations" and not found["covered"]
    with (tmp_path / "samples.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["x1"]) for row in rows] == pytest.approx([2.5, 3.6815, 4.6202], abs=5e-5)


@pytest.mark.slow
def test_options_of_the_search_are_passed_on(tmp_path):
    options = "--bound sawtooth --tolerance 0.5 --start 3 --lipschitz 20 --budget 10 --max-seconds 60".split()
    result = tfapp("solvers", "minimise", "f1", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "search.json").read_text(encoding="utf-8"))
    assert found["lipschitz"] == 20 and found["evaluations"] == 10 and not found["covered"]


def test_more_than_two_variables_have_bounds_but_no_picture(tmp_path):
    result = tfapp("solvers", "minimise", "sines-3", "--out", tmp_path, "--budget", "5")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"search.json", "samples.csv", "bounds.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["f9"], "Unknown function 'f9'; choose one of: f1, f2, f3, rosenbrock, sines-2"),
        (["f3", "--lipschitz", "0"], "--lipschitz must be a finite number > 0. Received: lipschitz=0.0"),
        (["f3", "--lipschitz", "2"], "--lipschitz must be at least"),
        (["f3", "--rho", "1"], "--rho must be in [0, 1)"),
        (["f3", "--start", "x"], "--start 'x' is not understood; expected 1 numbers such as 2.5."),
        (["f3", "--start", "99"], "--start must be a point of the box"),
        (["sines-3", "--animate"], "--animate draws one or two variables; sines-3 has 3."),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path, arguments, message):
    result = tfapp("solvers", "minimise", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "out").exists()


def test_out_must_be_a_folder(tmp_path):
    (tmp_path / "taken").write_text("")
    for command in (("solvers", "minimise", "f3"), ("solvers", "search"), ("reproduce", "bpgrad-figure-3.3")):
        result = tfapp(*command, "--out", tmp_path / "taken")
        assert result.exit_code == 2 and "--out must name a folder" in result.output


def test_search_writes_table_numbers_and_chart(tmp_path):
    options = ["--functions", "f3,f2", "--budget", "30", "--seeds", "0,1"]
    result = tfapp("solvers", "search", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {
        f"global-search.{suffix}" for suffix in ("md", "csv", "png")
    }
    assert "| f3 | Algorithm 1, ρ = 0.1 | 12 | 12 | – | 0.0055 | 15 | 3.57 |" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--functions", "f3,no"], "Unknown function 'no'"),
        (["--seeds", "1,1"], "--seeds '1,1' is not understood"),
        (["--budget", "0"], "Invalid value for '--budget'"),
    ],
)
def test_bad_input_of_search_writes_nothing(tmp_path, options, message):
    result = tfapp("solvers", "search", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.reproduce
def test_figure_3_3_is_drawn_with_the_counts_of_the_text(tmp_path):
    result = tfapp("reproduce", "bpgrad-figure-3.3", "--out", tmp_path, "--scale", "paper")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "bpgrad-figure-3.3.md").read_text(encoding="utf-8")
    assert "| f3: best sample, the 12th | 11.117 | 11.1169, the 12th |" in text
    assert "| f2: samples |  | 196 |" in text and "| f1: samples |  | 1,155 |" in text
    names = {f"bpgrad-figure-3.3.{suffix}" for suffix in ("png", "gif", "csv", "md")}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.slow
def test_unknown_scale_is_refused(tmp_path):
    result = tfapp("reproduce", "bpgrad-figure-3.3", "--out", tmp_path / "out", "--scale", "huge")
    assert result.exit_code == 2 and "Unknown --scale 'huge'" in result.output
