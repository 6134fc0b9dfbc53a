"""What the command line takes, as data; run as a program it prints the commands of the installed tfapp as JSON."""

import json
import sys

import typer

from tfapp.cli.main import app


def command_tree():
    """Return the description of every command by its name, such as `tfapp pose train`.

    Returns:
        Dictionary of the name to a list of parameters in their order: arguments, which are known by their place,
        and options. Each has its `type`, and what is not as usual of `flags`, `default`, `required`, `least` and
        `most` of a number, `several` (it may be repeated) and `values` (how many it takes, -1 for any number).
    """
    return {
        " ".join(names): [_described(parameter, command) for parameter in command.params]
        for names, command in commands()
    }


def commands():
    """Return a list of (names from `tfapp` on, command) of all groups and commands."""
    return _below(typer.main.get_command(app), ("tfapp",))


def _below(command, names):
    found = [(names, command)]
    for name, sub_command in getattr(command, "commands", {}).items():
        found += _below(sub_command, (*names, name))
    return found


def _described(parameter, command):
    default = parameter.default
    described = {
        "kind": parameter.param_type_name,
        "flags": [*parameter.opts, *parameter.secondary_opts]
        if parameter.param_type_name == "option"
        else None,
        "type": parameter.display_type(typer.Context(command)),
        "least": parameter.min,
        "most": parameter.max,
        "default": default if isinstance(default, bool | int | float | None) else str(default),
        "required": parameter.required or None,
        "several": parameter.multiple or None,
        "values": None if parameter.nargs == 1 else parameter.nargs,
    }
    return {key: value for key, value in described.items() if value is not None}


def _as_lines(tree):
    """Return the JSON of a tree with a line for each parameter."""
    parts = []
    for name, parameters in tree.items():
        rows = ",".join(f"\n  {json.dumps(parameter)}" for parameter in parameters)
        parts.append(f"{json.dumps(name)}: [{rows}]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(_as_lines(command_tree()))
