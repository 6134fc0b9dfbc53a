"""The description of records: what it takes, and the sentence on what it does not."""

import json
from dataclasses import dataclass

import pytest

from tfapp.errors import InputError
from tfapp.records import (
    MISSING,
    Entries,
    Fault,
    ListOf,
    Number,
    OneOf,
    Optional,
    TableOf,
    Text,
    Whole,
    entries_of,
    read_json,
    read_record,
)

KIND = Entries({"names": ListOf(Text()), "size": ListOf(Whole(1, 9), 2)}, {"rate": Optional(Number(above=0))})
GOOD = {"names": ["a"], "size": [1, 9], "rate": None, "other": [[1]]}


def test_what_is_as_described_has_no_fault():
    assert KIND.fault(GOOD) is None and KIND.fault(GOOD | {"rate": 0.5}) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"names": 7}, '"names" is 7, expected a list'),
        ({"names": ["a", None]}, '"names[1]" is None, expected a text'),
        ({"size": [1]}, '"size" is [1], expected a list of 2'),
        ({"size": [1, 10]}, '"size[1]" is 10, expected a whole number of at least 1 and at most 9'),
        ({"size": [1, 2.0]}, '"size[1]" is 2.0, expected a whole number'),
        ({"size": [1, True]}, '"size[1]" is True, expected a whole number'),
        ({"rate": 0}, '"rate" is 0, expected a finite number above 0 or null'),
        ({"rate": float("nan")}, '"rate" is nan, expected a finite number above 0 or null'),
        ({"rate": float("inf")}, '"rate" is inf, expected'),
        ({"rate": 10**400}, '"rate" is 1000'),
        ({"rate": "1"}, "\"rate\" is '1', expected"),
    ],
)
def test_fault_names_the_entry_what_was_expected_and_what_came(change, sentence):
    assert str(KIND.fault(GOOD | change)).startswith(sentence)


def test_missing_entry_is_named():
    assert KIND.fault({"names": []}) == Fault("size", "a list of 2", MISSING)
    assert str(KIND.fault({"names": []})) == '"size" is missing, expected a list of 2'


def test_what_is_no_table_is_told_for_the_whole_record():
    assert str(KIND.fault([1])) == "it is [1], expected entries names, size"


def test_closed_entries_have_no_others():
    assert Entries({"a": Whole()}, closed=True).fault({"a": 1, "b": 2}).where == "b"


def test_long_values_are_shortened():
    assert len(str(Text().fault(list(range(10_000))))) < 100


def test_one_of_tells_true_from_one():
    assert OneOf((1, 3)).fault(True) and OneOf((1, 3)).fault(4) and not OneOf((1, 3)).fault(3)


def test_table_names_the_entry_that_is_wrong():
    assert TableOf(ListOf(Whole(0))).fault({"training": [0], "held-out": [-1]}).where == "held-out[0]"


def test_settings_are_described_by_their_annotations():
    @dataclass
    class Settings:
        count: int = 1
        rate: float | None = None
        on: bool = True
        size: tuple[int, int] | None = None
        words: tuple[str, ...] = ()

    kind = entries_of(Settings, ("count",))
    assert kind.fault({"count": 2, "rate": 1, "on": False, "size": [1, 2], "words": ["a"] * 3}) is None
    wrong = {"count": 1.5, "rate": "x", "on": 1, "size": [1], "words": [1]}
    for name, value in wrong.items():
        assert kind.fault({"count": 1, name: value}).where.startswith(name)
    assert kind.fault({}).where == "count"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"{", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
        (b"[" * 80 + b"]" * 80, "it is nested too deeply"),
        (b'{"a": ' * 300 + b"1" + b"}" * 300, "it is nested too deeply"),
        (b"9" * 5000, "it is no JSON"),
    ],
    ids=["cut", "no text", "deepest", "deep", "deep tables", "digits"],
)
def test_what_is_no_json_within_bounds_is_one_sentence(tmp_path, content, found):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=f"a.json is damaged .{found}.*; restore it"):
        read_record(tmp_path / "a.json", TableOf(), "restore it.")


def test_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"a": "é"}), encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": "é"}


def test_larger_file_than_any_record_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.records.MOST_BYTES", 2**20)
    with open(tmp_path / "a.json", "wb") as file:
        file.truncate(2**21)
    with pytest.raises(InputError, match="it has more than 1 MB"):
        read_record(tmp_path / "a.json", TableOf(), "restore it.")
