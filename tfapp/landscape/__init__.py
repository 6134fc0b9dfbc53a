"""The loss around a solution, on a plane of two filter-normalised random directions.

    from tfapp.landscape import landscape, save_surface_png

    surface = landscape(model, images, labels, path="surface.npz")  # any compiled Keras model
    save_surface_png(surface, "surface.png")

Importing the package is cheap; TensorFlow and the plotting libraries load with the first name used.
"""

from importlib import import_module

_MODULES = {
    "Surface": "surface",
    "direction_figures": "directions",
    "filter_normalised_direction": "directions",
    "landscape": "evaluate",
    "save_contour_png": "plots",
    "save_html": "interactive",
    "save_side_by_side_png": "plots",
    "save_surface_png": "plots",
    "side_by_side": "interactive",
    "surface_html": "interactive",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
