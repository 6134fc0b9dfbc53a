"""The package's linear operators, and the trial of those that users write."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import (
    ClassDistances,
    LinearOperator,
    NonLocalDifferences,
    SecondDifferences,
    TVSoftmax,
)
from tfapp.layers.tv.linear_operator import ForwardDifferences
from tfapp.layers.tv.operator_trial import check_operator
from tfapp.layers.tv.operators import forward_differences

EVERY_OPERATOR = pytest.mark.parametrize(
    "operator",
    [
        ForwardDifferences(),
        SecondDifferences(0.7),
        NonLocalDifferences(2, 0.5, patch=3),
        ClassDistances([[0, 1, 2], [1, 0, 1.5], [2, 1.5, 0]]),
    ],
    ids=lambda operator: type(operator).__name__,
)


@EVERY_OPERATOR
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_trial_finds_adjoint_and_bound_right(operator, axes):
    check_operator(operator, axes, 3)


@EVERY_OPERATOR
def test_image_of_one_pixel_has_no_differences(operator):
    one = tf.ones((3, 1, 1, 1))
    bound = operator.given(tf.ones((1, 1, 1, 1))) if operator.needs_guide else operator
    assert all(np.all(part == 0) for part in bound.apply(one))


@EVERY_OPERATOR
def test_configuration_makes_an_equal_operator(operator):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(operator))
    assert again == operator and hash(again) == hash(operator) and repr(again) == repr(operator)


class Differences(LinearOperator):
    """An operator of a user: differences along the last axis alone, with faults on demand."""

    fault = None

    def apply(self, planes):
        [*_, right] = forward_differences(planes)
        if self.fault == "linear":
            return (right + 1.0,)
        if self.fault == "tuple":
            return right
        return (right[..., 1:] if self.fault == "pixels" else right,)

    def adjoint(self, field):
        [part] = field
        live = part[..., :-1]
        moved = tf.pad(live, [(0, 0)] * (part.shape.rank - 1) + [(1, 0)])
        return moved - (0 if self.fault == "adjoint" else 1) * tf.pad(
            live, [(0, 0)] * (part.shape.rank - 1) + [(0, 1)]
        )

    def norm_squared(self, axes):
        return 1.0 if self.fault == "norm" else 4.0

    def groups(self, axes):
        return (2,) if self.fault == "groups" else (1,)


FAULTS = {
    "linear": "must be linear",
    "tuple": "must return a tuple",
    "pixels": "must keep batch and pixels",
    "adjoint": "is not the adjoint",
    "norm": "must be a bound",
    "groups": "2 parts, but .apply. returns 1",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_operator_is_refused_by_value(fault):
    operator = type("Faulty", (Differences,), {"fault": fault})()
    with pytest.raises(ValueError, match=FAULTS[fault]):
        TVSoftmax(operator=operator)(tf.zeros((1, 4, 4, 3)))


def test_operator_of_a_user_makes_its_own_output_short():
    o = np.random.default_rng(0).standard_normal((1, 6, 5, 3)).astype(np.float32)
    layer = TVSoftmax(50.0, operator=Differences(), inference_iterations=3000)
    a = tf.function(lambda: layer(o), autograph=False)()
    # Rows are constant, and not alike: only the differences within a row cost anything.
    assert np.ptp(a, axis=2).max() < 1e-2 < np.ptp(a, axis=1).max()


def test_something_else_is_no_operator():
    with pytest.raises(ValueError, match="derived from .tfapp.layers.LinearOperator"):
        TVSoftmax(operator="tv")


def test_operator_without_its_image_is_told():
    with pytest.raises(ValueError, match="needs an image, .guide."):
        TVSoftmax(operator=NonLocalDifferences())(tf.zeros((1, 4, 4, 3)))


def test_lambda_of_each_class_is_refused_where_lengths_join_the_classes():
    with pytest.raises(ValueError, match="joins the classes in one length"):
        TVSoftmax(per_class=True, operator=ClassDistances(1 - np.eye(3)))(tf.zeros((1, 4, 4, 3)))


def test_distances_of_other_classes_are_told():
    with pytest.raises(ValueError, match="has 2 classes, the logits have 3"):
        TVSoftmax(operator=ClassDistances(1 - np.eye(2)))(tf.zeros((1, 4, 4, 3)))


@pytest.mark.parametrize(
    ("distances", "told"),
    [
        ([[0, 1], [2, 0]], "symmetric"),
        ([[0, 1, 1], [1, 0, 5], [1, 5, 0]], "Euclidean distance"),
        ([[0, 0], [0, 0]], "not be all 0"),
        ([[0, 1]], "square matrix"),
        ([[0, np.nan], [np.nan, 0]], "square matrix of finite"),
    ],
)
def test_impossible_distances_are_refused(distances, told):
    with pytest.raises(ValueError, match=told):
        ClassDistances(distances)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SecondDifferences(0), "`weight` must be a finite number > 0"),
        (lambda: SecondDifferences(spacing=(1, 0)), "`spacing` must be finite numbers > 0"),
        (lambda: ClassDistances(1 - np.eye(2), spacing=(1, np.inf)), "`spacing` must be finite numbers > 0"),
        (lambda: NonLocalDifferences(radius=1.5), "`radius` must be a positive integer"),
        (lambda: NonLocalDifferences(contrast=-1), "`contrast` must be a finite number > 0"),
        (lambda: NonLocalDifferences(patch=2), "`patch` must be an odd integer"),
    ],
)
def test_impossible_arguments_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_preconditioned_fista_is_refused_with_an_operator():
    with pytest.raises(ValueError, match="is for plain total variation"):
        TVSoftmax(operator=SecondDifferences(), method="preconditioned-fista")(tf.zeros((1, 4, 4, 3)))


def test_pixels_that_look_alike_share_their_class_across_a_gap():
    # Two bright stripes with a dark one between: the left one is sure, the right one is not.
    image = np.zeros((1, 4, 6, 1), np.float32)
    image[:, :, :2] = image[:, :, 4:] = 1
    logits = np.zeros((1, 4, 6, 2), np.float32)
    logits[:, :, :2, 1], logits[:, :, 2:4, 0], logits[:, :, 4:, 0] = 4, 4, 0.2
    near = TVSoftmax(0.5)(logits)
    far = TVSoftmax(0.5, operator=NonLocalDifferences(4, 0.1), inference_iterations=30)
    across = tf.function(lambda: far(logits, guide=image), autograph=False)()
    assert np.all(near[0, :, 4:, 0] > 0.5) and np.all(across[0, :, 4:, 1] > 0.5)
