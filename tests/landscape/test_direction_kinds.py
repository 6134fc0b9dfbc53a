import numpy as np
import pytest
from small_segmenter import BATCH_SIZE

from tfapp.errors import InputError
from tfapp.landscape import Directions, line_through, make_directions
from tfapp.landscape.directions.loss_directions import gradient_directions
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.samples import Batches


def assert_same(a, b):
    assert (a.kind, a.labels, a.metadata) == (b.kind, b.labels, b.metadata)
    for one, other in zip(a.u + a.v, b.u + b.v, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["filter", "unit-filter", "layer"])
def test_random_directions_are_had_by_name(segmenter, kind):
    options = {"seed": 4, "layers": [segmenter.layers[-1].name], "biases": True}
    assert_same(make_directions(segmenter, kind, **options), random_directions(segmenter, kind, **options))


def test_filter_normalised_ones_are_the_default(segmenter):
    assert_same(make_directions(segmenter), random_directions(segmenter, "filter"))


def test_the_gradient_is_had_by_name(segmenter, data):
    batches = Batches(*data[:2], None, BATCH_SIZE)
    assert_same(
        make_directions(segmenter, "gradient", batches=batches), gradient_directions(segmenter, batches)
    )


@pytest.mark.parametrize("kind", ["gradient", "hessian"])
def test_directions_of_the_loss_without_data_are_refused(segmenter, kind):
    with pytest.raises(InputError, match=f"kind '{kind}' need data. Received: batches=None"):
        make_directions(segmenter, kind)


@pytest.mark.parametrize("form", [str, lambda path: path])
def test_a_file_is_read(segmenter, tmp_path, form):
    directions = random_directions(segmenter, seed=9)
    directions.save(tmp_path / "mine.npz")
    assert_same(make_directions(segmenter, form(tmp_path / "mine.npz")), directions)


def test_directions_of_the_caller_are_taken_as_they_are(segmenter):
    directions = random_directions(segmenter)
    assert make_directions(segmenter, directions) is directions


def test_directions_of_the_caller_are_checked(segmenter):
    directions = random_directions(segmenter)
    segmenter.layers[-1].trainable = False
    with pytest.raises(InputError, match="has other parameters than model"):
        make_directions(segmenter, directions)


def test_an_unknown_name_is_refused_with_the_known_ones(segmenter):
    with pytest.raises(
        InputError,
        match="one of filter, unit-filter, lu-tong, layer, gradient, hessian, the path.*directions='pca'",
    ):
        make_directions(segmenter, "pca")


@pytest.mark.parametrize("choice", [{"layers": ["top"]}, {"biases": True}])
def test_choices_that_come_too_late_are_refused(segmenter, choice):
    with pytest.raises(InputError, match="do not apply to directions that are made already"):
        make_directions(segmenter, random_directions(segmenter), **choice)


def test_a_line_through_solutions_can_be_saved_and_read(segmenter, tmp_path):
    other = [w.numpy() + 1 for w in segmenter.trainable_variables]
    line_through(segmenter, other).save(tmp_path / "line.npz")
    found = make_directions(segmenter, tmp_path / "line.npz")
    assert isinstance(found, Directions) and found.v is None and found.points.tolist() == [[0.0], [1.0]]
