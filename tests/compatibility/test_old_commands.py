"""Every command and option of version 0.1 is still there, and means the same."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.compatibility.command_tree import command_tree, commands
from tfapp.cli.main import app

OLD = json.loads((Path(__file__).parent / "version_0_1" / "commands.json").read_text())


# Options whose default is another now. The tables of Wu (2020) had assumed numbers, and with them objects, numbers of
# instances and variants that are not theirs; the flags stay, and mean the same.
OTHER_DEFAULTS = {
    command: ("--parts", "--instances", "--variants")
    for command in OLD
    if command.startswith("tfapp reproduce pose-table-")
}
# Jia, Liu and Tai train by the one step, which is the default of the scale `paper` now, and on sets of two noises.
OTHER_DEFAULTS |= {
    command: ("--tv-gradient", "--train-noise")
    for command in OLD
    if command.startswith("tfapp reproduce tv-table-")
}
# Networks that were trained with the head need fewer; a run that resumes keeps those that it began with.
OTHER_DEFAULTS["tfapp train"] = ("--tv-inference-iterations",)

# The text's settings need no search, and what is drawn for one parameter are the first four epochs of one seed.
OTHER_DEFAULTS |= {
    f"tfapp reproduce bpgrad-figure-3.{number}": flags
    for number, flags in {
        16: ("--grid-epochs",),
        17: ("--grid-epochs",),
        # The text's L of the data, in the form in which it does not diverge.
        6: ("--lipschitz",),
        20: ("--lipschitz",),
        18: ("--seeds", "--epochs"),
        19: ("--seeds", "--epochs"),
    }.items()
}


# The tables have the text's settings too, but for table 3.4 at small scale.
OTHER_DEFAULTS |= {f"tfapp reproduce bpgrad-table-3.{number}": ("--grid-epochs",) for number in (2, 4)}


# Commands that bore the number of another figure of Wu (2020), and what they are called now.
RENAMED = {
    "tfapp reproduce bpgrad-figure-3.5": "tfapp reproduce bpgrad-iterates",
    "tfapp reproduce bpgrad-figure-3.12": "tfapp reproduce bpgrad-two-layer-objectives",
    "tfapp reproduce bpgrad-figure-3.13": "tfapp reproduce bpgrad-two-layer-bounds",
    "tfapp reproduce bpgrad-figure-3.16": "tfapp reproduce bpgrad-figure-3.18",
    "tfapp reproduce bpgrad-figure-3.17": "tfapp reproduce bpgrad-figure-3.19",
    "tfapp reproduce bpgrad-figure-3.18": "tfapp reproduce bpgrad-figure-3.16",
    "tfapp reproduce bpgrad-figure-3.19": "tfapp reproduce bpgrad-figure-3.17",
}

# The same of Lu and Tong (2019), whose tables and figures had assumed numbers.
RENAMED |= {
    f"tfapp reproduce landscape-{then}": f"tfapp reproduce landscape-{now}"
    for then, now in {
        "table-1": "scores-isbi2012",
        "table-2": "scores-drive",
        "table-3": "scores-raindrop",
        "table-5": "scores-by-batch",
        "figure-3": "surfaces-skips",
        "figure-6": "surfaces-drive",
        "figure-7": "surfaces-raindrop",
    }.items()
}
# Five trainings, as they have.
OTHER_DEFAULTS |= {f"tfapp reproduce landscape-table-{number}": ("--seeds",) for number in (4, 6)}

# What was measured to be better; a run of then goes by the defaults of then, says test_old_runs.py.
OTHER_DEFAULTS["tfapp transfer train"] = ("--pseudo", "--solver", "--iterations", "--decay-every")
# A number then, one or several now: what was typed is read as it was, says tests/cli/test_transfer_commands.py.
NOW_SEVERAL = {"tfapp transfer train": ("--low",)}


@pytest.fixture(scope="module")
def today():
    return command_tree()


def test_no_command_is_gone(today):
    assert set(OLD) - set(today) == set()


def test_options_have_the_same_flags_types_and_defaults(today):
    for command, parameters in OLD.items():
        now, then = (
            {parameter["flags"][0]: parameter for parameter in described if parameter["kind"] == "option"}
            for described in (today[RENAMED.get(command, command)], parameters)
        )
        for flag in OTHER_DEFAULTS.get(command, ()):
            for described in (now, then):
                described[flag] = {name: x for name, x in described[flag].items() if name != "default"}
        for flag in NOW_SEVERAL.get(command, ()):
            assert now[flag] == {**then[flag], "type": "<str>", "default": str(then[flag]["default"])}
            now[flag] = then[flag]
        assert {flag: now.get(flag) for flag in then} == then, command


def test_arguments_stand_in_the_same_places_and_further_ones_may_be_left_out(today):
    for command, parameters in OLD.items():
        now, then = (
            [parameter for parameter in described if parameter["kind"] == "argument"]
            for described in (today[command], parameters)
        )
        assert now[: len(then)] == then, command
        assert not any(argument.get("required") for argument in now[len(then) :]), command


def test_further_options_may_be_left_out(today):
    for command, parameters in OLD.items():
        then = {parameter["flags"][0] for parameter in parameters if parameter["kind"] == "option"}
        further = [
            parameter
            for parameter in today[RENAMED.get(command, command)]
            if parameter["kind"] == "option" and parameter["flags"][0] not in then
        ]
        assert not any(option.get("required") for option in further), command


@pytest.mark.slow
def test_every_help_page_is_printed():
    for names, _ in commands():
        result = CliRunner().invoke(app, [*names[1:], "--help"])
        assert result.exit_code == 0 and "Usage" in result.output, names
