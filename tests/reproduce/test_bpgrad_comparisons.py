"""The figures of networks trained by several solvers, by their commands, and the settings of appendix A."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.cli.options import chosen_solvers
from tfapp.errors import InputError
from tfapp.optimizers import make_solver
from tfapp.reproduce.bpgrad import comparisons
from tfapp.reproduce.bpgrad.published import presets, published_row


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_figure_of_other_images_is_refused(tmp_path):
    result = tfapp("reproduce", "bpgrad-figure-3.18", "--data", "cifar10:nowhere", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "Figure 3.18 is made of other images" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", presets())
def test_every_setting_of_a_preset_makes_an_optimizer_and_has_its_line(name):
    preset = presets()[name]
    assert len(preset.solvers) == len(preset.lines)
    for solver, value in chosen_solvers(name).items():
        assert make_solver(solver, value, steps_per_epoch=10, epochs=20) is not None


# Numbers of appendix A and sections 3.4.3 to 3.4.5 of Wu (2020).
@pytest.mark.parametrize(
    ("preset", "solver", "expected"),
    [
        ("wu2020-mnist", "adadelta", {"rho": 0.5, "epsilon": 1e-6}),
        ("wu2020-mnist", "rmsprop", {"rho": 0.7, "epsilon": 1e-8, "learning_rate": 0.001}),
        ("wu2020-mnist", "bpgrad", {"lipschitz": 15, "rho": 0.1, "momentum": 0.9, "mean_steps": 500}),
        ("wu2020-mnist", "bpgrad-plain", {"lipschitz": 15, "momentum": 0.0}),
        ("wu2020-cifar10", "adagrad", {"rho": 0.9, "epsilon": 1e-10}),
        ("wu2020-cifar10", "bpgrad", {"lipschitz": 50, "form": "authors", "decay": "in-gradient"}),
        ("wu2020-imagenet", "bpgrad", {"lipschitz": 100}),
        ("wu2020-segmentation", "rmsprop", {"learning_rate": 1e-5}),
        ("wu2020-segmentation", "adadelta", {"epsilon": 1e-9}),
        ("wu2020-segmentation", "bpgrad", {"lipschitz": 500}),
    ],
)
def test_presets_have_the_numbers_of_the_text(preset, solver, expected):
    name, value = next(pair for pair in chosen_solvers(preset).items() if pair[0].partition(":")[0] == solver)
    optimizer = make_solver(name, value, steps_per_epoch=500, epochs=100)
    found = {key: getattr(optimizer, key) for key in expected}
    numbers = {key: float(x) if key == "learning_rate" else x for key, x in found.items()}
    assert numbers == pytest.approx(expected)


@pytest.mark.parametrize(
    ("preset", "solver", "rates"),
    [
        (
            "wu2020-cifar10",
            "sgd-momentum",
            {1: 0.05, 30: 0.05, 31: 0.005, 60: 0.005, 61: 0.0005, 100: 0.0005},
        ),
        ("wu2020-cifar10", "adam", {30: 0.01, 31: 0.005, 61: 0.001}),
        ("wu2020-cifar10", "eve", {30: 0.01, 31: 0.005, 61: 0.0001}),
        ("wu2020-detection", "sgd-momentum", {6: 0.001, 7: 0.0001}),
        ("wu2020-segmentation", "sgd-momentum", {20: 0.001, 21: 0.0001}),
    ],
)
def test_rates_of_presets_change_at_the_epochs_of_the_text(preset, solver, rates):
    value = next(v for name, v in chosen_solvers(preset).items() if name.partition(":")[0] == solver)
    optimizer = make_solver(solver, value, steps_per_epoch=7, epochs=100)
    for epoch, rate in rates.items():
        for update in (7 * (epoch - 1), 7 * epoch - 1):
            optimizer.iterations.assign(update)
            assert float(optimizer.learning_rate) == pytest.approx(rate), (epoch, update)


def test_sgd_on_imagenet_has_the_logspace_of_the_text():
    value = chosen_solvers("wu2020-imagenet")["sgd-momentum"]
    optimizer = make_solver("sgd-momentum", value, steps_per_epoch=3, epochs=20)
    found = []
    for epoch in range(20):
        optimizer.iterations.assign(3 * epoch)
        found.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(found, np.logspace(-1, -4, 20), rtol=1e-5)


def test_preset_may_stand_beside_other_solvers_and_not_name_one_twice():
    chosen = chosen_solvers("wu2020-mnist,eve=0.001")
    assert list(chosen)[-1] == "eve" and len(chosen) == 8
    with pytest.raises(InputError, match="names sgd-momentum twice"):
        chosen_solvers("wu2020-mnist,sgd-momentum")


def test_printed_means_of_table_3_4_are_those_of_its_three_columns():
    for solver in ("adagrad", "adadelta", "rmsprop", "adam", "sgd-momentum", "bpgrad"):
        *measures, average = published_row("3.4", solver)
        assert np.mean(measures) == pytest.approx(average, abs=0.051), solver


def test_printed_means_of_table_3_3_are_those_of_its_twenty_classes():
    for solver in ("sgd-momentum", "bpgrad"):
        *classes, mean = published_row("3.3", solver)
        assert len(classes) == 20 and np.mean(classes) == pytest.approx(mean, abs=0.051)


def test_presets_are_listed_with_their_settings_and_remarks():
    result = tfapp("solvers", "presets")
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert all(name in words for name in presets()) and "sgd-momentum=0.1..0.0001" in words
    assert "the appendix has 1e-6" in words


def settings_of(study, reader):
    """Return the settings that the study of a figure trains with."""
    found = {
        "3.16": comparisons.of_lipschitz,
        "3.17": comparisons.of_rho,
    }
    return found[study](reader, comparisons.IMAGES[reader])


def test_figure_3_16_has_the_constants_of_the_text():
    assert [value for _, value in settings_of("3.16", "mnist")] == [10, 15, 20, 50, 100, 500, 1000]
    assert [value for _, value in settings_of("3.16", "cifar10")][0] == 50
    assert [value for _, value in settings_of("3.16", "cifar10")][-1] == 1000


def test_figure_3_17_goes_from_0_to_0_9_at_the_constant_of_the_data():
    for reader, constant in (("mnist", 15.0), ("cifar10", 50.0)):
        settings = settings_of("3.17", reader)
        assert {value for _, value in settings} == {constant}
        rhos = [make_solver(name, value, steps_per_epoch=1).rho for name, value in settings]
        np.testing.assert_allclose(rhos, np.arange(10) / 10)


@pytest.mark.reproduce
def test_sweep_over_rho_trains_every_value_and_keeps_the_curves(tmp_path):
    options = ["--data", "digits:100", "--seeds", "0", "--epochs", "1", "--out", tmp_path]
    result = tfapp("reproduce", "bpgrad-figure-3.17", *options)
    assert result.exit_code == 0, result.output
    with (tmp_path / "bpgrad-figure-3.17-mnist.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["solver"].split(":")[1] for row in rows] == [f"rho={tenths / 10:g}" for tenths in range(10)]
    with (tmp_path / "bpgrad-figure-3.17-mnist-curves.csv").open() as file:
        curves = list(csv.DictReader(file))
    assert [row["epoch"] for row in curves] == ["1"] * 10
    assert (tmp_path / "bpgrad-figure-3.17-mnist.png").is_file()


@pytest.mark.reproduce
def test_comparison_by_the_text_has_its_seven_solvers(tmp_path):
    options = ["--data", "digits:100", "--seeds", "0", "--epochs", "1", "--out", tmp_path]
    result = tfapp("reproduce", "bpgrad-figure-3.18", *options)
    assert result.exit_code == 0, result.output
    with (tmp_path / "comparison.csv").open() as file:
        names = [row["solver"].partition(":")[0] for row in csv.DictReader(file)]
    assert names == ["adagrad", "adadelta", "rmsprop", "adam", "sgd-momentum", "bpgrad-plain", "bpgrad"]
    assert "without the decay of the weights" in " ".join(result.output.split())
