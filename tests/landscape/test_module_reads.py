"""What code reaches through modules is part of its hash, and what it does not reach is none."""

import importlib
import sys

import keras
import pytest

from tfapp.landscape.code_fingerprint import Fingerprint
from tfapp.landscape.module_reads import attribute_paths

PACKAGE = {
    "__init__.py": "",
    "settings.py": "SCALE = 2.0\nUNUSED = 1\n",
    "inner.py": "from . import settings\n\n\ndef mine(t, p):\n    return settings.SCALE * (t - p)\n\n\n"
    "def other(t, p):\n    return t\n",
}
USER = """
import functools
import importlib
import keras
import numpy as np
import home_of_losses
import home_of_losses.inner
import home_of_losses.inner as alias
from home_of_losses import settings


def through_a_package(t, p):
    return home_of_losses.inner.mine(t, p)


def through_an_alias(t, p):
    return alias.mine(t, p)


def constant(t, p):
    return settings.SCALE * keras.ops.mean(np.abs(t - p))


def imported_inside(t, p):
    from home_of_losses.inner import mine

    return mine(t, p)


def module_imported_inside(t, p):
    import home_of_losses.inner as inner

    return inner.mine(t, p)


def nested(t, p):
    return [alias.mine(t, p) for _ in range(1)][0]


def by_name(t, p):
    return getattr(alias, "mine")(t, p)


def handed_on(t, p):
    return call(alias, t, p)


def call(module, t, p):
    return module.mine(t, p)


def in_a_closure():
    inner = alias
    return lambda t, p: inner.mine(t, p)


closure = in_a_closure()
partial = functools.partial(call, alias)


class OfAClass:
    module = alias

    def __call__(self, t, p):
        return self.module.mine(t, p)


class OfAnObject:
    def __init__(self):
        self.module = alias

    def __call__(self, t, p):
        return self.module.mine(t, p)


of_a_class, of_an_object = OfAClass(), OfAnObject()


def counted(t, p):
    return counted.scale * alias.mine(t, p)


counted.scale = 1.0
"""
WAYS = (
    *(
        "through_a_package",
        "through_an_alias",
        "constant",
        "imported_inside",
        "module_imported_inside",
        "nested",
    ),
    *("by_name", "handed_on", "closure", "partial", "of_a_class", "of_an_object", "counted"),
)


@pytest.fixture
def hashes(tmp_path, monkeypatch):
    """A function that writes the package with some lines changed, and returns the hash of every way to use it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "home_of_losses").mkdir()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    names = ("home_of_losses", "home_of_losses.settings", "home_of_losses.inner", "user_of_losses")

    def hashed(*changes):
        for name, text in PACKAGE.items():
            for before, after in changes:
                text = text.replace(before, after)
            (tmp_path / "home_of_losses" / name).write_text(text)
        (tmp_path / "user_of_losses.py").write_text(USER)
        for name in names:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        user = importlib.import_module("user_of_losses")
        found = Fingerprint(model)
        values = {way: found.of(getattr(user, way), "the loss") for way in WAYS}
        assert found.unknown == []
        return values

    yield hashed
    for name in names:
        sys.modules.pop(name, None)


def test_what_is_used_through_a_module_is_part_of_the_hash(hashes):
    before, after = hashes(), hashes(("SCALE = 2.0", "SCALE = 3.0"))
    assert [way for way in WAYS if before[way] == after[way]] == []


def test_the_same_files_read_again_hash_the_same(hashes):
    assert hashes() == hashes()


def test_what_else_a_module_holds_is_no_change_where_attributes_are_named(hashes):
    before = hashes()
    after = hashes(("UNUSED = 1", "UNUSED = 2"), ("return t\n", "return p\n"))
    # The others hand the whole module on, of which nobody can tell what is used.
    named = {"through_a_package", "through_an_alias", "constant", "imported_inside", "nested", "counted"}
    assert {way for way in WAYS if before[way] == after[way]} >= named


def test_an_attribute_of_a_function_is_part_of_its_hash(hashes):
    def loss(t, p):
        return loss.scale * (t - p)

    found = []
    for loss.scale in (1.0, 2.0, 1.0):
        found.append(Fingerprint(keras.Sequential()).of(loss, "the loss"))
    assert found[0] == found[2] != found[1]


def test_modules_of_libraries_are_known_by_their_names():
    def loss(t, p):
        import json

        return keras.ops.mean(t - p), json.dumps, pytest.mark

    found = Fingerprint(keras.Sequential())
    found.of(loss, "the loss")
    assert found.unknown == []


def test_paths_are_those_of_the_source():
    code = compile("def f(x):\n    return a.b.c(x) + g(lambda: a, a.d)\n", "f", "exec").co_consts[0]
    assert attribute_paths(code) == {"a": {("b", "c"), (), ("d",)}, "g": {()}}
