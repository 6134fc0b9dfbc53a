"""`tfapp solvers paths` and `tfapp solvers plane`, as a person types them."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.landscape import Surface
from tfapp.report import figures as png_file

PLANE = ["--model", "two-layer", "--epochs", "1", "--batch-size", "16", "--samples", "16", "--grid", "3"]


@pytest.fixture(autouse=True, scope="module")
def small_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_file, "_DPI", 40)
        yield


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_paths_on_a_line_have_table_numbers_and_figures(tmp_path):
    result = tfapp(
        "solvers", "paths", "f2", "--out", tmp_path, "--solvers", "bpgrad,sgd=0.01", "--steps", "20"
    )
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == {"f2.md", "f2.csv", "f2-gap.png", "f2-paths.png"}
    with (tmp_path / "f2.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 21 and {float(row["x1"]) for row in rows if row["update"] == "0"} == {2.5}
    text = (tmp_path / "f2.md").read_text(encoding="utf-8")
    assert "| SGD | rate 0.01 |" in text and "tfapp solvers paths f2 --out" in text


def test_start_is_taken(tmp_path):
    options = ["--solvers", "adam", "--steps", "3", "--start", "-0.5,0.25"]
    result = tfapp("solvers", "paths", "rosenbrock", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    with (tmp_path / "rosenbrock.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert (first["x1"], first["x2"]) == ("-0.5", "0.25")


@pytest.mark.slow
def test_parabola_has_solvers_and_learning_rates(tmp_path):
    result = tfapp(
        "solvers", "paths", "parabola", "--out", tmp_path, "--solvers", "sgd,bpgrad-auto", "--steps", "5"
    )
    assert result.exit_code == 0, result.output
    files = {f"parabola{end}" for end in (".md", ".csv", "-gap.png", "-paths.png", "-rates.png")}
    assert names(tmp_path) == files
    text = (tmp_path / "parabola.md").read_text(encoding="utf-8")
    assert (
        "| exact line search | g'g / g'Hg | 0.6694 | 0.6694 |" in text
        and "BPGrad" in text
        and "Polyak" in text
    )


def test_separable_has_errors_and_losses(tmp_path):
    result = tfapp(
        "solvers", "paths", "separable", "--out", tmp_path, "--solvers", "sgd,adagrad", "--steps", "40"
    )
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == {"separable.md", "separable.csv", "separable.png"}
    text = (tmp_path / "separable.md").read_text(encoding="utf-8")
    lines = {
        line.split("|")[1].strip(): line.split("|")[5].strip() for line in text.splitlines() if "rate" in line
    }
    assert lines["SGD"] == "0.0" and lines["Adagrad, sum from 0"] == "40.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["f9"], "Unknown function 'f9'; choose one of: f1, f2, f3, rosenbrock, parabola, separable, reddi."),
        (["f1", "--solvers", "newton"], "Unknown solver 'newton' in --solvers"),
        (["f1", "--solvers", "adam=fast"], "--solvers adam=fast is not understood"),
        (["f1", "--start", "1,2"], "--start '1,2' is not understood; expected 1 number such as 2.5."),
        (["f1", "--start", "9"], "f1 is a function on [0, 8]; got --start 9."),
        (["rosenbrock", "--start", "nan,1"], "expected 2 numbers such as 2.5,2.5."),
        (["separable", "--start", "1"], "separable starts at 0"),
        (["f1", "--steps", "0"], "--steps"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path, arguments, message):
    result = tfapp("solvers", "paths", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "out").exists()


def test_out_must_be_a_folder(tmp_path):
    (tmp_path / "taken").write_text("")
    for command in (("paths", "f1"), ("plane", "digits:80")):
        result = tfapp("solvers", *command, "--out", tmp_path / "taken")
        assert result.exit_code == 2 and "--out must name a folder" in result.output


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("solvers") / "plane"
    result = tfapp(
        "solvers", "plane", "digits:80", "--out", out, *PLANE, "--solvers", "sgd=0.1,adam,bpgrad=1e-8"
    )
    assert result.exit_code == 0, result.output
    return out, result


@pytest.mark.slow
def test_plane_has_the_checkpoints_of_every_solver_from_one_start(drawn):
    out, _ = drawn
    with (out / "plane.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for solver in ("SGD", "Adam"):
        assert [int(row["step"]) for row in rows if row["solver"] == solver] == [0, 1, 2, 3, 4]
    starts = np.array([(row["alpha"], row["beta"]) for row in rows if row["step"] == "0"], float)
    np.testing.assert_allclose(starts[0], starts[1], atol=1e-5)


def test_plane_passes_through_the_best_end_where_the_surface_is_measured(drawn):
    out, _ = drawn
    with (out / "plane.csv").open(encoding="utf-8") as file:
        ends = [row for row in csv.DictReader(file) if row["step"] == "4"]
    best = [row["solver"] for row in ends if (float(row["alpha"]), float(row["beta"])) == (0, 0)]
    assert len(best) == 1 and f"the end of {best[0]}, the lowest" in (out / "plane.md").read_text(
        encoding="utf-8"
    )
    surface = Surface.load(out / "plane.npz")
    assert surface.loss.shape == (3, 3) and np.isfinite(surface.loss).all()
    with Image.open(out / "plane.png") as picture:
        assert picture.width > 300


def test_solver_that_diverges_is_left_out_of_the_plane(drawn):
    out, result = drawn
    assert "BPGrad diverged and is left out." in result.output
    assert "BPGrad" not in (out / "plane.csv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_same_command_goes_on_where_it_was_killed_and_trains_nothing_else(drawn, tmp_path):
    out = tmp_path / "plane"
    shutil.copytree(drawn[0], out)
    killed, done = out / "paths" / "sgd-0.1-seed0", out / "paths" / "adam-0.001-seed0" / "result.json"
    for file in ("last.keras", "history.csv", "result.json", "trajectory/step-0000000004.npz"):
        (killed / file).unlink()
    before = done.stat().st_mtime_ns
    again = tfapp("solvers", "plane", "digits:80", "--out", out, *PLANE, "--solvers", "sgd=0.1,adam")
    assert again.exit_code == 0, again.output
    assert len(list(killed.glob("trajectory/step-*.npz"))) == 5 and done.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits:80", "--model", "lenet"], "Unknown classifier 'lenet'"),
        (["digits:80", "--solvers", "newton"], "Unknown solver 'newton'"),
        (["digits:80", "--train-images", "99"], "training images; got --train-images 99"),
        (["nowhere:x"], "nowhere"),
    ],
)
def test_bad_input_of_the_plane_writes_nothing(tmp_path, arguments, message):
    result = tfapp("solvers", "plane", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "out").exists()


def test_no_plane_without_a_solver_that_converges(tmp_path):
    result = tfapp("solvers", "plane", "digits:80", "--out", tmp_path, *PLANE, "--solvers", "bpgrad=1e-8")
    assert result.exit_code == 2 and "Every solver diverged" in result.output


@pytest.mark.slow
def test_overwrite_removes_what_was_trained_and_drawn_before(tmp_path):
    (tmp_path / "paths" / "sgd-0.1-seed0").mkdir(parents=True)
    for name in ("plane.png", "own.txt"):
        (tmp_path / name).touch()
    options = [*PLANE, "--solvers", "bpgrad=1e-8", "--overwrite"]
    assert tfapp("solvers", "plane", "digits:80", "--out", tmp_path, *options).exit_code == 2
    assert names(tmp_path) == {"own.txt", "paths"} and names(tmp_path / "paths") == {"bpgrad-1e-08-seed0"}


def test_plane_of_too_few_points_is_refused_before_the_first_training(tmp_path):
    options = ("--model", "two-layer", "--solvers", "sgd=0.1", "--epochs", "1", "--train-images", "20")
    result = tfapp("solvers", "plane", "digits:40", "--out", tmp_path / "plane", *options)
    assert result.exit_code == 2
    assert "needs 3 points at least; 1 solver(s) with 1 step(s) give fewer" in " ".join(result.output.split())
    assert not (tmp_path / "plane").exists()
