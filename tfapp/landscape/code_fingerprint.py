"""Hash of what Python code computes: its bytecode, its constants and all values that it reaches.

Two functions of one name hash differently when their code, a default, a value in their closure or a global that they
read differs; and equally when only comments, line numbers, files or the process differ. Through modules counts what is
loaded (`module_reads`). Code of Keras, TensorFlow, NumPy, Python and this package is known by its name, and so is what
installed packages load from each other.
"""

import dis
import enum
import functools
import hashlib
import json
import logging
import sys
import types

import keras
import numpy as np
import tensorflow as tf

from tfapp.landscape.configuration import (
    PLAIN,
    config_or_none,
    description,
    is_layers,
    key_text,
    name_of_type,
    renamed,
    untold_layers,
    untold_state,
    wiring,
    without_layers,
)
from tfapp.landscape.module_reads import (
    at_path,
    attribute_paths,
    defined_in,
    defining_file,
    imports_inside,
    is_installed,
    is_installed_file,
)

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
_FUNCTION = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean), type)


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
        return self._of(what, lambda: self._hash(thing))

    def of_layers(self, what: str) -> str:
        """Return the SHA-256 (hexadecimal) of the code of the layers, and of what they hold beside their weights."""
        return self._of(what, lambda: _digest(self._layers(self._model)))

    def _of(self, what, digest):
        self._what, self._seen = what, {}
        try:
            return digest()
        except RecursionError:
            self.unknown.append(f"{what} that is nested this deep")
            return _digest(None)

    def _layers(self, model):
        # Keras has no public walk through layers nested in models, wrappers and composite layers.
        layers = [self._layer(layer) for layer in model._flatten_layers()]
        told = _of_a_library(type(model)) and config_or_none(model) is not None
        untold = [description(layer) for layer in untold_layers(model, told, _of_a_library)]
        wires = [] if told else wiring(model, description)
        return [layers, untold, wires] if untold or wires else layers

    def _layer(self, layer):
        state = {name: value for name, value in vars(layer).items() if name not in _of_every_layer()}
        if _of_a_library(type(layer)) and description(layer) is not None:
            # Its configuration is hashed elsewhere; what it does not tell is the code of a user's function.
            kept = {name: value for name, value in state.items() if _is_code(value)}
            # What was adapted to data is a table, and no weight.
            kept |= {name: value for name, value in state.items() if isinstance(value, tf.Variable)}
            if callable(getattr(layer, "get_vocabulary", None)):
                kept["vocabulary"] = layer.get_vocabulary()
            state = kept
        # Layers inside are in the list themselves; numbers that a layer counts in private are not what it computes.
        state = {name: without_layers(value) for name, value in state.items() if not is_layers(value)}
        kinds = keras.optimizers.Optimizer, keras.callbacks.Callback
        state = {name: value for name, value in state.items() if not isinstance(value, kinds)}
        return [self._class(type(layer)), self._items(state)]

    def _hash(self, thing):
        return _digest(self._content(thing))

    def _content(self, thing):
        """Return what a thing is made of, in types that JSON knows."""
        if isinstance(thing, PLAIN):
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
            ((types.ModuleType,), lambda: self._module(thing)),
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
        items = [[self._of_key(name), self._content(value)] for name, value in list(mapping.items())]
        return sorted(items, key=lambda item: (item[0], json.dumps(item[1])))

    def _of_key(self, key):
        return key_text(key) if isinstance(key, PLAIN) else self._hash(key)

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
        paths = attribute_paths(function.__code__)
        names = [name for name in _globals(function.__code__) if name in function.__globals__]
        read = {name: self._read(function.__globals__[name], paths[name]) for name in names}
        outside = {name: function.__globals__[name] for name in names}
        outside |= zip(function.__code__.co_freevars, cells, strict=True)
        return [
            self._content(function.__code__),
            self._content([function.__defaults__, function.__kwdefaults__]),
            [
                self._read(cell, paths.get(name, ()))
                for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
            ],
            sorted([key_text(name), content] for name, content in read.items()),
            *self._beside(function, outside, paths),
        ]

    def _read(self, thing, paths):
        """Return the content of what a function reads by a name; of a module whose attributes it loads, the name."""
        if isinstance(thing, types.ModuleType) and () not in paths:
            return _digest(["module", thing.__name__])
        return self._content(thing)

    def _beside(self, function, outside, paths):
        """Yield the contents of what a function loads through modules and imports, and of its own attributes.

        Args:
            function: of a user, or of an installed package.
            outside: what it reads from outside, by name.
            paths: what it loads through each name.
        """
        if is_installed_file(function.__code__.co_filename):
            return  # installed packages load much of each other, and more when they first run
        taken = [
            (thing, path)
            for name, thing in sorted(outside.items())
            if isinstance(thing, types.ModuleType)
            for path in sorted(paths.get(name, ()))
            if path
        ]
        taken += imports_inside(function, _LIBRARIES)
        contents = [[module.__name__, ".".join(path), self._through(module, path)] for module, path in taken]
        attributes = {name: value for name, value in vars(function).items() if not name.startswith("__")}
        yield from filter(None, ([each for each in contents if each[-1]], self._items(attributes)))

    def _through(self, module, path):
        """Return the content of what a path of attributes leads to, None for what is known by its name."""
        thing, last = at_path(module, path, lambda module: not _of_the_libraries(module))
        if isinstance(thing, types.ModuleType):
            return None if _is_known_module(thing) else self._content(thing)
        if is_installed(last) and not isinstance(thing, (*PLAIN, list, tuple, dict, np.ndarray)):
            return defining_file(thing, last)
        return self._content(thing)

    def _module(self, module):
        """Return the name of a module that is used as a whole, and what it defines if it is a user's."""
        if _is_known_module(module):
            return module.__name__
        return [module.__name__, self._items(defined_in(module))]

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
            elif name in _OF_CLASSES:
                # None also for those that were left out, so that stored hashes stay.
                if isinstance(member, _LONG_HASHED):
                    members[name] = None
            elif isinstance(member, _LONG_HASHED) or not (
                _is_of_python(cls, member) or _is_known_module(member)
            ):
                members[name] = self._content(member)
        return [cls.__qualname__, sorted(members.items()), [self._class(base) for base in cls.__bases__]]

    def _object(self, thing):
        python_function = getattr(thing, "python_function", None)
        if python_function is not None:  # of a tf.function
            return ["tf.function", self._content(python_function)]
        if isinstance(thing, tf.DType | np.dtype | keras.DTypePolicy):
            return ["dtype", getattr(thing, "name", str(thing))]
        if isinstance(thing, logging.Logger):
            return ["logger", thing.name]
        if isinstance(thing, keras.Model) and thing is not self._model:
            return ["model", self._other_model(thing)]
        if isinstance(thing, keras.layers.Layer):
            return ["layer", self._layer(thing) if self._is_inside(thing) else self._other_layer(thing)]
        described = [self._class(type(thing))]
        if callable(getattr(thing, "get_config", None)):
            described.append(description(thing))
        if not hasattr(thing, "__dict__"):
            return described if len(described) > 1 else self._unknown(thing)
        # Keras numbers the objects of a process, so that a name says nothing.
        state = {name: value for name, value in vars(thing).items() if name not in ("name", "_name")}
        if isinstance(thing, keras.metrics.Metric | keras.optimizers.Optimizer):
            state = {name: value for name, value in state.items() if not isinstance(value, keras.Variable)}
        if isinstance(thing, keras.metrics.Metric):
            state = {name: value for name, value in state.items() if name not in _of_every_metric()}
        if _of_a_library(type(thing)):
            if len(described) == 1 and not state:
                return self._unknown(thing)
            untold = state if len(described) == 1 else untold_state(thing, described[1], state)
            state = {name: value for name, value in state.items() if _is_code(value) or name in untold}
        return ["object", described, self._items(state)]

    def _is_inside(self, layer):
        return any(layer is one for one in self._model._flatten_layers())

    def _other_layer(self, layer):
        weights = [_array(weight.numpy()) for weight in layer.weights]
        return [[self._layer(one), description(one)] for one in layer._flatten_layers()] + weights

    def _other_model(self, model):
        weights = [_array(weight.numpy()) for weight in model.weights]
        return [self._layers(model), renamed(config_or_none(model)), weights]

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
_OF_CLASSES |= {"__dataclass_fields__", "__dataclass_params__", "_abc_impl"}
_LONG_HASHED = (types.FunctionType, list, tuple, dict, set, np.ndarray, *PLAIN[:-1])


def _digest(content):
    text = json.dumps(content, sort_keys=True, default=name_of_type)
    return hashlib.sha256(text.encode()).hexdigest()


def _array(array):
    if array.dtype.hasobject:
        return [str(array.dtype), array.shape, repr(array.tolist()) if array.size < 1000 else array.size]
    return [str(array.dtype), list(array.shape), hashlib.sha256(np.ascontiguousarray(array)).hexdigest()]


def _cell(cell):
    try:
        return cell.cell_contents
    except ValueError:  # a name that is assigned later
        return None


def _top(name):
    return (name or "").partition(".")[0]


def _module(thing):
    return _top(getattr(thing, "__module__", None))


def _of_the_libraries(module):
    return _top(module.__name__) in _LIBRARIES


def _is_of_python(cls, member):
    """Return whether Python made a member of a class: a slot, or what an `Enum` has beside its table."""
    made = types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType
    return isinstance(member, made) or issubclass(cls, enum.Enum)


def _is_known_module(thing):
    return isinstance(thing, types.ModuleType) and (_of_the_libraries(thing) or is_installed(thing))


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
    return not isinstance(value, type) and not _of_a_library(type(value)) and not is_layers(value)


@functools.cache
def _of_every_layer():
    """Return the names of the attributes that Keras gives to every layer and every compiled or trained model."""
    # Without an initialiser that draws a seed from Python's generator, whose state is the user's.
    dense = keras.layers.Dense(1, kernel_initializer="zeros", name="dense")
    model = keras.Sequential([keras.Input((1,), name="x"), dense], name="model")
    model.compile(None, "mse")
    subclassed, graph = keras.Model(name="model"), keras.Model(model.inputs, model.outputs, name="model")
    names = set().union(*(vars(one) for one in (model, subclassed, graph, keras.layers.Layer(name="layer"))))
    trained = {"history", "_eval_epoch_iterator", "stop_evaluating", "stop_predicting", "stop_training"}
    return names | trained | {"_path", "quantization_mode"}


@functools.cache
def _of_every_metric():
    return set(vars(keras.metrics.Metric(name="metric"))) | {"_built", "built"}
