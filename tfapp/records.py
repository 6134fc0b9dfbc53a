"""Records: small files that a command or a person wrote, read within bounds and checked against a description.

A description is made of the kinds below; `read_record` names the file, the entry, what was expected and what came.
"""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from reprlib import Repr
from typing import Any, Union, get_args, get_origin, get_type_hints

from tfapp.errors import InputError
from tfapp.files import check_regular_file

# The record of a run on ImageNet, which names every image, has 40 MB.
MOST_BYTES = 2**28
# Enough for a configuration of Keras; Python's own limit is not the same from version to version.
DEEPEST = 64
SHORTENED = Repr()
SHORTENED.maxstring = SHORTENED.maxother = 60
SHORTENED.maxlist = SHORTENED.maxdict = 3
SHORTENED.maxlevel = 2


@dataclass(frozen=True)
class Fault:
    """What is wrong with an entry.

    Attributes:
        where: Its place, such as `data.split.train`; empty for the whole record.
        wanted: What was expected there, in words.
        value: What came; `MISSING` if there is no such entry.
    """

    where: str
    wanted: str
    value: Any

    def __str__(self):
        if self.value is MISSING:
            return f'"{self.where}" is missing, expected {self.wanted}'
        place = f'"{self.where}"' if self.where else "it"
        return f"{place} is {SHORTENED.repr(self.value)}, expected {self.wanted}"


class _Missing:
    """Stands for an entry that is not there."""


MISSING = _Missing()


@dataclass(frozen=True)
class Anything:
    """Any value."""

    wanted = "a value"

    def fault(self, value, where=""):
        """Return the first `Fault` of a value, None if it is as described."""
        return None if self.holds(value) else Fault(where, self.wanted, value)

    def holds(self, value):
        """Return whether a value is as described, what is inside it aside."""
        del value
        return True


@dataclass(frozen=True)
class Text(Anything):
    """A text."""

    wanted = "a text"

    def holds(self, value):
        return isinstance(value, str)


@dataclass(frozen=True)
class Moment(Text):
    """A date and a time of the day, as ISO 8601 writes them."""

    wanted = "a date and time such as 2026-01-31T12:00:00+00:00"

    def holds(self, value):
        try:
            return super().holds(value) and bool(datetime.fromisoformat(value))
        except ValueError:
            return False


@dataclass(frozen=True)
class Flag(Anything):
    """True or false."""

    wanted = "true or false"

    def holds(self, value):
        return isinstance(value, bool)


@dataclass(frozen=True)
class Number(Anything):
    """A finite number.

    Attributes:
        least, most: Its range, both included; None for no limit on that side.
        above: What it must be larger than, or None.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    noun: str = "a finite number"

    @property
    def wanted(self):
        parts = [self.noun]
        if self.above is not None:
            parts.append(f"above {self.above:,}")
        if self.least is not None:
            parts.append(f"of at least {self.least}")
        if self.most is not None:
            parts.append(f"{'and ' if len(parts) > 1 else 'of '}at most {self.most}")
        return " ".join(parts)

    def holds(self, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        try:
            if not math.isfinite(value):
                return False
        except OverflowError:  # an integer beyond all floats
            return False
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
        )


@dataclass(frozen=True)
class Whole(Number):
    """An integer.

    Attributes:
        exact: Whether 3.0, which some programs write for 3, is none.
    """

    noun: str = "a whole number"
    exact: bool = True

    def holds(self, value):
        return super().holds(value) and (isinstance(value, int) or (not self.exact and value == int(value)))


@dataclass(frozen=True)
class AnyNumber(Anything):
    """A number that a float can hold, NaN and infinity among them: something measured."""

    wanted = "a number"

    def holds(self, value):
        try:
            return (
                isinstance(value, (int, float)) and not isinstance(value, bool) and float(value) is not None
            )
        except OverflowError:
            return False


@dataclass(frozen=True)
class OneOf(Anything):
    """One of some values."""

    values: tuple

    @property
    def wanted(self):
        return f"one of {', '.join(map(str, self.values))}"

    def holds(self, value):
        return any(type(value) is type(one) and value == one for one in self.values)


@dataclass(frozen=True)
class Optional(Anything):
    """A value of some kind, or null."""

    kind: Any

    @property
    def wanted(self):
        return f"{self.kind.wanted} or null"

    def fault(self, value, where=""):
        found = None if value is None else self.kind.fault(value, where)
        return replace(found, wanted=self.wanted) if found and found.where == where else found


@dataclass(frozen=True)
class NumberOr(Number):
    """A finite number, or one of some words in its place.

    Attributes:
        words: These.
    """

    words: tuple[str, ...] = ()

    @property
    def wanted(self):
        return f"{super().wanted} or {' or '.join(map(repr, self.words))}"

    def holds(self, value):
        return value in self.words if isinstance(value, str) else super().holds(value)


@dataclass(frozen=True)
class ListOf(Anything):
    """A list of values of one kind.

    Attributes:
        kind: That of the values.
        count: How many there must be, or None.
    """

    kind: Any = Anything()
    count: int | None = None

    @property
    def wanted(self):
        return "a list" if self.count is None else f"a list of {self.count}"

    def holds(self, value):
        return isinstance(value, (list, tuple)) and self.count in (None, len(value))

    def fault(self, value, where=""):
        if not self.holds(value):
            return Fault(where, self.wanted, value)
        found = (self.kind.fault(one, f"{where}[{place}]") for place, one in enumerate(value))
        return next(filter(None, found), None)


@dataclass(frozen=True)
class RowOf(Anything):
    """A list of values, each of its own kind.

    Attributes:
        kinds: That of each place.
    """

    kinds: tuple

    @property
    def wanted(self):
        return f"a list of {len(self.kinds)}"

    def fault(self, value, where=""):
        if not isinstance(value, (list, tuple)) or len(value) != len(self.kinds):
            return Fault(where, self.wanted, value)
        pairs = zip(self.kinds, value, strict=True)
        found = (kind.fault(one, f"{where}[{place}]") for place, (kind, one) in enumerate(pairs))
        return next(filter(None, found), None)


@dataclass(frozen=True)
class TableOf(Anything):
    """Entries of any names, whose values are of one kind."""

    kind: Any = Anything()
    wanted = "a table of entries"

    def holds(self, value):
        return isinstance(value, Mapping)

    def fault(self, value, where=""):
        if not self.holds(value):
            return Fault(where, self.wanted, value)
        found = (self.kind.fault(one, _below(where, name)) for name, one in value.items())
        return next(filter(None, found), None)


@dataclass(frozen=True)
class Entries(Anything):
    """Entries of certain names.

    Attributes:
        needed: Kind of each entry that must be there, by name.
        further: Kinds of those that may be there: of later versions, or of none yet.
        closed: Whether there may be no others.
    """

    needed: dict = field(default_factory=dict)
    further: dict = field(default_factory=dict)
    closed: bool = False

    @property
    def wanted(self):
        return f"entries {', '.join(self.needed)}" if self.needed else "a table of entries"

    def fault(self, value, where=""):
        if not isinstance(value, Mapping):
            return Fault(where, self.wanted, value)
        kinds = {**self.further, **self.needed}
        for name, kind in kinds.items():
            if name in value:
                found = kind.fault(value[name], _below(where, name))
            else:
                found = Fault(_below(where, name), kind.wanted, MISSING) if name in self.needed else None
            if found:
                return found
        other = next((name for name in value if name not in kinds), None) if self.closed else None
        return None if other is None else Fault(_below(where, other), "no entry of this name", value[other])


def entries_of(settings, needed=(), **kinds):
    """Return the `Entries` of a dataclass of settings: each field by its annotation.

    Args:
        settings: A dataclass of numbers, texts, flags, tuples of such, and None.
        needed: Names of those that must be there; the others have defaults, as they may be younger than the record.
        **kinds: Kinds of fields that are narrower than their annotation, and of entries beside the fields.
    """
    if not is_dataclass(settings):
        raise TypeError(f"Expected a dataclass. Received: {settings!r}.")
    hints = get_type_hints(settings)
    found = {one.name: _kind_of(hints[one.name]) for one in fields(settings)} | kinds
    return Entries(
        {name: found[name] for name in needed},
        {name: kind for name, kind in found.items() if name not in needed},
    )


_PLAIN = {int: Whole(), float: Number(), str: Text(), bool: Flag()}


def _kind_of(hint):
    if get_origin(hint) in (Union, types.UnionType):
        [inner] = [one for one in get_args(hint) if one is not type(None)]
        return Optional(_kind_of(inner))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        return ListOf(_kind_of(inner[0]), None if inner[-1] is Ellipsis else len(inner))
    return _PLAIN.get(hint, Anything())


def _below(where, name):
    return f"{where}.{name}" if where else str(name)


class NotJson(InputError):
    """A file that holds no JSON, or none that a record can be."""


def read_json(path):
    """Return the content of a JSON file of bounded size and depth; a byte order mark is skipped.

    Raises:
        NotJson: It holds no JSON, more than 256 MB, or deeper nesting than any record has. The message is what was
            found, without the name of the file.
        InputError: It is no regular file.
        OSError: It cannot be read.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise NotJson(f"it has more than {MOST_BYTES // 2**20} MB")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except ValueError as error:
        raise NotJson(f"it is no JSON: {error}") from None
    if not _is_shallow(found):
        raise NotJson("it is nested too deeply")
    return found


def _is_shallow(content):
    # Level by level: recursion is what this guards against.
    level = [content]
    for _ in range(DEEPEST):
        level = [one for one in level if isinstance(one, (dict, list))]
        if not level:
            return True
        level = [one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer)]
    return False


def read_record(path, expected, remedy):
    """Return the content of a JSON file that is as described.

    Args:
        path: The file.
        expected: What it holds: `Entries`, or another kind.
        remedy: What to do about a file that does not, the end of a sentence.

    Raises:
        InputError: It is damaged, or not as described.
        OSError: It cannot be read.
    """
    try:
        content = read_json(path)
    except NotJson as error:
        raise InputError(f"{path} is damaged ({error}); {remedy}") from None
    return checked(content, path, expected, remedy)


def checked(content, path, expected, remedy):
    """Return a content that is as described, or raise InputError that names its file; arguments as `read_record`."""
    fault = expected.fault(content)
    if fault:
        raise InputError(f"{path} is damaged: {fault}; {remedy}")
    return content
