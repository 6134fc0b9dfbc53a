import warnings

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import Directions, landscape
from tfapp.landscape import evaluate as evaluate_module
from tfapp.landscape.directions.directions import directions_file

pytestmark = pytest.mark.slow

OPTIONS = {"n": 3, "range": 0.1, "batch_size": 4, "exact": True}


@pytest.fixture
def rounded(monkeypatch):
    """Let directions come out another way in their last bits each time, as a busy machine may."""
    make, calls = evaluate_module.make_directions, []

    def rounded(*arguments, **options):
        made = make(*arguments, **options)
        calls.append(made)
        made.u[0] *= np.float32(1 + 1e-6 * len(calls))
        return made

    monkeypatch.setattr(evaluate_module, "make_directions", rounded)
    return calls


def test_an_interrupted_surface_goes_on_with_the_directions_it_was_begun_with(
    segmenter, data, tmp_path, rounded
):
    path = tmp_path / "surface.npz"
    first = landscape(segmenter, *data, directions="gradient", path=path, budget=1e-4, **OPTIONS)
    assert not first.metadata["finished"]
    resumed = landscape(segmenter, *data, directions="gradient", path=path, **OPTIONS)
    assert resumed.complete and resumed.metadata["key"] == first.metadata["key"] and len(rounded) == 1


def test_the_file_of_an_interrupted_surface_is_that_of_an_unbroken_one(segmenter, data, tmp_path):
    options = {"directions": "gradient", **OPTIONS}
    landscape(segmenter, *data, path=tmp_path / "broken.npz", budget=1e-4, **options)
    landscape(segmenter, *data, path=tmp_path / "broken.npz", **options)
    landscape(segmenter, *data, path=tmp_path / "whole.npz", **options)
    for ending in (".npz", "-directions.npz"):
        broken, whole = (tmp_path / f"{name}{ending}" for name in ("broken", "whole"))
        assert broken.read_bytes() == whole.read_bytes()


def test_the_directions_beside_a_surface_are_those_it_shows(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    first = landscape(segmenter, *data, directions="gradient", path=path, **OPTIONS)
    again = landscape(
        segmenter, *data, directions=Directions.load(directions_file(path), segmenter), **OPTIONS
    )
    np.testing.assert_array_equal(first.loss, again.loss)


def test_random_directions_are_made_again_and_not_kept(segmenter, data, tmp_path):
    landscape(segmenter, *data, path=tmp_path / "surface.npz", **OPTIONS)
    assert not directions_file(tmp_path / "surface.npz").exists()


CHANGES = {
    "seed": {"seed": 1},
    "biases": {"biases": True},
    "layers": {"layers": ["conv2d_transpose"]},
    "kind": {"directions": "filter"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_directions_kept_for_another_request_are_not_used(segmenter, data, tmp_path, change):
    if "layers" in change:
        change = {"layers": [segmenter.layers[1].name]}
    path, options = tmp_path / "surface.npz", {"directions": "gradient", **OPTIONS}
    landscape(segmenter, *data, path=path, budget=1e-4, **options)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InputError, match="surface of another setting; changed: .*directions"):
        landscape(segmenter, *data, path=path, **options | change)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_overwrite_makes_the_directions_again(segmenter, data, tmp_path, rounded):
    for _ in range(2):
        landscape(
            segmenter,
            *data,
            directions="gradient",
            path=tmp_path / "surface.npz",
            overwrite=True,
            **OPTIONS,
        )
    kept = Directions.load(directions_file(tmp_path / "surface.npz"), segmenter)
    np.testing.assert_array_equal(kept.u[0], rounded[-1].u[0])


def test_other_weights_are_refused_without_a_word_about_the_kept_directions(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    landscape(segmenter, *data, directions="gradient", path=path, budget=1e-4, **OPTIONS)
    segmenter.set_weights([1.01 * w for w in segmenter.get_weights()])
    with warnings.catch_warnings(), pytest.raises(InputError, match="changed: weights"):
        warnings.simplefilter("error")
        landscape(segmenter, *data, directions="gradient", path=path, **OPTIONS)
