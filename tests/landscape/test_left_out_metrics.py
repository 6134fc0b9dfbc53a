"""Figures of `model.evaluate` that a surface does not hold are named before it is measured."""

import keras
import numpy as np
import pytest

from tfapp.landscape import landscape
from tfapp.landscape.checks import evaluate_solution, warn_of_left_out
from tfapp.landscape.samples import read

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.eye(3, dtype="float32")[np.arange(8) % 3]


class Several(keras.metrics.Metric):
    """A metric of two results, one of which is no number."""

    def __init__(self, names):
        super().__init__(name="several")
        self.names, self.total = names, self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(keras.ops.sum(y_pred))

    def result(self):
        results = {"total": self.total, "twice": keras.ops.ones(2) * self.total}
        return {name: results[name] for name in self.names}


class Own(keras.Model):
    def test_step(self, data):
        return super().test_step(data) | {"beside": 1.0}


def classifier(*metrics, kind=keras.Model):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = kind(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    model.compile("sgd", "categorical_crossentropy", metrics=list(metrics), run_eagerly=True)
    return model


def warn(model):
    warn_of_left_out(model, evaluate_solution(model, read(X, Y), 8))


PER_CLASS = (
    r"It will not hold 'f1_score' \(an array of the shape \(3,\)\); compile with a metric that averages"
)


def test_metric_of_one_number_for_each_class_is_named():
    with pytest.warns(UserWarning, match=PER_CLASS):
        warn(classifier(keras.metrics.F1Score(average=None), "accuracy"))


@pytest.mark.slow
def test_landscape_names_what_it_leaves_out():
    with pytest.warns(UserWarning, match=PER_CLASS):
        surface = landscape(classifier(keras.metrics.F1Score(average=None), "accuracy"), X, Y, n=3, line=True)
    assert list(surface.metrics) == ["accuracy"]


def test_part_of_a_metric_is_named():
    with pytest.warns(UserWarning, match=r"It will not hold 'twice' \(an array of the shape \(2,\)\)"):
        warn(classifier(Several(["total", "twice"])))


def test_figure_of_a_test_step_that_is_no_metric_is_named():
    with pytest.warns(UserWarning, match=r"It will not hold 'beside' \(no metric of the model\)"):
        warn(classifier(kind=Own))


def test_metrics_that_a_surface_holds_are_not_named():
    warn(classifier(Several(["total"]), "accuracy", keras.metrics.F1Score(average="macro")))
