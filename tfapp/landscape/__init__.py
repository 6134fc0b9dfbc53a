"""Loss around a solution, on a plane of two filter-normalised random directions.

    from tfapp.landscape import landscape, save_surface_png

    surface = landscape(model, images, labels, path="surface.npz")  # any compiled Keras model
    save_surface_png(surface, "surface.png")

Importing the package is cheap; TensorFlow and the plotting libraries load with the first name used.
"""

from tfapp.lazy_names import lazy_names

_HOMES = {
    "BatchGradient": "gradient_steps",
    "Directions": "directions.directions",
    "Hessian": "flatness.hessian",
    "LandscapeTensorBoard": "tensorboard_callback",
    "Surface": "surface",
    "TrajectoryRecorder": "directions.trajectory",
    "covariate_shift": "layer_shifts",
    "direction_figures": "directions.directions",
    "filter_normalised_direction": "directions.random_directions",
    "gradient_step": "gradient_steps",
    "hessian_trace": "flatness.spectrum",
    "landscape": "evaluate",
    "line_through": "directions.solutions",
    "load_trajectory": "directions.trajectory",
    "make_directions": "directions.loss_directions",
    "pca_directions": "directions.trajectory_plane",
    "plane_through": "directions.solutions",
    "register_filter_axes": "directions.filters",
    "save_contour_png": "figures.contours",
    "save_contours_png": "figures.contours",
    "save_curves_png": "figures.plots",
    "save_h5": "figures.exchange",
    "save_html": "figures.interactive",
    "save_sharpness_png": "figures.sharpness_figures",
    "save_signals_png": "figures.signal_figures",
    "save_side_by_side_png": "figures.plots",
    "save_spectra_png": "figures.sharpness_figures",
    "save_steps_png": "figures.step_figures",
    "save_surface_png": "figures.plots",
    "save_vtp": "figures.exchange",
    "save_vts": "figures.exchange",
    "sharpness": "flatness.sharpness",
    "side_by_side": "figures.interactive",
    "signal_propagation": "propagation",
    "spectral_density": "flatness.spectrum",
    "summarise_curvature": "flatness.curvature",
    "surface_html": "figures.interactive",
    "top_eigenpairs": "flatness.curvature",
    "top_eigenvectors": "flatness.curvature",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
