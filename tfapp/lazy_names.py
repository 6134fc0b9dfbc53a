"""Names of a package that load when they are first used; a library that is missing is told with what installs it."""

import sys
from importlib import import_module

# Libraries by the extra that brings them. What `pip install tfapp` brings is enough for `tfapp.layers` and
# `tfapp.optimizers`.
EXTRAS = {
    "app": (
        *("PIL", "h5py", "matplotlib", "plotly", "rich"),
        *("skimage", "sklearn", "threadpoolctl", "tifffile", "typer", "yaml"),
    ),
    "dask": ("cloudpickle", "dask", "distributed"),
    "detection": ("cv2", "pycocotools"),
    "hub": ("keras_hub",),
    "onnx": ("onnx", "onnxruntime", "tf2onnx"),
    "openvino": ("openvino",),
    "pose": ("OpenEXR", "coacd", "mapbox_earcut", "mujoco", "open3d", "plyfile"),
    "serving": ("grpc", "tensorflow_serving"),
    "slides": ("openslide",),
}
_EXTRA_OF = {library: extra for extra, libraries in EXTRAS.items() for library in libraries}


def lazy_names(package, homes):
    """Return `__getattr__` and `__dir__` of a package.

    Args:
        package: Its `__name__`.
        homes: From each public name to the module below the package that has it.
    """

    def get(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        except ModuleNotFoundError as error:
            told = missing_library(error, f"{package}.{name}")
            if told is None:
                raise
            raise ModuleNotFoundError(told, name=error.name) from error

    def names():
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names


def missing_library(error, what):
    """Return a sentence on a library that is not installed, and on the extra that brings it; None for another one.

    Args:
        error: `ModuleNotFoundError`.
        what: What takes it, such as `tfapp.landscape.save_html`.
    """
    library = (error.name or "").partition(".")[0]
    if library not in _EXTRA_OF:
        return None
    return f'{what} takes {library}, which is not installed: pip install "tfapp[{_EXTRA_OF[library]}]".'
