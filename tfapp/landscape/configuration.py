"""What the configurations of Keras tell of models, layers, losses and metrics, and what they leave out."""

import inspect
import json
import re
import warnings

import keras

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
# Of one process: numbers that Keras gives to names, and addresses.
_NUMBERED = re.compile(r"_\d+$")


def config_or_none(thing) -> dict | None:
    """Return the configuration of a model, a layer or another object of Keras, None if it cannot tell it."""
    try:
        with warnings.catch_warnings():
            # Keras warns that a serialised lambda is unsafe to load; here it is only hashed.
            warnings.filterwarnings("ignore", message=".*lambda.*")
            return thing.get_config()
    except Exception:  # classes of users raise what they like
        return None


def description(thing):
    """Return the configuration in types that JSON knows, names without their numbers, None if there is none.

    The bytecode of a lambda, which Keras puts there with its line numbers, is left out: its code is hashed itself.
    """
    config = config_or_none(thing)
    try:
        return None if config is None else json.loads(json.dumps(renamed(config), default=name_of_type))
    except (TypeError, ValueError):
        return None


def renamed(content):
    """Return a nest of dictionaries and sequences in which no name ends in a number that Keras gave it."""
    if isinstance(content, dict):
        if content.get("class_name") == "__lambda__":
            return "lambda"
        return {key_text(name): renamed(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [renamed(value) for value in content]
    return _NUMBERED.sub("", content) if isinstance(content, str) else content


def untold_state(thing, config: dict | None, state: dict) -> dict:
    """Return what the configuration of a library's object does not tell of its state.

    Some losses and metrics of Keras leave arguments of their constructor out of it, such as the delta of `Huber`.

    Args:
        thing: such as a loss.
        config: its configuration, or None.
        state: its attributes.
    """
    told = set(config or ())
    parameters = list(inspect.signature(type(thing).__init__).parameters.values())[1:]
    various = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    named = {parameter.name for parameter in parameters if parameter.kind not in various}
    untold = {}
    if config is None or not named <= told | {"name", "dtype"}:
        untold = {name: value for name, value in state.items() if name.lstrip("_") not in told}
        untold = {name: value for name, value in untold.items() if name not in ("_dtype", "_dtype_policy")}
    if "dtype" not in told and state.get("_dtype", keras.config.floatx()) != keras.config.floatx():
        untold["_dtype"] = state["_dtype"]
    return untold


def untold_layers(layer: keras.layers.Layer, told: bool, of_a_library) -> list[keras.layers.Layer]:
    """Return the layers of a library whose configurations the model's own does not hold.

    That of a user's class tells what its constructor took, not the layers that it made of that.

    Args:
        layer: a model, or a layer with layers inside.
        told: whether there is a configuration of it.
        of_a_library: function of a class that says whether it belongs to a library.
    """
    told = told and of_a_library(type(layer))
    found = {}
    for inside in layer._layers:  # Keras has no public way to the layers that a layer made.
        if not told and of_a_library(type(inside)):
            found[id(inside)] = inside
        found |= {id(one): one for one in untold_layers(inside, told, of_a_library)}
    return list(found.values())


def wiring(model: keras.Model, described) -> list:
    """Return what each operation of a graph of layers takes as its inputs, in types that JSON knows.

    Args:
        model: one that cannot tell its configuration; of a subclassed model nothing is known.
        described: function of an operation that returns its configuration or None.
    """
    operations = getattr(model, "operations", [])
    # A layer has further nodes where it is called outside of the model.
    own = {id(node) for node in getattr(model, "_nodes", ())}
    nodes = [node for each in operations for node in each._inbound_nodes if id(node) in own]
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def source(value):
        if isinstance(value, keras.KerasTensor):
            operation, node, index = value._keras_history  # Keras has no public walk through a graph either.
            return [numbers.get(id(operation._inbound_nodes[node])), index]
        return value if isinstance(value, bool | int | float | str | None) else name_of_type(value)

    def taken(node):
        return [source(value) for value in keras.tree.flatten([node.arguments.args, node.arguments.kwargs])]

    return [[name_of_type(node.operation), described(node.operation), taken(node)] for node in nodes]


def is_layers(value):
    """Return whether a value is a layer or a weight, or holds nothing else."""
    kinds = keras.layers.Layer, keras.Variable, keras.KerasTensor, keras.random.SeedGenerator
    if isinstance(value, dict | list | tuple):
        parts = list(value.values() if isinstance(value, dict) else value)
        return bool(parts) and all(map(is_layers, parts))
    return isinstance(value, kinds)


def without_layers(value):
    """Return a value without the layers and weights among its parts."""
    if isinstance(value, dict):
        return {key: without_layers(part) for key, part in value.items() if not is_layers(part)}
    if isinstance(value, list | tuple):
        return [without_layers(part) for part in value if not is_layers(part)]
    return value


def key_text(name) -> str:
    """Return a key of a dictionary as text."""
    return (
        name if isinstance(name, str) else repr(name) if isinstance(name, PLAIN) else type(name).__qualname__
    )


def name_of_type(thing) -> str:
    """Return what stands for a thing that JSON cannot hold: a repr may contain an address, new in every process."""
    return type(thing).__qualname__
