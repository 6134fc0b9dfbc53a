"""Lines and planes through solutions end at these, or say that they do not: what is not trained must be shared."""

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.landscape import Directions, landscape, line_through, plane_through

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 1)).astype("float32")


def trained(seed, *layers, frozen=False, activation="tanh"):
    """A model at weights of its own; of `layers` those that adapt have seen data of their own."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), *layers, L.Dense(3, activation), L.Dense(1)], name="net")
    for layer in layers:
        if hasattr(layer, "adapt"):
            layer.adapt(seed * X + seed)
    model.layers[0].trainable = not frozen
    model.compile("sgd", "mse")
    return model


def with_lora(seed):
    model = trained(seed)
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.full((2, 3), seed, "float32"))
    model.compile("sgd", "mse")
    return model


OTHERS = {
    "frozen layer": lambda seed: trained(seed, frozen=True),
    "statistics of the data": lambda seed: trained(seed, L.Normalization()),
    "frozen normalisation": lambda seed: moved(trained(seed, L.BatchNormalization(), frozen=True), seed),
    "base of LoRA": with_lora,
}
FORMS = {
    "model": lambda model, folder: model,
    "list": lambda model, folder: model.get_weights(),
    "keras file": lambda model, folder: saved(model, folder / "other.keras"),
    "weights file": lambda model, folder: saved(model, folder / "other.weights.h5"),
}


def moved(model, seed):
    model.layers[0].moving_mean.assign(np.full(4, seed, "float32"))
    return model


def saved(model, path):
    (model.save if path.suffix == ".keras" else model.save_weights)(path)
    return path


def end_of(model, directions, **options):
    surface = landscape(model, X, Y, directions=directions, n=3, range=(0, 1), batch_size=12, **options)
    return surface.loss[-1, 0]


def loss_of(model):
    return model.evaluate(X, Y, batch_size=12, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_a_line_to_a_solution_with_other_untrained_weights_is_refused_with_the_first(kind):
    first, second = OTHERS[kind](1), OTHERS[kind](2)
    directions = line_through(first, second)
    with pytest.raises(
        InputError, match="share what is not trained.*Received: solutions that differ in 'net.*/"
    ):
        end_of(first, directions)


@pytest.mark.parametrize("form", FORMS)
def test_untrained_weights_are_compared_in_every_form_of_a_solution(form, tmp_path):
    first, second = trained(1, L.Normalization()), trained(2, L.Normalization())
    expected = first.layers[0].adapt_mean.path, first.layers[0].adapt_variance.path
    assert line_through(first, FORMS[form](second, tmp_path)).unmoved == expected


@pytest.mark.parametrize("form", FORMS)
def test_reading_a_solution_leaves_the_statistics_of_the_first_alone(form, tmp_path):
    first, second = trained(1, L.Normalization()), trained(2, L.Normalization())
    before = np.asarray(first(X))
    line_through(first, FORMS[form](second, tmp_path))
    np.testing.assert_array_equal(first(X), before)


def test_a_plane_and_a_file_of_directions_know_too(tmp_path):
    first, second, third = (trained(seed, L.Normalization()) for seed in (1, 1, 3))
    second.layers[1].kernel.assign_add(np.ones((4, 3)))
    assert line_through(first, second).unmoved == ()
    plane = plane_through(first, second, third)
    assert len(plane.unmoved) == 2
    plane.save(tmp_path / "plane.npz")
    assert Directions.load(tmp_path / "plane.npz", first).unmoved == plane.unmoved


@pytest.mark.slow
def test_a_list_of_the_trained_weights_takes_all_else_from_the_first():
    first, second = trained(1, L.Normalization()), trained(2, L.Normalization())
    end = end_of(first, line_through(first, [v.numpy() for v in second.trainable_variables]))
    second.layers[0].adapt(X + 1)
    assert end == pytest.approx(loss_of(second), rel=1e-5)


class Counted(L.Layer):
    """A layer with weights that nothing depends on outside of training."""

    def build(self, shape):
        del shape
        self.calls = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)
        self.mean = self.add_weight(shape=(4,), initializer="zeros", trainable=False)

    def call(self, inputs, training=None):
        if training:
            self.calls.assign_add(1)
            self.mean.assign(0.9 * self.mean + 1.0)
        return inputs


@pytest.mark.slow
@pytest.mark.parametrize("layer", [Counted, lambda: L.SpectralNormalization(L.Dense(4)), L.Dropout])
def test_untrained_weights_that_the_loss_does_not_depend_on_may_differ(layer):
    first, second = (trained(seed, *([layer(0.5)] if layer is L.Dropout else [layer()])) for seed in (1, 2))
    second.fit(X, Y, verbose=0)
    assert end_of(first, line_through(first, second)) == pytest.approx(loss_of(second), rel=1e-5)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (lambda: trained(2, activation="relu"), r"the options of layer 'dense.*' \(activation\)"),
        (lambda: trained(2, L.ReLU()), "which layers it has"),
    ],
)
def test_other_options_of_the_second_solution_are_warned_of(second, said):
    with pytest.warns(UserWarning, match=f"'second' differs from the first solution in {said}"):
        line_through(trained(1), second())


def test_options_of_recurrent_layers_count_and_those_of_training_do_not():
    def built(seed, **options):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((5, 4)), L.SimpleRNN(3, **options)])

    line_through(built(1, dropout=0.1, kernel_regularizer="l2"), built(2))
    with pytest.warns(UserWarning, match="go_backwards"):
        line_through(built(1), built(2, go_backwards=True))


def test_another_number_of_untrained_weights_is_refused():
    with pytest.raises(
        InputError, match="weights that are not trained than .net.: 0 of .*, and here are 2 of"
    ):
        line_through(trained(1, L.Normalization()), trained(2))
