import numpy as np
import pytest
from PIL import Image

from tfapp.optimizers import SOLVERS
from tfapp.reproduce.bpgrad import two_layer as two_layer_problem
from tfapp.reproduce.bpgrad.two_layer import (
    Curve,
    batch_order,
    best_curves,
    build_net,
    draw_objectives,
    ends_table,
    follow_bounds,
    objectives_table,
    save_objectives_png,
    train_net,
    two_class_examples,
)


def test_net_has_10302_parameters():
    assert build_net().count_params() == 10302


def test_classes_are_equally_large_and_examples_follow_the_seed():
    inputs, labels = two_class_examples()
    assert inputs.shape == (1000, 100) and labels.sum() == 500
    np.testing.assert_array_equal(inputs, two_class_examples()[0])
    assert not np.array_equal(labels, two_class_examples(1)[1])


def test_every_epoch_sees_every_example_once_in_another_order():
    order = batch_order(100, 25)
    assert order.shape == (25, 100)
    for epoch in (order[:10], order[10:20]):
        np.testing.assert_array_equal(np.sort(epoch.ravel()), np.arange(1000))
    assert not np.array_equal(order[:10], order[10:20])


@pytest.mark.slow
def test_loop_takes_the_steps_of_fit_on_the_same_batches(tmp_path):
    steps = follow_bounds(5.0, 1000, 8, tmp_path / "bounds.csv").steps
    curve = train_net("bpgrad", 5.0, 1000, 8)
    np.testing.assert_allclose(curve.objectives[:-1], steps["loss"], rtol=1e-4)
    np.testing.assert_allclose(steps["lower_bound"], 0.1 * np.minimum.accumulate(steps["loss"]), rtol=1e-5)


@pytest.mark.slow
def test_all_solvers_begin_with_the_same_objective():
    curves = [train_net(solver, 0.01, 100, 2) for solver in ("sgd", "adam")]
    assert curves[0].objectives[0] == curves[1].objectives[0] and len(curves[0].objectives) == 3
    assert curves[0].objectives[-1] != curves[1].objectives[-1]


def test_the_best_value_of_each_solver_is_kept_and_given_values_are_not_searched(monkeypatch):
    monkeypatch.setattr(
        two_layer_problem,
        "train_net",
        lambda name, value, *_: Curve(name, value, np.array([abs(value - 0.1)]), np.zeros(1)),
    )
    seen = []
    curves = best_curves({"sgd": None, "adam": 0.7}, 100, 6, progress=lambda *done: seen.append(done))
    assert [(curve.solver, curve.value) for curve in curves] == [("sgd", 0.1), ("adam", 0.7)]
    total = len(SOLVERS["sgd"].values) + 1
    assert seen == [(number, total) for number in range(1, total + 1)]


def test_a_curve_that_diverges_is_the_worst():
    assert Curve("sgd", 1.0, np.array([1.0, np.nan]), np.zeros(1)).rank == np.inf


def test_rows_mark_values_at_the_edge_and_rank_by_the_end():
    curves = [
        Curve("sgd", 1.0, np.array([1.0, 0.7, 0.5]), np.zeros(1)),
        Curve("bpgrad", 20.0, np.array([1.0, 0.6, 0.3]), np.zeros(1)),
    ]
    assert ends_table({"full batch": curves}).rows == [
        ("BPGrad", "full batch", "L 20", "0.3000", "1"),
        ("SGD", "full batch", "rate 1 *", "0.5000", "2"),
    ]


def test_columns_have_the_objective_of_every_curve():
    table = objectives_table({"full batch": [Curve("sgd", 1.0, np.array([1.0, 0.25]), np.zeros(1))]})
    assert table.header == ("update", "full batch: SGD") and table.rows == [(0, "1"), (1, "0.25")]
    assert float(table.rows[1][1]) == pytest.approx(0.25)


@pytest.mark.slow
def test_objectives_are_drawn_with_all_solvers(tmp_path):
    curves = [
        Curve("sgd", 0.1, np.array([1.0, 0.5, 0.2]), np.zeros(1)),
        Curve("bpgrad", 5.0, np.array([1.0, 0.4, np.nan]), np.zeros(1)),
    ]
    panels = {"full batch": curves, "batches": curves}
    (legend,) = draw_objectives(panels).legends
    assert {text.get_text() for text in legend.get_texts()} == {"SGD", "BPGrad"}
    save_objectives_png(panels, tmp_path / "objectives.png", "title")
    with Image.open(tmp_path / "objectives.png") as picture:
        assert picture.width > 1000 and picture.convert("L").getextrema()[0] < 60
