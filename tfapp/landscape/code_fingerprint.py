"""Hash of what Python code computes: its bytecode, its constants and all values that it reaches.

Two functions of one name hash differently when their code, a default, a value in their closure or a global that they
read differs; and equally when only comments, line numbers, files or the process differ. Code of Keras, TensorFlow,
NumPy, Python and this package is known by its name.
"""

import dis
import functools
import hashlib
import json
import re
import sys
import types

import keras
import numpy as np
import tensorflow as tf

_LIBRARIES = {
    "keras",
    "tensorflow",
    "numpy",
    "scipy",
    "tfapp",
    "builtins",
    "abc",
    "typing",
    "functools",
    "operator",
}
_LIBRARIES |= set(sys.stdlib_module_names) - {"__main__"}
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_FUNCTION = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean), type)
# Of one process: numbers that Keras gives to names, and addresses.
_NUMBERED = re.compile(r"_\d+$")


class Fingerprint:
    """Hashes things that belong to one model.

    Args:
        model: compiled Keras model.

    Attributes:
        unknown: what could not be hashed so far, in words.
    """

    def __init__(self, model: keras.Model):
        self.unknown = []
        self._model, self._what, self._seen = model, "", {}

    def of(self, thing, what: str) -> str:
        """Return the SHA-256 (hexadecimal) of a function, an object or a nest of them.

        Args:
            thing: to be hashed.
            what: it is, for `unknown`.
        """
        self._what, self._seen = what, {}
        return self._hash(thing)

    def of_layers(self, what: str) -> str:
        """Return the SHA-256 (hexadecimal) of the code of the layers, and of what they hold beside their weights."""
        self._what, self._seen = what, {}
        # Keras has no public walk through layers nested in models, wrappers and composite layers.
        return _digest([self._layer(layer) for layer in self._model._flatten_layers()])

    def _layer(self, layer):
        state = {name: value for name, value in vars(layer).items() if name not in _of_every_layer()}
        if _of_a_library(type(layer)):
            # Its configuration is hashed elsewhere; what it does not tell is the code of a user's function.
            state = {name: value for name, value in state.items() if _is_code(value)}
        # Layers inside are in the list themselves; numbers that a layer counts in private are not what it computes.
        state = {name: value for name, value in state.items() if not _holds_layers(value)}
        if isinstance(layer, keras.Model):
            state = {name: value for name, value in state.items() if not _is_training(name, value)}
        return [self._class(type(layer)), self._items(state)]

    def _hash(self, thing):
        return _digest(self._content(thing))

    def _content(self, thing):
        """Return what a thing is made of, in types that JSON knows."""
        if isinstance(thing, _PLAIN):
            return [type(thing).__name__, repr(thing)]
        if id(thing) not in self._seen:
            # Kept, so that no other thing gets its address. What contains itself is met again before it is known.
            self._seen[id(thing)] = "itself", thing
            self._seen[id(thing)] = _digest(self._parts(thing)), thing
        return self._seen[id(thing)][0]

    def _parts(self, thing):
        for types_, content in (
            ((list, tuple), lambda: [self._content(part) for part in thing]),
            ((set, frozenset), lambda: sorted(map(self._hash, thing))),
            ((dict,), lambda: self._items(thing)),
            ((np.ndarray, np.generic), lambda: _array(np.asarray(thing))),
            ((tf.Tensor, tf.Variable, keras.Variable), lambda: self._tensor(thing)),
            ((types.ModuleType,), lambda: thing.__name__),
            ((types.CodeType,), lambda: self._code(thing)),
            ((functools.partial,), lambda: self._content([thing.func, thing.args, thing.keywords])),
            ((types.MethodType,), lambda: self._content([thing.__func__, thing.__self__])),
            ((type,), lambda: self._class(thing)),
            (_FUNCTION, lambda: self._function(thing)),
        ):
            if isinstance(thing, types_):
                return [types_[0].__name__, content()]
        return self._object(thing)

    def _items(self, mapping):
        return sorted([_key(name), self._content(value)] for name, value in mapping.items())

    def _tensor(self, tensor):
        try:
            return _array(np.asarray(tensor))
        except (TypeError, NotImplementedError, ValueError):
            return self._unknown(tensor)

    def _code(self, code):
        names = [
            code.co_names,
            code.co_varnames[: code.co_argcount + code.co_kwonlyargcount],
            code.co_freevars,
        ]
        constants = list(code.co_consts)
        if constants and isinstance(constants[0], str) and code.co_flags & 0x3:
            constants = constants[1:] if _begins_with_docstring(code) else constants
        return [code.co_code.hex(), [list(part) for part in names], [self._content(c) for c in constants]]

    def _function(self, function):
        if _of_a_library(function) or not isinstance(function, types.FunctionType):
            return _name(function)
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        read = {
            name: function.__globals__[name]
            for name in _globals(function.__code__)
            if name in function.__globals__
        }
        return [
            self._content(function.__code__),
            self._content([function.__defaults__, function.__kwdefaults__]),
            [self._content(cell) for cell in cells],
            self._items(read),
        ]

    def _class(self, cls):
        """Return the code of the classes that are not of a library, the names of the others."""
        if _of_a_library(cls):
            return _name(cls)
        members = {}
        for name, member in vars(cls).items():
            member = getattr(member, "__func__", member)  # of static and class methods
            if isinstance(member, property):
                members[name] = [self._content(part) for part in (member.fget, member.fset)]
            elif isinstance(member, functools.cached_property):
                members[name] = self._content(member.func)
            elif isinstance(
                member, types.FunctionType | list | tuple | dict | set | np.ndarray | _plain_type()
            ):
                members[name] = self._content(member) if name not in _OF_CLASSES else None
        return [cls.__qualname__, sorted(members.items()), [self._class(base) for base in cls.__bases__]]

    def _object(self, thing):
        python_function = getattr(thing, "python_function", None)
        if python_function is not None:  # of a tf.function
            return ["tf.function", self._content(python_function)]
        if isinstance(thing, tf.DType | np.dtype | keras.DTypePolicy):
            return ["dtype", getattr(thing, "name", str(thing))]
        if isinstance(thing, keras.Model) and thing is not self._model:
            return ["model", self._other_model(thing)]
        if isinstance(thing, keras.layers.Layer):
            return ["layer", self._layer(thing)]
        described = [self._class(type(thing))]
        if callable(getattr(thing, "get_config", None)):
            try:
                described.append(json.loads(json.dumps(_renamed(thing.get_config()), default=_name_of_type)))
            except (NotImplementedError, TypeError, ValueError):
                described.append(None)
        if not hasattr(thing, "__dict__"):
            return described if len(described) > 1 else self._unknown(thing)
        # Keras numbers the objects of a process, so that a name says nothing.
        state = {name: value for name, value in vars(thing).items() if name not in ("name", "_name")}
        state = {name: value for name, value in state.items() if not isinstance(value, keras.Variable)}
        if isinstance(thing, keras.metrics.Metric):
            state = {name: value for name, value in state.items() if name not in _of_every_metric()}
        if _of_a_library(type(thing)):
            if len(described) == 1 and not state:
                return self._unknown(thing)
            state = {name: value for name, value in state.items() if _is_code(value) or len(described) == 1}
        return ["object", described, self._items(state)]

    def _other_model(self, model):
        weights = [_array(weight.numpy()) for weight in model.weights]
        return [[self._layer(layer) for layer in model._flatten_layers()], _renamed(_config(model)), weights]

    def _unknown(self, thing):
        said = f"{self._what} that is in a value of type {type(thing).__name__!r}"
        if said not in self.unknown:
            self.unknown.append(said)
        return ["unknown", type(thing).__qualname__]


_OF_CLASSES = {
    "__module__",
    "__doc__",
    "__qualname__",
    "__firstlineno__",
    "__static_attributes__",
    "__annotations__",
}
_OF_CLASSES |= {"__dict__", "__weakref__", "__abstractmethods__", "__parameters__", "__orig_bases__"}


def _plain_type():
    return type(None) | bool | int | float | complex | str | bytes


def _digest(content):
    text = json.dumps(content, sort_keys=True, default=_name_of_type)
    return hashlib.sha256(text.encode()).hexdigest()


def _key(name):
    return (
        name if isinstance(name, str) else repr(name) if isinstance(name, _PLAIN) else type(name).__qualname__
    )


def _name_of_type(thing):
    return type(thing).__qualname__


def _array(array):
    if array.dtype.hasobject:
        return [str(array.dtype), array.shape, repr(array.tolist()) if array.size < 1000 else array.size]
    return [str(array.dtype), list(array.shape), hashlib.sha256(np.ascontiguousarray(array)).hexdigest()]


def _cell(cell):
    try:
        return cell.cell_contents
    except ValueError:  # a name that is assigned later
        return None


def _module(thing):
    return (getattr(thing, "__module__", None) or "").partition(".")[0]


def _of_a_library(thing):
    if not isinstance(thing, types.FunctionType | type):
        return True  # of C
    return _module(thing) in _LIBRARIES


def _name(thing):
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", type(thing).__name__)
    return f"{_module(thing)}:{name}"


def _globals(code):
    """Return the global names that a code object and those inside it read, sorted."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return sorted(names.union(*map(_globals, inner)))


def _begins_with_docstring(code):
    """Return whether no instruction loads the first constant: it is there for `help` alone."""
    return all(i.arg != 0 for i in dis.get_instructions(code) if i.opcode in dis.hasconst)


def _is_code(value):
    """Return whether a value is a user's function, or an object of a user's class."""
    if isinstance(value, types.MethodType):
        return _is_code(value.__func__) and not isinstance(value.__self__, keras.layers.Layer)
    if isinstance(value, functools.partial):
        return True
    if isinstance(value, types.FunctionType):
        return not _of_a_library(value)
    if isinstance(value, dict | list | tuple):
        return any(_is_code(part) for part in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, type) and not _of_a_library(type(value)) and not _holds_layers(value)


def _holds_layers(value):
    kinds = keras.layers.Layer, keras.Variable, tf.Variable, keras.KerasTensor, keras.random.SeedGenerator
    if isinstance(value, kinds):
        return True
    if isinstance(value, dict | list | tuple):
        return any(_holds_layers(part) for part in (value.values() if isinstance(value, dict) else value))
    return False


def _is_training(name, value):
    """Return whether an attribute of a model belongs to `compile` and `fit`, which are hashed apart or not at all."""
    kinds = keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric, keras.callbacks.Callback
    return name.endswith("_function") or isinstance(value, kinds)


@functools.cache
def _of_every_layer():
    """Return the names of the attributes that Keras gives to every layer and every compiled model."""
    # Without an initialiser that draws a seed from Python's generator, whose state is the user's.
    dense = keras.layers.Dense(1, kernel_initializer="zeros", name="dense")
    model = keras.Sequential([keras.Input((1,), name="x"), dense], name="model")
    model.compile(None, "mse")
    subclassed = keras.Model(name="model")
    names = set(vars(model)) | set(vars(subclassed)) | set(vars(keras.layers.Layer(name="layer")))
    return names | {"history", "_path", "quantization_mode"}


@functools.cache
def _of_every_metric():
    return set(vars(keras.metrics.Metric(name="metric"))) | {"_built", "built"}


def _config(model):
    try:
        return model.get_config()
    except NotImplementedError:
        return None


def _renamed(content):
    if isinstance(content, dict):
        return {_key(name): _renamed(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_renamed(value) for value in content]
    return _NUMBERED.sub("", content) if isinstance(content, str) else content
