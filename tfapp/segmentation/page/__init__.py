"""One self-contained page about one or several runs of segmentation.

    from tfapp.segmentation.page import write_report

    write_report(["runs/unet", "runs/runet"], "report.html")

Importing the package is cheap; TensorFlow and Plotly load with the first name used.
"""

from importlib import import_module

_HOMES = {"read_metrics": "contents", "write_report": "page"}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
