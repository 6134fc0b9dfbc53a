"""Trained models as a person names them: a run folder of any kind, or anybody's `.keras` file."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console
from tfapp.cli.train import parse_size
from tfapp.errors import InputError
from tfapp.files import content_hash
from tfapp.runs.record import COMMANDS, DETECTION, FITTED, POSE, SEGMENTATION, SOLVER, TRANSFER, run_kind

# The class of each kind of runs, and the function that writes a page about some; by name, as they load Keras.
RUNS = {
    SEGMENTATION: "tfapp.segmentation.run:Run",
    POSE: "tfapp.pose.run:PoseRun",
    FITTED: "tfapp.pose.fitted_run:FittedRun",
    TRANSFER: "tfapp.transfer.run:TransferRun",
    DETECTION: "tfapp.detection.run:DetectionRun",
    SOLVER: "tfapp.solvers.trainings.run:SolverRun",
}
PAGES = {
    SEGMENTATION: "tfapp.segmentation.page:write_report",
    TRANSFER: "tfapp.transfer.page:write_page",
    DETECTION: "tfapp.detection.page:write_page",
}

# Options of every command that takes .keras files.
FileResize = Annotated[
    str | None,
    typer.Option(
        help="For .keras files: resize images to N or HEIGHTxWIDTH [default: own size, or the model's fixed one]."
    ),
]
# In the signature it is 1.0, as it was; whether it was typed decides.
SCALE_DEFAULT = "as the model declares, or 1"
InputScale = Annotated[
    float,
    typer.Option(
        help="For .keras files: the value that the model takes for white, such as 255.",
        show_default=SCALE_DEFAULT,
    ),
]
ModelOutput = Annotated[
    str,
    typer.Option(
        help="For .keras files: what the model gives: auto (by its last layers), logits or probabilities."
    ),
]
OUTPUTS = ("auto", "logits", "probabilities")


def open_run(path):
    """Open a run of any kind.

    Raises:
        InputError: The folder is no run, or a damaged one.
    """
    return _imported(RUNS.get(run_kind(path), RUNS[SEGMENTATION])).open(path)


def page_writer(path):
    """Return the function that writes a page about a run.

    Returns:
        Function of paths of runs, the HTML file, `progress`, and options that it may know.

    Raises:
        InputError: There are no pages about runs of this kind.
    """
    kind = run_kind(path)
    if kind in COMMANDS and kind not in PAGES:
        expected = " or ".join(f"`{COMMANDS[one]}`" for one in PAGES)
        raise InputError(f"{path} is a run of `{COMMANDS[kind]}`; expected the --out of {expected}.")
    return _imported(PAGES.get(kind, PAGES[SEGMENTATION]))


def open_source(path, resize=None, input_scale=None, model_output="auto"):
    """Open a run of any kind, or a `.keras` file.

    Args:
        path: The path.
        resize, input_scale, model_output: Options for a file, as they were typed.

    Raises:
        InputError: For what is neither, or an option for files where there is none.
    """
    if is_keras_file(Path(path)):
        return open_sources([path], resize, input_scale, model_output)[0]
    run = open_run(path)
    options = {"--resize": resize, "--input-scale": input_scale is not None}
    run.refuse_segmenter_options({**options, "--model-output": model_output != "auto"})
    _refuse_file_options(resize, input_scale, model_output)
    return run


def open_sources(paths, resize=None, input_scale=None, model_output="auto"):
    """Open run folders of segmenters as `Run` and `.keras` files as `KerasFile`.

    Args:
        paths: The paths.
        resize, input_scale, model_output: Options for the files, as they were typed.

    Raises:
        InputError: For what is neither, two files of one name, or an option for files where there is none.
    """
    from tfapp.segmentation.keras_file import KerasFile
    from tfapp.segmentation.run import Run

    files = [path for path in map(Path, paths) if is_keras_file(path)]
    if not files:
        _refuse_file_options(resize, input_scale, model_output)
    if model_output not in OUTPUTS:
        raise InputError(f"Unknown --model-output {model_output!r}; choose one of: {', '.join(OUTPUTS)}.")
    doubled = next((file for file in files if [other.stem for other in files].count(file.stem) > 1), None)
    if doubled:
        raise InputError(
            f"Two files are called {doubled.name!r}, as their columns would be; rename one of them."
        )
    places = [Path(path).resolve() for path in paths]
    twice = next((path for path, place in zip(paths, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice, its results would count twice; name everything once.")
    options = {"resize": parse_size(resize), "input_scale": input_scale, "output": model_output}
    opened = [
        KerasFile(path, **options) if is_keras_file(path) else Run.open(path) for path in map(Path, paths)
    ]
    _refuse_copies(opened)
    for source in opened:
        if isinstance(source, KerasFile):
            console.print(source.scale_sentence, markup=False, highlight=False, soft_wrap=True)
    return opened


def _refuse_copies(runs):
    """Raise InputError for a run that is a copy of another: its results would count as those of another seed."""
    found = {}
    for run in runs:
        # A `.keras` file is averaged with nothing.
        file = None if run.path.is_file() else run.path / run.model_file
        if file is None or not file.is_file():
            continue
        other = found.setdefault(content_hash(file), run)
        if other is not run:
            raise InputError(
                f"{run.path} is a copy of {other.path}, its results would count twice; leave one of them out."
            )


def typed_scale(context, input_scale):
    """Return `--input-scale` if it was typed in the command of a Typer context, or None to go by the model."""
    # Another command, which has no files, calls without a context.
    is_typed = context is not None and context.get_parameter_source("input_scale").name != "DEFAULT"
    return input_scale if is_typed else None


def is_keras_file(path):
    """Return whether a path is meant as a `.keras` file."""
    return path.suffix == ".keras" and not path.is_dir()


def _refuse_file_options(resize, input_scale, model_output):
    if (resize, input_scale, model_output) != (None, None, "auto"):
        raise InputError(
            "--resize, --input-scale and --model-output are for .keras files; a run keeps what it was trained with."
        )


def _imported(name):
    module, attribute = name.split(":")
    return getattr(import_module(module), attribute)
