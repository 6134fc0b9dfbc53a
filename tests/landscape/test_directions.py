import json
import os

import keras
import numpy as np
import pytest
from small_segmenter import build_segmenter

from tfapp.errors import InputError
from tfapp.landscape import Directions, direction_figures, filter_normalised_direction
from tfapp.landscape.directions.random_directions import random_directions

L = keras.layers


def mlp(units=3, classes=2, name="mlp"):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), L.Dense(units), L.Dense(classes)], name=name)


@pytest.fixture
def plane():
    model = mlp()
    rng = np.random.default_rng(0)
    u, v = ([rng.standard_normal(w.shape) for w in model.trainable_variables] for _ in range(2))
    points = np.array([[0.25, -1.0], [0.0, 0.0]])
    return model, Directions.through(
        model, "mine", u, v, labels=("one", "two"), metadata={"seed": 5}, points=points, point_names=("a", "")
    )


def test_two_directions_are_nearly_orthogonal_and_of_relative_length_one():
    model = keras.Sequential([keras.Input((2000,)), L.Dense(50)])
    u, v = (filter_normalised_direction(model, seed) for seed in (0, 1))
    figures = direction_figures(model, u, v)
    assert figures["relative_length_u"] == pytest.approx(1, abs=1e-6)
    assert figures["relative_length_v"] == pytest.approx(1, abs=1e-6)
    assert abs(figures["cosine"]) < 0.02
    assert figures["share_perturbed"] == pytest.approx(100_000 / 100_050)


def test_figures_of_a_line_say_nothing_of_a_second_direction():
    model = mlp()
    figures = direction_figures(model, filter_normalised_direction(model, 0))
    assert sorted(figures) == ["relative_length_u", "share_perturbed"]


def test_lengths_are_those_of_the_flat_vectors(plane):
    model, directions = plane
    flat_u, flat_v, flat_w = (
        np.concatenate([np.ravel(a) for a in arrays])
        for arrays in (directions.u, directions.v, model.get_weights())
    )
    assert directions.absolute_u == pytest.approx(np.linalg.norm(flat_u), rel=1e-6)
    assert directions.absolute_v == pytest.approx(np.linalg.norm(flat_v), rel=1e-6)
    assert directions.relative_u == pytest.approx(np.linalg.norm(flat_u) / np.linalg.norm(flat_w), rel=1e-6)
    assert directions.relative_v == pytest.approx(np.linalg.norm(flat_v) / np.linalg.norm(flat_w), rel=1e-6)
    assert directions.metadata["cosine"] == pytest.approx(np.corrcoef(flat_u, flat_v)[0, 1], abs=0.1)


def test_relative_length_counts_only_the_weights_that_are_moved():
    model = mlp()
    u = [np.zeros(w.shape) for w in model.trainable_variables]
    u[0] = 3 * model.trainable_variables[0].numpy()
    assert Directions.through(model, "mine", u, labels=("u",)).relative_u == pytest.approx(3, rel=1e-6)


def test_a_line_keeps_the_first_direction_and_the_first_coordinate(plane):
    line = plane[1].line()
    assert (line.v, line.relative_v, line.absolute_v, line.labels) == (None, None, None, ("one",))
    assert line.points.tolist() == [[0.25], [0.0]]
    assert line.u is plane[1].u and "cosine" not in line.metadata


@pytest.mark.parametrize("as_line", [False, True])
def test_a_file_gives_back_everything(plane, tmp_path, as_line):
    model, directions = plane
    directions = directions.line() if as_line else directions
    directions.save(tmp_path / "d.npz")
    found = Directions.load(tmp_path / "d.npz", model)
    for name in (
        "kind",
        "labels",
        "relative_u",
        "relative_v",
        "parameters",
        "weights",
        "metadata",
        "point_names",
    ):
        assert getattr(found, name) == getattr(directions, name), name
    np.testing.assert_array_equal(found.points, directions.points)
    for a, b in zip(found.u + (found.v or []), directions.u + (directions.v or []), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float32


def test_a_file_without_points_has_none(tmp_path):
    random_directions(mlp()).save(tmp_path / "d.npz")
    assert Directions.load(tmp_path / "d.npz").points is None


def test_a_file_needs_no_unpickling(plane, tmp_path):
    plane[1].save(tmp_path / "d.npz")
    with np.load(tmp_path / "d.npz", allow_pickle=False) as archive:
        assert json.loads(str(archive["record"]))["metadata"]["seed"] == 5
        assert {archive[name].dtype.kind for name in archive.files} == {"f", "U"}


def test_layers_that_keras_named_anew_do_not_make_another_model(tmp_path):
    first, second = build_segmenter(), build_segmenter()
    assert first.trainable_variables[0].path != second.trainable_variables[0].path
    random_directions(first).save(tmp_path / "d.npz")
    Directions.load(tmp_path / "d.npz", second)


def test_the_first_parameter_that_differs_is_named(plane, tmp_path):
    plane[1].save(tmp_path / "d.npz")
    with pytest.raises(
        InputError,
        match=r"d.npz has other parameters than model 'wide': parameter 3 is 'mlp/dense\w*/kernel' \(Dense\) of shape "
        r"\(3, 2\) there and 'wide/dense\w*/kernel' \(Dense\) of shape \(3, 7\) here; expected",
    ):
        Directions.load(tmp_path / "d.npz", mlp(classes=7, name="wide"))


def test_a_parameter_that_is_missing_is_named(plane):
    model, directions = plane
    model.layers[-1].trainable = False
    with pytest.raises(
        InputError, match=r"parameter 3 is 'mlp/dense.*' \(Dense\) of shape \(3, 2\) there and missing here"
    ):
        directions.check(model)


def test_a_layer_of_another_class_makes_another_model():
    directions = random_directions(mlp())
    model = keras.Sequential([keras.Input((4,)), L.EinsumDense("ab,bc->ac", 3, bias_axes="c"), L.Dense(2)])
    with pytest.raises(
        InputError, match=r"\(Dense\) of shape \(4, 3\) there and '.*einsum.*' \(EinsumDense\)"
    ):
        directions.check(model)


def test_directions_to_other_solutions_are_refused_at_other_weights(plane):
    model, directions = plane
    model.trainable_variables[1].assign(np.ones(3))
    with pytest.raises(InputError, match="'mlp' has other weights than the first; load those"):
        directions.check(model)


def test_random_directions_at_other_weights_only_warn():
    model = mlp()
    directions = random_directions(model)
    model.trainable_variables[1].assign(np.ones(3))
    with pytest.warns(UserWarning, match="made at other weights of 'mlp'"):
        directions.check(model)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="Expected a file of directions.*does not exist"):
        Directions.load(tmp_path / "d.npz")


def damage_text(path):
    path.write_text("no archive")


def damage_end(path):
    os.truncate(path, path.stat().st_size // 2)


def damage_kind(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def damage_content(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["u0"][0] = np.nan
    np.savez(path, **arrays)


def damage_shape(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"v1": np.zeros(9, np.float32)}))


def damage_structure(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    record = json.loads(str(arrays["record"]))
    record["parameters"][0][3] = [4, 9]
    np.savez(path, **(arrays | {"record": np.array(json.dumps(record))}))


@pytest.mark.parametrize(
    "damage", [damage_text, damage_end, damage_kind, damage_content, damage_shape, damage_structure]
)
def test_a_damaged_file_is_refused_in_one_sentence(plane, tmp_path, damage):
    path = tmp_path / "d.npz"
    plane[1].save(path)
    damage(path)
    with pytest.raises(InputError, match="d.npz is not a file of directions that this version can read"):
        Directions.load(path)


def test_public_names_are_functions_and_classes_not_modules_of_the_same_name():
    import tfapp.landscape

    for name in tfapp.landscape.__all__:
        getattr(tfapp.landscape, name)  # importing a submodule sets an attribute of the package
    for name in tfapp.landscape.__all__:
        assert callable(getattr(tfapp.landscape, name)), name
