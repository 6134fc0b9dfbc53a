"""The library's errors name arguments in backticks; a person at the command line reads the flags of the command."""

import warnings
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.console import GuardedGroup, in_flags
from tfapp.errors import InputError, WorkFailed


def made(
    learn_rate: Annotated[float, typer.Option("--rate", "-r")] = 1.0, batch_size: int = 1, quiet: bool = False
):
    """A command with a flag of another name than its argument, a long one, and a switch."""


def command_of(function):
    app = typer.Typer()
    app.command()(function)
    return typer.main.get_command(app)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("`batch_size` must be at least 1; got 0.", "--batch-size must be at least 1; got 0."),
        ("Use `learn_rate` 0.1, not `quiet`.", "Use --rate 0.1, not --quiet."),
        (
            "choose another `out`, or start again with `overwrite`.",
            "choose another --out, or start again with --overwrite.",
        ),
        ("train it with `head` tv-softmax.", "train it with --head tv-softmax."),
    ],
    ids=["long name", "flag of another name", "options of every command", "option of another command"],
)
def test_arguments_become_the_flags_of_the_command(sentence, expected):
    assert in_flags(sentence, command_of(made)) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "`points` must have shape (points, 3).",
        "run the same `tfapp train` again.",
        "batch_size without backticks, and `batch_size=2` with more in them.",
    ],
)
def test_what_is_no_option_stays_as_it_is(sentence):
    assert in_flags(sentence, command_of(made)) == sentence


def test_a_positional_argument_has_no_flag():
    def opens(model: Annotated[str, typer.Argument()]):
        """A command that takes its model without a flag."""

    assert in_flags("`model` must be compiled.", command_of(opens)) == "`model` must be compiled."


@pytest.mark.parametrize(("error", "code"), [(InputError, 2), (WorkFailed, 1)])
def test_errors_of_a_command_below_a_group_are_told_in_its_flags(error, code):
    def train(path: str, batch_size: int = 1):
        raise error("`batch_size` is too large; `size` is not.")

    def show(size: int = 1):
        """A sister of the command, whose options are not those of the command."""

    group = typer.Typer()
    group.command("train")(train)
    group.command("show")(show)
    app = typer.Typer(cls=GuardedGroup)
    app.add_typer(group, name="group")
    result = CliRunner().invoke(app, ["group", "train", "show", "--batch-size", "2"])
    assert result.exit_code == code
    assert result.output.strip() == "--batch-size is too large; `size` is not."


def test_warning_is_a_sentence_in_flags_without_a_line_of_code():
    def train(path: str, batch_size: int = 1):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("`batch_size` [1] is small.", stacklevel=1)

    app = typer.Typer(cls=GuardedGroup)
    app.command("train")(train)
    app.command("show")(lambda: None)
    result = CliRunner().invoke(app, ["train", "images"])
    assert (result.exit_code, result.output.strip()) == (0, "Warning: --batch-size [1] is small.")
