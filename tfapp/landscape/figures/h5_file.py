"""Surfaces for the programs that read those of Li et al., as HDF5.

Their layout: `xcoordinates` (n,), `ycoordinates` (m,), absent for a line; `train_loss` and `train_acc`, (n, m) or
(n,), accuracy in percent; `dir_file`, the name of the file of directions. Their losses are computed in the order
of `numpy.meshgrid(x, y)` and drawn so: row number j of `train_loss` has y number j, column number i has x number
i. The shape, which they write the other way round, shows it only where n and m differ. Cells that are not
measured are -1 there.

References:
    Hao Li, Zheng Xu, Gavin Taylor, Christoph Studer, Tom Goldstein: Visualizing the Loss Landscape of
    Neural Nets. NeurIPS 2018, arXiv:1712.09913; code at github.com/tomgoldstein/loss-landscape,
    plot_surface.py, scheduler.py and plot_2D.py.
"""

import os

import h5py
import numpy as np

from tfapp.files import atomic_path
from tfapp.landscape.surface import TODO, Surface

_UNFILLED = -1.0
_ACCURACIES = ("accuracy", "acc")


def save_h5(surface: Surface, path: str | os.PathLike, *, dir_file: str = "") -> None:
    """Write the surface as Li et al.'s `plot_surface.py` does.

    Beside their entries there are `measured` (bool, as the losses), since predicted losses stand among the
    measured ones, and every compiled metric under its own name. A loss that was NaN or infinite is NaN, as in
    their files; what is not known is -1.

    Args:
        surface: `Surface`, or a line, complete or not.
        path: the .h5 file, written by write-then-rename.
        dir_file: name of the file of directions, if there is one.
    """
    arrays = {"train_loss": _filled(surface.loss, surface.status != TODO)}
    for name, values in surface.metrics.items():
        arrays[name] = _filled(values, surface.measured)
    accuracy = next((name for name in surface.metrics if _is_accuracy(name)), None)
    if accuracy is not None:
        arrays["train_acc"] = _filled(100 * surface.metrics[accuracy], surface.measured)
    arrays["measured"] = surface.measured
    is_line = len(surface.betas) == 1
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["dir_file"] = dir_file
        file["xcoordinates"] = surface.alphas
        if not is_line:
            file["ycoordinates"] = surface.betas
        for name, values in arrays.items():
            file[name] = values[:, 0] if is_line else values.T


def _filled(values, known):
    return np.where(known, values, _UNFILLED)


def _is_accuracy(name):
    return name.rpartition("/")[2].rpartition("_")[2] in _ACCURACIES
