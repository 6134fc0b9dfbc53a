"""The loss around a solution, on a plane of two filter-normalised random directions.

    from tfapp.landscape import landscape, save_surface_png

    surface = landscape(model, images, labels, path="surface.npz")  # any compiled Keras model
    save_surface_png(surface, "surface.png")

Importing the package is cheap; TensorFlow and the plotting libraries load with the first name used.
"""

from importlib import import_module

_MODULES = {
    "Directions": "directions",
    "Hessian": "hessian",
    "LandscapeTensorBoard": "tensorboard_callback",
    "Surface": "surface",
    "TrajectoryRecorder": "trajectory",
    "direction_figures": "directions",
    "filter_normalised_direction": "random_directions",
    "hessian_trace": "spectrum",
    "landscape": "evaluate",
    "line_through": "solution_planes",
    "load_trajectory": "trajectory_files",
    "make_directions": "direction_kinds",
    "pca_directions": "trajectory_plane",
    "plane_through": "solution_planes",
    "save_contour_png": "contours",
    "save_contours_png": "contours",
    "save_curves_png": "curves",
    "save_h5": "h5_file",
    "save_html": "interactive",
    "save_sharpness_png": "sharpness_figures",
    "save_side_by_side_png": "plots",
    "save_spectra_png": "sharpness_figures",
    "save_surface_png": "plots",
    "save_vtp": "vtk_files",
    "save_vts": "vtk_files",
    "sharpness": "sharpness_measure",
    "side_by_side": "interactive",
    "spectral_density": "spectrum",
    "summarise_curvature": "curvature_summary",
    "surface_html": "interactive",
    "top_eigenpairs": "curvature",
    "top_eigenvectors": "curvature",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
