"""What Keras's configurations leave out is part of the hashes all the same."""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.landscape import landscape, sharpness
from tfapp.landscape.code_fingerprint import Fingerprint
from tfapp.landscape.fingerprint import LOSS_CODE, MODEL_CODE, code_hashes, hash_loss, hash_model
from tfapp.layers import SecondDifferences, TVSoftmax

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X[:, :1]


def compiled(loss="mse", metrics=None, layers=(), optimizer="sgd"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), *layers, L.Dense(1)])
    model.compile(optimizer, loss, metrics=metrics)
    return model


def changed(first, second):
    first, second = code_hashes(first), code_hashes(second)
    return [name for name in first if first[name] != second[name]]


OTHERS = {"reduction": "sum", "dtype": "float64", "thresholds": [0.25], "top_k": 2, "class_id": 1, "axis": 0}
OTHERS |= {"ignore_class": 1, "average": "macro", "threshold": 0.25, "curve": "PR", "num_labels": 2}
OTHERS |= {
    "target_class_ids": [1],
    "summation_method": "minoring",
    "class_aggregation": "variance_weighted_average",
    "q": 0.25,
    "label_weights": [1.0, 2.0],
}
NEEDED = {"num_classes": 2, "target_class_ids": [0], "fn": keras.losses.mean_squared_error}


def variants(module):
    """Yield the classes of losses or metrics with an argument: options without it, and with another value of it."""
    for cls in {id(cls): cls for cls in vars(module).values() if inspect.isclass(cls)}.values():
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        parameters = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "name"]
        options = {p.name: NEEDED.get(p.name, 0.5) for p in parameters if p.default is p.empty}
        for parameter in parameters:
            default = parameter.default
            other = not default if isinstance(default, bool) else OTHERS.get(parameter.name)
            other = default + 1 if other is None and isinstance(default, int | float) else other
            if default is not parameter.empty and cls not in (keras.losses.Loss, keras.metrics.Metric):
                multi = {"multi_label": True} if parameter.name in ("num_labels", "label_weights") else {}
                yield cls, options | multi, options | multi | {parameter.name: other}


@pytest.mark.slow
@pytest.mark.parametrize("module", [keras.losses, keras.metrics])
def test_every_argument_of_the_losses_and_metrics_of_keras_is_part_of_the_hash(module):
    unnoticed, unsure, count = [], [], 0
    for cls, without, options in variants(module):
        first, second, again = (
            Fingerprint(keras.Sequential()).of(cls(**one), "") for one in (without, options, options)
        )
        name = next(name for name in options if options.get(name) != without.get(name))
        unnoticed += [f"{cls.__name__} {name}"] if first == second else []
        unsure += [f"{cls.__name__} {name}"] if again != second else []
        count += 1
    assert (unnoticed, unsure) == ([], []) and count > 40


PAIRS = {
    "delta of Huber": [keras.losses.Huber(1.0), keras.losses.Huber(0.2)],
    "axis of CosineSimilarity": [keras.losses.CosineSimilarity(-1), keras.losses.CosineSimilarity(0)],
    "dtype": [keras.losses.MeanSquaredError(), keras.losses.MeanSquaredError(dtype="float16")],
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_the_configuration_of_a_loss_leaves_out_is_part_of_the_hash(name):
    first, second = PAIRS[name]
    assert first.get_config() == second.get_config()
    assert changed(compiled(first), compiled(second)) == [LOSS_CODE]


class Halved(keras.losses.Loss):
    """A loss that holds a weight of its own."""

    def __init__(self, share):
        super().__init__()
        self.share = keras.Variable(share)

    def call(self, y_true, y_pred):
        return self.share * keras.ops.mean(keras.ops.abs(y_true - y_pred), -1)


class Graphed:
    """A loss whose code is a graph, with a table of its class."""

    table = {(0, 1): 1.0, (1, 0): 2.0}

    @tf.function
    def __call__(self, y_true, y_pred):
        return self.table[0, 1] * tf.reduce_mean(tf.abs(y_true - y_pred), -1)


class Swapped(Graphed):
    table = {(0, 1): 2.0, (1, 0): 1.0}


class Squared(Graphed):
    @tf.function
    def __call__(self, y_true, y_pred):
        return self.table[0, 1] * tf.reduce_mean(tf.square(y_true - y_pred), -1)


class Cubed(Graphed):
    @tf.function
    def __call__(self, y_true, y_pred):
        return self.table[0, 1] * tf.reduce_mean((y_true - y_pred) ** 3, -1)


def pooled(layer):
    """A loss that looks at its arguments through a layer of which no model knows."""
    return lambda y_true, y_pred: keras.ops.mean(keras.ops.abs(layer(y_true) - layer(y_pred)), -1)


def dense(value):
    layer = L.Dense(1, kernel_initializer=keras.initializers.Constant(value))
    layer.build((None, 1))
    return layer


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: Halved(0.5), lambda: Halved(0.25)),
        (Graphed, Swapped),
        (Squared, Cubed),
        (lambda: pooled(L.Rescaling(1.0)), lambda: pooled(L.Rescaling(2.0))),
        (lambda: pooled(dense(1.0)), lambda: pooled(dense(2.0))),
    ],
    ids=["variable", "table", "graph", "layer", "weights of a layer"],
)
def test_what_a_loss_holds_is_part_of_its_hash(first, second):
    names = {"Swapped": "Graphed", "Cubed": "Squared"}
    if isinstance(second, type):  # the name of the class must not be what tells them apart
        second = type(
            names[second.__name__], (Graphed,), dict(vars(second)) | {"__qualname__": first.__qualname__}
        )
        first = type(first.__name__, (Graphed,), dict(vars(first)))
    assert changed(compiled(first()), compiled(first())) == []
    assert changed(compiled(first()), compiled(second())) == [LOSS_CODE]


class Block(L.Layer):
    """A layer whose configuration does not tell what is inside."""

    def __init__(self, activation="relu"):
        super().__init__()
        self.inner = L.Dense(2, activation)
        self.parts = {"scale": 1.0 if activation == "relu" else 2.0, "layer": self.inner}

    def call(self, inputs):
        return self.inner(inputs)

    def get_config(self):
        return {}


def test_layers_inside_of_layers_are_described():
    first, second = compiled(layers=[Block()]), compiled(layers=[Block("tanh")])
    assert hash_model(first) == hash_model(second)
    assert changed(first, second) == [MODEL_CODE]


def test_values_beside_layers_in_one_container_are_part_of_the_hash():
    first, second = Block(), Block()
    second.parts["scale"] = 3.0
    assert changed(compiled(layers=[first]), compiled(layers=[second])) == [MODEL_CODE]


def test_a_vocabulary_that_was_adapted_is_part_of_the_hash():
    def model(words):
        lookup = L.IntegerLookup()
        lookup.adapt(np.array(words))
        built = keras.Sequential([keras.Input((1,), dtype="int64"), lookup, L.Embedding(4, 2)])
        built.compile("sgd", "mse")
        return built

    assert changed(model([1, 1, 2]), model([1, 2, 2])) == [MODEL_CODE]


class OwnStep(keras.Model):
    """A model that keeps its loss itself."""

    def __init__(self, delta):
        super().__init__()
        self.dense, self.loss_function = L.Dense(1), keras.losses.Huber(delta)

    def call(self, inputs):
        return self.dense(inputs)

    def test_step(self, data):
        x, y = data
        return {"loss": self.loss_function(y, self(x))}


def own_step(delta=1.0):
    model = OwnStep(delta)
    model(X)
    model.compile("sgd", "mse")
    return model


def test_a_loss_that_a_model_keeps_itself_is_part_of_the_hash():
    assert changed(own_step(), own_step(0.2)) == [MODEL_CODE]


@pytest.mark.slow
def test_a_model_of_an_own_class_hashes_as_before_when_it_was_trained_and_built_again():
    model = own_step()
    before = code_hashes(model)
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    assert code_hashes(model) == before == code_hashes(own_step())


def of_a_graph(join, function):
    """A model that cannot tell its configuration, because a function of it has none."""
    inputs = keras.Input((3,))
    first, second = (
        L.Dense(3, activation=functools.partial(function, negative_slope=0.1))(inputs),
        L.ReLU()(inputs),
    )
    model = keras.Model(inputs, L.Dense(1)(L.Add()([first, second] if join else [first, inputs])))
    model.compile("sgd", "mse")
    return model


def test_a_model_that_cannot_tell_its_configuration_is_hashed_by_its_wires():
    first = of_a_graph(True, keras.activations.relu)
    with pytest.raises(TypeError):
        first.get_config()
    assert hash_model(first) == hash_model(of_a_graph(False, keras.activations.relu))
    assert changed(first, of_a_graph(True, keras.activations.relu)) == []
    assert changed(first, of_a_graph(False, keras.activations.relu)) == [MODEL_CODE]


def scaled(y_true, y_pred, scale=1.0):
    return scale * keras.ops.mean(keras.ops.square(y_true - y_pred), -1)


class Called:
    def __call__(self, y_true, y_pred):
        return scaled(y_true, y_pred, 3.0)


class Silent(keras.optimizers.SGD):
    """An optimizer that does not tell its configuration."""

    def get_config(self):
        raise RuntimeError


SILENT = {
    "partial": {"loss": functools.partial(scaled, scale=2.0)},
    "object": {"loss": Called()},
    "lambda without source": {"loss": eval("lambda a, b: scaled(a, b)", {"scaled": scaled})},
    "partial metric": {"metrics": [functools.partial(scaled, scale=2.0)]},
    "object as metric": {"metrics": [Called()]},
    "optimizer": {"optimizer": Silent()},
    "activation": {"layers": [L.Dense(2, functools.partial(keras.activations.relu, negative_slope=0.1))]},
}


@pytest.mark.parametrize("name", SILENT)
def test_what_keras_cannot_describe_is_hashed_all_the_same(name):
    model = compiled(**SILENT[name])
    hashes = [{"model": hash_model(model), "loss": hash_loss(model)} | code_hashes(model) for _ in range(2)]
    assert hashes[0] == hashes[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", SILENT)
def test_what_evaluate_takes_has_a_landscape_and_a_sharpness(name, tmp_path):
    model = compiled(**SILENT[name])
    expected = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)
    surface = landscape(model, X, Y, n=3, exact=True, batch_size=8, path=tmp_path / "surface.npz")
    assert surface.centre == pytest.approx(expected.pop("loss"), rel=1e-5)
    assert {metric: values[1, 1] for metric, values in surface.metrics.items()} == pytest.approx(
        expected, rel=1e-5
    )
    found = sharpness(model, X, Y, repeats=1, iterations=1, eps=[1e-3], path=tmp_path / "sharpness.json")
    assert found[0].loss == pytest.approx(surface.centre, rel=1e-5)


def test_other_value_of_a_later_option_makes_another_model():
    def model(**options):
        images = keras.Input((None, None, 2))
        return keras.Model(images, TVSoftmax(**options)(images))

    plain = hash_model(model())
    assert plain == hash_model(model(huber=0.0, temperature=1))
    others = [
        {"huber": 0.1},
        {"temperature": 0.5},
        {"volumes": (0.5, 0.5)},
        {"operator": SecondDifferences()},
    ]
    assert len({plain, *(hash_model(model(**options)) for options in others)}) == 5
