"""What code takes from modules: the attributes that it loads through a module's name, and the imports inside it.

Of a module that a loss uses, such as `mylosses` in `mylosses.dice(...)`, only what is loaded through its name can
change the loss; what else the module holds may change.
"""

import dis
import hashlib
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
import types
from functools import cache
from pathlib import Path

_FROM_OUTSIDE = {
    "LOAD_GLOBAL",
    "LOAD_NAME",
    "LOAD_DEREF",
    "LOAD_CLASSDEREF",
    "LOAD_FROM_DICT_OR_GLOBALS",
    "LOAD_FROM_DICT_OR_DEREF",
}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}


def attribute_paths(code: types.CodeType) -> dict[str, set[tuple[str, ...]]]:
    """Return the names that code, and code inside it, reads from outside, each with what is loaded through it.

    Args:
        code: of a function.

    Returns:
        For `a.b.f(x) + a` the entry `{"a": {("b", "f"), ()}}`: the empty path is the thing itself.
    """
    found = {}
    for one in _with_inner(code):
        instructions = _instructions(one)
        for index, instruction in enumerate(instructions):
            if instruction.opname in _FROM_OUTSIDE:
                path = _path_from(instructions, index + 1)
                found.setdefault(instruction.argval, set()).add(path)
    return found


def imports_inside(function: types.FunctionType, libraries) -> list[tuple[types.ModuleType, tuple[str, ...]]]:
    """Return what a function imports as it runs, as modules and paths in them.

    Args:
        function: to be looked into.
        libraries: top-level names of modules to be left out.

    Returns:
        Pairs of a module and `(name,)` for every name that is taken from it, `()` where it is imported itself. Modules
        that are not found are left out, and so are installed ones that nothing has imported yet.
    """
    package = function.__globals__.get("__package__") or ""
    found = []
    for code in _with_inner(function.__code__):
        instructions = _instructions(code)
        for index, instruction in enumerate(instructions):
            if instruction.opname != "IMPORT_NAME":
                continue
            level, names = (instructions[index - back].argval for back in (2, 1))
            module = _imported("." * level + instruction.argval, package, libraries)
            if module is not None:
                found += [(module, (name,)) for name in names] if names else [(module, ())]
    return found


def at_path(module: types.ModuleType, path, looks_into) -> tuple[object, types.ModuleType]:
    """Return what a path of attributes leads to, at most to the first thing that is no module to look into.

    Args:
        module: where the path begins.
        path: names of attributes.
        looks_into: function of a module that says whether its attributes count.

    Returns:
        The thing, None if there is none, and the last module on the way to it.
    """
    thing = last = module
    for name in path:
        if not (isinstance(thing, types.ModuleType) and looks_into(thing)):
            break
        last = thing
        try:
            thing = getattr(thing, name)
        except Exception:  # modules may compute their attributes, and fail as they like
            return None, last
    return thing, last


def defining_file(thing, module: types.ModuleType) -> list:
    """Return the name of something in an installed package, and the SHA-256 of the file that defines it.

    Args:
        thing: such as a function or a class.
        module: where it was found.
    """
    home = sys.modules.get(getattr(thing, "__module__", None) or "", module)
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    file = getattr(home, "__file__", None)
    content = Path(file).read_bytes() if file and Path(file).is_file() else b""
    return [home.__name__, name, hashlib.sha256(content).hexdigest()]


def defined_in(module: types.ModuleType) -> dict:
    """Return what a module itself defines, by name: all but other modules, and functions and classes of those."""
    return {
        name: value
        for name, value in vars(module).items()
        if not (name.startswith("__") and name.endswith("__"))
        and not isinstance(value, types.ModuleType)
        and not (
            isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
            and getattr(value, "__module__", None) != module.__name__
        )
    }


def is_installed(module: types.ModuleType) -> bool:
    """Return whether a module lies where packages are installed, and is nobody's work in progress."""
    places = [getattr(module, "__file__", None) or "", *map(str, getattr(module, "__path__", ()))]
    return any(is_installed_file(place) for place in places)


def is_installed_file(file: str) -> bool:
    """Return whether a file lies in one of the folders into which packages are installed, of any environment."""
    named = not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
    return named or any(file.startswith(folder) for folder in _installation_folders())


@cache
def _installation_folders():
    folders = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    folders += [*getattr(site, "getsitepackages", list)(), site.getusersitepackages()]
    return tuple({os.path.join(path, "") for folder in folders for path in (folder, Path(folder).resolve())})


def _with_inner(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _with_inner(constant)


def _instructions(code):
    return [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]


def _path_from(instructions, start):
    path = []
    while start < len(instructions) and instructions[start].opname in _ATTRIBUTES:
        path.append(instructions[start].argval)
        start += 1
    return tuple(path)


def _imported(name, package, libraries):
    try:
        full = importlib.util.resolve_name(name, package)
        top = full.partition(".")[0]
        if top in libraries or (full not in sys.modules and not _is_own(top)):
            return None
        # The function imports it too as it runs; before and after that its hash must be the same.
        return importlib.import_module(full)
    except Exception:  # a module runs as it is imported, and fails as it likes
        return None


def _is_own(top):
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    return spec is not None and not any(map(is_installed_file, places))
