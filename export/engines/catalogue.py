"""Engines beside TensorFlow's session: which file each runs, what it needs, and how near its answers must be."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from tfapp.export.errors import ExportError

# Below `assets.extra`, of which TensorFlow Serving takes nothing but the warm-up requests.
_FOLDER = "assets.extra"


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: Word on the command line and in `export.json`.
        title: The engine as it calls itself.
        file: File that it runs, relative to the SavedModel; None for the SavedModel itself.
        converts: Packages that make the file, by import name.
        runs: Packages that run it.
        extra: What `pip install tfapp[...]` brings them; None where tfapp has them anyway.
        is_exact: Whether its numbers must be those of the Keras model but for rounding, and labels equal but for
            ties; of others it is only told how they differ.
    """

    name: str
    title: str
    file: str | None
    converts: tuple[str, ...]
    runs: tuple[str, ...]
    extra: str | None = None
    is_exact: bool = True

    def accepted(self, tolerance):
        """The largest accepted difference of two numbers, of an export whose signatures may differ by `tolerance`.

        Another engine sums in another order, in each iteration of a TV head too; ten times leaves room for that.
        """
        return 10 * tolerance if self.is_exact else float("inf")

    def check_installed(self, packages: tuple[str, ...], found: Callable = find_spec):
        """Raise ExportError, a sentence that names the extra, if one of the `packages` is missing."""
        absent = [package for package in packages if found(package) is None]
        if absent:
            raise ExportError(
                f"{self.title} needs {' and '.join(absent)}: pip install tfapp[{self.extra}], or leave it out."
            )


ONNX = Engine(
    "onnx", "ONNX", f"{_FOLDER}/model.onnx", ("tf2onnx", "onnx", "onnxruntime"), ("onnxruntime",), "onnx"
)
TFLITE = Engine("tflite", "TFLite", f"{_FOLDER}/model.tflite", (), ())
TFLITE_DYNAMIC = Engine(
    "tflite-dynamic", "TFLite of dynamic range", f"{_FOLDER}/model-dynamic.tflite", (), (), is_exact=False
)
OPENVINO = Engine("openvino", "OpenVINO", None, (), ("openvino",), "openvino")

ENGINES = {engine.name: engine for engine in (ONNX, TFLITE, TFLITE_DYNAMIC, OPENVINO)}
# What an export can be asked for, and the files that it then writes.
FORMATS = {"onnx": (ONNX,), "tflite": (TFLITE, TFLITE_DYNAMIC)}


def checked_formats(formats):
    """Return the engines of some `formats`, a tuple of `Engine`.

    Raises:
        ExportError: an unknown format, or a package that is missing.
    """
    unknown = next((name for name in formats if name not in FORMATS), None)
    if unknown is not None or isinstance(formats, str):
        raise ExportError(f"`formats` must be some of {list(FORMATS)}. Received: {formats!r}.")
    engines = tuple(engine for name in FORMATS if name in formats for engine in FORMATS[name])
    for engine in engines:
        engine.check_installed(engine.converts)
    return engines
