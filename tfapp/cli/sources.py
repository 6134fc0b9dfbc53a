"""What a person names as a trained model: a run folder, or anybody's `.keras` file."""

from pathlib import Path

from tfapp.cli.train import parse_size
from tfapp.errors import InputError
from tfapp.runs.record import POSE, TRANSFER, run_kind

RESIZE_HELP = (
    "For .keras files: resize images to N or HEIGHTxWIDTH [default: own size, or the model's fixed one]."
)
SCALE_HELP = "For .keras files: the value that the model takes for white, such as 255."
OUTPUT_HELP = "For .keras files: what the model gives: auto (by its last layers), logits or probabilities."
OUTPUTS = ("auto", "logits", "probabilities")


def open_sources(paths, resize=None, input_scale=1.0, model_output="auto"):
    """Open run folders as `Run` and `.keras` files as `KerasFile`.

    Args:
        paths: The paths.
        resize, input_scale, model_output: Options for the files, as they were typed.

    Raises:
        InputError: For what is neither, two files of one name, or an option for files where there is none.
    """
    from tfapp.segmentation.keras_file import KerasFile
    from tfapp.segmentation.run import Run

    files = [path for path in map(Path, paths) if is_keras_file(path)]
    if not files and (resize, input_scale, model_output) != (None, 1.0, "auto"):
        raise InputError(
            "--resize, --input-scale and --model-output are for .keras files; a run keeps what it was trained with."
        )
    if model_output not in OUTPUTS:
        raise InputError(f"Unknown --model-output {model_output!r}; choose one of: {', '.join(OUTPUTS)}.")
    doubled = next((file for file in files if [other.stem for other in files].count(file.stem) > 1), None)
    if doubled:
        raise InputError(
            f"Two files are called {doubled.name!r}, as their columns would be; rename one of them."
        )
    options = {"resize": parse_size(resize), "input_scale": input_scale, "output": model_output}
    return [
        KerasFile(path, **options) if is_keras_file(path) else Run.open(path) for path in map(Path, paths)
    ]


def is_keras_file(path):
    """Return whether a path is meant as a `.keras` file."""
    return path.suffix == ".keras" and not path.is_dir()


def refuse_segmenter_options(path, options):
    """Raise InputError for the first of `options`, from flags to values, that was given for a run of another kind."""
    given = next((flag for flag, value in options.items() if value), None)
    if given is not None:
        held = {POSE: "a pose model", TRANSFER: "a transfer network"}[run_kind(path)]
        raise InputError(f"{given} is for segmenters; {path} holds {held}, leave the option out.")
