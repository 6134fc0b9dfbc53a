"""Texts that people type as options, options that several commands have, and the line that was typed."""

import shlex
from typing import Annotated

import typer

from tfapp.cli.numbers import SEEDS
from tfapp.errors import InputError


def _limit_pixels(context: typer.Context, max_pixels):
    from tfapp.data.opening import pixel_limit

    context.with_resource(pixel_limit(max_pixels))
    return max_pixels


# For every command that reads people's images: it holds until the command ends, wherever images are read.
MaxPixels = Annotated[
    int | None,
    typer.Option(
        min=1,
        callback=_limit_pixels,
        help="Refuse images of more pixels.",
        show_default="100 megapixels, or $TFAPP_MAX_PIXELS",
    ),
]

Tile = Annotated[
    str,
    typer.Option(
        help="How large images go through the network: auto cuts those of more than 4 megapixels where that leaves the "
        "answer as it is; pixels of a side of the tiles; off for whole images."
    ),
]
Margin = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Pixels that tiles overlap what is used of them at each side.",
        show_default="what the network's layers need",
    ),
]

SCHEDULES = (
    "What becomes of the learning rate: constant, cosine to 0 at the last epoch, step+every=10+factor=0.1, "
    "plateau+patience=10+factor=0.1 of the loss, or 1/t+half=10; each may end in +warmup=5. Counted in epochs."
)
Schedule = Annotated[str, typer.Option(help=SCHEDULES)]
BatchNorm = Annotated[
    bool | None,
    typer.Option(
        "--batch-norm/--no-batch-norm",
        help="Batch normalisation of LeNets, VGG, ResNet-20 to -110 and their plain twins.",
        show_default="as the network has it: resnet and plain with it, the others without",
    ),
]

Foreground = Annotated[
    str | None,
    typer.Option(
        help="What is a part: mask, plane or all.", show_default="mask if there are masks, else plane"
    ),
]
ObjectId = Annotated[
    int | None,
    typer.Option(
        "--object", min=0, help="Number of the object of a BOP dataset.", show_default="the only one"
    ),
]
CameraType = Annotated[
    str | None,
    typer.Option(help="Sensor of a BOP dataset with several, such as photoneo.", show_default="the only one"),
]


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
    if max(seeds) > SEEDS[1]:
        raise InputError(f"--seeds must be integers from 0 to {SEEDS[1]:,}; got {max(seeds)}.")
    return seeds


def chosen_solvers(text):
    """Return the solvers that --solvers names, each with the value of its parameter or None to search it.

    Args:
        text: `all`, or with commas: solvers as `tfapp.optimizers.catalogue.read_setting` reads them, and names of
            presets of `tfapp solvers presets`, which stand for all of theirs.

    Raises:
        InputError: For what is none of these, or a solver that stands twice.
    """
    from tfapp.optimizers import SOLVERS, EpochRates
    from tfapp.optimizers.catalogue import read_setting
    from tfapp.reproduce.bpgrad.published import presets
    from tfapp.runs.rates import refuse_watched_validation

    if text == "all":
        return dict.fromkeys(SOLVERS)
    chosen, known = {}, presets()
    for part in text.split(","):
        for setting in known[part].solvers if part in known else [part]:
            base = setting.partition("=")[0].partition(":")[0]
            if base in known:
                raise InputError(
                    f"--solvers {part} is not understood: {base} is a preset, which takes no value."
                )
            if base not in SOLVERS:
                raise InputError(
                    f"Unknown solver {base!r} in --solvers; choose of: {', '.join(SOLVERS)}, or a preset of "
                    f"{', '.join(known)}."
                )
            try:
                name, value = read_setting(setting)
            except ValueError as error:
                raise InputError(
                    f"--solvers {setting} is not understood. {error} Expected such as {base}, {base}={_example(base)} "
                    "or SOLVER=VALUE:OPTION=VALUE."
                ) from None
            if isinstance(value, str) and EpochRates.is_text(value):
                refuse_watched_validation(EpochRates.parse(value).course, f"--solvers {setting}")
            if name in chosen:
                raise InputError(
                    f"--solvers names {name} twice; give it one value, or none to search it, and compare other values "
                    "in another --out."
                )
            chosen[name] = value
    return chosen


def _example(name):
    from tfapp.optimizers import SOLVERS
    from tfapp.optimizers.catalogue import value_text

    return value_text(SOLVERS[name].value)


def typed(context):
    """Return the command line of a Typer context, with the options that were typed."""
    words = context.command_path.split()
    for option in context.command.params:
        # What the file of `--config` gives is told as if it was typed, in its place: the file may change.
        source = context.get_parameter_source(option.name).name
        if source in ("COMMANDLINE", "DEFAULT_MAP") and option.name != "config_file":
            value = context.params[option.name]
            # Options and arguments that may stand several times have a list.
            for one in value if isinstance(value, list | tuple) else [value]:
                flag = [] if option.param_type_name == "argument" else [option.opts[0]]
                if one is False:
                    flag = option.secondary_opts[:1]
                words += flag if isinstance(one, bool) else [*flag, str(one)]
    return shlex.join(words)
