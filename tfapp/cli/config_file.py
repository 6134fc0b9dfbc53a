"""Options of a command in a file: `--config FILE`, or `--config RUN` for those of an earlier run. Flags win."""

import shlex
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from tfapp.errors import InputError

# Of an earlier run these are not taken: it shall not be written over.
_OF_ONE_RUN = ("out", "overwrite")
# Sources of what was typed, or was in a file of its own.
_GIVEN = ("COMMANDLINE", "DEFAULT_MAP")
_MOST_BYTES = 2**20
_HELP = (
    "Options in a YAML or JSON file, `epochs: 30`, or an earlier run, whose options are taken but for --out; what is "
    "typed wins."
)


def take_config(context: typer.Context, path: Path):
    """Give a command the options of a file, as its defaults; a callback of Typer."""
    if path is None:
        return None
    found = _of_run(context, path) if _is_run(path) else _of_file(context, path)
    context.default_map = {**(context.default_map or {}), **found}
    return path


# The parameter `config_file` of a command with many options.
ConfigFile = Annotated[
    Path | None,
    # Before the others, which then find their values.
    typer.Option("--config", help=_HELP, is_eager=True, callback=take_config, show_default=False),
]


def _is_run(path):
    return path.is_dir() or path.name == "run.json"


def _of_run(context, path):
    """Return the options that were typed for a run, by their parameters."""
    from tfapp.records import Entries, Text, read_record

    record = path / "run.json" if path.is_dir() else path
    try:
        command = read_record(record, Entries({"command": Text()}), "restore it.")["command"]
    except FileNotFoundError:
        raise InputError(
            f"{path} is no run: it has no run.json; expected a run or a file for `config_file`."
        ) from None
    words, name = shlex.split(command), context.command_path.split()
    if words[: len(name)] != name:
        raise InputError(
            f"{record} is of another command than {shlex.join(name)}: it was made by {command or 'none'}."
        )
    then = context.command.make_context(context.info_name, words[len(name) :], parent=context.parent)
    return {
        parameter.name: then.params[parameter.name]
        for parameter in context.command.params
        if parameter.name not in (*_OF_ONE_RUN, "config_file")
        and then.get_parameter_source(parameter.name).name in _GIVEN
    }


def _of_file(context, path):
    """Return the options that a file gives, by their parameters."""
    entries = _read(path)
    known = {}
    for parameter in context.command.params:
        names = [parameter.name, *(flag.lstrip("-") for flag in parameter.opts)]
        known |= {name.replace("-", "_"): parameter for name in names if parameter.name != "config_file"}
    found = {}
    for key, value in entries.items():
        parameter = known.get(str(key).replace("-", "_"))
        if parameter is None:
            near = get_close_matches(str(key), [name.replace("_", "-") for name in known], 1)
            hint = f"; did you mean {near[0]}?" if near else "; --help lists them."
            raise InputError(f"{path} has {key!r}, which is no option of {context.command_path}{hint}")
        if parameter.name in found:
            raise InputError(f"{path} gives {parameter.opts[0]} twice; leave one out.")
        if value is not None:
            found[parameter.name] = _value(path, parameter, key, value)
    return found


def _read(path):
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent, index):
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it has aliases")
            return super().compose_node(parent, index)

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); expected a file for `config_file`."
        ) from None
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path} has more than 1 MB; expected a file of options for `config_file`.")
    try:
        found = yaml.load(content, Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no YAML ({reason}); expected lines such as `epochs: 30`.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}; expected lines such as `epochs: 30`.")
    return found


def _value(path, parameter, key, value):
    """Return a value of a file as it would have been typed."""
    flag = getattr(parameter, "is_flag", False)
    if flag != isinstance(value, bool):
        expected = "true or false" if flag else "a number or text; write texts such as no and yes in quotes"
        raise InputError(f"{path} has {key}: {value!r}; expected {expected}.")
    if flag:
        return value
    if isinstance(value, list):
        if not value or not all(_is_plain(one) for one in value):
            raise InputError(f"{path} has {key}: {value!r}; expected a list of numbers or texts.")
        # Lists are typed with commas, but for what may stand several times.
        several = parameter.multiple or parameter.nargs == -1
        return [str(one) for one in value] if several else ",".join(map(str, value))
    if not _is_plain(value):
        raise InputError(f"{path} has {key}: {value!r}; expected a number, a text or a list of them.")
    return [str(value)] if parameter.multiple or parameter.nargs == -1 else str(value)


def _is_plain(value):
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
