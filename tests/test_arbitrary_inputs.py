"""Hypothesis looks for class files, tables, records, datasets and command lines that are neither read right nor
refused in words."""

import json
import math
import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.compatibility.command_tree import commands
from tests.malformed.records import CELLS, LINES
from tests.runs.written_records import POSE, SEGMENTER, TRANSFER
from tfapp.cli.main import app
from tfapp.data import open_dataset, open_multi_label
from tfapp.data.class_files import read_class_list
from tfapp.errors import InputError
from tfapp.records import DEEPEST, NotJson, read_json
from tfapp.runs.record import run_kind

pytestmark = pytest.mark.slow
# The same examples in every run, and a bounded number of them: this file takes about a minute.
LOOK = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
FEW = settings(LOOK, max_examples=40)
WORD = st.text(string.ascii_lowercase, min_size=1, max_size=8).filter(lambda word: word != "ignore")
ANY_TEXT = st.text(max_size=30)


@pytest.fixture(scope="module", autouse=True)
def folder():
    """A folder for the files of this module, which examples overwrite."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def refused(use, *arguments):
    """Return None if something is taken; else the sentence, and fail for anything but one."""
    try:
        use(*arguments)
    except InputError as error:
        assert str(error).strip() and "Traceback" not in str(error)
        return str(error)
    return None


@LOOK
@given(
    classes=st.dictionaries(st.integers(0, 254), WORD, min_size=2, max_size=9).filter(
        lambda found: len(set(found.values())) == len(found)
    ),
    separator=st.sampled_from([" ", "\t", ",", ": ", ";", " = ", ", "]),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    ignored=st.none() | st.just(255),
    order=st.randoms(use_true_random=False),
)
def test_values_and_names_are_read_in_every_form(folder, classes, separator, end, mark, ignored, order):
    pairs = list(classes.items())
    order.shuffle(pairs)
    lines = [f"{value}{separator}{name}" for value, name in pairs]
    lines += [] if ignored is None else [f"{ignored}{separator}ignore"]
    (folder / "classes.txt").write_bytes((mark + end.join([*lines, ""])).encode())
    found = read_class_list(folder / "classes.txt")
    assert dict(zip(found.values, found.names, strict=True)) == classes
    assert found.ignored == (() if ignored is None else (ignored,))


@LOOK
@given(st.lists(st.sampled_from(LINES) | ANY_TEXT | WORD, max_size=8))
def test_any_list_of_classes_is_read_or_refused(folder, lines):
    file = folder / "classes.txt"
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    if refused(read_class_list, file) is None:
        found = read_class_list(file)
        assert 2 <= len(found.names) == len(set(found.names)) == len(set(found.values))
        assert not set(found.values) & set(found.ignored)


def write_images(folder, count):
    (folder / "labels").mkdir(exist_ok=True)
    for index in range(count):
        file = folder / "labels" / f"{index}.png"
        if not file.exists():
            Image.new("L", (2, 2)).save(file)
    return folder / "labels"


@LOOK
@given(
    names=st.lists(WORD, min_size=2, max_size=4, unique=True).filter(
        lambda names: not {"image", "split", "labels"} & set(names)
    ),
    cells=st.lists(st.lists(st.sampled_from("10?"), min_size=4, max_size=4), min_size=4, max_size=4),
)
def test_cells_of_a_table_are_the_targets(folder, names, cells):
    root = write_images(folder, 4)
    rows = [
        f"{i}.png,{'test' if i < 2 else 'train'},{','.join(row[: len(names)])}" for i, row in enumerate(cells)
    ]
    (root / "labels.csv").write_text("\n".join([",".join(["image", "split", *names]), *rows]) + "\n")
    data = open_multi_label(f"labels:{root}")
    expected = [[{"1": 1, "0": -1, "?": 0}[cell] for cell in row[: len(names)]] for row in cells]
    assert data.class_names == tuple(names)
    assert [data.test.targets.tolist(), data.train.targets.tolist()] == [expected[:2], expected[2:]]


@LOOK
@given(
    st.lists(
        st.lists(
            st.sampled_from(["0.png", "1.png", "image", "split", "train", "test", "1", "0", *CELLS])
            | ANY_TEXT
        ),
        max_size=6,
    ),
    st.sampled_from(",;\t"),
)
def test_any_table_of_labels_is_read_or_refused(folder, rows, separator):
    root = write_images(folder, 4)
    text = "\n".join(separator.join(row) for row in rows)
    (root / "labels.csv").write_text(text, encoding="utf-8", errors="replace", newline="")
    refused(open_multi_label, f"labels:{root}")


NUMBERS = st.integers(-(10**30), 10**30) | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def same(one, other):
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@LOOK
@given(VALUES, st.integers(0, 2 * DEEPEST))
def test_any_json_is_read_as_it_is_unless_it_is_too_deep(folder, value, depth):
    for _ in range(depth):
        value = [value]
    (folder / "a.json").write_text(json.dumps(value), encoding="utf-8", errors="backslashreplace")
    try:
        assert same(read_json(folder / "a.json"), value)
    except NotJson as error:
        assert "nested too deeply" in str(error) and depth > DEEPEST - 13


@st.composite
def changed_records(draw):
    """A record of a run with any JSON in the place of one entry, or of one entry of an entry."""
    record = json.loads(json.dumps(draw(st.sampled_from([SEGMENTER, POSE, TRANSFER]))))
    inner = record
    name = draw(st.sampled_from(sorted(record)))
    if isinstance(record[name], dict) and draw(st.booleans()):
        inner = record[name]
        name = draw(st.sampled_from(sorted(inner)))
    inner[name] = draw(VALUES)
    return record


@LOOK
@given(changed_records())
def test_any_entry_of_a_record_is_taken_or_refused(folder, record):
    from tfapp.cli.sources import open_run

    (folder / "run").mkdir(exist_ok=True)
    file = folder / "run" / "run.json"
    file.write_text(json.dumps(record), encoding="utf-8", errors="backslashreplace")
    sentence = refused(open_run, folder / "run")
    assert sentence is None or "run" in sentence
    refused(run_kind, folder / "run")


@FEW
@given(
    count=st.integers(1, 4),
    values=st.lists(st.integers(0, 255), min_size=2, max_size=4, unique=True),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_masks_of_listed_values_are_the_classes_in_their_order(count, values, size, seed):
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as made:
        root, masks = Path(made), []
        for name in ("images", "masks"):
            (root / name).mkdir()
        for index in range(count):
            masks.append(rng.integers(0, len(values), size))
            Image.fromarray(np.asarray(values, np.uint8)[masks[-1]]).save(root / "masks" / f"{index}.png")
            Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / "images" / f"{index}.png")
        lines = [f"{value} class {chr(97 + place)}" for place, value in enumerate(values)]
        (root / "classes.txt").write_text("\n".join(lines) + "\n")
        shown = set().union(*(np.unique(mask) for mask in masks))
        if shown != set(range(len(values))):
            # A class that no mask shows is refused or remarked on, never silent.
            sentence = refused(open_dataset, f"folder:{root}")
            assert sentence or open_dataset(f"folder:{root}").remarks
            return
        data = open_dataset(f"folder:{root}")
        assert data.class_names == tuple(f"class {chr(97 + place)}" for place in range(len(values)))
        for item, mask in zip(data.items, masks, strict=True):
            np.testing.assert_array_equal(item.read_mask(), mask)
            image = item.read_image()
            assert image.shape == (*size, 3) and 0 <= image.min() <= image.max() <= 1


GROUP = typer.main.get_command(app)
COMMANDS = sorted(tuple(names[1:]) for names, _ in commands() if len(names) > 1 and "reproduce" not in names)
WORDS = st.sampled_from(
    [
        "-1",
        "0",
        "1",
        "inf",
        "nan",
        "1e400",
        "²",
        "",
        "[/]",
        "1x1",
        "a=b",
        "--",
        "-",
        "10" * 12,
        "\udcff",
        "x" * 300,
    ]
) | st.text(max_size=5)


@LOOK
@given(st.data())
def test_any_command_line_is_parsed_or_refused(data):
    command = GROUP
    for name in data.draw(st.sampled_from(COMMANDS)):
        command = command.commands[name]
    flags = [flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")]
    words = data.draw(st.lists((st.sampled_from(flags) if flags else WORDS) | WORDS, max_size=6))
    try:
        command.make_context("tfapp", words)
    except InputError as error:
        assert str(error)
    except Exception as error:
        # Of Typer: it knows what is missing, or no such option or number.
        assert getattr(error, "exit_code", None) in (0, 2), repr(error)
