"""What the commands of `tfapp reproduce` have in common: seeds, data, scale, and the line that was typed."""

import shlex

from tfapp.errors import InputError


def parse_seeds(text):
    """Turn `0,1,2` into a list of integers, none twice."""
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise InputError(
            f"--seeds {text!r} is not understood; expected different integers of at least 0 such as 0,1,2."
        )
    return seeds


def spec_of(data, reader, made_of):
    """Return the dataset specification that --data of a table means.

    Args:
        data: Folder, or `READER:PATH`.
        reader: Name of the reader of the table's data.
        made_of: Start of the sentence for other data, such as `Table 3 is made of CamVid`.
    """
    from tfapp.data import names_dataset

    if not names_dataset(data):
        return f"{reader}:{data}"
    if data.partition(":")[0] != reader:
        raise InputError(f"{made_of}: expected --data FOLDER or {reader}:FOLDER; got {data!r}.")
    return data


def check_scale(scale, scales):
    """Raise InputError for a --scale that is none of `scales`."""
    if scale not in scales:
        raise InputError(f"Unknown --scale {scale!r}; choose one of: {', '.join(scales)}.")


def typed(context):
    """Return the command line of a Typer context, with the options that were typed."""
    words = context.command_path.split()
    for option in context.command.params:
        if context.get_parameter_source(option.name).name == "COMMANDLINE":
            value = context.params[option.name]
            if option.param_type_name == "argument":
                words.append(str(value))
                continue
            words += [option.opts[0]] if value is True else [option.opts[0], str(value)]
    return shlex.join(words)
