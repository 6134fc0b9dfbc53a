"""Figures 3 and 4 of the lecture: the loss from the initial weights to the solution, and along directions by layer."""

import csv

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.reproduce.lecture.figure_3 import convex_from
from tfapp.reproduce.lecture.figure_4 import COLOURS, WHOLE, directions, measure_lines, places_of_layers
from tfapp.reproduce.registry import STUDIES

SIZES = {"data": "digits", "model": "two-layer", "epochs": 2, "images": 300}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("lines")
    return STUDIES["lecture-figure-3"].run({"out": out, **SIZES}), out


@pytest.mark.slow
def test_line_ends_at_the_losses_of_both_networks(made):
    from tfapp.solvers.trainings.run import SolverRun

    result, out = made
    (folder,) = (out / "trainings").iterdir()
    run = SolverRun.open(folder)
    sample = run.sample(1000, 0)
    with result.written[2].open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["loss of"], row["part"]) == ("training", "whole")]
    found = np.interp([0, 1], *(np.array([float(row[name]) for row in rows]) for name in ("t", "loss")))
    ends = [model.evaluate(*sample, verbose=0)[0] for model in (run.initial_model(), run.load_model())]
    np.testing.assert_allclose(found, ends, rtol=1e-3)


@pytest.mark.slow
def test_training_is_not_done_again(made):
    result, out = made
    before = {file: file.stat().st_mtime_ns for file in (out / "trainings").rglob("*") if file.is_file()}
    again = STUDIES["lecture-figure-3"].run({"out": out, **SIZES})
    assert again.shown[0].rows == result.shown[0].rows
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_convex_from_is_where_the_last_bend_ends():
    t = np.linspace(-0.25, 1.25, 61)
    # The second derivative of cos is below zero up to a quarter of its period.
    assert convex_from(t, np.cos(np.pi * t)) == pytest.approx(0.5, abs=0.03)
    assert convex_from(t, (t - 1) ** 2) == 0


def test_rate_that_is_none_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="positive number"):
        STUDIES["lecture-figure-3"].run({"out": tmp_path / "out", **SIZES, "learning_rate": -1.0})
    assert not (tmp_path / "out").exists()


def quadratic():
    """A linear model whose loss is a parabola in its weights, with samples."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False, name="only")])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    return model, (rng.normal(size=(20, 3)).astype("f4"), rng.normal(size=(20, 2)).astype("f4"))


def test_lines_of_a_parabola_are_parabolas_with_the_loss_in_the_middle():
    model, sample = quadratic()
    lines = measure_lines(model, sample, np.linspace(-1, 1, 5), 0)
    middle = model.evaluate(*sample, verbose=0)
    assert {line.layer for line in lines} == {WHOLE, "only"} and {line.kind for line in lines} == set(COLOURS)
    for line in lines:
        np.testing.assert_allclose(np.diff(line.losses, 3), 0, atol=1e-5)
        assert line.losses[2] == pytest.approx(middle, rel=1e-5) and line.bends == 0


def test_gradient_is_the_direction_of_the_steepest_rise():
    model, sample = quadratic()
    lines = measure_lines(model, sample, np.array([-1e-3, 1e-3]), 0)
    rises = {kind: max(np.diff(line.losses)[0] for line in lines if line.kind == kind) for kind in COLOURS}
    assert max(rises, key=rises.get) == "gradient"


def test_directions_have_length_1_and_none_is_where_nothing_slopes():
    kinds = [kind for kind, _ in directions(np.zeros(4), np.random.default_rng(0))]
    assert "gradient" not in kinds
    for _, unit in directions(np.arange(4.0), np.random.default_rng(0)):
        assert np.linalg.norm(unit) == pytest.approx(1)


def test_layers_have_their_places_in_the_flat_vector():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(4, name="b")]
    )
    assert places_of_layers(model) == {WHOLE: slice(0, 20), "a": slice(0, 8), "b": slice(8, 20)}
