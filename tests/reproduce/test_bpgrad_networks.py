"""The figures of step sizes, slopes, conditions and bounds along trainings, on generated digits."""

import csv
import re

import keras
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.optimizers import BPGrad
from tfapp.report.result_table import DASH
from tfapp.reproduce.bpgrad import networks, slopes
from tfapp.reproduce.bpgrad.followed import bounds_table
from tfapp.reproduce.bpgrad.images import workload_of
from tfapp.reproduce.bpgrad.published import published_gap
from tfapp.solvers.trainings.workload import objective


@pytest.fixture
def invoke(tmp_path):
    """Return a function that runs a command with `--out` in the test's own folder."""

    def run(*arguments):
        given = [*map(str, arguments), "--out", str(tmp_path / "out")]
        return CliRunner().invoke(app, given, env={"COLUMNS": "120"})

    return run


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(slopes.STEPS, "small", 3)
    monkeypatch.setitem(slopes.INITIALISATIONS["mnist"], "small", 2)
    monkeypatch.setitem(networks.CONDITION_STEPS, "small", 3)


@pytest.mark.reproduce
@pytest.mark.usefixtures("short")
def test_figure_3_15_compares_the_readings(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.15", "--data", "digits:400")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "bpgrad-figure-3.15-mnist.md").read_text()
    assert "|  | all pairs | successive | same batch | inits |" in text
    assert "| slopes | 6 | 3 | 3 | 3 |" in text
    assert (tmp_path / "out" / "bpgrad-figure-3.15-mnist.png").is_file()


@pytest.mark.reproduce
@pytest.mark.usefixtures("short")
def test_figure_3_6_has_a_table_for_each_momentum_and_the_three_conditions(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.6", "--data", "digits:400", "--lipschitz", "500")
    assert result.exit_code == 0, result.output
    name = "bpgrad-figure-3.6-mnist"
    for momentum in ("0", "0.9"):
        rows = rows_of(tmp_path / "out" / f"{name}-momentum-{momentum}.csv")
        assert len(rows) == 3 and float(rows[0]["condition_lhs"]) == pytest.approx(
            float(rows[0]["condition_rhs"]), rel=1e-2
        )
    text = (tmp_path / "out" / f"{name}.md").read_text()
    assert "(3.13) holds" in text and "| 0.9 | 3 | 100.0% |" in text
    assert (tmp_path / "out" / f"{name}.png").is_file()


@pytest.mark.reproduce
def test_figure_3_20_has_a_row_for_each_step_of_both_forms(invoke, tmp_path):
    options = ["--data", "digits:400", "--lipschitz", "500", "--epochs", "2"]
    result = invoke("reproduce", "bpgrad-figure-3.20", *options)
    assert result.exit_code == 0, result.output
    for form in ("authors", "algorithm-2"):
        name = f"bpgrad-figure-3.20-mnist-{form}"
        rows = rows_of(tmp_path / "out" / f"{name}.csv")
        assert len(rows) == 8 and (tmp_path / "out" / f"{name}.png").is_file()
    text = (tmp_path / "out" / "bpgrad-figure-3.20-mnist.md").read_text()
    assert text.count("| authors |") == 2 and text.count("| algorithm-2 |") == 2


def test_printed_gaps_stand_beside_the_epochs_of_the_text_alone():
    rows = [(1, 0.16, 0.016, 0.15), (2, 0.02, 0.002, 0.018), (50, 0.0033, 0.00033, 0.003)]
    first, last = published_gap("mnist")
    table = bounds_table({"authors": rows, "algorithm-2": rows[:1]}, {1: first, 50: last})
    assert [row[-1] for row in table.rows] == ["0.121", DASH, "0.003", DASH]


@pytest.mark.reproduce
def test_figure_3_5_has_the_step_sizes_of_an_epoch(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.5", "--data", "digits:400")
    assert result.exit_code == 0, result.output
    sizes = [float(row["step_size"]) for row in rows_of(tmp_path / "out" / "bpgrad-figure-3.5-mnist.csv")]
    # eq. 3.12 with the first loss, about log(10) of ten classes, at L = 15 and rho = 0.1.
    assert len(sizes) == 4 and sizes[0] == pytest.approx(0.9 * 2.3026 / 15, rel=0.02)


@pytest.mark.parametrize(
    "options, message",
    [
        (("--scale", "huge"), "Unknown --scale 'huge'; choose one of: small, paper."),
        (("--data", "digits:50"), "digits:50 must hold at least 100 images of one size"),
        (("--data", "imagenet:nowhere"), "is made of other images: expected --data mnist:PATH"),
    ],
)
def test_figure_that_cannot_be_made_is_refused(invoke, tmp_path, options, message):
    for figure in ("3.5", "3.6", "3.15", "3.20"):
        result = invoke("reproduce", f"bpgrad-figure-{figure}", "--data", "digits:150", *options)
        assert result.exit_code == 2 and message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("figure", ["3.5", "3.6"])
def test_form_of_another_name_is_refused(invoke, tmp_path, figure):
    result = invoke("reproduce", f"bpgrad-figure-{figure}", "--data", "digits:400", "--form", "text")
    assert result.exit_code == 2 and "Unknown --form 'text'" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["3.6", "3.20"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan"])
def test_constant_that_is_not_positive_is_refused(invoke, tmp_path, figure, value):
    result = invoke("reproduce", f"bpgrad-figure-{figure}", "--data", "digits:150", "--lipschitz", value)
    assert result.exit_code == 2 and re.search("--lipschitz must be a (positive )?number", result.output)
    assert not (tmp_path / "out").exists()


# Losses at the end of an epoch of MNIST by an implementation of the authors' code of its own, each of the batch alone:
# .062, .045 and .074.
@pytest.mark.slow
@pytest.mark.parametrize(("mean", "steps"), [(600, 200), (None, 600)], ids=["mean-of-the-epoch", "batch"])
def test_mnist_at_the_constant_of_the_text_stays_finite_in_the_form_of_the_authors(real_data, mean, steps):
    _, workload = workload_of("MNIST", f"mnist:{real_data('mnist')}", ("mnist",))
    for seed in range(3):
        optimizer = BPGrad(15.0, form="authors", decay="in-gradient", mean_steps=mean)
        assert last_loss(workload, optimizer, seed, steps=steps) < 0.5


@pytest.mark.slow
def test_cifar10_at_the_constant_of_the_text_stays_finite_in_the_form_of_the_authors(real_data):
    _, workload = workload_of("CIFAR-10", f"cifar10:{real_data('cifar10')}", ("cifar10",))
    _, steps = workload.training_batches(0, 0)
    for seed in range(3):
        optimizer = BPGrad(50.0, form="authors", decay="in-gradient", mean_steps=steps)
        # Of ten classes the loss begins at 2.3.
        assert last_loss(workload, optimizer, seed, steps=2 * steps) < 2.2


def last_loss(workload, optimizer, seed, steps):
    """Return the mean loss over the steps of a training."""
    batches, _ = workload.training_batches(seed, 0)
    model = workload.build_for(optimizer, seed)
    model.compile(optimizer, objective(), jit_compile=False)
    loss = model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0).history["loss"][0]
    keras.backend.clear_session()
    assert optimizer.measured()["num_skipped"] == 0
    return loss
