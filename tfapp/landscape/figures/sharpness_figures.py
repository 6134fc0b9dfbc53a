"""Figures that compare the sharpness of networks, and the spectra of their Hessians."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.landscape.flatness.sharpness_search import Sharpness
from tfapp.landscape.flatness.spectrum import SpectralDensity
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png

# Beyond this ratio of the largest to the smallest a linear axis shows one network only.
_LOG_RATIO = 10.0
# One eigenvalue of a million must still be seen.
_LEAST_DENSITY = 1e-9


def save_sharpness_png(
    results: Sequence[Sequence[Sharpness]], titles: Sequence[str], path: str | os.PathLike
) -> None:
    """Draw the sharpness of networks beside one another: every trial, the mean and the standard deviation.

    Args:
        results: what `sharpness` returned for each network, for the same sizes of the box.
        titles: one name for each network.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: no results, as many titles as results are not given, or results for different sizes or boxes.
    """
    save_png(draw_sharpness(results, titles), path, crop=True)


def draw_sharpness(results: Sequence[Sequence[Sharpness]], titles: Sequence[str]) -> Figure:
    """Return the figure that `save_sharpness_png` saves: one panel per size."""
    _check(results, titles, "results")
    sizes = [[measured.eps for measured in result] for result in results]
    if any(other != sizes[0] for other in sizes):
        raise InputError(f"Expected results for the same sizes of the box. Received: eps={sizes}.")
    units = {measured.unit for result in results for measured in result}
    if len(units) > 1:
        raise InputError(f"Expected results for one kind of box. Received: units {', '.join(sorted(units))}.")
    figure = Figure(figsize=(1.6 + 1.1 * len(results) * len(sizes[0]), 4.4), layout="constrained")
    panels = figure.subplots(1, len(sizes[0]), squeeze=False)[0]
    for panel, size, column in zip(panels, sizes[0], zip(*results, strict=True), strict=True):
        for index, measured in enumerate(column):
            _draw_trials(panel, index, measured)
        panel.set_xticks(range(len(titles)), titles, rotation=20, ha="right", rotation_mode="anchor")
        panel.set_xlim(-0.6, len(titles) - 0.4)
        panel.set_title(f"ε = {size:g}")
        _scale(panel, np.concatenate([measured.values for measured in column]))
    panels[0].set_ylabel(f"sharpness [{results[0][0].unit}], lower bound")
    return figure


def save_spectra_png(
    densities: Sequence[SpectralDensity], titles: Sequence[str], path: str | os.PathLike
) -> None:
    """Draw the densities of the Hessians' eigenvalues, on a logarithmic axis: most eigenvalues are near 0.

    Args:
        densities: one or more.
        titles: one name for each.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: no density, or as many titles as densities are not given.
    """
    save_png(draw_spectra(densities, titles), path, crop=True)


def draw_spectra(densities: Sequence[SpectralDensity], titles: Sequence[str]) -> Figure:
    """Return the figure that `save_spectra_png` saves."""
    _check(densities, titles, "densities")
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for index, (spectrum, title) in enumerate(zip(densities, titles, strict=True)):
        axes.plot(spectrum.grid, spectrum.density, color=qualitative(index), linewidth=1.2, label=title)
    highest = max(spectrum.density.max() for spectrum in densities)
    axes.set_yscale("log")
    axes.set_ylim(_LEAST_DENSITY * highest, 3 * highest)
    axes.set(xlabel="eigenvalue of the Hessian", ylabel="density")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _check(items, titles, name):
    if not items or len(items) != len(titles):
        raise InputError(
            f"Expected one title for each of one or more {name}. Received: {len(items)} {name}, "
            f"{len(titles)} titles."
        )


def _draw_trials(axes, index, measured):
    spread = np.nan_to_num(measured.spread)
    axes.errorbar(index, measured.mean, spread, fmt="_", color=qualitative(index), markersize=22, capsize=5)
    offsets = np.linspace(-0.12, 0.12, len(measured.trials)) if len(measured.trials) > 1 else [0.0]
    axes.plot(
        index + np.asarray(offsets), measured.values, "o", color=qualitative(index), markersize=4, alpha=0.5
    )


def _scale(axes, values):
    if values.min() > 0 and values.max() / values.min() > _LOG_RATIO:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
