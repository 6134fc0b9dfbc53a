"""Every numeric option of every command, given numbers that no one means: refused as it is parsed, nothing runs."""

import inspect
import re
import typing

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.cli.options import parse_seeds
from tfapp.cli.sources import parse_size
from tfapp.errors import InputError


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def numeric_options(command):
    """Yield (option, whether it is whole) of the options whose parameter is annotated as a number."""
    parameters = inspect.signature(command.callback).parameters
    for option in command.params:
        annotation = parameters[option.name].annotation if option.name in parameters else str
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        kinds = {kind for kind in (int, float) if re.search(rf"\b{kind.__name__}\b", str(annotation))}
        if kinds and option.opts[0].startswith("-"):
            yield option, kinds == {int}


COMMANDS = dict(commands(typer.main.get_command(app)))


def outcome(path, option, text):
    """Return what parsing one option comes to: the refusal of this option, or None where it is taken."""
    flag = next(name for name in option.opts if name.startswith("--"))
    try:
        COMMANDS[path].make_context(path[-1], [flag, text])
    except InputError as error:
        return str(error)
    except Exception as error:
        # Of Typer: what is missing beside the option, which was parsed before, or that it is no such number.
        assert hasattr(error, "exit_code") and error.exit_code == 2, repr(error)
        return None if type(error).__name__ == "MissingParameter" else error.format_message()
    return None


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_numbers_that_no_one_means_are_refused_as_they_are_parsed(path):
    taken = [
        f"{option.opts[0]} {text}"
        for option, is_whole in numeric_options(COMMANDS[path])
        for text in ("inf", "-inf", "nan", "-1", "1e400", str(10**20), "²")
        if not outcome(path, option, text)
        # A float of 10^20 is large and no slip that costs memory.
        and (is_whole or text != str(10**20))
    ]
    assert not taken


def test_the_walk_finds_the_options():
    found = {
        (*path, option.name) for path, command in COMMANDS.items() for option, _ in numeric_options(command)
    }
    assert {
        ("train", "seed"),
        ("evaluate", "post_tv"),
        ("landscape", "n"),
        ("pose", "simulate", "half_width"),
    } <= found
    assert len(found) > 150


def test_zero_is_refused_in_one_sentence_or_taken():
    for path, command in COMMANDS.items():
        for option, _ in numeric_options(command):
            outcome(path, option, "0")


def test_defaults_are_within_their_ranges():
    for path, command in COMMANDS.items():
        for option, _ in numeric_options(command):
            default = inspect.signature(command.callback).parameters[option.name].default
            if isinstance(default, (int, float)):
                assert outcome(path, option, str(default)) is None, (path, option.name)


@pytest.mark.parametrize(
    ("path", "name", "text", "sentence"),
    [
        (("train",), "seed", "-1", "`seed` must be a number from 0 to 4,294,967,295; got -1."),
        (("train",), "seed", str(10**20), "`seed` must be a number from 0 to 4,294,967,295; got 1000"),
        (("train",), "tv_weight", "inf", "`tv_weight` must be a number from 0 to 1e+38; got inf."),
        (("train",), "depth", "13", "`depth` must be a number from 0 to 12; got 13."),
        (("landscape",), "n", "100000", "`n` must be a number from 0 to 2,001; got 100000."),
        (
            ("landscape",),
            "samples",
            "1000000000",
            "`samples` must be a number from 0 to 1,000,000; got 1000000000.",
        ),
        (("pose", "landscape"), "steps", "1442", "`steps` must be a number from 0 to 1,440; got 1442."),
        (("solvers", "paths"), "steps", "1442", None),
        (("train",), "seed", str(2**32 - 1), None),
    ],
)
def test_sentence_names_the_range_and_what_came(path, name, text, sentence):
    option = next(option for option, _ in numeric_options(COMMANDS[path]) if option.name == name)
    found = outcome(path, option, text)
    assert found is None if sentence is None else found.startswith(sentence)


@pytest.mark.parametrize("text", ["100000000", "16385", "128x99999", "9" * 5000, "²", "٣", "1e3", "-1"])
def test_size_beyond_all_pictures_is_refused(text):
    with pytest.raises(InputError, match="--resize"):
        parse_size(text)


@pytest.mark.parametrize("text", [str(2**32), "1e3", "²", "-1", "9" * 5000])
def test_seeds_beyond_32_bits_are_refused(text):
    with pytest.raises(InputError, match="--seeds"):
        parse_seeds(f"0,{text}")


@pytest.mark.parametrize(
    "spec", ["digits:100000000", "cells:100000000", "cells:4:100000", "cells:" + "9" * 5000]
)
def test_generated_images_in_numbers_that_no_memory_holds_are_refused(spec):
    from tfapp.data import open_classification, open_dataset

    with pytest.raises(InputError, match="asks for too much|is not understood"):
        (open_classification if spec.startswith("digits") else open_dataset)(spec)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--learning-rate", "0,01"),
            "--learning-rate must be a number; got '0,01'. Write a decimal point: 0.01.",
        ),
        (("--learning-rate=fast",), "--learning-rate must be a number; got 'fast'."),
        (("--seed", "1.5"), "--seed must be a whole number; got '1.5'."),
        (("--epochs", "2,5"), "--epochs must be a number; got '2,5'. Write a decimal point: 2.5."),
    ],
)
def test_text_that_is_no_number_is_told_as_it_came(words, told):
    result = CliRunner().invoke(app, ["train", "cells", "--out", "run", *words], env={"COLUMNS": "200"})
    assert (result.exit_code, result.output.strip()) == (2, told)
