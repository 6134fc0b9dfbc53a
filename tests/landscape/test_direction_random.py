import json

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import filter_normalised_direction
from tfapp.landscape.directions.random_directions import random_directions

L = keras.layers


def uneven_model():
    """A network whose filters have norms that differ a thousandfold."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 6, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.Flatten()])
    model.add(L.Dense(5))
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        scale = 10.0 ** rng.uniform(-1.5, 1.5, variable.shape[-1])
        variable.assign((variable.numpy() + 0.1) * scale)
    return model


def flat(arrays):
    return np.concatenate([array.ravel().astype(np.float64) for array in arrays])


def cosine(u, v):
    return flat(u) @ flat(v) / np.linalg.norm(flat(u)) / np.linalg.norm(flat(v))


def filters(kernel):
    return kernel.astype(np.float64).reshape(-1, kernel.shape[-1]).T


@pytest.mark.parametrize("kind", ["filter", "unit-filter", "layer"])
@pytest.mark.parametrize("biases", [False, True])
def test_the_two_directions_are_orthogonal_also_where_filters_are_uneven(kind, biases):
    plane = random_directions(uneven_model(), kind, seed=3, biases=biases)
    assert abs(cosine(plane.u, plane.v)) < 1e-6
    assert plane.metadata["cosine"] == pytest.approx(cosine(plane.u, plane.v), abs=1e-9)


def test_directions_orthogonalised_as_a_whole_would_not_be_orthogonal_after_normalising():
    model = uneven_model()
    kernel = model.trainable_variables[0].numpy()
    rng = np.random.default_rng(0)
    g, h = rng.standard_normal((2, *kernel.shape))
    h -= g * np.vdot(g, h) / np.vdot(g, g)
    u, v = (d / np.linalg.norm(filters(d), axis=1) * np.linalg.norm(filters(kernel), axis=1) for d in (g, h))
    assert abs(cosine([u], [v])) > 1e-3


def test_the_directions_are_orthogonal_in_every_filter():
    plane = random_directions(uneven_model(), seed=3)
    for u, v in zip(plane.u, plane.v, strict=True):
        if u.ndim > 1:
            inner = np.sum(filters(u) * filters(v), axis=1)
            lengths = np.linalg.norm(filters(u), axis=1) * np.linalg.norm(filters(v), axis=1)
            assert np.abs(inner / lengths).max() < 1e-6


def test_both_directions_have_the_norm_of_every_filter_of_the_model():
    model = uneven_model()
    plane = random_directions(model, seed=3)
    for index in (0, 4):
        expected = np.linalg.norm(filters(model.trainable_variables[index].numpy()), axis=1)
        for direction in (plane.u, plane.v):
            np.testing.assert_allclose(np.linalg.norm(filters(direction[index]), axis=1), expected, rtol=1e-6)


def test_unit_filters_have_norm_one_whatever_the_model():
    plane = random_directions(uneven_model(), "unit-filter", seed=3)
    for index in (0, 4):
        for direction in (plane.u, plane.v):
            np.testing.assert_allclose(np.linalg.norm(filters(direction[index]), axis=1), 1, rtol=1e-6)


def test_directions_of_lu_and_tong_are_the_gaussians_divided_by_their_norms_filter_by_filter():
    plane = random_directions(uneven_model(), "lu-tong", seed=3)
    for number, direction in enumerate((plane.u, plane.v)):
        for index in (0, 4):
            drawn = np.random.default_rng([2 * 3 + number, index]).standard_normal(direction[index].shape)
            norms = np.linalg.norm(filters(drawn), axis=1, keepdims=True)
            np.testing.assert_allclose(filters(direction[index]), filters(drawn) / norms, rtol=1e-6)
    assert abs(plane.metadata["cosine"]) > 1e-3


def test_the_length_of_unit_filters_is_the_root_of_their_number():
    plane = random_directions(uneven_model(), "unit-filter", seed=3)
    assert plane.absolute_u == pytest.approx(np.sqrt(4 + 5), rel=1e-6)
    assert plane.absolute_v == pytest.approx(np.sqrt(4 + 5), rel=1e-6)


def test_layer_normalised_directions_have_the_norm_of_every_kernel_but_not_of_every_filter():
    model = uneven_model()
    plane = random_directions(model, "layer", seed=3)
    kernel = model.trainable_variables[0].numpy()
    assert np.linalg.norm(plane.u[0]) == pytest.approx(np.linalg.norm(kernel), rel=1e-6)
    ratios = np.linalg.norm(filters(plane.u[0]), axis=1) / np.linalg.norm(filters(kernel), axis=1)
    assert ratios.max() / ratios.min() > 10


def test_biases_and_normalisation_parameters_stay_unless_they_are_asked_for():
    model = uneven_model()
    plane = random_directions(model, seed=3)
    assert [u.any() for u in plane.u] == [True, False, False, False, True, False]
    assert plane.metadata["share_perturbed"] == pytest.approx((108 + 320) / (108 + 12 + 325))


def test_vectors_that_are_asked_for_have_their_own_norm():
    model = uneven_model()
    plane = random_directions(model, seed=3, biases=True)
    for variable, u in zip(model.trainable_variables, plane.u, strict=True):
        if u.ndim == 1:
            assert np.linalg.norm(u) == pytest.approx(np.linalg.norm(variable.numpy()), rel=1e-6)


def test_moving_statistics_have_no_direction():
    model = uneven_model()
    plane = random_directions(model, seed=3, biases=True)
    assert len(plane.u) == len(model.trainable_variables) == len(model.weights) - 2


def test_filters_of_a_single_weight_keep_the_random_sign_of_both_directions():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(6, 1)])
    plane = random_directions(model, seed=0)
    np.testing.assert_allclose(np.abs(plane.v[0]), np.abs(model.trainable_variables[0].numpy()), rtol=1e-6)
    assert plane.metadata["cosine"] == pytest.approx(cosine(plane.u, plane.v), abs=1e-6) != 0


def test_the_first_direction_is_the_one_drawn_alone():
    model = uneven_model()
    alone = filter_normalised_direction(model, 6)
    for a, b in zip(alone, random_directions(model, seed=3).u, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_seed_gives_the_same_plane_again_and_another_another():
    model = uneven_model()
    first, again, other = (random_directions(model, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(flat(first.u + first.v), flat(again.u + again.v))
    assert not np.array_equal(flat(first.v), flat(other.v))


def test_directions_of_named_layers_move_those_only_and_are_measured_by_them():
    model = uneven_model()
    plane = random_directions(model, seed=3, layers=[model.layers[-1].name])
    assert [u.any() for u in plane.u] == [False] * 4 + [True, False]
    assert plane.relative_u == pytest.approx(1, abs=1e-6)
    assert plane.metadata["layers"] == [model.layers[-1].name]


def test_the_model_is_not_changed():
    model = uneven_model()
    before = model.get_weights()
    random_directions(model, biases=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("seed", [-1, 1.0, True, None])
def test_a_seed_that_is_not_a_natural_number_is_refused(seed):
    with pytest.raises(InputError, match=f"`seed` must be an integer >= 0. Received: seed={seed}"):
        random_directions(uneven_model(), seed=seed)


def test_what_is_said_of_the_directions_can_be_written_as_json():
    plane = random_directions(uneven_model(), seed=np.int64(3))
    assert json.loads(json.dumps(plane.metadata))["direction_seeds"] == [6, 7]


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        InputError, match="one of filter, unit-filter, lu-tong, layer. Received: kind='gauss'"
    ):
        random_directions(uneven_model(), "gauss")


def test_a_model_without_weights_to_move_is_refused():
    model = keras.Sequential([keras.Input((4,)), L.LayerNormalization()], name="bare")
    with pytest.raises(InputError, match="'bare' has no weights to move.*biases=True"):
        random_directions(model)
