"""The loss around a solution, on a plane of two filter-normalised random directions.

    from tfapp.landscape import landscape, save_surface_png

    surface = landscape(model, images, labels, path="surface.npz")  # any compiled Keras model
    save_surface_png(surface, "surface.png")

Importing the package is cheap; TensorFlow and the plotting libraries load with the first name used.
"""

from importlib import import_module

_MODULES = {
    "Directions": "directions.directions",
    "Hessian": "flatness.hessian",
    "LandscapeTensorBoard": "tensorboard_callback",
    "Surface": "surface",
    "TrajectoryRecorder": "directions.trajectory",
    "direction_figures": "directions.directions",
    "filter_normalised_direction": "directions.random_directions",
    "hessian_trace": "flatness.spectrum",
    "landscape": "evaluate",
    "line_through": "directions.solution_planes",
    "load_trajectory": "directions.trajectory_files",
    "make_directions": "directions.direction_kinds",
    "pca_directions": "directions.trajectory_plane",
    "plane_through": "directions.solution_planes",
    "save_contour_png": "figures.contours",
    "save_contours_png": "figures.contours",
    "save_curves_png": "figures.curves",
    "save_h5": "figures.h5_file",
    "save_html": "figures.interactive",
    "save_sharpness_png": "figures.sharpness_figures",
    "save_side_by_side_png": "figures.plots",
    "save_spectra_png": "figures.sharpness_figures",
    "save_surface_png": "figures.plots",
    "save_vtp": "figures.vtk_files",
    "save_vts": "figures.vtk_files",
    "sharpness": "flatness.sharpness_measure",
    "side_by_side": "figures.interactive",
    "spectral_density": "flatness.spectrum",
    "summarise_curvature": "flatness.curvature_summary",
    "surface_html": "figures.interactive",
    "top_eigenpairs": "flatness.curvature",
    "top_eigenvectors": "flatness.curvature",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return __all__
