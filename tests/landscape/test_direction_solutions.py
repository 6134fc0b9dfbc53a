import keras
import numpy as np
import pytest
from small_segmenter import build_segmenter

from tfapp.errors import InputError
from tfapp.landscape import line_through, plane_through
from tfapp.landscape.directions.solutions import solution_weights
from tfapp.layers import TVSoftmax

L = keras.layers


def another(seed, scale=1.0):
    """The segmenter at other weights, as after another training."""
    model = build_segmenter()
    rng = np.random.default_rng(seed)
    model.set_weights([w + scale * rng.standard_normal(w.shape).astype("f") for w in model.get_weights()])
    return model


def trainable(model):
    return [v.numpy() for v in model.trainable_variables]


def flat(arrays):
    return np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])


def saved(model, path):
    (model.save if path.suffix == ".keras" else model.save_weights)(path)
    return path


FORMS = {
    "model": lambda model, folder: model,
    "trainable weights": lambda model, folder: trainable(model),
    "all weights": lambda model, folder: model.get_weights(),
    "keras file": lambda model, folder: saved(model, folder / "other.keras"),
    "keras file as text": lambda model, folder: str(saved(model, folder / "other.keras")),
    "weights file": lambda model, folder: saved(model, folder / "other.weights.h5"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_solution_is_read_from_every_form(tmp_path, form):
    model, other = build_segmenter(), another(1)
    found = solution_weights(model, FORMS[form](other, tmp_path))
    for a, b in zip(found, trainable(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", FORMS)
def test_reading_a_solution_leaves_the_model_and_its_optimizer_alone(tmp_path, data, form):
    model, other = build_segmenter(), another(1)
    for trained in (model, other):
        trained.fit(*data[:2], batch_size=5, verbose=0)
    variables = model.variables + model.optimizer.variables
    before = [v.numpy() for v in variables]
    solution_weights(model, FORMS[form](other, tmp_path))
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, variables, strict=True))


def test_a_subclassed_model_reads_a_weights_file(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    first, second = Net(), Net()
    for net in (first, second):
        net(np.zeros((1, 3), np.float32))
    second.save_weights(tmp_path / "second.weights.h5")
    found = solution_weights(first, tmp_path / "second.weights.h5")
    np.testing.assert_array_equal(found[0], second.dense.kernel.numpy())


def test_a_file_with_a_layer_of_this_package_is_read(tmp_path):
    def build():
        inputs = keras.Input((4, 4, 2))
        return keras.Model(inputs, TVSoftmax(tv_weight=0.5, iterations=2)(L.Conv2D(2, 1)(inputs)))

    first, second = build(), build()
    second.save(tmp_path / "second.keras")
    np.testing.assert_array_equal(
        solution_weights(first, tmp_path / "second.keras")[0], second.trainable_variables[0].numpy()
    )


def test_alpha_zero_is_the_first_solution_and_alpha_one_the_second_to_the_last_bit():
    first, second = build_segmenter(), another(1)
    line = line_through(first, second)
    for w, u, target in zip(trainable(first), line.u, trainable(second), strict=True):
        ulp = np.spacing(np.maximum(np.abs(w), np.abs(target)))
        assert (np.abs(w + np.float32(1) * u - target) <= ulp).all()
        np.testing.assert_array_equal(w + np.float32(0) * u, w)


def test_a_line_moves_biases_and_normalisation_parameters_too_but_no_statistics():
    first = build_segmenter()
    line = line_through(first, another(1))
    assert len(line.u) == len(first.trainable_variables) and all(u.any() for u in line.u)
    assert line.metadata["share_perturbed"] == 1.0


def test_a_line_knows_its_end_points_and_its_length_in_both_units():
    first, second = build_segmenter(), another(1)
    line = line_through(first, second, names=("batch 2", "batch 16"))
    distance = np.linalg.norm(flat(trainable(second)) - flat(trainable(first)))
    assert (line.v, line.points.tolist(), line.point_names) == (None, [[0.0], [1.0]], ("batch 2", "batch 16"))
    assert line.labels == ("from batch 2 to batch 16",)
    assert line.absolute_u == pytest.approx(distance, rel=1e-6)
    assert line.relative_u == pytest.approx(distance / np.linalg.norm(flat(trainable(first))), rel=1e-6)


def test_the_three_solutions_lie_in_their_plane():
    first, second, third = build_segmenter(), another(1), another(2)
    plane = plane_through(first, second, third)
    for (alpha, beta), solution in zip(plane.points, (first, second, third), strict=True):
        at = flat(trainable(first)) + alpha * flat(plane.u) + beta * flat(plane.v)
        np.testing.assert_allclose(at, flat(trainable(solution)), atol=1e-6)
    assert plane.points[:2].tolist() == [[0, 0], [1, 0]] and plane.points[2, 1] > 0


def test_the_plane_is_drawn_to_scale():
    plane = plane_through(build_segmenter(), another(1), another(2, scale=30.0))
    assert plane.absolute_v == pytest.approx(plane.absolute_u, rel=1e-6)
    assert abs(plane.metadata["cosine"]) < 1e-6


def test_the_coordinates_of_the_third_are_those_of_least_squares():
    first, second, third = build_segmenter(), another(1), another(2)
    plane = plane_through(first, second, third)
    basis = np.stack([flat(plane.u), flat(plane.v)], axis=1)
    expected, *_ = np.linalg.lstsq(basis, flat(trainable(third)) - flat(trainable(first)), rcond=None)
    np.testing.assert_allclose(plane.points[2], expected, rtol=1e-6)


def test_a_third_solution_on_the_line_is_refused():
    first, second = build_segmenter(), another(1)
    between = [(a + b) / 2 for a, b in zip(trainable(first), trainable(second), strict=True)]
    with pytest.raises(
        InputError, match="not on one line. Received: 'third' on the line through 'first' and 'second'"
    ):
        plane_through(first, second, between)


def test_twice_the_same_solution_is_refused():
    with pytest.raises(InputError, match="Received: 'a' and 'b' with the same weights"):
        line_through(build_segmenter(), build_segmenter(), names=("a", "b"))


def wide_net():
    return keras.Sequential([keras.Input((8, 8, 2)), L.Conv2D(9, 3)], name="wide")


@pytest.mark.parametrize("form", ["model", "keras file"])
def test_a_solution_of_another_architecture_is_refused_with_its_first_parameter(tmp_path, form):
    solution = FORMS[form](wide_net(), tmp_path)
    with pytest.raises(
        InputError, match=r"has other parameters than model.*parameter 1 is .* of shape \(3, 3, 2, 9\)"
    ):
        line_through(build_segmenter(), solution)


def test_a_weights_file_of_another_architecture_is_refused(tmp_path):
    wide_net().save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(
        InputError, match="other.weights.h5 does not hold weights of 'functional.*; give those of the same"
    ):
        line_through(build_segmenter(), tmp_path / "other.weights.h5")


@pytest.mark.parametrize("arrays", [[], [np.zeros(3)], [np.zeros((1, 1))] * 9])
def test_a_list_of_other_shapes_is_refused(arrays):
    with pytest.raises(
        InputError, match=f"second must be a list of the 9 trainable or all 11.*Received: {len(arrays)} "
    ):
        line_through(build_segmenter(), arrays)


def test_weights_that_are_not_finite_are_refused():
    model = build_segmenter()
    weights = trainable(model)
    weights[0][0] = np.nan
    with pytest.raises(InputError, match="Received: NaN or infinity in '.*conv2d.*/kernel' of second"):
        line_through(model, weights)


def test_a_model_without_weights_is_refused():
    with pytest.raises(InputError, match="second is a model without weights"):
        line_through(build_segmenter(), keras.Sequential([L.Dense(2)]))


@pytest.mark.parametrize("name", ["absent.keras", "absent.weights.h5"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}, which does not exist"):
        line_through(build_segmenter(), tmp_path / name)


@pytest.mark.parametrize("name", ["notes.keras", "notes.weights.h5", "notes.txt"])
def test_a_file_of_something_else_is_refused(tmp_path, name):
    (tmp_path / name).write_text("not weights")
    with pytest.raises(InputError, match=name):
        line_through(build_segmenter(), tmp_path / name)


def test_a_keras_file_of_an_unknown_class_is_refused_with_what_to_do(tmp_path):
    class Odd(L.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input((2,)), Odd()]).save(tmp_path / "odd.keras")
    with pytest.raises(InputError, match="odd.keras cannot be loaded .*; give the model itself"):
        line_through(build_segmenter(), tmp_path / "odd.keras")
